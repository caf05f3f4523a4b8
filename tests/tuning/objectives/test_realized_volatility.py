"""`realized_volatility`: its settings, its folds on real and uploaded data, its known facts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError, InvalidValue
from tuning.objectives import OBJECTIVES, TEST, VALIDATION, Folders, configure
from tuning.objectives.base import Floats
from tuning.objectives.realized_volatility import RealizedVolatilityProblem
from tuning.objectives.volatility import Fold

OBJECTIVE = OBJECTIVES["realized_volatility"]


def open_problem(folder: Path | None = None, **config: object) -> RealizedVolatilityProblem:
    """The problem with that config."""
    return OBJECTIVE.open(configure(OBJECTIVE, config), Folders(data=folder))


@pytest.fixture
def hourly(tmp_path: Path) -> Path:
    """A folder with hourly.csv, 100 days of a random walk."""
    generator = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(0.01 * generator.normal(size=2400)))
    lines = [f"{i * 3600 + 10**9},{p * 1.01},{p * 0.99},{p}" for i, p in enumerate(close.tolist())]
    (tmp_path / "hourly.csv").write_text("\n".join(["unix,high,low,close", *lines]))
    return tmp_path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("file", ""),
        ("file", 7),
        ("model", "tree"),
        ("hidden", 0),
        ("folds", 21),
        ("target_bars", 0),
        ("target_bars", True),
        ("target_bars", 10_001),
        ("embargo_bars", 0),
        ("batch", 0),
        ("batch", 1.5),
        ("l2", -1e-9),
        ("l2", float("nan")),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(field: str, value: object) -> None:
    """The error names `config.<field>`."""
    with pytest.raises(InvalidValue) as refusal:
        configure(OBJECTIVE, {field: value})
    assert refusal.value.field == f"config.{field}"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"hidden": 8}, "hidden"),
        ({"model": "mlp", "l2": 0.0}, "l2"),
    ],
)
def test_a_setting_of_the_other_model_is_refused(config: dict[str, object], field: str) -> None:
    """It would have no effect; its default says nothing and is allowed."""
    with pytest.raises(InvalidValue, match=r"unless the model is (mlp|sgd)") as refusal:
        configure(OBJECTIVE, config)
    assert refusal.value.field == f"config.{field}"
    configure(OBJECTIVE, {**config, field: {"hidden": 24, "l2": 1e-4}[field]})


def test_an_embargo_shorter_than_the_target_is_refused() -> None:
    """Otherwise the last training targets would reach into the scored rows."""
    with pytest.raises(InvalidValue) as refusal:
        configure(OBJECTIVE, {"target_bars": 10, "embargo_bars": 9})
    assert refusal.value.field == "config.embargo_bars"
    assert "10" in refusal.value.allowed


def test_an_embargo_shorter_than_the_data_s_own_target_is_refused(hourly: Path) -> None:
    """The target that follows from the bars counts too: 24 for hourly ones."""
    with pytest.raises(InvalidValue, match=r"config\.embargo_bars: 23 .* from 24"):
        OBJECTIVE.check(
            configure(OBJECTIVE, {"file": "hourly.csv", "embargo_bars": 23}), Folders(data=hourly)
        )


def test_the_folds_of_the_packaged_data_are_the_years_promised() -> None:
    """Validation is 2007 to 2012, test 2013 to 2018, two years a fold, a week apart."""
    blocks = open_problem().blocks

    assert blocks[VALIDATION] == (
        "2007-01-03/2008-12-23",
        "2009-01-02/2010-12-23",
        "2011-01-03/2012-12-21",
    )
    assert blocks[TEST] == (
        "2013-01-02/2014-12-23",
        "2015-01-02/2016-12-22",
        "2017-01-03/2018-12-21",
    )


def test_the_folds_of_a_file_start_at_forty_and_seventy_percent(hourly: Path) -> None:
    """Row 960 of 2400 is the first that is scored on validation, row 1680 on test."""
    problem = open_problem(hourly, file="hourly.csv")

    train = [len(fold.inputs) for split in (VALIDATION, TEST) for fold in problem.folds[split]]
    assert train == [first - 719 - 24 for first in (960, 1200, 1440, 1680, 1920, 2160)]
    assert [len(fold.scored_targets) for fold in problem.folds[VALIDATION]] == [240 - 24] * 3


def test_test_prices_do_not_reach_validation(hourly: Path) -> None:
    """Altering every price of the test span leaves the validation folds' bits alone."""
    before = open_problem(hourly, file="hourly.csv")
    path = hourly / "hourly.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[: 1 + 1680], *[f"{r}7" for r in lines[1 + 1680 :]]]))
    after = open_problem(hourly, file="hourly.csv")

    assert before.data_hash != after.data_hash
    for one, other in zip(before.folds[VALIDATION], after.folds[VALIDATION], strict=True):
        assert np.array_equal(one.inputs, other.inputs)
        assert np.array_equal(one.scored_inputs, other.scored_inputs)
        assert np.array_equal(one.scored_targets, other.scored_targets)
        assert one.persistence == other.persistence


