"""Contracts between a model-training problem and everything that searches schedules for it.

The one idea: three steps from cheap to dear. An `Objective` is a description that an API can list
and check a config against without training anything; it opens a `Problem`, the data in memory; a
problem makes a `Trainer`, which trains several models side by side, one per lane, under learning
rates given from outside. Whoever trains decides nothing about schedules, splits or stopping.
Not here: which objectives exist (`tuning.objectives.OBJECTIVES`), nor how a block of lanes is
driven, measured and scored (`tuning.execution`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, final, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue, UnknownName
from tuning.objectives.needs import ONE_CORE, Needs
from tuning.records import MAX_HORIZON, Metric, check_integer, check_number

Floats: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = Mapping[str, NDArray[Any]]  # Any: states hold arrays of any dtype

VALIDATION = "validation"
TEST = "test"

MAX_MEASUREMENTS = 10_000

JAX = ("jax", "jaxlib", "optax")  # packages of an objective that trains on the engine


class Trainer(Protocol):
    """Models in training, one per lane; a lane's bits never depend on its neighbours."""

    def train(self, lrs: Floats) -> None:
        """Make one update per column with the learning rates `lrs`, of shape (lanes, chunk).

        A model that overflows does not raise: its losses are not finite from then on.
        """
        ...

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics on `split`, each of shape (lanes,); changes nothing.

        They are those of the last iterate or, if the objective is scored by a mean and the losses
        arise in passing, of the updates of the last `train`.
        """
        ...

    def block_losses(self, split: str) -> Floats:
        """The compared metric per lane and block of `split`, of shape (lanes, blocks)."""
        ...

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A trainer that can be put down and taken up again, to the last bit."""

    def state(self) -> Arrays:
        """Everything that later updates and evaluations depend on.

        Arrays have the lanes on their first axis; what all lanes share has no axes.
        """
        ...

    def restore(self, state: Arrays) -> None:
        """Go on from what `state` returned, in a trainer made for the lanes that it holds."""
        ...


class Problem(Protocol):
    """An objective with its data in memory."""

    @property
    def data_hash(self) -> str | None:
        """SHA-256 of the data, all splits, in hexadecimal: equal if and only if the data are.

        None if nobody can tell, since the training code reads them by itself.
        """
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


@runtime_checkable
class Paced(Protocol):
    """A problem in which several updates belong together, such as all those on one snapshot."""

    @property
    def unit(self) -> int:
        """Updates that belong together: measurements fall on multiples of it."""
        ...


@runtime_checkable
class Segmented(Protocol):
    """A problem whose splits are trained on one by one, each for as long as it lasts."""

    def horizon(self, split: str, horizon: int) -> int:
        """Updates of the training that is scored on `split`, if `horizon` is the study's."""
        ...


