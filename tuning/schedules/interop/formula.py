"""Formula: calls whose learning rate is a pure function of the update.

The one idea: such a call says its library's formula twice, as numbers (`rates`) and, where the
algebra has it, as an expression (`node`); reading is the same for all of them. A `Formula` starts
from the optimiser's rate; an `AbsoluteFormula` (Optax, Keras) is the rate itself.
Not here: the calls (one module per framework), which family an expression is (`recognise`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from tuning.schedules.compose import Node, Steps
from tuning.schedules.curves import Floats
from tuning.schedules.interop.base import Imported, LastEpoch, Note, settle
from tuning.schedules.interop.layout import lay_out, updates_with_tail
from tuning.schedules.interop.recognise import recognise


@dataclass(frozen=True)
class Formula(ABC):
    """A call whose rate depends on the optimiser's rate and on the update."""

    last_epoch: LastEpoch = field(default=-1, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The rates of updates `steps` (>= 0, one dimension), as the library computes them."""

    @abstractmethod
    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The same over at least `horizon` updates, or until it stays, if the algebra has it."""

    def notes(self) -> Iterable[Note]:
        """What is worth knowing."""
        return ()

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule with these rates."""
        values = self.rates(base_lr, np.arange(updates_with_tail(horizon)))
        proposals = recognise(self.node(base_lr, horizon), horizon)
        return lay_out(values, horizon, proposals, tuple(self.notes()))


@dataclass(frozen=True)
class AbsoluteFormula(ABC):
    """A call whose rate depends on nothing but the update."""

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def rates(self, steps: Steps) -> Floats:
        """The rates of updates `steps` (>= 0, one dimension), as the library computes them."""

    @abstractmethod
    def node(self, horizon: int) -> Node | None:
        """The same over at least `horizon` updates, or until it stays, if the algebra has it."""

    def notes(self) -> Iterable[Note]:
        """What is worth knowing."""
        return ()

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule with these rates, saying so if they have nothing to do with `base_lr`."""
        values = self.rates(np.arange(updates_with_tail(horizon)))
        proposals = recognise(self.node(horizon), horizon)
        found = lay_out(values, horizon, proposals, tuple(self.notes()))
        if found.schedule.peak == base_lr:
            return found
        message = f"The call sets the rate itself; the base_lr of {base_lr:g} plays no part."
        return replace(found, notes=(*found.notes, Note("absolute_rate", message)))
