"""The keyring: all usable keys, in memory, and who shows which.

The one idea: the keys are few, so they are read whole and kept for a moment; a request is then
checked without a query, and a token that was checked before without a hash. What is older than
`SOON_SECONDS` is read again behind the back of whoever asks; what is older than `LATEST_SECONDS`
lets nobody in. So a revoked key opens nothing after a second or so, after five at the worst, on
every replica; on the one that revoked it, at once. A token that does not open is looked for once
more, in case it was just made, by another replica perhaps; looks are few, so it may have to wait.
Not here: what a caller may (`service.api.caller`).
"""

import asyncio
import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from service.api.caller import DEFAULT_PROJECT, OPEN, Caller
from service.errors import ServiceError, Unidentified
from service.quotas import UNLIMITED, Quotas
from service.schemas.keys import Scope
from service.store.keys import USE_SECONDS, Lock
from service.store.shares import PREFIX, Share, read_token
from service.store.tokens import digest, make_token, read_id

logger = logging.getLogger(__name__)

SOON_SECONDS = 1.0
LATEST_SECONDS = 5.0
AGAIN_SECONDS = 0.2  # between two looks for tokens that opened nothing
MOST_STRANGERS = 10_000  # tokens that are remembered to have opened nothing

NOTHING = Share("", "", "")
NOBODY = Lock("", "", digest(""), frozenset(), all_projects=False)  # so that no id takes less time


@dataclass(frozen=True, slots=True)
class Keys:
    """What a look into the store finds: the keys that open something, and if any was ever made.

    `quotas` are those that projects have of their own, `shares` the studies that links lead to.
    """

    locks: Sequence[Lock]
    exist: bool
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    shares: Sequence[Share] = ()


