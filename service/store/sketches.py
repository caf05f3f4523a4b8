"""Sketches: a whole study in few columns, for pages and charts of thousands of trials.

The one idea: of a trial or a run a chart needs a handful of figures, which the database picks out
or adds up; so 10,000 trials cost a fraction of a second, where their history costs ten.
Not here: few trials as they are (`history.excerpt`, `trials`), families (`families`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, select
from sqlalchemy.orm import Session

from service.store import curves, models
from service.store.clock import now
from service.store.curves import Curve
from service.store.families import FAMILY
from service.store.studies import Study
from service.store.trials import spell
from tuning.evidence.score import RANKED, SEARCHED
from tuning.records import Direction, ParameterValue, Phase, RunState, StudyState, TrialState

LOST = (RunState.DIVERGED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class TrialSketch:
    """A trial of baselines or search that came to an end of its own.

    `spent` counts the updates that the search had planned once the last of the trial's runs was.
    """

    number: int
    phase: Phase
    state: TrialState
    params: Mapping[str, ParameterValue]
    value: float | None
    reason: str
    spent: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many trials there are by phase and state, how many were pruned, and runs by state."""

    trials: Mapping[tuple[Phase, TrialState], int]
    pruned: int
    runs: Mapping[RunState, int]


@dataclass(frozen=True, slots=True)
class ClimbSketch:
    """How the runs of a trial over so many updates stand.

    `mean` is that of the compared metric over the `completed` ones; `open` ones have not ended.
    """

    number: int
    family: str
    phase: Phase
    updates: int
    mean: float | None
    completed: int
    lost: int
    open: int


@dataclass(frozen=True, slots=True)
class StintSketch:
    """The last training of a run that was handed out; `finished` is None while it goes on."""

    run: str
    trial: int
    family: str
    phase: Phase
    seed: int
    state: RunState
    worker: str
    started: datetime
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Underway:
    """A run in training: the family of its schedule, its updates, and its curve until now."""

    family: str
    updates: int
    curve: Curve


def count(session: Session, project: str, study: str) -> Counts:
    """What there is of a study."""
    trial, run = models.Trial, models.Run
    trials = session.execute(
        select(trial.phase, trial.state, func.count(), func.count(trial.pruned_in))
        .where(trial.project == project, trial.study == study)
        .group_by(trial.phase, trial.state)
    ).all()
    runs = session.execute(
        select(run.state, func.count())
        .where(run.project == project, run.study == study)
        .group_by(run.state)
    )
    return Counts(
        trials={(Phase(phase), TrialState(state)): many for phase, state, many, _ in trials},
        pruned=sum(pruned for *_, pruned in trials),
        runs={RunState(state): many for state, many in runs},
    )


def outcomes(session: Session, project: str, study: str) -> list[TrialSketch]:
    """The trials of baselines and search that have a score, or were lost, by number."""
    trial = models.Trial
    found = session.execute(
        select(trial.number, trial.phase, trial.state, trial.params, trial.value)
        .where(trial.project == project, trial.study == study, trial.phase.in_(RANKED))
        .where(trial.value.is_not(None) | trial.state.in_(list(LOST)))
        .order_by(trial.number)
    ).all()
    spent, reasons = _spent(session, project, study), _reasons(session, project, study)
    return [
        TrialSketch(
            number,
            Phase(phase),
            TrialState(state),
            params,
            value,
            reasons.get(number, ""),
            spent.get(number, 0),
        )
        for number, phase, state, params, value in found
    ]


def _spent(session: Session, project: str, study: str) -> dict[int, int]:
    """By trial, the updates of all runs of the search up to its last one, in order of proposal."""
    run = models.Run
    total = func.sum(run.updates).over(order_by=(run.generation, run.index)).label("total")
    summed = (
        select(run.trial, total)
        .where(run.project == project, run.study == study, run.phase != Phase.CONFIRM)
        .subquery()
    )
    query = select(summed.c.trial, func.max(summed.c.total)).group_by(summed.c.trial)
    return {number: int(updates) for number, updates in session.execute(query)}


def _reasons(session: Session, project: str, study: str) -> dict[int, str]:
    """By trial, why the first of its runs that was lost was lost."""
    run = models.Run
    query = (
        select(run.trial, run.result["reason"].as_string())
        .where(run.project == project, run.study == study, run.phase.in_(RANKED))
        .where(run.state.in_(list(LOST)))
        .order_by(run.generation.desc(), run.index.desc())
    )
    return {number: reason or "" for number, reason in session.execute(query)}


