"""What came of a fleet: its accounts, and how well it was used.

The one idea: the accounts are taken twice, from what the workers were told and from what the store
holds, and every difference is a violation. Shares are taken over the time in which every study had
another generation to come; what follows is the drain.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select

from service.store import models
from service.store.engine import Store
from tests.benchmarks.fleet import Course, Fleet
from tests.benchmarks.fleet_store import EPOCH
from tuning.records import RunState, StudyState


def fed_until(course: Course) -> float:
    """The first moment at which a study had queued the last generation of its search."""
    return min(_last_queued(course).values(), default=course.ended)


def drain_seconds(course: Course) -> float:
    """From the last generation of any search to the end of all studies."""
    return course.ended - max(_last_queued(course).values(), default=course.ended)


def _last_queued(course: Course) -> dict[int, float]:
    """When studies had queued all runs of their search, of those that did."""
    queued: Counter[int] = Counter()
    found = {}
    for one in course.planned:
        queued[one.study] += one.runs
        if not one.is_confirmation and queued[one.study] == course.fleet.search_runs:
            found[one.study] = one.at
    return found


def useful_share(course: Course, until: float) -> float:
    """Seconds of accepted work by seconds of living workers."""
    useful = (span for span in course.spans if span.is_useful)
    return _within(((span.start, span.stop) for span in useful), until) / _within(
        course.lives, until
    )


def lost_share(course: Course, until: float) -> float:
    """Seconds of work that came to nothing by seconds of living workers; the rest is waiting."""
    lost = (span for span in course.spans if not span.is_useful)
    return _within(((span.start, span.stop) for span in lost), until) / _within(course.lives, until)


def received(course: Course, until: float) -> list[float]:
    """Seconds of work that each study received, useful or not."""
    parts: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for span in course.spans:
        parts[span.study].append((span.start, span.stop))
    return [_within(parts[study], until) for study in range(course.fleet.studies)]


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 if all are equal, 1/n if one has everything.

    >>> jain([2.0, 2.0]), jain([1.0, 0.0])
    (1.0, 0.5)
    """
    squares = sum(share**2 for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def fair_shares(fleet: Fleet) -> list[float]:
    """What each study should receive of all: projects alike, their studies by priority."""
    weights = [
        fleet.priorities[number // fleet.owners % len(fleet.priorities)]
        for number in range(fleet.studies)
    ]
    of_owner = [sum(weights[owner :: fleet.owners]) for owner in range(fleet.owners)]
    return [
        weight / of_owner[number % fleet.owners] / fleet.owners
        for number, weight in enumerate(weights)
    ]


def longest_run(course: Course) -> float:
    """Seconds of the longest run that counted."""
    return max((span.stop - span.start for span in course.spans if span.is_useful), default=0.0)


def violations(store: Store, course: Course) -> list[str]:
    """What is wrong with the accounts: nothing lost, nothing twice, generations in order."""
    with store.read() as session:
        runs = session.execute(
            select(
                models.Run.id,
                models.Run.study,
                models.Run.generation,
                models.Run.state,
                models.Run.finished,
            )
        ).all()
        kept = session.execute(
            select(
                models.Study.id,
                models.Study.state,
                models.Study.finished_runs,
                models.Study.expected_runs,
            )
        ).all()
    states = {run.id: RunState(run.state) for run in runs}
    ends: dict[tuple[int, int], float] = defaultdict(float)
    for run in runs:
        if run.finished is not None:
            key = (course.numbers[run.study], run.generation)
            ends[key] = max(ends[key], (run.finished - EPOCH).total_seconds())
    finals = Counter(run.study for run in runs if states[run.id].is_final)
    return [
        *_ends_of_runs(course, states),
        *(
            f"study {course.numbers[one.id]} is {one.state}: it counted {one.finished_runs} runs, "
            f"expected {one.expected_runs}, {finals[one.id]} have ended"
            for one in kept
            if one.state != StudyState.COMPLETED
            or not one.finished_runs == one.expected_runs == finals[one.id]
        ),
        *_order(course, ends),
    ]


def _ends_of_runs(course: Course, states: dict[str, RunState]) -> Iterator[str]:
    """Every run has one accepted result, or failed for its workers were lost too often."""
    for run, state in states.items():
        times, expected = course.accepted[run], int(state is RunState.COMPLETED)
        if not state.is_final:
            yield f"{run} is still {state}"
        if times != expected:
            yield f"{run} is {state} and was accepted {times} times"
    for run in course.accepted.keys() - states.keys():
        yield f"{run} was accepted and is not there"


def _order(course: Course, ends: dict[tuple[int, int], float]) -> Iterator[str]:
    """A generation is queued after the one before, and once that before it has ended."""
    coming: Counter[int] = Counter()
    for one in course.planned:
        if one.generation != coming[one.study]:
            yield f"generation {one.generation} of study {one.study} is out of turn"
        coming[one.study] = one.generation + 1
        if ends[one.study, one.generation - 2] > one.at:
            yield f"generation {one.generation} of study {one.study} did not wait"


def _within(parts: Iterable[tuple[float, float]], until: float) -> float:
    return sum(max(0.0, min(stop, until) - start) for start, stop in parts)
