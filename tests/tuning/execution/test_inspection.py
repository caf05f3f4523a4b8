"""Inspection: every promise has a check that fails if it, and it alone, is broken."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.execution.inspection import Check, inspect_objective
from tuning.objectives import TEST, Folders, Objective, Score
from tuning.objectives.base import Arrays, Floats
from tuning.objectives.function import Run, function_objective
from tuning.objectives.lanes import OneByOne, side_by_side
from tuning.objectives.own import Assignment, model_objective, trainer_objective

MEBIBYTE = 2**20


class Model:
    """Descends a noisy bowl; what is wrong with it is its config's flaw."""

    global_random = np.random.default_rng()

    def __init__(self, assignment: Assignment, neighbours: int) -> None:
        self.flaw: str = assignment.config.flaw
        self.random = np.random.default_rng(assignment.seed)
        self.weight = np.ones(3)
        self.neighbours = neighbours
        self.splits = assignment.splits
        self.ballast: Any = None

    def train(self, lrs: Floats) -> None:
        """Descend."""
        if self.flaw == "raises":
            raise RuntimeError("no data\nat all")
        if self.flaw == "memory":
            self.ballast = np.ones(40 * MEBIBYTE // 8)
        for lr in lrs:
            gradient = self.weight + 0.01 * self.random.normal(size=3)
            match self.flaw:
                case "deterministic":
                    gradient += 0.01 * self.global_random.normal()
                case "neighbours":
                    gradient += 1e-9 * self.neighbours
                case "chunks":
                    gradient += 1e-9 * len(lrs)
                case "splits":
                    gradient += 1e-9 * (TEST in self.splits)
                case "zero":
                    self.weight = self.weight * 0.999
                case "learns":
                    gradient = -gradient
            self.weight = self.weight - lr * gradient

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        if self.flaw == "reading" and split == TEST:
            self.weight = self.weight * 0.999
        start = bool((self.weight == 1).all())
        loss = np.inf if self.flaw == "finite" and start else float(self.weight @ self.weight)
        return {"error" if self.flaw == "shapes" else "loss": loss}


@dataclass(frozen=True)
class Config:
    """What is wrong."""

    flaw: str = ""


def make(assignments: Any) -> OneByOne:  # noqa: ANN401
    """Lanes that know how many they are."""
    return OneByOne([Model(one, len(assignments)) for one in assignments])


FLAWED = trainer_objective(
    make,
    name="flawed",
    horizon=50,
    peak=(1e-3, 0.5),
    config_type=Config,
    training_bytes=lambda *_: 8000,
)


def inspected(objective: Objective = FLAWED, **config: Any) -> dict[str, Check]:  # noqa: ANN401
    """The checks by name."""
    return {one.name: one for one in inspect_objective(objective, config)}


def failed(checks: Mapping[str, Check]) -> list[str]:
    """Names of the checks that found something."""
    return [name for name, one in checks.items() if one.passed is False]


def test_a_sound_objective_passes_every_check() -> None:
    """In words with its figures."""
    checks = inspected()
    known = [one.passed for name, one in checks.items() if name != "checkpoints"]
    assert known == [True] * 10
    assert checks["checkpoints"].passed is None
    assert "begins anew" in checks["checkpoints"].words
    assert checks["finite"].words == "3 before the first update"
    assert "untrained, after 50 updates" in checks["learns"].words
    assert "0 MiB declared" in checks["memory"].words
    assert "s for all 50" in checks["speed"].words


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        ("shapes", "BrokenObjective: evaluate('validation') returned error"),
        ("finite", "inf before the first update"),
        ("deterministic", "two trainings under one seed end differently"),
        ("neighbours", "a lane ends differently alone"),
        ("chunks", "updates made in pieces end differently"),
        ("splits", "validation changes when the test split is there"),
        ("zero", "a learning rate of 0 change something"),
        ("learns", "untrained"),
        ("memory", "0 MiB declared"),
    ],
)
def test_a_broken_promise_fails_its_check_alone(flaw: str, told: str) -> None:
    """What rests on it is not judged."""
    checks = inspected(flaw=flaw)
    assert failed(checks) == [flaw]
    assert told in checks[flaw].words