def climbs(session: Session, project: str, study: str, metric: str) -> list[ClimbSketch]:
    """What trials of baselines and search reached by the compared `metric`, by number, updates."""
    trial, run = models.Trial, models.Run
    told = run.result["metrics"][spell(session, SEARCHED)][spell(session, metric)].as_float()
    found = session.execute(
        select(
            run.trial,
            func.min(FAMILY),
            func.min(trial.phase),
            run.updates,
            func.avg(case((run.state == RunState.COMPLETED, told))),
            _count(RunState.COMPLETED),
            _count(*LOST),
            _count(RunState.QUEUED, RunState.LEASED),
        )
        .join(trial, _of_its_trial())
        .where(run.project == project, run.study == study, run.phase.in_(RANKED))
        .group_by(run.trial, run.updates)
        .order_by(run.trial, run.updates)
    )
    return [ClimbSketch(row[0], row[1], Phase(row[2]), *row[3:]) for row in found]


def _count(*states: RunState) -> ColumnElement[int]:
    return func.count(case((models.Run.state.in_(list(states)), 1)))


def compared(session: Session, study: Study) -> list[int]:
    """The trials that are compared: the arms of the verdict in force, or who leads now."""
    if study.state is StudyState.COMPLETED and study.verdict is not None:
        return [arm["trial"] for arm in study.verdict["arms"]]
    if study.best_trial is None:
        return []
    spec = study.spec
    found = leading_baselines(session, study.project, study.id, spec.metric.direction)
    leaders = (found[name] for name in spec.baselines if name in found)
    return list(dict.fromkeys((study.best_trial, *leaders)))


def leading_baselines(
    session: Session, project: str, study: str, direction: Direction
) -> dict[str, int]:
    """By family its best baseline; the earlier trial wins a draw."""
    trial = models.Trial
    value = trial.value.desc() if direction is Direction.MAXIMIZE else trial.value.asc()
    place = func.row_number().over(partition_by=FAMILY, order_by=(value, trial.number))
    ranked = (
        select(FAMILY.label("family"), trial.number, place.label("place"))
        .where(trial.project == project, trial.study == study)
        .where(trial.phase == Phase.BASELINE, trial.value.is_not(None))
        .where(trial.pruned_in.is_(None))
        .subquery()
    )
    found = session.execute(select(ranked).where(ranked.c.place == 1))
    return {row.family: row.number for row in found}


def stints(
    session: Session, project: str, study: str, limit: int = 1_000
) -> tuple[Sequence[StintSketch], int, datetime]:
    """The last runs that were handed out, in order; how many were; and the moment this holds."""
    run = models.Run
    mine = (run.project == project, run.study == study, run.started.is_not(None))
    handed_out = (*mine, run.state != RunState.QUEUED)
    total = session.scalar(select(func.count()).select_from(run).where(*handed_out)) or 0
    found = session.execute(
        select(
            run.id,
            run.trial,
            FAMILY.label("family"),
            run.phase,
            run.seed,
            run.state,
            run.worker,
            run.started,
            run.finished,
        )
        .join(models.Trial, _of_its_trial())
        .where(*handed_out)
        .order_by(run.started.desc(), run.generation.desc(), run.index.desc())
        .limit(limit)
    ).all()
    return [_stint(row) for row in reversed(found)], total, now(session)


def _stint(row: Row[Any]) -> StintSketch:
    state = RunState(row.state)
    return StintSketch(
        run=row.id,
        trial=row.trial,
        family=row.family,
        phase=Phase(row.phase),
        seed=row.seed,
        state=state,
        worker=row.worker or "",
        started=row.started,
        finished=row.finished or (row.started if state.is_final else None),
    )


def underway(
    session: Session, project: str, study: str, limit: int = 24
) -> tuple[list[Underway], int]:
    """Runs in training with what they measured until now, in order; and how many there are."""
    run = models.Run
    mine = (run.project == project, run.study == study, run.state == RunState.LEASED)
    total = session.scalar(select(func.count()).select_from(run).where(*mine)) or 0
    rows = session.execute(
        select(run, FAMILY)
        .join(models.Trial, _of_its_trial())
        .where(*mine)
        .order_by(run.generation, run.index)
        .limit(limit)
    ).all()
    measured = {
        one.run: one for one in curves.measured(session, project, study, [r for r, _ in rows])
    }
    return [
        Underway(family, row.updates, measured[row.id])
        for row, family in rows
        if row.id in measured
    ], total


def _of_its_trial() -> ColumnElement[bool]:
    """What joins the trials to runs."""
    trial, run = models.Trial, models.Run
    return and_(trial.project == run.project, trial.study == run.study, trial.number == run.trial)