@runtime_checkable
class Solved(Protocol):
    """A problem whose answer is known; no search may look."""

    def optimum(self, horizon: int, split: str) -> float:
        """The smallest value of the compared metric that any schedule reaches."""
        ...

    def broken_bound(self, loss: float, horizon: int, split: str) -> float | None:
        """The bound that a final value of the compared metric lies below; None if it is possible.

        A run that ends below it fails: whatever went wrong, it is not a result.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Score:
    """What counts of a run: its last iterate, or the mean over a segment of its updates.

    Args:
        kind: `last`, or `mean` of the measurements beyond `begin`, weighted by the updates that
            each stands for.
        begin: where the segment begins, as a fraction of the horizon, from 0 to below 1.
    """

    kind: Literal["last", "mean"] = "last"
    begin: float = 0.0

    def __post_init__(self) -> None:
        """Refuse an unknown kind, and a segment without updates."""
        if self.kind not in {"last", "mean"}:
            raise UnknownName("score.kind", self.kind, ("last", "mean"))
        if check_number("score.begin", self.begin, 0.0, 1.0) == 1.0:
            raise InvalidValue("score.begin", self.begin, "a number from 0 to below 1")

    def first_update(self, horizon: int) -> int:
        """The first update of the segment.

        >>> Score("mean", 0.29).first_update(100)
        29
        """
        return int(self.begin * horizon + 1e-9)  # 0.29 times 100 is less than 29 in floats


LAST = Score()


@final
@dataclass(frozen=True, slots=True)
class Folders:
    """Where an objective may read and keep files.

    Args:
        data: where data files named in a config may lie; None allows none.
        cache: where what is dear to make is kept for the next time; None keeps nothing.
        datasets: where uploaded datasets lie, by id; None allows none.
    """

    data: Path | None = None
    cache: Path | None = None
    datasets: Path | None = None


NO_FOLDERS = Folders()


@final
@dataclass(frozen=True, slots=True)
class NoConfig:
    """The settings of an objective that has none."""


@final
@dataclass(frozen=True, slots=True)
class AnyConfig:
    """The settings of an objective that only its trainer knows: any JSON values by name."""

    values: Mapping[str, Any] = field(default_factory=dict)


# A config is of the objective's own config_type, which a table of objectives cannot name.
Config: TypeAlias = Any


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A registered model-training problem, described.

    Args:
        name: its name in tables, JSON and the UI.
        title: a few words for a list.
        help: what is trained on what, in a paragraph.
        metrics: what `Trainer.evaluate` returns; the first one is compared.
        default_horizon: updates of a full training, if the user names none.
        peak: smallest and largest peak that is looked at, if the user names no range.
        optimizer: the optimiser a schedule found here applies to, with its settings.
        settings: what of that a config decides; None if nothing.
        open: loads the data and lays out the splits; files lie in the folders only.
        config_type: frozen dataclass of the settings: complete defaults, JSON values only.
        inspect: checks what `open` would, training nothing and making nothing dear, so that a
            server may call it in a request; None if the config's own checks are enough.
        measurements: measurements per run, whatever its horizon.
        score: what counts of a run.
        rungs: shorter horizons, as rising fractions of the full one, over which the problem is
            the same in small; none if a shorter training is another problem.
        hard_cap: the largest learning rate that makes sense under a config; None if none is known.
        fixed_horizon: the one horizon that the data allow; None if any is possible.
        trains_per_split: whether each split has a training of its own, as in walk-forward.
        training_bytes: memory that a training takes at most beside its data, from the open
            problem, the number of lanes and a horizon; it must not fall as lanes are added. None
            if nobody knows.
        packages: what its figures depend on beside NumPy, as pip spells it; the versions are kept
            with every run.
        dataset: the kind of dataset that the setting `dataset` of a config names, a name in
            `tuning.objectives.datasets.KINDS`; None if there is no such setting.
        needs: what a training process takes of a machine, for whoever places them.
    """

    name: str
    title: str
    help: str
    metrics: tuple[Metric, ...]
    default_horizon: int
    peak: tuple[float, float]
    optimizer: Mapping[str, Any]  # Any: JSON values
    open: Callable[[Config, Folders], Problem]
    config_type: type = NoConfig
    settings: Callable[[Config], Mapping[str, Any]] | None = None
    inspect: Callable[[Config, Folders], object] | None = None
    measurements: int = 20
    score: Score = LAST
    rungs: tuple[float, ...] = ()
    hard_cap: Callable[[Config], float] | None = None
    fixed_horizon: Callable[[Config, Folders], int] | None = None
    trains_per_split: bool = False
    # Any: each objective knows its own problem.
    training_bytes: Callable[[Any, int, int], int] | None = None
    packages: tuple[str, ...] = ()
    dataset: str | None = None
    needs: Needs = ONE_CORE

    def __post_init__(self) -> None:
        """Refuse a description that does not hold together, naming the field."""
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) < len(names) or "lr" in names:
            raise InvalidValue("metrics", names, "distinct names but `lr`, at least one")
        check_integer("default_horizon", self.default_horizon, 1, MAX_HORIZON)
        check_integer("measurements", self.measurements, 1, MAX_MEASUREMENTS)
        low, high = self.peak
        if not 0.0 < low <= high < np.inf:
            raise InvalidValue("peak", self.peak, "two positive numbers, low <= high")
        rising = all(one < other for one, other in zip(self.rungs, self.rungs[1:], strict=False))
        if not rising or not all(0.0 < rung < 1.0 for rung in self.rungs):
            raise InvalidValue("rungs", self.rungs, "rising fractions between 0 and 1")
        if not is_dataclass(self.config_type):
            raise InvalidValue("config_type", self.config_type, "a frozen dataclass")
        object.__setattr__(self, "optimizer", MappingProxyType(dict(self.optimizer)))

    def check(self, config: Config, folders: Folders) -> None:
        """Raise `InvalidValue` (field `config.…`) or `DataError` if `config` cannot be opened."""
        if self.inspect is not None:
            self.inspect(config, folders)

    def applies_to(self, config: Config) -> dict[str, Any]:
        """The optimiser that a schedule found under `config` is for, with its settings."""
        return {**self.optimizer, **({} if self.settings is None else self.settings(config))}

    def horizon(self, config: Config, folders: Folders, asked: int | None = None) -> int:
        """Updates of a full training: those asked for, or the objective's own.

        Raises `InvalidValue` naming `horizon` if it is not from 1 to 10,000,000, or if the data
        allow no other than their own.
        """
        if asked is not None:
            check_integer("horizon", asked, 1, MAX_HORIZON)
        if self.fixed_horizon is None:
            return self.default_horizon if asked is None else asked
        only = self.fixed_horizon(config, folders)
        if asked not in {None, only}:
            raise InvalidValue("horizon", asked, f"{only:,}, which these data last, or none")
        return only

    def cap(self, config: Config) -> float:
        """The largest learning rate allowed under `config`; infinite if there is no such limit."""
        return np.inf if self.hard_cap is None else self.hard_cap(config)


def configure(objective: Objective, document: Mapping[str, Any]) -> Config:
    """Make `objective`'s config from JSON, filling in defaults.

    Raises `UnknownName` or `InvalidValue` naming `config.<field>` if the field is unknown or its
    value not allowed, `InvalidValue` naming `config` if there are no settings.

    >>> from tuning.objectives import find
    >>> configure(find("regime_rugged"), {"jumps": 3})
    Config(jumps=3, irregular=False, noise=2.0, replicas=200)
    """
    if objective.config_type is AnyConfig:
        return AnyConfig(document)
    known = [one.name for one in fields(objective.config_type)]
    for name in document:
        if not known:
            raise InvalidValue("config", name, "nothing, for the objective has no settings")
        if name not in known:
            raise UnknownName(f"config.{name}", name, known)
    return objective.config_type(**document)


def write_config(config: Config) -> dict[str, Any]:
    """A config as the JSON object that `configure` makes it of, complete."""
    return dict(config.values) if isinstance(config, AnyConfig) else asdict(config)
