"""Looks that streams share: one for all, and never an older one than their own would be."""

import asyncio
import threading

import pytest

from service.api import looks
from service.api.looks import Looks
from service.errors import NotFound


class Place:
    """What is looked at: tells how often it was, and can keep a look waiting."""

    def __init__(self) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()

    def look(self) -> int:
        """How many looks there were, with this one."""
        self.gate.wait(5)
        self.count += 1
        return self.count


def test_all_who_ask_at_once_get_one_answer() -> None:
    """However many there are, and also those who come a moment later."""
    place, shared = Place(), Looks()

    async def play() -> list[int]:
        ticket = asyncio.Event()
        asked = [shared.share(ticket, "study", place.look) for _ in range(200)]
        found = await asyncio.gather(*asked)
        return [*found, await shared.share(ticket, "study", place.look)]

    assert asyncio.run(play()) == [1] * 201


def test_after_a_ring_nobody_gets_an_older_answer() -> None:
    """Not even while the look before it is under way; nor about something else."""
    place, shared = Place(), Looks()

    async def play() -> None:
        place.gate.clear()
        before, after = asyncio.Event(), asyncio.Event()
        first = asyncio.ensure_future(shared.share(before, "study", place.look))
        second = asyncio.ensure_future(shared.share(after, "study", place.look))
        other = asyncio.ensure_future(shared.share(after, "another", place.look))
        await asyncio.sleep(0)
        place.gate.set()
        assert sorted(await asyncio.gather(first, second, other)) == [1, 2, 3]

    asyncio.run(play())


def test_an_answer_is_kept_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bell that nobody heard rung delays nothing for long."""
    monkeypatch.setattr(looks, "KEPT_SECONDS", -1.0)
    place, shared = Place(), Looks()

    async def play() -> list[int]:
        ticket = asyncio.Event()
        return [await shared.share(ticket, "study", place.look) for _ in range(3)]

    assert asyncio.run(play()) == [1, 2, 3]


def test_who_leaves_takes_nothing_from_the_others() -> None:
    """The look that they wait for goes on."""
    place, shared = Place(), Looks()

    async def play() -> int:
        place.gate.clear()
        ticket = asyncio.Event()
        leaver = asyncio.ensure_future(shared.share(ticket, "study", place.look))
        stayer = asyncio.ensure_future(shared.share(ticket, "study", place.look))
        await asyncio.sleep(0)
        leaver.cancel()
        place.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        return await stayer

    assert asyncio.run(play()) == 1


def test_an_error_is_told_to_all() -> None:
    """Each of them hears that the study is gone."""
    shared = Looks()

    def fail() -> int:
        raise NotFound("study", "st_a")

    async def play() -> list[int | BaseException]:
        ticket = asyncio.Event()
        asked = [shared.share(ticket, "study", fail) for _ in range(3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in asyncio.run(play())] == [NotFound] * 3


def test_where_the_answer_of_a_moment_ago_will_do_rings_do_not_count() -> None:
    """Without a ticket; however many ask."""
    place, shared = Place(), Looks()

    async def play() -> list[int]:
        return [await shared.share(None, "study", place.look) for _ in range(3)]

    assert asyncio.run(play()) == [1, 1, 1]
