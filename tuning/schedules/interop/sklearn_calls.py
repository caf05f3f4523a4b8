"""scikit-learn: the learning rates of its estimators trained by SGD.

The one idea: an update is one sample, counted from 1; the rate is constant, a power of the count,
or its inverse from a start that `alpha` sets. `adaptive` listens to the loss of whole epochs.
Not here: code for scikit-learn (`sklearn_code`).
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Ramp, Steps, hold
from tuning.schedules.curves import Floats
from tuning.schedules.families import Adaptive, Constant
from tuning.schedules.interop.base import Calls, Imported, Note, Optional, PositiveRate, settle
from tuning.schedules.interop.formula import AbsoluteFormula
from tuning.schedules.interop.torch_feedback import OPEN_LOOP
from tuning.schedules.limits import Integer, Number
from tuning.schedules.schedule import Schedule

Rule = Literal["constant", "invscaling", "optimal", "adaptive"]
Power = Annotated[float, Number(-10.0, 10.0)]
Alpha = Annotated[float, Number(0.0, 1e6)]
Patience = Annotated[int, Integer(1, 10_000)]
Tolerance = Annotated[float, Number()]
Label = Annotated[object, lambda _, value: value]  # without influence on the rate

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


def read_sgd(
    formula: Sgd, patience: int, tolerance: float, base_lr: float, horizon: int
) -> Imported:
    """The schedule of a rule; the adaptive one is a family that listens."""
    if formula.rule != "adaptive":
        return formula.read(base_lr, horizon)
    family = Adaptive(
        formula.eta0,
        patience=patience,
        threshold=tolerance,
        min_gain=min(1.0, SMALLEST / formula.eta0),
    )
    epochs = Note("epochs", "A metric is the mean loss of one epoch; an update is one sample.")
    return Imported(Schedule(family, horizon), (OPEN_LOOP, epochs))


@final
@dataclass(frozen=True, kw_only=True)
class SGDRegressor:
    """sklearn.linear_model.SGDRegressor."""

    learning_rate: Rule = "invscaling"
    eta0: PositiveRate = 0.01
    power_t: Power = 0.25
    alpha: Alpha = 1e-4
    n_iter_no_change: Patience = 5
    tol: Tolerance = 1e-3
    loss: Label = "squared_error"
    penalty: Label = "l2"

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The rates of single samples."""
        formula = Sgd(self.learning_rate, self.eta0, self.power_t, self.alpha)
        return read_sgd(formula, self.n_iter_no_change, self.tol, base_lr, horizon)


@final
@dataclass(frozen=True, kw_only=True)
class SGDClassifier:
    """sklearn.linear_model.SGDClassifier; the loss has no influence on the optimal rule."""

    learning_rate: Rule = "optimal"
    eta0: PositiveRate = 0.01
    power_t: Power = 0.5
    alpha: Alpha = 1e-4
    n_iter_no_change: Patience = 5
    tol: Tolerance = 1e-3
    loss: Label = "hinge"
    penalty: Label = "l2"

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The rates of single samples."""
        formula = Sgd(self.learning_rate, self.eta0, self.power_t, self.alpha)
        return read_sgd(formula, self.n_iter_no_change, self.tol, base_lr, horizon)


@final
@dataclass(frozen=True, kw_only=True)
class MLP:
    """MLPRegressor and MLPClassifier with solver "sgd"; `base_lr` is learning_rate_init.

    Their `invscaling` counts samples but moves once an epoch, so it needs the size of the data; it
    is not read.
    """

    learning_rate: Literal["constant", "adaptive"] = "constant"
    learning_rate_init: Annotated[float | None, Optional(Number(0.0, 1e100, above=True))] = None
    n_iter_no_change: Patience = 10
    tol: Tolerance = 1e-4
    solver: Literal["sgd"] = "sgd"

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """One rate, or the family that listens; it waits for one bad epoch more than SGD."""
        rate = base_lr if self.learning_rate_init is None else self.learning_rate_init
        if self.learning_rate == "constant":
            return Imported(Schedule(Constant(rate), horizon))
        formula = Sgd("adaptive", rate, 0.5, 0.0)
        return read_sgd(formula, self.n_iter_no_change + 1, self.tol, base_lr, horizon)


CALLS: Calls = MappingProxyType(
    {
        "SGDRegressor": SGDRegressor,
        "SGDClassifier": SGDClassifier,
        "MLPRegressor": MLP,
        "MLPClassifier": MLP,
    }
)
