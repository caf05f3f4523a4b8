"""How long a wrong key takes (S9): as long with an id that there is as with one that there is not.

The one idea: both kinds are timed by turns, in an order drawn at random, so that whatever else the
machine does befalls both; what differs then is what the check does. Two ways to a refusal are
timed: the check itself, and all of a request's way through the keyring.
"""

import asyncio
import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import sqrt
from time import perf_counter_ns

import pytest

from service.api.keyring import Keyring, Keys
from service.errors import Unidentified
from service.schemas.keys import Scope
from service.store.keys import Lock
from service.store.tokens import digest, make_token
from tests.campaign import Campaign
from tests.fuzz.test_auth_matrix import with_checksum

KEYS = 1_000  # that the server has
EACH = 10_000
WARM = 500
# Of the quickest: the rest was interrupted, and says nothing of the check.
KEPT = 0.9
# A t beyond it is taken for a leak (as in tests of leakage assessment), if the difference could be
# seen from outside. What remains is whether a row is in the processor's cache, a tenth of a
# microsecond; requests spread by 100 of them at the least, so a fifth of one would take some
# 2 (4.5 * 100 / 0.2)^2, ten million requests for each id, of 2^60. One comparison of digests is
# twice that, and a check that spares it is found. And an id opens nothing: lists and logs tell it.
# On a slow machine everything takes longer, so a tenth of the check itself is allowed in any case.
MOST_T = 4.5
MOST_MICROSECONDS = 0.2
MOST_SHARE = 0.1


@pytest.fixture
def known() -> list[str]:
    """Tokens of keys that open the service."""
    return [make_token()[1] for _ in range(KEYS)]


@pytest.fixture
def keyring(known: list[str]) -> Iterator[Keyring]:
    """A keyring that knows them."""
    locks = [
        Lock("default", token[3:15], digest(token), frozenset(Scope), all_projects=False)
        for token in known
    ]
    keyring = Keyring(lambda: Keys(locks, exist=True), is_needed=True)
    asyncio.run(keyring._look_now(keyring._clock()))
    yield keyring
    keyring.close()


def wrong(known: list[str], count: int) -> list[tuple[str, str]]:
    """A token with an id that there is and another secret, and one with an id that there is not."""
    pairs = []
    for number in range(count):
        secret = make_token()[1][16:-7]
        there = known[number % len(known)][:16]
        pairs.append((with_checksum(there + secret), with_checksum(make_token()[1][:16] + secret)))
    return pairs


def timed(
    check: Callable[[str], object], pairs: list[tuple[str, str]], campaign: Campaign
) -> tuple[list[int], list[int]]:
    """Nanoseconds of either kind, taken by turns."""
    chance = campaign.random()
    order = [(kind, pair[kind]) for pair in pairs for kind in (0, 1)]
    for _, token in order[:WARM]:
        check(token)
    chance.shuffle(order)
    taken: tuple[list[int], list[int]] = ([], [])
    gc.disable()
    try:
        for kind, token in order:
            begun = perf_counter_ns()
            check(token)
            taken[kind].append(perf_counter_ns() - begun)
    finally:
        gc.enable()
    return taken


def judge(campaign: Campaign, name: str, there: list[int], not_there: list[int]) -> None:
    """Compare the two by Welch's t of the quickest of both together; find a leak."""
    highest = sorted(there + not_there)[int(KEPT * (len(there) + len(not_there)))]
    one, other = ([time for time in some if time <= highest] for some in (there, not_there))
    spread = sqrt(statistics.variance(one) / len(one) + statistics.variance(other) / len(other))
    difference = statistics.fmean(one) - statistics.fmean(other)
    t, microseconds = difference / spread, difference / 1000
    campaign.case(len(there) + len(not_there))
    campaign.measure(f"{name}_t", round(t, 2))
    campaign.measure(f"{name}_difference_us", round(microseconds, 4))
    median = statistics.median(one) / 1000
    campaign.measure(f"{name}_median_us", median)
    most = max(MOST_MICROSECONDS, MOST_SHARE * median)
    if abs(t) > MOST_T and abs(microseconds) > most:
        campaign.find([f"{name}: t = {t:.1f}, {microseconds:.3f} microseconds apart"])


def test_the_check_takes_as_long_for_an_id_that_is_not_there(
    keyring: Keyring, known: list[str], campaign: Campaign
) -> None:
    """One hash and one comparison, whatever id is shown."""
    pairs = wrong(known, campaign.dose(EACH // 2, EACH))
    assert all(keyring._check_key(one) is None for pair in pairs[:9] for one in pair)
    judge(campaign, "check", *timed(keyring._check_key, pairs, campaign))


def test_a_refusal_takes_as_long_for_an_id_that_is_not_there(
    keyring: Keyring, known: list[str], campaign: Campaign
) -> None:
    """All of its way, for tokens that were refused before and are tried again."""
    pairs = wrong(known, campaign.dose(2_000, EACH))
    for token in (one for pair in pairs for one in pair):
        keyring._note_stranger(token)
    keyring._clock = lambda time=keyring._read_at: time  # what is known is fresh

    def ask(token: str) -> None:
        with suppress(Unidentified):
            keyring.find(token).send(None)

    judge(campaign, "refusal", *timed(ask, pairs, campaign))


def test_a_check_that_leaves_early_is_found(
    keyring: Keyring, known: list[str], campaign: Campaign
) -> None:
    """Else a leak would not be seen: one that spares the hash of an unknown id is."""

    def hasty(token: str) -> object:
        return keyring._check_key(token) if token[3:15] in keyring._locks else None

    found = Campaign("hasty", "fuzz", campaign.seed, is_whole=False)
    judge(found, "hasty", *timed(hasty, wrong(known, 2_000), campaign))
    campaign.case(found.cases)
    campaign.measure("hasty_difference_us", found.figures["hasty_difference_us"])
    assert found.violations
