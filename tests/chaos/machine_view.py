"""What the machine puts into a store, and all that it sees of it, in the words of the model.

The one idea: everything that a reader could come to see is read in one transaction and written as
plain values. Not here: what the machine does (`machine`).
"""

from collections import defaultdict
from functools import cache
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.store import generations, models
from service.store.engine import Store
from tuning.records import Budget, Metric, Phase, Space, StudySpec, Trial
from tuning.schedules import PARAMETERS, Schedule, build

PROJECT = "a"


@cache
def make_spec(trials: int) -> StudySpec:
    """A small study."""
    return StudySpec(
        objective="realized_volatility",
        config={},
        horizon=100,
        space=Space(families=("cosine",), parameters={"peak": PARAMETERS["peak"]}),
        metric=Metric("mse"),
        sampler="random",
        budget=Budget(trials=trials),
        batch=2,
        seed=1,
        seeds=2,
        baselines=(),
        baseline_peaks=1,
        confirm_seeds=2,
        worthwhile=0.01,
        label="",
    )


@cache
def make_trial(number: int, generation: int) -> Trial:
    """A schedule to try."""
    peak = 0.001 * (number + 1)
    schedule = Schedule(build("cosine", peak, {"warmup": 0.1}), 100)
    return Trial(number, generation, Phase.SEARCH, schedule, {"family": "cosine", "peak": peak})


def make_verdict(winner: int | None) -> dict[str, Any]:
    """As much of a verdict as the store looks at."""
    arms = [] if winner is None else [{"trial": winner, "validation": {"mean": 1.0}}]
    return {"trial": winner, "arms": arms}


def empty(store: Store) -> None:
    """Remove every row."""
    with store.write() as session:
        for table in reversed(models.Base.metadata.sorted_tables):
            session.execute(delete(table))


def look(session: Session) -> dict[str, Any]:
    """All studies of the project, as `Studies.view` tells them."""
    settled = {one.study: one.settled_generation for one in generations.frontiers(session)}
    trials, runs, reports, events = (of(session) for of in (_trials, _runs, _reports, _events))
    return {
        row.id: {
            "state": row.state,
            "revision": row.revision,
            "events": events[row.id],
            "coming": row.next_generation,
            "finished": row.finished_runs,
            "expected": row.expected_runs,
            "closed": row.closed_from is not None,
            "best": (row.best_trial, row.best_value),
            "leads": [tuple(one) for one in row.leads],
            "settled": settled.get(row.id),
            "trials": trials[row.id],
            "runs": runs[row.id],
            "reports": sorted(reports[row.id]),
        }
        for row in session.execute(select(models.table_of(models.Study)))
    }


def _trials(session: Session) -> dict[str, dict[int, Any]]:
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in session.execute(select(models.table_of(models.Trial))):
        found[row.study][row.number] = (row.state, row.value)
    return found


def _runs(session: Session) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in session.execute(select(models.table_of(models.Run))):
        who = (row.worker, row.claim, row.token, row.lease_until, row.told_token)
        found[row.study][row.id] = (row.state, row.attempt, row.lease, row.isolation, *who)
    return found


def _reports(session: Session) -> dict[str, list[tuple[str, int, int]]]:
    found: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    row = models.Measurement
    for study, *report in session.execute(select(row.study, row.run, row.lease, row.seq)):
        found[study].append(tuple(report))
    return found


def _events(session: Session) -> dict[str, int | str]:
    """How many events each study has, if they are numbered without a gap."""
    row = models.Event
    query = select(
        row.study, func.count(), func.min(row.revision), func.max(row.revision)
    ).group_by(row.study)
    found: dict[str, int | str] = defaultdict(int)
    for study, count, first, last in session.execute(query):
        is_whole = (first, last) == (1, count)
        found[study] = count if is_whole else f"{count} events from {first} to {last}"
    return found