def test_a_file_too_short_is_refused(tmp_path: Path) -> None:
    """Too few bars are a data error when the config is checked."""
    rows = [f"2020-01-{day:02},2,1,1.5" for day in range(1, 11)]
    (tmp_path / "few.csv").write_text("\n".join(["date,high,low,close", *rows]))

    for target in (None, 10):
        config = configure(OBJECTIVE, {"file": "few.csv", "target_bars": target})
        with pytest.raises(DataError, match="too short: 10 bars"):
            OBJECTIVE.check(config, Folders(data=tmp_path))


def test_a_path_out_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    """The check names the setting."""
    with pytest.raises(InvalidValue) as refusal:
        OBJECTIVE.check(configure(OBJECTIVE, {"file": "../bars.csv"}), Folders(data=tmp_path))
    assert refusal.value.field == "config.file"


def test_a_default_training_is_nearly_least_squares() -> None:
    """A decayed training ends within 2 % of the least-squares solution and beats persistence."""
    problem = open_problem()
    trainer = problem.trainer((1,), OBJECTIVE.default_horizon, (VALIDATION,))
    trainer.train(3e-3 * np.linspace(1, 0, OBJECTIVE.default_horizon)[None])

    exact = np.mean([least_squares(fold) for fold in problem.folds[VALIDATION]])
    metrics = trainer.evaluate(VALIDATION)
    assert metrics["mse"][0] == pytest.approx(exact, rel=0.02)
    assert metrics["skill"][0] > 0.1


def least_squares(fold: Fold) -> float:
    """Mean squared error on the scored rows of the exact solution."""

    def design(inputs: Floats) -> Floats:
        return np.column_stack([inputs, np.ones(len(inputs))])

    weights = np.linalg.lstsq(design(fold.inputs), fold.targets, rcond=None)[0]
    forecast = design(fold.scored_inputs) @ weights * fold.scale + fold.centre
    return float(np.mean((forecast - fold.scored_targets) ** 2))


def test_the_hourly_bitcoin_file_opens(real_file: Callable[[str], Path]) -> None:
    """A real, newest-first file of another asset and spacing is understood."""
    path = real_file("btc_usd_hourly_2018_2022.csv.gz")
    problem = open_problem(path.parent, file=path.name)

    assert problem.blocks[VALIDATION][0].startswith("2019-11-20/")
    assert problem.blocks[TEST][-1].endswith("/2022-02-28")


def test_folds_are_as_many_as_asked_for() -> None:
    """Each split is cut into folds of equally many days."""
    problem = open_problem(folds=6)

    assert [len(folds) for folds in problem.folds.values()] == [6, 6]
    assert problem.blocks[VALIDATION][0].startswith("2007-01-03/2007-12")
    assert problem.blocks[TEST][-1].startswith("2018-01-02/2018-12")


def test_what_a_schedule_applies_to_depends_on_the_model() -> None:
    """The linear regression is trained by SGD, the network by Adam."""
    names = {
        model: OBJECTIVE.applies_to(configure(OBJECTIVE, {"model": model, "batch": 8}))
        for model in ("sgd", "mlp")
    }

    assert names["sgd"]["optimizer"] == "sgd"
    assert names["mlp"]["optimizer"] == "adam"
    assert names["mlp"]["batch"] == 8


def test_a_network_forecasts_better_than_the_past() -> None:
    """Trained in earnest, the network has skill on every split."""
    problem = open_problem(model="mlp", hidden=8, folds=1)
    trainer = problem.trainer((0,), 300, (VALIDATION, TEST))
    trainer.train(np.full((1, 300), 0.01))

    assert trainer.evaluate(VALIDATION)["skill"][0] > 0.0
    assert trainer.evaluate(TEST)["skill"][0] > 0.0
