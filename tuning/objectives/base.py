"""Contracts between a model-training problem and everything that searches schedules for it.

The one idea: three steps from cheap to dear. An `Objective` is a description that an API can list
and check a config against without training anything; it opens a `Problem`, the data in memory; a
problem makes a `Trainer`, which trains several models side by side, one per lane, under learning
rates given from outside. Whoever trains decides nothing about schedules, splits or stopping.
Not here: which objectives exist (`tuning.objectives.OBJECTIVES`), nor how a block of lanes is
driven and measured (`tuning.execution`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning.errors import UnknownName
from tuning.records import Metric

Floats: TypeAlias = NDArray[np.float64]

VALIDATION = "validation"
TEST = "test"


class Trainer(Protocol):
    """Models in training, one per lane; a lane's bits never depend on its neighbours."""

    def train(self, lrs: Floats) -> None:
        """Make one update per column with the learning rates `lrs`, of shape (lanes, chunk).

        A model that overflows does not raise: its losses are not finite from then on.
        """
        ...

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics of the last iterate on `split`, each of shape (lanes,); changes nothing."""
        ...

    def block_losses(self, split: str) -> Floats:
        """The compared metric per lane and block of `split`, of shape (lanes, blocks)."""
        ...

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        ...


class Problem(Protocol):
    """An objective with its data in memory."""

    @property
    def data_hash(self) -> str:
        """SHA-256 of the data, in hexadecimal: equal if and only if the data are."""
        ...

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the blocks (folds, days, snapshots) that each split is scored on."""
        ...

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """Untrained models, one lane per seed, that `splits` will be evaluated on.

        Equal seeds see the same initial weights and the same data in the same order, whatever
        their learning rates, their neighbours and the other splits (common random numbers).
        """
        ...


class Objective(Protocol):
    """A registered model-training problem, described."""

    @property
    def name(self) -> str:
        """Its name in tables, JSON and the UI."""
        ...

    @property
    def title(self) -> str:
        """A few words for a list."""
        ...

    @property
    def help(self) -> str:
        """What is trained on what, in a paragraph."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What `Trainer.evaluate` returns; the first one is compared."""
        ...

    @property
    def default_horizon(self) -> int:
        """Updates of a full training, if the user names none."""
        ...

    @property
    def peak(self) -> tuple[float, float]:
        """Smallest and largest peak that is looked at, if the user names no range."""
        ...

    @property
    def measurements(self) -> int:
        """Measurements per run, whatever its horizon."""
        ...

    @property
    def optimizer(self) -> Mapping[str, Any]:
        """The optimiser a schedule found here applies to."""
        ...

    @property
    def config_type(self) -> type:
        """Frozen dataclass of the objective's settings: complete defaults, JSON values only."""
        ...

    # Any: a config is of the objective's own config_type, which a table of objectives cannot name.
    def check(self, config: Any, data_folder: Path | None) -> None:  # noqa: ANN401
        """Raise `InvalidValue` (field `config.…`) or `DataError` unless `config` can be opened.

        Reads no more than the data file and trains nothing, so a server may call it in a request.
        """
        ...

    def open(self, config: Any, data_folder: Path | None) -> Problem:  # noqa: ANN401
        """Load the data and lay out the splits; files are sought under `data_folder` only."""
        ...


def configure(objective: Objective, document: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Make `objective`'s config from JSON, filling in defaults.

    Raises `UnknownName` or `InvalidValue` naming `config.<field>` if the field is unknown or its
    value not allowed.
    """
    known = [field.name for field in fields(objective.config_type)]
    for name, value in document.items():
        if name not in known:
            raise UnknownName(f"config.{name}", value, known)
    return objective.config_type(**document)
