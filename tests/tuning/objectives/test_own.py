"""A user's own classes as objectives, and lanes that can be put down."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.objectives import (
    NO_FOLDERS,
    TEST,
    VALIDATION,
    Objective,
    Resumable,
    Trainer,
    configure,
)
from tuning.objectives.base import Arrays, Floats
from tuning.objectives.cached import hash_arrays
from tuning.objectives.lanes import side_by_side
from tuning.objectives.own import (
    Assignment,
    Description,
    model_objective,
    trainer_objective,
)

SHIFT = {VALIDATION: 0.0, TEST: 1.0}


class Bowl:
    """Gradient descent on x^2 / 2 from a start of the seed."""

    def __init__(self, assignment: Assignment) -> None:
        self.weight = np.array(float(assignment.seed))

    def train(self, lrs: Floats) -> None:
        """Descend."""
        for lr in lrs:
            self.weight = self.weight * (1 - lr)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        return {"loss": 0.5 * float(self.weight) ** 2 + SHIFT[split], "weight": float(self.weight)}


class ResumableBowl(Bowl):
    """One that can be put down, and has blocks."""

    def state(self) -> Arrays:
        """The weight."""
        return {"weight": self.weight}

    def restore(self, state: Arrays) -> None:
        """Take it up."""
        self.weight = state["weight"]

    def block_losses(self, split: str) -> Sequence[float]:
        """Two of them."""
        return [SHIFT[split], float(self.weight)]


class Bowls:
    """All lanes at once."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self.weights = np.array([float(one.seed) for one in assignments])

    def train(self, lrs: Floats) -> None:
        """Descend."""
        for column in lrs.T:
            self.weights = self.weights * (1 - column)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Heights."""
        return {"loss": 0.5 * self.weights**2 + SHIFT[split]}

    def block_losses(self, split: str) -> Floats:
        """The same."""
        return self.evaluate(split)["loss"][:, None]

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop the others."""
        self.weights = self.weights[list(lanes)]


def data(config: object, folders: object) -> Arrays:
    """Any."""
    del config, folders
    return {"rows": np.arange(3.0)}


def of(objective: Objective, seeds: Sequence[int] = (1, 2, 3)) -> Trainer:
    """Its lanes."""
    return objective.open(objective.config_type(), NO_FOLDERS).trainer(seeds, 10, (VALIDATION,))


BOWL = model_objective(Bowl, name="bowl", horizon=10, peak=(1e-3, 1.0), data=data)
RESUMABLE = model_objective(
    ResumableBowl, name="bowl", horizon=10, peak=(1e-3, 1.0), blocks={VALIDATION: ("a", "b")}
)
VECTORIZED = trainer_objective(Bowls, name="bowls", horizon=10, peak=(1e-3, 1.0))
RATES = np.linspace(0.0, 0.5, 30).reshape(3, 10)


def test_a_class_for_one_model_has_lanes() -> None:
    """Each trains with its own rates; a dropped one disturbs nobody."""
    trainer, vectorized = of(BOWL), of(VECTORIZED)
    for one in (trainer, vectorized):
        one.train(RATES[:, :4])
        one.keep([0, 2])
        one.train(RATES[[0, 2], 4:])

    expected = 0.5 * (np.array([1, 3]) * np.prod(1 - RATES[[0, 2]], axis=1)) ** 2
    np.testing.assert_allclose(trainer.evaluate(VALIDATION)["loss"], expected)
    np.testing.assert_allclose(vectorized.evaluate(VALIDATION)["loss"], expected)


def test_without_blocks_the_compared_metric_is_the_one_block() -> None:
    """The first metric, on the split that is asked for."""
    trainer = of(BOWL)
    assert (trainer.block_losses(TEST)[:, 0] == trainer.evaluate(TEST)["loss"]).all()
    problem = BOWL.open(BOWL.config_type(), NO_FOLDERS)
    assert dict(problem.blocks) == {VALIDATION: ("all",), TEST: ("all",)}


def test_blocks_are_the_models_own() -> None:
    """If it has any."""
    assert of(RESUMABLE).block_losses(TEST).tolist() == [[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]


def test_every_lane_is_told_what_is_its_own() -> None:
    """Seed, horizon, splits, config and data."""
    told: list[Assignment] = []

    def make(assignment: Assignment) -> Bowl:
        told.append(assignment)
        return Bowl(assignment)

    objective = model_objective(make, name="bowl", horizon=10, peak=(1e-3, 1.0), data=data)
    of(objective)
    assert [one.seed for one in told] == [1, 2, 3]
    assert {(one.horizon, one.splits) for one in told} == {(10, (VALIDATION,))}
    assert told[0].data["rows"] is told[1].data["rows"]
    assert not told[0].data["rows"].flags.writeable


def test_data_are_hashed() -> None:
    """Equal data, equal hash; who reads them by itself has none, rather than that of nothing."""
    problem = BOWL.open(BOWL.config_type(), NO_FOLDERS)
    assert problem.data_hash == hash_arrays(data(None, None))
    assert RESUMABLE.open(RESUMABLE.config_type(), NO_FOLDERS).data_hash is None


def test_lanes_are_resumable_if_all_their_models_are() -> None:
    """A single one that is not makes none of them."""
    assert isinstance(of(RESUMABLE), Resumable)
    assert not isinstance(of(BOWL), Resumable)
    told = Assignment(seed=1, horizon=10, splits=(VALIDATION,), config=None, data={})
    assert not isinstance(side_by_side([ResumableBowl(told), Bowl(told)]), Resumable)


def test_lanes_go_on_from_their_state() -> None:
    """In new models, after some were dropped, to the last bit."""
    whole, first, second = of(RESUMABLE), of(RESUMABLE), of(RESUMABLE, (1, 3))
    assert isinstance(first, Resumable)
    assert isinstance(second, Resumable)
    first.train(RATES[:, :4])
    first.keep([0, 2])
    second.restore(first.state())
    first.train(RATES[[0, 2], 4:])
    second.train(RATES[[0, 2], 4:])
    whole.train(RATES)

    assert second.evaluate(VALIDATION)["loss"].tolist() == [
        whole.evaluate(VALIDATION)["loss"][lane] for lane in (0, 2)
    ]
    assert (first.block_losses(VALIDATION) == second.block_losses(VALIDATION)).all()


def test_whatever_an_objective_knows_may_be_described() -> None:
    """A field that is added to `Objective` is one here too."""
    own = {"name", "default_horizon", "peak", "open"}
    assert {field.name for field in fields(Objective)} - own == set(Description.__annotations__)


def test_a_description_that_does_not_hold_together_is_refused() -> None:
    """As for any objective."""
    with pytest.raises(InvalidValue, match="peak"):
        model_objective(Bowl, name="bowl", horizon=10, peak=(1.0, 0.1))


def test_describing_objectives_loads_no_training_library() -> None:
    """A server that lists them can do without; only opening one needs it."""
    modules = "tuning.objectives.function, tuning.objectives.own, tuning.objectives.torch_module"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "jax", "sklearn", "scipy", "pandas"} & set(done.stdout.split())


def test_an_objective_without_settings_says_so() -> None:
    """Rather than that a value must be one of none."""
    objective = model_objective(Bowl, name="bowl", horizon=10, peak=(0.1, 1.0))
    with pytest.raises(InvalidValue, match=r"^config: 'depth' .* has no settings$"):
        configure(objective, {"depth": 3})
