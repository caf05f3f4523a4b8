"""Readiness: can this server do its work, asked by whoever shares out requests.

The one idea: whoever asks is answered within a second, whatever hangs. The look itself is made by a
thread beside; those who ask meanwhile wait for the same look, and one that hangs is left alone: the
next look finds another connection. There are never more than a few, so however often and however
long is asked, no more threads and connections hang than that. What is wrong is told in two words;
why, to the log, once.
Not here: whether the process answers at all, the routes (`service.api.health`).
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.disks import crowded
from service.errors import StoreBusy
from service.schemas.catalogue import HealthStatus
from service.store import migrations
from service.store.engine import Store

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 1.0
MOST_LOOKS = 3  # that hang at once


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found: the state in two words, and why, for the log."""

    status: HealthStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    begun: float
    answer: "asyncio.Future[Finding]"


class Readiness:
    """Answers in time.

    Args:
        look: finds out; it may block, and hang.
        seconds: after which nothing found is an answer, too.
    """

    def __init__(self, look: Callable[[], Finding], seconds: float = DEADLINE_SECONDS) -> None:
        self._look = look
        self._seconds = seconds
        self._looks: list[_Look] = []
        self._told: HealthStatus = "ok"

    async def ask(self) -> HealthStatus:
        """How this server is; of one event loop."""
        look = self._newest()
        done, _ = await asyncio.wait([look.answer], timeout=self._seconds)
        hangs = Finding("no database", f"it did not answer within {self._seconds:g} s")
        finding = look.answer.result() if done else hangs
        self._tell(finding)
        return finding.status

    def _newest(self) -> _Look:
        """The look to wait for: a new one, unless one is under way that is fresh, or too many."""
        self._looks = [one for one in self._looks if not one.answer.done()]
        at = time.monotonic()
        if self._looks:
            is_fresh = at - self._looks[-1].begun < self._seconds
            if is_fresh or len(self._looks) >= MOST_LOOKS:
                return self._looks[-1]
        look = _Look(at, asyncio.get_running_loop().create_future())
        # A daemon: one that hangs keeps nobody from ending.
        threading.Thread(target=self._find, args=(look,), name="readiness", daemon=True).start()
        self._looks.append(look)
        return look

    def _find(self, look: _Look) -> None:
        def settle(act: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the server ended meanwhile
                look.answer.get_loop().call_soon_threadsafe(act)

        try:
            finding = self._look()
        except Exception as error:  # noqa: BLE001 - whoever asked answers for it
            told = error  # the name of an exception ends with its clause
            settle(lambda: look.answer.set_exception(told))
        else:
            settle(lambda: look.answer.set_result(finding))

    def _tell(self, finding: Finding) -> None:
        if finding.status == self._told:
            return
        self._told = finding.status
        if finding.status == "ok":
            logger.warning("ready again")
        else:
            logger.warning("not ready: %s: %s", finding.status, finding.reason)


def examine(
    store: Store, folders: Sequence[Path], least: float, is_well: Callable[[], bool]
) -> Finding:
    """Whether the store answers with the current schema, the loops are well, and disks have room.

    Args:
        store: to be asked.
        folders: where files are written, beside the store's own.
        least: the share of a disk that is to be free.
        is_well: whether planner and sweeper do their work.
    """
    try:
        with store.read() as session:
            is_current = migrations.is_current(session)
    except StoreBusy as error:
        return Finding("no database", str(error))
    if not is_current:
        return Finding("migrating", "the tables are not those of this version")
    if not is_well():
        return Finding("no planner", "planner or sweeper does not do its work")
    own = () if store.folder is None else (store.folder,)
    try:
        full = crowded((*own, *folders), least)
    except OSError as error:
        full = f"the disk does not tell: {error}"
    return Finding("no room", full) if full else Finding("ok")
