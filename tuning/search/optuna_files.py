"""Studies as files of Optuna: written, so that its dashboard opens them, and read.

The one idea: a file is Optuna's own SQLite storage, made and read by Optuna itself; it is written
in one go and never on a hot path. A trial keeps what Optuna has no place for as user attributes.
Not here: what the parameters of somebody else's study mean (`tuning.search.foreign`).
"""

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from tuning.errors import DataError, UnknownName
from tuning.records import Direction, ParameterValue, TrialState
from tuning.schedules import PARAMETERS, Parameter

NEEDED_TABLES = frozenset({"studies", "study_directions", "trials", "trial_params"})
STATES: Mapping[TrialState, OptunaState] = {
    TrialState.PROPOSED: OptunaState.WAITING,
    TrialState.RUNNING: OptunaState.RUNNING,
    TrialState.COMPLETED: OptunaState.COMPLETE,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.DIVERGED: OptunaState.FAIL,
    TrialState.FAILED: OptunaState.FAIL,
    TrialState.CANCELLED: OptunaState.FAIL,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A trial as it goes into a file, or as it came out of one.

    Args:
        params: its coordinates; of somebody else's study, whatever they are called.
        state: as Glideslope has it; of another's failed trial, `failed`.
        value: its score.
        began: aware; None if unknown.
        ended: likewise.
        curve: the compared metric by update; None where it was not finite.
        attributes: JSON values by name.
    """

    params: Mapping[str, Any]
    state: TrialState
    value: float | None = None
    began: datetime | None = None
    ended: datetime | None = None
    curve: Mapping[int, float | None] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OptunaStudy:
    """A study in a file of Optuna."""

    name: str
    direction: Direction
    trials: Sequence[Told]


def write_study(
    path: Path,
    name: str,
    direction: Direction,
    parameters: Mapping[str, Parameter],
    trials: Sequence[Told],
    attributes: Mapping[str, Any],
) -> None:
    """Write a file that holds one study.

    Args:
        path: of the file, which must not be there.
        name: of the study.
        direction: which way a score is better.
        parameters: ranges of the study's space; widened to what its trials have.
        trials: in order; Optuna numbers them from 0.
        attributes: of the study, JSON values by name.
    """
    free = _distributions(parameters, trials)
    with _storage(path) as storage:
        study = optuna.create_study(
            storage=storage, study_name=name, direction=direction.value, load_if_exists=False
        )
        for key, value in attributes.items():
            study.set_user_attr(key, value)
        study.add_trials([_frozen(number, one, free) for number, one in enumerate(trials)])


def read_study(path: Path, name: str | None = None) -> OptunaStudy:
    """A study of a file, its only one unless named; trials that have not ended are left out.

    Raises DataError if it is no file of Optuna's or the study has several objectives, UnknownName
    if it has no such study.
    """
    _check_file(path)
    with _storage(path, is_read_only=True) as storage:
        names = [one.study_name for one in storage.get_all_studies()]
        if name is None and len(names) != 1:
            raise UnknownName("--study", name, names)
        if name is not None and name not in names:
            raise UnknownName("--study", name, names)
        study = optuna.load_study(storage=storage, study_name=name or names[0])
        if len(study.directions) != 1:
            raise DataError(f"{study.study_name} has {len(study.directions)} objectives, not one")
        is_falling = study.direction is optuna.study.StudyDirection.MAXIMIZE
        return OptunaStudy(
            study.study_name,
            Direction.MAXIMIZE if is_falling else Direction.MINIMIZE,
            tuple(
                _told(one) for one in study.get_trials(deepcopy=False) if one.state.is_finished()
            ),
        )


@contextmanager
def _storage(path: Path, *, is_read_only: bool = False) -> Iterator[RDBStorage]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    mode = "ro" if is_read_only else "rwc"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False
        )
        # One writer, and the file counts only once it is whole: nothing need be safe on the way.
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    storage = RDBStorage("sqlite://", engine_kwargs={"creator": connect})
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _check_file(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found}
    except sqlite3.Error as error:
        raise DataError(f"{path} cannot be read as an SQLite file: {error}") from error
    if not tables >= NEEDED_TABLES:
        raise DataError(f"{path} is no database of Optuna: it lacks its tables")


def _frozen(number: int, one: Told, free: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state = STATES[one.state]
    if state is OptunaState.COMPLETE and one.value is None:
        state = OptunaState.PRUNED  # it completed shorter trainings only
    is_scored = state in {OptunaState.COMPLETE, OptunaState.PRUNED}
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=one.value if is_scored else None,
        datetime_start=None if state is OptunaState.WAITING else _local(one.began or one.ended),
        datetime_complete=_local(one.ended or one.began) if state.is_finished() else None,
        params=dict(one.params),
        distributions={name: free[name] for name in one.params},
        user_attrs=dict(one.attributes),
        system_attrs={},
        intermediate_values={
            step: math.nan if value is None else value for step, value in one.curve.items()
        },
    )


def _told(one: FrozenTrial) -> Told:
    states = {OptunaState.COMPLETE: TrialState.COMPLETED, OptunaState.PRUNED: TrialState.PRUNED}
    value = one.value if one.value is not None and math.isfinite(one.value) else None
    return Told(
        params=one.params,
        state=states.get(one.state, TrialState.FAILED),
        value=value if one.state is OptunaState.COMPLETE else None,
        began=None if one.datetime_start is None else one.datetime_start.astimezone(),
        ended=None if one.datetime_complete is None else one.datetime_complete.astimezone(),
        curve={
            step: known if math.isfinite(known) else None
            for step, known in one.intermediate_values.items()
        },
        attributes={"number": one.number},
    )


def _local(at: datetime | None) -> datetime:
    """A moment as Optuna writes it: local and naive."""
    known = at or datetime.fromtimestamp(0).astimezone()
    return known.astimezone().replace(tzinfo=None)


def _distributions(
    parameters: Mapping[str, Parameter], trials: Sequence[Told]
) -> dict[str, BaseDistribution]:
    """Of every coordinate one range that holds all of the space and of the trials."""
    seen: dict[str, list[ParameterValue]] = {}
    for one in trials:
        for name, value in one.params.items():
            seen.setdefault(name, []).append(value)
    return {name: _distribution(name, parameters.get(name), some) for name, some in seen.items()}


def _distribution(
    name: str, ranged: Parameter | None, values: Sequence[ParameterValue]
) -> BaseDistribution:
    known = ranged or PARAMETERS.get(name)
    if known is None or known.kind == "choice":
        choices = dict.fromkeys((*(known.choices if known else ()), *sorted(map(str, values))))
        return CategoricalDistribution(list(choices))
    numbers = [float(value) for value in values]
    # The space's own range, not the table's: a fixed coordinate is shown as fixed.
    ends = (float(ranged.low), float(ranged.high)) if ranged else (numbers[0], numbers[0])
    low, high = min(*numbers, ends[0]), max(*numbers, ends[1])
    if known.kind == "int":
        return IntDistribution(int(low), int(high), log=known.log)
    return FloatDistribution(low, high, log=known.log)
