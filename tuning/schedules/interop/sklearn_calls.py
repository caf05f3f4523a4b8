"""scikit-learn: the learning rates of its estimators trained by SGD.

The one idea: an update of a linear model is one sample, counted from 1; the rate is constant, a
power of the count, or its inverse from a start that `alpha` sets. An update of a perceptron is one
batch, and its rate moves once an epoch, by the count of samples. `adaptive` listens to the loss of
whole epochs, or to a score that should rise where `early_stopping` holds data back.
Not here: code for scikit-learn (`sklearn_code`).
"""

from abc import ABC
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Ramp, Steps, hold
from tuning.schedules.curves import Floats
from tuning.schedules.families import Adaptive
from tuning.schedules.interop.base import (
    Calls,
    Count,
    Imported,
    Label,
    Note,
    Optional,
    PositiveRate,
    settle,
)
from tuning.schedules.interop.formula import AbsoluteFormula
from tuning.schedules.interop.listening import listens
from tuning.schedules.interop.pieces import levels_of
from tuning.schedules.limits import Flag, Integer, Number
from tuning.schedules.schedule import MAX_HORIZON

Rule = Literal["constant", "invscaling", "optimal", "adaptive"]
Power = Annotated[float, Number(-10.0, 10.0)]
Alpha = Annotated[float, Number(0.0, 1e6)]
Patience = Annotated[int, Integer(1, 10_000)]
Tolerance = Annotated[float, Number()]
Switch = Annotated[bool, Flag()]

LARGEST_BATCH = 200  # of those that scikit-learn chooses itself
SMALLEST = 1e-6  # the rate at which `adaptive` stops instead of dividing again


@final
@dataclass(frozen=True)
class Sgd(AbsoluteFormula):
    """The rate of one rule of SGD, after checks."""

    rule: Rule
    eta0: PositiveRate
    power_t: Power
    alpha: Alpha

    def __post_init__(self) -> None:
        """Refuse the optimal rule without regularisation, as scikit-learn does."""
        super().__post_init__()
        if self.rule == "optimal" and self.alpha == 0.0:
            raise InvalidValue("alpha", self.alpha, "above 0 for the optimal rule")

    @property
    def _start(self) -> float:
        """t0 of the optimal rule: the first rate is what suits weights of a typical size."""
        return 1.0 / (float(np.sqrt(1.0 / np.sqrt(self.alpha))) * self.alpha)

    def rates(self, steps: Steps) -> Floats:
        """The rate of sample t + 1."""
        count = steps.astype(np.float64)
        rates = np.full(steps.shape, self.eta0)
        if self.rule == "invscaling":
            rates = self.eta0 / np.power(count + 1.0, self.power_t)
        if self.rule == "optimal":
            rates = np.divide(1.0, self.alpha * (self._start + count))
        return rates

    def node(self, horizon: int) -> Node | None:
        """A power of time is a power mean."""
        first, last = self.rates(np.array([0, horizon])).tolist()
        if self.rule == "optimal":
            return Ramp(horizon, first, last, order=-1.0)
        if self.rule == "invscaling" and self.power_t != 0.0:
            return (
                Ramp(horizon, first, last, order=-1.0 / self.power_t) if self.power_t > 0 else None
            )
        return hold(horizon, self.eta0)


