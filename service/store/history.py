"""History: trials and runs of a study, for the planner and for people.

The one idea: the planner gets exactly what was proposed and what came out, as the core's own
records, and so decides the same after any restart; people get rows.
Not here: what runs measured while they trained (`curves`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import failures, models, provenances, studies
from service.store.failures import NOTHING, LastWords
from tuning.documents import (
    BEGINNING,
    read_extension,
    read_history,
    read_result,
    read_schedule,
    write_provenance,
    write_result,
)
from tuning.provenance import Provenance
from tuning.records import (
    TIME_IS_UP,
    History,
    Mark,
    Phase,
    Result,
    Run,
    RunState,
    Trial,
    TrialState,
)

CANCELLED = write_result(Result(RunState.CANCELLED))

_OF_TRIAL = ("number", "generation", "phase", "schedule", "params")
_OF_RUN = tuple(field.name for field in fields(Run))


def _rows(table: type[models.Base], *names: str) -> Select[Any]:
    """Columns of the rows of a study; made once, for the planner asks all the time."""
    columns = models.table_of(table).columns
    return select(*(columns[name] for name in names)).where(
        columns["project"] == bindparam("project"), columns["study"] == bindparam("study")
    )


_TRIALS = (
    _rows(models.Trial, *_OF_TRIAL)
    .where(models.Trial.number >= bindparam("begin"))
    .order_by(models.Trial.number)
)
_RUNS = (
    _rows(models.Run, *_OF_RUN, "state", "result", "provenance")
    .where(models.Run.generation >= bindparam("begin"))
    .order_by(models.Run.generation, models.Run.index)
)
_PRUNED = (
    _rows(models.Trial, "number", "pruned_in")
    .where(models.Trial.pruned_in.is_not(None))
    .order_by(models.Trial.number)
)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as it stands; `value` is its score, `metrics` are means by split (`trials`)."""

    trial: Trial
    state: TrialState
    value: float | None
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands.

    `attempt` counts the trainings that ended badly; `words` are what the last of them said.
    """

    id: str
    run: Run
    state: RunState
    attempt: int
    worker: str | None
    result: Result | None
    started: datetime | None
    finished: datetime | None
    words: LastWords = NOTHING


def load(session: Session, project: str, study: str) -> History:
    """All trials and runs of a study, and the results that are in; raises NotFound."""
    return read_history(written(session, project, study))


def written(
    session: Session, project: str, study: str, since: Mark = BEGINNING
) -> Mapping[str, Any]:
    """The same since a mark, as `tuning.documents.write_history` writes it; raises NotFound.

    Rows hold documents already, so nothing is read only to be written again.
    """
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    mine = {"project": project, "study": study}
    trials = session.execute(_TRIALS, {**mine, "begin": since.trials}).mappings()
    runs = session.execute(_RUNS, {**mine, "begin": since.generations}).all()
    names = list(dict.fromkeys(one.provenance for one in runs if _end(one) is not None))
    told = provenances.recall(session, project, [name for name in names if name is not None])
    return {
        "trials": [dict(one) for one in trials],
        "runs": [{name: getattr(one, name) for name in _OF_RUN} for one in runs],
        "results": [
            [one.generation, one.index, end, names.index(one.provenance)]
            for one in runs
            if (end := _end(one)) is not None
        ],
        "provenances": [write_provenance(told.get(name or "")) for name in names],
        "pruned": [list(pair) for pair in session.execute(_PRUNED, mine)],
        "closed_from": row.closed_from,
        "closed_because": row.closed_because or TIME_IS_UP,
        "extensions": row.extensions,
    }


def _end(row: Row[Any]) -> Mapping[str, Any] | None:
    """The document of how a run ended; a cancelled one has nothing to tell but that."""
    return CANCELLED if row.state == RunState.CANCELLED else row.result


def excerpt(session: Session, project: str, study: str, trials: Collection[int]) -> History:
    """The history of these trials alone: what is known of them, however many others there are.

    The place of a trial in it is not its number. Raises NotFound.
    """
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    trial = models.Trial
    query = select(trial).where(
        trial.project == project, trial.study == study, trial.number.in_(trials)
    )
    runs = _run_rows(session, project, study, trials)
    told = _provenances(session, project, runs)
    ends = ((one, _result(one, told)) for one in runs)
    return History(
        trials=tuple(map(_to_record, session.scalars(query.order_by(trial.number)))),
        runs=tuple(map(to_run, runs)),
        results={(one.generation, one.index): end for one, end in ends if end is not None},
        extensions=tuple(map(read_extension, row.extensions)),
    )


def trial(session: Session, project: str, study: str, number: int) -> TrialRow:
    """One trial; raises NotFound."""
    row = session.get(models.Trial, (project, study, number))
    if row is None:
        raise NotFound("trial", f"{study}/{number}")
    return to_trial_row(row)


def best_trial(
    session: Session, study: studies.Study, arm: Mapping[str, Any] | None
) -> Trial | None:
    """The trial of a confirmed arm, or without one of the search's leader, if there is one."""
    number = study.best_trial if arm is None else arm["trial"]
    return None if number is None else trial(session, study.project, study.id, number).trial


