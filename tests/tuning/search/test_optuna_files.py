"""Files of Optuna: what is written is read by Optuna, and what is none is refused."""

import math
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest

from tuning.errors import DataError, InvalidValue, UnknownName
from tuning.records import Direction, TrialState
from tuning.schedules import PARAMETERS
from tuning.search.foreign import translate
from tuning.search.optuna_files import Told, read_study, write_study

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPACE = {
    "peak": PARAMETERS["peak"].narrowed(1e-3, 1e-1),
    "warmup": PARAMETERS["warmup"],
    "cooldown": PARAMETERS["cooldown"],
    "cycles": PARAMETERS["cycles"],
}
TRIALS = (
    Told(
        {"family": "wsd", "peak": 0.5, "warmup": 0.1, "cooldown": "cosine"},
        TrialState.COMPLETED,
        0.25,
        AT,
        AT,
        {10: 1.0, 20: None},
        {"schedule": {"family": "wsd"}},
    ),
    Told({"family": "sgdr", "peak": 0.01, "warmup": 0.0, "cycles": 3}, TrialState.DIVERGED),
    Told({"family": "sgdr", "peak": 0.02, "warmup": 0.0, "cycles": 2}, TrialState.PRUNED),
    Told({"family": "wsd", "peak": 0.03, "warmup": 0.0, "cooldown": "linear"}, TrialState.RUNNING),
    Told({"family": "wsd", "peak": 0.04, "warmup": 0.0, "cooldown": "linear"}, TrialState.PROPOSED),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a study of five trials."""
    place = tmp_path / "a name with spaces.db"
    write_study(place, "mine", Direction.MINIMIZE, SPACE, TRIALS, {"objective": "o"})
    return place


def test_optuna_reads_what_was_written(path: Path) -> None:
    """Parameters with their ranges, a logarithmic peak, curves, attributes and states."""
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    assert study.user_attrs == {"objective": "o"}
    assert (study.best_value, study.best_params["peak"]) == (0.25, 0.5)
    first, *rest = study.trials
    peak = first.distributions["peak"]
    assert isinstance(peak, optuna.distributions.FloatDistribution)
    assert (peak.low, peak.high, peak.log) == (1e-3, 0.5, True)  # widened to what was tried
    assert isinstance(rest[0].distributions["cycles"], optuna.distributions.IntDistribution)
    assert first.intermediate_values[10] == 1.0
    assert math.isnan(first.intermediate_values[20])
    assert first.user_attrs["schedule"] == {"family": "wsd"}
    assert first.datetime_complete == AT.astimezone().replace(tzinfo=None)
    assert [one.state.name for one in rest] == ["FAIL", "PRUNED", "RUNNING", "WAITING"]
    study._storage.remove_session()
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined] # Optuna keeps it open


def test_what_was_written_is_read_back(path: Path) -> None:
    """But for trials that have not ended; reading leaves the file as it is."""
    before = path.read_bytes()
    found = read_study(path)
    assert (found.name, found.direction, len(found.trials)) == ("mine", Direction.MINIMIZE, 3)
    assert [dict(one.params) for one in found.trials] == [dict(one.params) for one in TRIALS[:3]]
    assert found.trials[0].value == 0.25
    assert found.trials[0].ended == AT
    assert found.trials[0].curve == {10: 1.0, 20: None}
    assert read_study(path, "mine") == found
    assert path.read_bytes() == before
    with pytest.raises(UnknownName, match="mine"):
        read_study(path, "other")


def test_what_is_no_file_of_optuna_is_refused(tmp_path: Path) -> None:
    """And not touched."""
    text, other = tmp_path / "text.db", tmp_path / "other.db"
    text.write_text("no database, but long enough to be looked at as one, surely\n" * 10)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE studies (x)")
    database.close()
    for path in (text, other, tmp_path / "nowhere.db"):
        with pytest.raises(DataError):
            read_study(path)
    assert not (tmp_path / "nowhere.db").exists()


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"lr": 0.1, "scheduler": "OneCycleLR", "pct_start": 0.3}, {"family": "one_cycle"}),
        ({"Learning-Rate": 0.1, "lr_scheduler": "cosine_with_warmup"}, {"family": "cosine"}),
        ({"peak": 1e-3, "family": "rex", "bend": 0.5, "warmup_ratio": 0.1}, {"warmup": 0.1}),
    ],
)
def test_known_names_are_translated(params: dict[str, object], found: dict[str, object]) -> None:
    """However they are spelt; what nobody names is neutral."""
    told = translate(params)
    assert told | found == told


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"lr": 0.1, "family": "linear", "momentum": 0.9}, "params.momentum"),
        ({"lr": 0.1, "family": "linear", "peak": 0.1}, "params.peak"),
        ({"lr": 0.1}, "params.family"),
        ({"family": "linear"}, "params.peak"),
        ({"lr": 0.1, "family": "plateau"}, "params.family"),
        ({"lr": 0.1, "family": "wsd"}, "params.hold"),
        ({"lr": 0.1, "family": "linear", "hold": 0.5}, "params.hold"),
        ({"lr": 100.0, "family": "linear"}, "params.peak"),
        ({"lr": 0.1, "family": "linear", "warmup": 0.9}, "params.warmup"),
    ],
)
def test_what_nobody_understands_is_refused_by_name(params: dict[str, object], field: str) -> None:
    """A score that depends on it says nothing of the schedule alone."""
    with pytest.raises(InvalidValue) as refused:
        translate(params)
    assert refused.value.field == field


def test_the_user_may_say_what_a_name_is() -> None:
    """Renamed, fixed, or left out on purpose."""
    told = translate(
        {"rate": 0.1, "momentum": 0.9},
        renamed={"rate": "peak"},
        fixed={"family": "wsd", "hold": 0.5, "cooldown": "linear"},
        ignored=("momentum",),
    )
    assert told == {
        "family": "wsd",
        "peak": 0.1,
        "warmup": 0.0,
        "hold": 0.5,
        "cooldown": "linear",
        "floor": 0.0,
    }
    with pytest.raises(UnknownName):
        translate({"rate": 0.1}, renamed={"rate": "speed"})