@final
@dataclass(frozen=True)
class Epochs(AbsoluteFormula):
    """A rate that falls with a power of the samples seen, once an epoch."""

    rate: PositiveRate
    power_t: Power
    samples: Count
    updates: Count

    def rates(self, steps: Steps) -> Floats:
        """P / (e n + 1)^p in epoch e of n samples."""
        seen = (steps // self.updates * self.samples).astype(np.float64)
        rates: Floats = self.rate / np.power(seen + 1.0, self.power_t)
        return rates

    def node(self, horizon: int) -> Node | None:
        """A level for each epoch."""
        return levels_of(self.rates(np.arange(horizon)))


@dataclass(frozen=True, slots=True)
class Batch:
    """A limit: samples of a batch, or "auto"."""

    def __call__(self, field: str, value: object) -> int | str:
        """Return the number, or the word."""
        return "auto" if value == "auto" else Integer(1, MAX_HORIZON)(field, value)


def read_adaptive(
    rate: float, patience: int, tolerance: float, horizon: int, *, on_score: bool
) -> Imported:
    """The family that listens, whatever was given."""
    family = Adaptive(
        rate,
        patience=patience,
        threshold=tolerance,
        min_gain=min(1.0, SMALLEST / rate),
        mode="max" if on_score else "min",
    )
    what = "validation score" if on_score else "mean loss, penalties included,"
    return listens(family, horizon, Note("epochs", f"A metric is the {what} of one epoch."))


@dataclass(frozen=True, kw_only=True)
class LinearModel(ABC):
    """A linear model trained by SGD: what both take."""

    learning_rate: Rule
    eta0: PositiveRate = 0.01
    power_t: Power
    alpha: Alpha = 1e-4
    n_iter_no_change: Patience = 5
    tol: Tolerance = 1e-3
    early_stopping: Switch = False
    loss: Label
    penalty: Label = "l2"
    l1_ratio: Label = 0.15
    fit_intercept: Label = True
    max_iter: Label = 1000
    shuffle: Label = True
    verbose: Label = 0
    epsilon: Label = 0.1
    random_state: Label = None
    validation_fraction: Label = 0.1
    warm_start: Label = False
    average: Label = False

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The rates of single samples."""
        if self.learning_rate == "adaptive":
            given = (self.eta0, self.n_iter_no_change, self.tol)
            return read_adaptive(*given, horizon, on_score=self.early_stopping)
        formula = Sgd(self.learning_rate, self.eta0, self.power_t, self.alpha)
        return formula.read(base_lr, horizon)


@final
@dataclass(frozen=True, kw_only=True)
class SGDRegressor(LinearModel):
    """sklearn.linear_model.SGDRegressor."""

    learning_rate: Rule = "invscaling"
    power_t: Power = 0.25
    loss: Label = "squared_error"


@final
@dataclass(frozen=True, kw_only=True)
class SGDClassifier(LinearModel):
    """sklearn.linear_model.SGDClassifier; the loss has no influence on the optimal rule."""

    learning_rate: Rule = "optimal"
    power_t: Power = 0.5
    loss: Label = "hinge"
    n_jobs: Label = None
    class_weight: Label = None


@final
@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """MLPRegressor and MLPClassifier; `base_lr` is learning_rate_init where that is not given.

    `n_samples` is not the library's: the samples of an epoch, without those that early stopping
    holds back. Only invscaling needs it.
    """

    learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant"
    learning_rate_init: Annotated[float | None, Optional(Number(0.0, 1e100, above=True))] = None
    power_t: Power = 0.5
    batch_size: Annotated[int | str, Batch()] = "auto"
    n_samples: Annotated[int | None, Optional(Integer(1, MAX_HORIZON))] = None
    n_iter_no_change: Patience = 10
    tol: Tolerance = 1e-4
    early_stopping: Switch = False
    solver: Literal["sgd", "adam"] = "adam"
    hidden_layer_sizes: Label = (100,)
    activation: Label = "relu"
    loss: Label = "squared_error"
    alpha: Label = 1e-4
    max_iter: Label = 200
    shuffle: Label = True
    random_state: Label = None
    verbose: Label = False
    warm_start: Label = False
    momentum: Label = 0.9
    nesterovs_momentum: Label = True
    validation_fraction: Label = 0.1
    beta_1: Label = 0.9
    beta_2: Label = 0.999
    epsilon: Label = 1e-8
    max_fun: Label = 15000

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        if self._rule == "invscaling" and self.n_samples is None:
            allowed = "an integer: the rate falls with the samples of the epochs"
            raise InvalidValue("n_samples", None, allowed)

    @property
    def _rule(self) -> str:
        """Adam's rate is constant whatever rule is asked for."""
        return self.learning_rate if self.solver == "sgd" else "constant"

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The rates of batches; the adaptive rule waits for one bad epoch more than SGD's."""
        rate = base_lr if self.learning_rate_init is None else self.learning_rate_init
        if self._rule == "adaptive":
            given = (rate, self.n_iter_no_change + 1, self.tol)
            return read_adaptive(*given, horizon, on_score=self.early_stopping)
        samples = self.n_samples or 1
        power = self.power_t if self._rule == "invscaling" else 0.0
        found = Epochs(rate, power, samples, self._updates(samples)).read(base_lr, horizon)
        if self._rule == self.learning_rate:
            return found
        ignored = Note("ignored", "learning_rate is for the solver sgd; Adam's rate is constant.")
        return replace(found, notes=(*found.notes, ignored))

    def _updates(self, samples: int) -> int:
        """Batches of an epoch, the last of which may be smaller."""
        size = LARGEST_BATCH if self.batch_size == "auto" else int(self.batch_size)
        return -(-samples // min(size, samples))


CALLS: Calls = MappingProxyType(
    {
        "SGDRegressor": SGDRegressor,
        "SGDClassifier": SGDClassifier,
        "MLPRegressor": Perceptron,
        "MLPClassifier": Perceptron,
    }
)
