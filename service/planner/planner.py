"""One round of planning: ask the child about every study that may go on, commit its answers.

The one idea: the memory of this class only saves questions; a second planner beside it, or a fresh
one, computes the same answers, and the store lets only the first of equal answers in. That none
computes what another one does already saves work, and nothing depends on it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from service.errors import NotFound, StoreBusy
from service.planner.messages import FORGOTTEN, Answer, read_answer, write_request
from service.tracing import OFF, Tracing
from tuning.documents import BEGINNING
from tuning.errors import TrainingCrashed
from tuning.execution.link import Link
from tuning.records import Mark
from tuning.search.policy import LAG, Wait

logger = logging.getLogger(__name__)

Observe = Callable[[str, float], None]
Document = Mapping[str, Any]

CRASHES = 3  # of the child over one question before the study is given up


class Place(Protocol):
    """Where a study stands: how far it is planned, and how far all results are in."""

    @property
    def project(self) -> str:
        """Whose study it is."""

    @property
    def study(self) -> str:
        """Its id."""

    @property
    def next_generation(self) -> int:
        """The first generation that is not there yet."""

    @property
    def settled_generation(self) -> int:
        """The last generation such that it and all before have every result; -1 if none."""

    @property
    def closed_from(self) -> int | None:
        """The first generation after the search's time was up, if it is."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the planner reads and writes, as functions that the server hands in.

    `hold` keeps other servers from a study meanwhile; it tells where the study stands now, and None
    if another one holds it, or if it has ended. `load` tells a study's spec, and its history since
    a mark, as they are written.
    """

    places: Callable[[], list[Any]]
    hold: Callable[[Any], AbstractContextManager[Any]]
    load: Callable[[Any, Mark], tuple[Document, Document]]
    commit: Callable[[Any, Answer], None]
    give_up: Callable[[Any, str], None]


class Planner:
    """Asks the child, one question at a time; `observe` is told the seconds of every step."""

    def __init__(
        self,
        ledger: Ledger,
        observe: Observe = lambda _step, _seconds: None,
        tracing: Tracing = OFF,
    ) -> None:
        self._ledger = ledger
        self._observe = observe
        self._tracing = tracing
        self._link: Link | None = None
        self._answered: dict[tuple[str, str], tuple[int, int, int | None]] = {}
        self._crashes: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[str, str], Mark] = {}  # by the child, if it is still the same one
        self._is_over = threading.Event()

    def round(self) -> None:
        """Ask about every study whose next generation may be ready."""
        places = self._ledger.places()
        self._forget({(place.project, place.study) for place in places})
        for place in places:
            if self._is_over.is_set():
                return
            if self._is_worth_asking(place):
                with self._ledger.hold(place) as current:
                    if current is not None and self._is_worth_asking(current):
                        self._plan(current)

    def interrupt(self) -> None:
        """Kill the child, from whatever thread; a round under way ends, and none follows."""
        self._is_over.set()
        link = self._link
        if link is not None:
            link.kill()

    def close(self) -> None:
        """End the child and let go of it, once no round is under way."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _is_worth_asking(self, place: Place) -> bool:
        key = (place.project, place.study)
        if place.settled_generation < place.next_generation - LAG:
            return False
        return self._answered.get(key) != _situation(place)

    def _plan(self, place: Place) -> None:
        key = (place.project, place.study)
        about = {"study": place.study, "generation": place.next_generation}
        try:
            with self._tracing.span("plan", about):
                answer = self._take_further(place)
        except (StoreBusy, OSError):
            raise  # no fault of the study: the whole round is tried again
        except NotFound:  # it was deleted meanwhile
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop other studies
            if not self._is_over.is_set():
                self._count_crash(place, error)
            return
        self._crashes.pop(key, None)
        if isinstance(answer, Wait):
            self._answered[key] = _situation(place)

    def _take_further(self, place: Place) -> Answer:
        key = (place.project, place.study)
        reply = self._inquire(place, self._known.pop(key, BEGINNING))
        if reply["kind"] == FORGOTTEN:
            reply = self._inquire(place, BEGINNING)
        self._known[key] = Mark(*reply["known"])
        answer = read_answer(reply)
        if not isinstance(answer, Wait):
            with self._timed("commit"):
                self._ledger.commit(place, answer)
        return answer

    def _inquire(self, place: Place, since: Mark) -> Document:
        with self._timed("load"):
            spec, history = self._ledger.load(place, since)
        with self._timed("propose"):
            name = f"{place.project}/{place.study}"
            return self._ask(write_request(name, spec, history, since))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            with self._tracing.span(f"plan.{step}"):
                yield
        finally:
            self._observe(step, time.perf_counter() - begun)

    def _count_crash(self, place: Place, error: Exception) -> None:
        key = (place.project, place.study)
        self._crashes[key] = self._crashes.get(key, 0) + 1
        told = {"study": place.study, "project": place.project}
        logger.warning("planning of %s failed", place.study, exc_info=error, extra=told)
        if self._crashes[key] >= CRASHES:
            self._ledger.give_up(place, f"planning failed: {error}")

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        link = self._link if self._link is not None else Link.start("service.planner.child")
        self._link = link
        if self._is_over.is_set():  # `interrupt` may have looked before the child was there
            link.kill()
        try:
            link.send(dict(request))
            reply = link.receive()
        except BrokenPipeError:
            reply = None
        if reply is None:
            self._link = None
            ending = link.ending()
            link.close()
            raise TrainingCrashed(ending)
        if reply["kind"] == "error":
            logger.error("planning raised: %s", reply["trace"])
            raise TrainingCrashed(reply["reason"])
        return reply

    def _forget(self, alive: set[tuple[str, str]]) -> None:
        for memory in (self._answered, self._crashes, self._known):
            for key in memory.keys() - alive:
                del memory[key]


def _situation(place: Place) -> tuple[int, int, int | None]:
    """What an answer depends on: a study that waits in it need not be asked again."""
    return (place.next_generation, place.settled_generation, place.closed_from)
