"""Families of a study: what was spent on each, and which of its trials leads.

The one idea: a few counts and sums by the database, however many trials there are.
Not here: what the verdict says of a family (`tuning.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from service.store import models, studies
from tuning.evidence.score import RANKED
from tuning.records import Direction, ParameterValue, Phase, TrialState

FAMILY = models.Trial.params["family"].as_string()


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """What a study spent on a family and what came of it.

    `states` counts its trials of baselines and search, `best` is the number, score and peak of
    the one of them that leads, and updates are of all their runs, but for
    `evidence_steps`, the confirmation's.
    """

    family: str
    states: Mapping[TrialState, int]
    best: tuple[int, float, float] | None
    search_steps: int
    evidence_steps: int


def tally(session: Session, project: str, study: str) -> list[FamilyRow]:
    """Every family of which a trial was proposed, by name; raises NotFound."""
    direction = studies.get(session, project, study).spec.metric.direction
    best = _leaders(session, project, study, is_falling=direction is Direction.MAXIMIZE)
    steps = _steps(session, project, study)
    trial = models.Trial
    counted = session.execute(
        select(FAMILY, trial.state, func.count())
        .where(trial.project == project, trial.study == study, trial.phase.in_(RANKED))
        .group_by(FAMILY, trial.state)
    )
    states: dict[str, dict[TrialState, int]] = {}
    for name, state, count in counted:
        states.setdefault(name, {})[TrialState(state)] = count
    return [
        FamilyRow(
            name,
            found,
            best.get(name),
            steps.get((name, False), 0),
            steps.get((name, True), 0),
        )
        for name, found in sorted(states.items())
    ]


def _leaders(
    session: Session, project: str, study: str, *, is_falling: bool
) -> dict[str, tuple[int, float, float]]:
    """By family number, score and peak of the trial that leads; the earlier one wins a draw."""
    trial = models.Trial
    value = trial.value.desc() if is_falling else trial.value.asc()
    place = func.row_number().over(partition_by=FAMILY, order_by=(value, trial.number))
    ranked = (
        select(
            FAMILY.label("family"),
            trial.number,
            trial.value,
            trial.params["peak"].as_float().label("peak"),
            place.label("place"),
        )
        .where(trial.project == project, trial.study == study)
        .where(trial.phase.in_(RANKED), trial.value.is_not(None))
        .subquery()
    )
    found = session.execute(select(ranked).where(ranked.c.place == 1))
    return {row.family: (row.number, row.value, row.peak) for row in found}


def _steps(session: Session, project: str, study: str) -> dict[tuple[str, bool], int]:
    """Updates of all runs, by family and whether they are of the confirmation."""
    trial, run = models.Trial, models.Run
    is_evidence = run.phase == Phase.CONFIRM
    found = session.execute(
        select(FAMILY, is_evidence, func.sum(run.updates))
        .join(
            trial,
            and_(
                trial.project == run.project,
                trial.study == run.study,
                trial.number == run.trial,
            ),
        )
        .where(run.project == project, run.study == study)
        .group_by(FAMILY, is_evidence)
    )
    return {(name, bool(confirms)): int(updates) for name, confirms, updates in found}


def scored(
    session: Session, project: str, study: str
) -> list[tuple[Mapping[str, ParameterValue], float]]:
    """Parameters and score of every trial that has one, by number; raises NotFound."""
    studies.check_exists(session, project, study)
    trial = models.Trial
    found = session.execute(
        select(trial.params, trial.value)
        .where(trial.project == project, trial.study == study)
        .where(trial.value.is_not(None))
        .order_by(trial.number)
    )
    return [(params, value) for params, value in found if value is not None]