def test_reading_the_test_split_must_not_move_anything() -> None:
    """Not even if its presence alone does not."""
    checks = inspected(flaw="reading")
    assert failed(checks) == ["splits"]
    assert "test split" in checks["splits"].words


def test_what_rests_on_a_broken_promise_is_not_judged() -> None:
    """And it says on which."""
    checks = inspected(flaw="deterministic")
    assert {name for name, one in checks.items() if one.passed is None} == {
        "chunks",
        "checkpoints",
        "neighbours",
        "splits",
        "zero",
    }
    assert checks["chunks"].words == "cannot be judged while `deterministic` fails"
    assert inspected(flaw="shapes")["speed"].passed is None


class Resumed(Model):
    """The same, and may be put down."""

    def __init__(self, assignment: Assignment, neighbours: int) -> None:
        super().__init__(assignment, neighbours)
        self.seed, self.done = assignment.seed, 0

    def train(self, lrs: Floats) -> None:
        """Descend, and count."""
        super().train(lrs)
        self.done += len(lrs)

    def state(self) -> dict[str, Any]:
        """What later updates depend on, unless its flaw is to forget."""
        done = 0 if self.flaw == "state" else self.done
        return {"weight": self.weight, "done": np.array(done)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.weight, self.done = np.array(state["weight"]), int(state["done"])
        self.random = np.random.default_rng(self.seed)
        self.random.normal(size=(self.done, 3))


RESUMED = trainer_objective(
    lambda assignments: side_by_side([Resumed(one, len(assignments)) for one in assignments]),
    name="resumed",
    horizon=50,
    peak=(1e-3, 0.5),
    config_type=Config,
)


def test_a_training_that_can_be_put_down_says_where(tmp_path: Path) -> None:
    """On the disk of whoever trains; one that ends differently then breaks its promise."""
    folders = Folders(cache=tmp_path)
    checks = {one.name: one for one in inspect_objective(RESUMED, {}, folders)}
    words = f"every 30 s in {tmp_path}/checkpoints, on the disk of the worker that trains"
    assert checks["checkpoints"].passed is True
    assert checks["checkpoints"].words.endswith(words)
    assert failed(inspected(RESUMED, flaw="state")) == ["checkpoints"]


def test_code_that_raises_is_told() -> None:
    """The first line of it."""
    checks = inspected(flaw="raises")
    assert failed(checks) == ["shapes"]
    assert checks["shapes"].words == "RuntimeError: no data"


def test_data_that_are_drawn_anew_are_found() -> None:
    """A study's workers would train on other data than each other."""

    def data(config: object, folders: object) -> Arrays:
        del config, folders
        return {"rows": np.random.default_rng().normal(size=3)}

    objective = model_objective(
        lambda one: Model(one, 1),
        name="flawed",
        horizon=50,
        peak=(1e-3, 0.5),
        data=data,
        config_type=Config,
    )
    checks = inspected(objective)
    assert failed(checks) == ["deterministic"]
    assert checks["deterministic"].words == "data opened twice have two hashes"


@pytest.mark.parametrize("score", [Score(), Score("mean", 0.1)])
def test_a_function_passes_though_it_has_no_start(score: Score) -> None:
    """It reports after its first update at the earliest; a mean is of data that pass by."""

    def bowl(run: Run) -> None:
        weight = 1.0
        for step, lr in run:
            weight -= lr * weight
            run.report(step, loss=weight**2)
        if TEST in run.splits:
            run.report(run.horizon, split=TEST, loss=weight**2)

    objective = function_objective(bowl, name="bowl", horizon=50, peak=(1e-3, 0.5), score=score)
    checks = inspected(objective)
    assert failed(checks) == []
    assert checks["finite"].words.startswith("not measured before the first update; 0.9")
    assert checks["zero"].passed is (None if score.kind == "mean" else True)


def test_a_config_that_is_not_allowed_is_an_error() -> None:
    """It says nothing about the objective."""
    with pytest.raises(InvalidValue, match=r"config\.floor"):
        inspected(floor=1)
