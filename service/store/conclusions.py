"""Conclusions: the last run of a trial concludes it, and the study's best follows.

The one idea: what is asked of the rows is no more than is needed, in statements that were made
once, for it happens with every batch of ends.
Not here: the ends themselves, and who locks the study (`outcomes`).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, select, update
from sqlalchemy.orm import Session

from service.store import leads, models
from tuning.documents import read_metric, read_result
from tuning.evidence.score import RANKED, conclude_trial, is_better
from tuning.records import Metric, Result, RunState, TrialState, move

_trial, _run = models.table_of(models.Trial).c, models.table_of(models.Run).c
# Made once, for they are asked all the time.
_OPEN_TRIALS: Select[Any] = (
    select(
        _trial.number,
        _trial.phase,
        _trial.state.label("trial_state"),
        _run.state,
        _run.updates,
        _run.result,
    )
    .join_from(
        _trial.number.table,
        _run.trial.table,
        and_(
            _run.project == _trial.project,
            _run.study == _trial.study,
            _run.trial == _trial.number,
            _run.phase == _trial.phase,
        ),
    )
    .where(
        _trial.project == bindparam("project"),
        _trial.study == bindparam("study"),
        _trial.number.in_(bindparam("numbers", expanding=True)),
        _trial.state.in_((TrialState.PROPOSED, TrialState.RUNNING)),
    )
    .order_by(_trial.number, _run.generation, _run.index)
)
_CONCLUDE = (
    update(models.table_of(models.Trial))
    .where(
        _trial.project == bindparam("of_project"),
        _trial.study == bindparam("of_study"),
        _trial.number == bindparam("trial"),
    )
    .values(state=bindparam("state"), value=bindparam("value"))
)


def conclude_trials(
    session: Session, study: models.Study, ended: Iterable[models.Run]
) -> list[dict[str, Any]]:
    """Conclude the trials of which every run has ended, apart from a later confirmation.

    Returns their numbers, with what became of them.
    """
    numbers = {one.trial for one in ended}
    if not numbers:
        return []
    metric, horizon = read_metric(study.spec["metric"]), int(study.spec["horizon"])
    mine = {"project": study.project, "study": study.id}
    rows = session.execute(_OPEN_TRIALS, {**mine, "numbers": list(numbers)})
    concluded = []
    for _, own in groupby(rows, key=lambda row: row.number):
        runs = list(own)
        if _is_over(runs, horizon):
            concluded.append(_conclude(study, runs, metric, horizon))
    if concluded:
        named = {"of_project": study.project, "of_study": study.id}
        told = [
            {**named, "trial": one["number"], "state": one["state"], "value": one["value"]}
            for one in concluded
        ]
        session.execute(_CONCLUDE, told)
    return concluded


def _is_over(runs: Sequence[Row[Any]], horizon: int) -> bool:
    """Whether the runs of a trial conclude it.

    One that ended well after fewer updates may go on: the search says when it does not.
    """
    if not all(RunState(run.state).is_final for run in runs):
        return False
    goes_on = runs[0].phase in RANKED and all(
        run.updates < horizon and run.state == RunState.COMPLETED for run in runs
    )
    return not goes_on


def _conclude(
    study: models.Study, runs: Sequence[Row[Any]], metric: Metric, horizon: int
) -> dict[str, Any]:
    """What becomes of a trial with these runs; the study's best follows."""
    trial, value = runs[0], None
    state, _ = conclude_trial([_end(run) for run in runs], metric)
    full = [_end(run) for run in runs if run.updates == horizon]
    if state is TrialState.COMPLETED and full and trial.phase in RANKED:
        _, value = conclude_trial(full, metric)
        if value is not None:
            _offer(study, trial.number, value, metric)
            study.leads = leads.insert(study.leads, trial.number, value, metric.direction)
    return {
        "number": trial.number,
        "state": move(TrialState(trial.trial_state), state),
        "value": value,
    }


def _end(run: Row[Any]) -> Result:
    if run.state == RunState.CANCELLED:
        return Result(RunState.CANCELLED)
    return read_result(run.result or {})


def _offer(study: models.Study, number: int, value: float, metric: Metric) -> None:
    """Make a trial the best if it beats the best; the earlier trial wins a draw.

    So the best at the end does not depend on the order in which trials ended.
    """
    best, holder = study.best_value, study.best_trial
    if (
        best is None
        or holder is None
        or is_better(value, best, metric.direction)
        or (value == best and number < holder)
    ):
        study.best_trial, study.best_value = number, value