def runs(session: Session, project: str, study: str, number: int) -> list[RunRow]:
    """The runs of a trial, in order of proposal; raises NotFound."""
    trial(session, project, study, number)
    rows = _run_rows(session, project, study, (number,))
    told = _provenances(session, project, rows)
    words = failures.recall(session, project, study, [row.id for row in rows])
    return [_to_run_row(row, told, words.get(row.id, NOTHING)) for row in rows]


def one_run(session: Session, project: str, study: str, name: str) -> RunRow:
    """A run by its id; raises NotFound."""
    row = session.get(models.Run, (name, project))
    if row is None or row.study != study:
        raise NotFound("run", name)
    words = failures.recall(session, project, study, [name])
    return _to_run_row(row, _provenances(session, project, [row]), words.get(name, NOTHING))


def provenance_of(session: Session, project: str, study: str, number: int) -> Provenance:
    """What the last run of a trial that tells was trained on and with."""
    rows = _run_rows(session, project, study, (number,))
    names = [row.provenance for row in rows if row.provenance is not None]
    found = provenances.recall(session, project, names[-1:])
    return found[names[-1]] if names else Provenance()


def _run_rows(
    session: Session,
    project: str,
    study: str,
    trials: Collection[int],
) -> list[models.Run]:
    """The runs of these trials."""
    run = models.Run
    query = select(run).where(run.project == project, run.study == study, run.trial.in_(trials))
    return list(session.scalars(query.order_by(run.generation, run.index)))


def _provenances(
    session: Session, project: str, rows: Iterable[models.Run]
) -> dict[str, Provenance]:
    names = {row.provenance for row in rows if row.provenance is not None}
    return provenances.recall(session, project, names)


def _result(row: models.Run, told: Mapping[str, Provenance]) -> Result | None:
    """How a run ended; a cancelled one has nothing to tell but that."""
    if row.state == RunState.CANCELLED:
        return Result(RunState.CANCELLED)
    if row.result is None:
        return None
    return read_result(row.result, told.get(row.provenance or ""))


def _to_record(row: models.Trial) -> Trial:
    return Trial(
        number=row.number,
        generation=row.generation,
        phase=Phase(row.phase),
        schedule=read_schedule(row.schedule),
        params=row.params,
    )


def to_run(row: models.Run) -> Run:
    """The run as the core knows it."""
    return Run(
        generation=row.generation,
        index=row.index,
        trial=row.trial,
        phase=Phase(row.phase),
        seed=row.seed,
        horizon=row.horizon,
        splits=tuple(row.splits),
        peak_factor=row.peak_factor,
        updates=row.updates,
    )


def to_trial_row(row: models.Trial) -> TrialRow:
    """The trial as people see it."""
    return TrialRow(_to_record(row), TrialState(row.state), row.value)


def _to_run_row(row: models.Run, told: Mapping[str, Provenance], words: LastWords) -> RunRow:
    return RunRow(
        id=row.id,
        run=to_run(row),
        state=RunState(row.state),
        attempt=row.attempt,
        worker=row.worker,
        result=_result(row, told),
        started=row.started,
        finished=row.finished,
        words=words,
    )