class Keyring:
    """Whose tokens are whose.

    Args:
        look: reads the store; it blocks.
        is_needed: whether a key is needed even before the first one was made.
        usual: the quotas of a project that has none of its own, where keys are needed.
        clock: monotonic seconds.
        wall: seconds since 1970, by which links end.
    """

    def __init__(
        self,
        look: Callable[[], Keys],
        *,
        is_needed: bool,
        usual: Quotas = UNLIMITED,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._is_needed = is_needed
        self._usual = usual
        self._clock = clock
        self._wall = wall
        self._own, self.own_token = _local_key()
        self._reader = ThreadPoolExecutor(1, "keyring")  # one look at a time
        self._lock = threading.Lock()
        self._is_open = False
        self._locks: Mapping[str, Lock] = {}
        self._quotas: Mapping[str, Quotas] = {}
        self._shares: Mapping[str, Share] = {}
        self._known: dict[str, Caller] = {}
        self._strangers: set[str] = set()
        self._used: set[str] = set()
        self._told_at: dict[str, float] = {}
        self._read_at = self._asked_at = self._forgotten_at = float("-inf")

    def recall(self, token: str | None) -> Caller | None:
        """Whoever shows a token, or none, as far as that is known; never waits."""
        age = self._clock() - self._read_at
        if age > SOON_SECONDS:
            if age > LATEST_SECONDS:
                return None
            self._look_soon()
        if token is None:
            return OPEN if self._is_open else None
        return self._known.get(token)

    async def find(self, token: str | None) -> Caller:
        """Whoever shows a token, or none; raises Unidentified, or StoreBusy if nobody knows."""
        if self._clock() - self._read_at > LATEST_SECONDS:
            await self._look_now(self._clock())
        caller = None if token is None else self._check(token)
        is_link = token is not None and token.startswith(PREFIX)
        if caller is None and self._is_open and not is_link:  # a key of elsewhere is no harm
            return OPEN
        if token is None:
            raise Unidentified(is_shown=False)
        if (
            caller is None
            and token not in self._strangers
            and (read_id(token) or read_token(token))
        ):
            await self._look_anew()
            caller = self._check(token)
            if caller is None:
                self._note_stranger(token)
        if caller is None:
            raise Unidentified(is_shown=True, key=read_id(token))
        return caller

    def admits(self, caller: Caller) -> bool:
        """Whether a caller of a moment ago would still be let in, as far as that is known."""
        if self._clock() - self._read_at > SOON_SECONDS:
            self._look_soon()
        if caller.study is not None:
            share = self._shares.get(caller.study)
            return share is not None and share.name == caller.key and caller.ends > self._wall()
        return self._is_open if caller is OPEN else caller.key in self._locks

    @property
    def usual(self) -> Quotas:
        """The quotas of a project that has none of its own: none while no key is needed."""
        return UNLIMITED if self._is_open else self._usual

    def quotas(self, project: str) -> Quotas:
        """The quotas of a project as they were a moment ago."""
        return self._quotas.get(project) or self.usual

    def forget(self) -> None:
        """Keys have changed: the next request looks for itself."""
        with self._lock:
            self._read_at, self._forgotten_at = float("-inf"), self._clock()
            self._forget_callers()

    def take_used(self) -> set[str]:
        """The ids of the keys that were used, each at most once in `USE_SECONDS`.

        Whoever uses a session uses the key it was made from.
        """
        at = self._clock()
        with self._lock:
            self._note_used()
            used, self._used = self._used, set()
        used = (used & self._locks.keys()) - {self._own.id}
        news = {one for one in used if at - self._told_at.get(one, float("-inf")) > USE_SECONDS}
        self._told_at.update(dict.fromkeys(news, at))
        return news

    def close(self) -> None:
        """Look no more, and wait for a look under way."""
        self._reader.shutdown(cancel_futures=True)

    def _check(self, token: str) -> Caller | None:
        caller = self._check_link(token) if token.startswith(PREFIX) else self._check_key(token)
        if caller is not None:
            self._known[token] = caller
        return caller

    def _check_link(self, token: str) -> Caller | None:
        told = read_token(token)
        if told is None:
            return None
        study, ends = told
        share = self._shares.get(study, NOTHING)
        is_signed = hmac.compare_digest(share.token(ends), token)
        if not is_signed or share is NOTHING or ends <= self._wall():
            return None
        return Caller(share.project, share.name, frozenset(), study=study, ends=ends)

    def _check_key(self, token: str) -> Caller | None:
        lock = self._locks.get(read_id(token) or "", NOBODY)
        if not hmac.compare_digest(digest(token), lock.digest) or lock is NOBODY:
            return None
        return Caller(
            lock.project,
            lock.id,
            lock.scopes,
            all_projects=lock.all_projects,
            ends=math.inf if lock.expires is None else lock.expires.timestamp(),
            label=lock.label,
            parent=lock.parent,
        )

    async def _look_now(self, since: float) -> None:
        """Make sure that what is known was read after a moment."""
        await asyncio.get_running_loop().run_in_executor(self._reader, self._read, since)

    async def _look_anew(self) -> None:
        """Make sure that what is known was read after this moment, but look not too often."""
        since = self._clock()
        if self._read_at < since:
            await asyncio.sleep(max(0.0, self._read_at + AGAIN_SECONDS - since))
            await self._look_now(since)

    def _note_stranger(self, token: str) -> None:
        """Remember a token that opened nothing when it was shown: it never will."""
        if len(self._strangers) >= MOST_STRANGERS:
            self._strangers.clear()
        self._strangers.add(token)

    def _look_soon(self) -> None:
        at = self._clock()
        if at - self._asked_at > SOON_SECONDS:
            self._asked_at = at
            self._reader.submit(self._read_or_not, at)

    def _read_or_not(self, since: float) -> None:
        try:
            self._read(since)
        except ServiceError as error:
            logger.warning("the API keys could not be read again yet: %s", error)

    def _read(self, since: float) -> None:
        if self._read_at >= since:  # somebody else's look came in between
            return
        at = self._clock()  # before: what changes meanwhile may be missed
        found = self._look()
        with self._lock:
            self._forget_callers()
            self._shares = {share.study: share for share in found.shares}
            self._locks = {lock.id: lock for lock in (*found.locks, self._own)}
            self._is_open = not (self._is_needed or found.exist)
            self._quotas = {
                project: self.usual.instead(own) for project, own in found.quotas.items()
            }
            self._read_at = at if at > self._forgotten_at else float("-inf")

    def _forget_callers(self) -> None:
        """Let every token be checked anew."""
        self._note_used()
        self._known = {}

    def _note_used(self) -> None:
        callers = self._known.values()
        self._used.update(caller.parent or caller.key for caller in callers if caller.key)


def _local_key() -> tuple[Lock, str]:
    """The key of this server's own worker, which is nowhere but in the memory of the two."""
    name, token = make_token()
    work = frozenset({Scope.WORK})
    return Lock(DEFAULT_PROJECT, name, digest(token), work, all_projects=True), token
