"""Own: a user's own trainer, or a class for one model, as an `Objective`.

The one idea: whatever trains is made from one `Assignment` per lane (seed, horizon, splits, config,
data), and everything else about an objective has a default, so that one call describes it.
Not here: a plain function as an objective (`tuning.objectives.function`), a PyTorch module
(`tuning.objectives.torch_module`), nor how objectives are found (`tuning.objectives.load`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypedDict, Unpack, final

import numpy as np

from tuning.objectives.base import (
    TEST,
    VALIDATION,
    Arrays,
    Config,
    Folders,
    Objective,
    Score,
    Trainer,
)
from tuning.objectives.cached import hash_arrays
from tuning.objectives.lanes import Model, side_by_side
from tuning.objectives.needs import Needs
from tuning.records import Metric

LOSS = Metric("loss")
ONE_BLOCK: Mapping[str, tuple[str, ...]] = MappingProxyType({VALIDATION: ("all",), TEST: ("all",)})

Data = Callable[[Config, Folders], Arrays]


class Description(TypedDict, total=False):
    """What may be said of an own objective beyond the necessary; see `Objective`."""

    title: str
    help: str
    metrics: tuple[Metric, ...]
    optimizer: Mapping[str, Any]  # Any: JSON values
    settings: Callable[[Config], Mapping[str, Any]] | None
    config_type: type
    inspect: Callable[[Config, Folders], object] | None
    measurements: int
    score: Score
    rungs: tuple[float, ...]
    hard_cap: Callable[[Config], float] | None
    fixed_horizon: Callable[[Config, Folders], int] | None
    trains_per_split: bool
    training_bytes: Callable[[Any, int, int], int] | None
    packages: tuple[str, ...]
    dataset: str | None
    needs: Needs


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """What one lane is told before its first update.

    Args:
        seed: decides initial weights and data order, and nothing else may.
        horizon: updates in all.
        splits: what it will be scored on, the compared one first.
        config: of the objective's `config_type`.
        data: arrays by name, made once for all lanes; read only.
    """

    seed: int
    horizon: int
    splits: tuple[str, ...]
    config: Config
    data: Arrays


def trainer_objective(
    make_trainer: Callable[[Sequence[Assignment]], Trainer],
    *,
    name: str,
    horizon: int,
    peak: tuple[float, float],
    data: Data | None = None,
    blocks: Mapping[str, tuple[str, ...]] = ONE_BLOCK,
    **described: Unpack[Description],
) -> Objective:
    """An objective out of a trainer of all lanes at once.

    Args:
        make_trainer: makes a `Trainer` from one assignment per lane, which differ in the seed.
        name: how it is asked for.
        horizon: updates of a full training, unless a study wants others.
        peak: smallest and largest learning rate worth a look.
        data: makes the arrays of a config, once; its files lie in the folders. Their hash is kept
            with every run.
        blocks: names of the blocks that each split is scored on.
        described: anything else that `Objective` knows; the metric is `loss` by default.

    Raises InvalidValue if the description does not hold together.
    """

    def open_problem(config: Config, folders: Folders) -> OwnProblem:
        arrays = {} if data is None else dict(data(config, folders))
        return OwnProblem(
            data_hash=None if data is None else hash_arrays(arrays),
            blocks=blocks,
            make_trainer=make_trainer,
            config=config,
            data={key: _shared(array) for key, array in arrays.items()},
        )

    given: Description = {
        "title": name,
        "help": f"Your own objective {name}.",
        "metrics": (LOSS,),
        "optimizer": {"optimizer": f"the one of {name}"},
    }
    given.update(described)
    return Objective(name=name, default_horizon=horizon, peak=peak, open=open_problem, **given)


def model_objective(
    make_model: Callable[[Assignment], Model],
    *,
    name: str,
    horizon: int,
    peak: tuple[float, float],
    data: Data | None = None,
    blocks: Mapping[str, tuple[str, ...]] = ONE_BLOCK,
    **described: Unpack[Description],
) -> Objective:
    """An objective out of a class for one model; its lanes are trained one by one.

    Args:
        make_model: makes one untrained model. It has `train(lrs)` and `evaluate(split)`, and may
            have `block_losses(split)` and, to go on after a crash, `state()` and `restore(state)`.
        name: how it is asked for.
        horizon: updates of a full training, unless a study wants others.
        peak: smallest and largest learning rate worth a look.
        data: makes the arrays of a config, once.
        blocks: names of the blocks that each split is scored on.
        described: anything else that `Objective` knows; the metric is `loss` by default.
    """
    return trainer_objective(
        lambda assignments: side_by_side([make_model(one) for one in assignments]),
        name=name,
        horizon=horizon,
        peak=peak,
        data=data,
        blocks=blocks,
        **described,
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnProblem:
    """A `Problem` whose trainers are made by a user's own code."""

    data_hash: str | None
    blocks: Mapping[str, tuple[str, ...]]
    make_trainer: Callable[[Sequence[Assignment]], Trainer]
    config: Config
    data: Arrays

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """Untrained models, one lane per seed."""
        return self.make_trainer(
            [
                Assignment(
                    seed=seed, horizon=horizon, splits=splits, config=self.config, data=self.data
                )
                for seed in seeds
            ]
        )


def _shared(array: np.ndarray) -> np.ndarray:
    """The same numbers, which no lane can change for the others."""
    view = np.asarray(array).view()
    view.setflags(write=False)
    return view
