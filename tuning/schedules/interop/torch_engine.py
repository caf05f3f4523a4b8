"""The engine of PyTorch's schedulers: how they step, undo, restart and meet in one optimiser.

The one idea: a composite of PyTorch is whatever its objects do to `group["lr"]`, so it is played,
object by object: made in order, undone, begun, stepped. Recursive schedulers multiply what they
find, absolute ones overwrite it; nesting steps twice where it should once (pytorch #196243). All of
that follows from the same few methods PyTorch has, and nothing is repaired.
Not here: the formulas of each scheduler (`torch_calls`).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, final

import numpy as np

from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats

Formula: TypeAlias = Callable[[Steps], Floats]

EARLIEST = 32  # more than the levels of a composite, each of which may undo or step one too many


class Refused(Exception):
    """PyTorch raises at this step."""


@final
@dataclass
class Optimizer:
    """The one parameter group whose learning rate is scheduled.

    Args:
        lr: the learning rate now.
        updates: how many updates will be played.
        initial: PyTorch's `initial_lr`, set by the first scheduler made; OneCycleLR rewrites it.
        cycle: start, peak and end of the last OneCycleLR made, which all of them use.
        average: the rate of the last SWALR made, likewise.
        momenta: start, middle and end of the momentum of the last cycle made that moves it.
        momentum: the momentum now, once a scheduler moves it.
    """

    lr: float
    updates: int
    initial: float | None = None
    cycle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    average: float = 0.0
    momenta: tuple[float, float, float] = (0.0, 0.0, 0.0)
    momentum: float | None = None

    def settle_initial(self) -> float:
        """What a new scheduler takes as its base."""
        if self.initial is None:
            self.initial = self.lr
        return self.initial

    def table(self, formula: Formula) -> list[float]:
        """A formula at all steps that a composite may ask for, from -EARLIEST."""
        values: list[float] = formula(np.arange(-EARLIEST, self.updates + EARLIEST)).tolist()
        return values


class Stepper(Protocol):
    """A scheduler at work."""

    def begin(self) -> None:
        """PyTorch's `_initial_step`."""

    def step(self) -> None:
        """PyTorch's `step`."""

    def restart(self) -> None:
        """PyTorch's `_update_lr(0)`, by which SequentialLR starts its next scheduler."""

    def undo(self) -> None:
        """PyTorch's `recursive_undo`."""


@final
class Recursive:
    """Multiply the distance to the floor that is found by gain(t) / gain(t - 1)."""

    def __init__(
        self,
        optimizer: Optimizer,
        gain: Formula,
        *,
        floor: float = 0.0,
        start: float | None = 1.0,
        starts_over: bool = False,
    ) -> None:
        """Begin.

        Args:
            optimizer: where the rate is found.
            gain: over the base rate, above the floor.
            floor: the rate from which distances count.
            start: the closed form's gain at 0; None if PyTorch divides by zero there.
            starts_over: whether any step to 0 multiplies by gain(0).
        """
        self._optimizer = optimizer
        self._base = optimizer.settle_initial()
        self._gains = optimizer.table(gain)
        self._floor = floor
        self._start = start
        self._starts_over = starts_over
        self._last = -1
        self.begin()

    def _gain(self, step: int) -> float:
        return self._gains[step + EARLIEST]

    def begin(self) -> None:
        """The first value."""
        self._last += 1
        self._optimizer.lr *= self._gain(self._last)

    def step(self) -> None:
        """The next value, from the one found."""
        self._last += 1
        now, before = self._gain(self._last), self._gain(self._last - 1)
        found = self._optimizer.lr
        if self._last == 0 and self._starts_over:
            self._optimizer.lr = found * now
        elif before == 0.0:
            self._optimizer.lr = found + (self._base - self._floor) * now
        else:
            self._optimizer.lr = (found - self._floor) * (now / before) + self._floor

    def restart(self) -> None:
        """The closed form at 0, whatever is found."""
        if self._start is None:
            raise Refused
        self._last = 0
        self._optimizer.lr = self._floor + (self._base - self._floor) * self._start

    def undo(self) -> None:
        """Turn the clock back by one, not the rate."""
        self._last -= 1


@final
class Multiplying:
    """Multiply what is found by a factor; the first value of all is left alone."""

    def __init__(self, optimizer: Optimizer, factor: Formula) -> None:
        """Take the factor of each step."""
        self._optimizer = optimizer
        optimizer.settle_initial()
        self._factors = optimizer.table(factor)
        self._last = -1
        self.begin()

    def begin(self) -> None:
        """Leave the rate that is found."""
        self._last += 1

    def step(self) -> None:
        """The next value, from the one found."""
        self._last += 1
        self._optimizer.lr *= self._factors[self._last + EARLIEST]

    def restart(self) -> None:
        """There is no closed form: the factor of step 0 multiplies what is found."""
        self._last = -1
        self.step()

    def undo(self) -> None:
        """Turn the clock back by one, not the rate."""
        self._last -= 1


@final
class Absolute:
    """Overwrite what is found by the formula's own rate."""

    def __init__(
        self,
        optimizer: Optimizer,
        rates: Formula,
        *,
        last: int | None,
        never_negative: bool,
        momenta: Formula | None = None,
    ) -> None:
        """Begin.

        Args:
            optimizer: whose rate is set.
            rates: of each step.
            last: the last step allowed, if there is one.
            never_negative: whether the clock skips negative steps.
            momenta: of each step, if it moves the momentum, too.
        """
        self._optimizer = optimizer
        optimizer.settle_initial()
        self._formula, self._moving = rates, momenta
        self._limit = last
        self._earliest = 0 if never_negative else -EARLIEST
        self._last = -1
        self._tabulate()
        self.begin()

    def _tabulate(self) -> None:
        self._shared = (self._optimizer.cycle, self._optimizer.momenta)
        self._rates = self._optimizer.table(self._formula)
        self._momenta = self._optimizer.table(self._moving) if self._moving else None

    def begin(self) -> None:
        """The first value."""
        self.step()

    def step(self) -> None:
        """The next value."""
        self._go_to(max(self._last + 1, self._earliest))

    def restart(self) -> None:
        """The first value."""
        self._go_to(0)

    def undo(self) -> None:
        """Turn the clock back by one, not the rate."""
        self._last -= 1

    def _go_to(self, step: int) -> None:
        if self._limit is not None and step > self._limit:
            raise Refused
        if self._shared != (self._optimizer.cycle, self._optimizer.momenta):
            self._tabulate()  # another cycle was made since
        self._last = step
        self._optimizer.lr = self._rates[step + EARLIEST]
        if self._momenta is not None:
            self._optimizer.momentum = self._momenta[step + EARLIEST]


@final
class Averaging:
    """SWALR: from the rate that is found to its own, by its own count of calls."""

    def __init__(self, optimizer: Optimizer, target: float, share: Formula) -> None:
        """Take the rate to anneal to, and the share of it after each call."""
        self._optimizer = optimizer
        optimizer.settle_initial()
        optimizer.average = target
        self._shares = optimizer.table(share)
        self._calls = -1
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self._calls = -1
        self.step()

    def step(self) -> None:
        """One more call."""
        self._calls += 1
        self._anneal()

    def restart(self) -> None:
        """Anneal again without counting the call."""
        self._anneal()

    def undo(self) -> None:
        """Its count of calls is not undone."""

    def _anneal(self) -> None:
        before, now = (self._shares[self._calls + EARLIEST + back] for back in (-1, 0))
        found, target = self._optimizer.lr, self._optimizer.average
        begun = target if before == 1.0 else (found - before * target) / (1.0 - before)
        self._optimizer.lr = target * now + begun * (1.0 - now)


@final
class Sequential:
    """One scheduler after another, each restarted at its milestone."""

    def __init__(
        self, optimizer: Optimizer, made: Iterable[Stepper], milestones: tuple[int, ...]
    ) -> None:
        """Make the schedulers, undo them, begin the first."""
        self._steppers = tuple(made)
        self._milestones = milestones
        self._last = 0
        optimizer.lr = optimizer.settle_initial()
        self.undo()
        self._steppers[bisect_right(milestones, 0)].begin()

    def begin(self) -> None:
        """In another composite it takes a step here, which is one too many."""
        self.step()

    def step(self) -> None:
        """Step the scheduler whose turn it is."""
        self._last += 1
        turn = bisect_right(self._milestones, self._last)
        if turn and self._milestones[turn - 1] == self._last:
            self._steppers[turn].restart()
        else:
            self._steppers[turn].step()

    def restart(self) -> None:
        """PyTorch has no such method for a composite."""
        raise Refused

    def undo(self) -> None:
        """Undo the schedulers, not its own clock."""
        for stepper in self._steppers:
            stepper.undo()


@final
class Chained:
    """All schedulers at every step, in order."""

    def __init__(self, made: Iterable[Stepper]) -> None:
        """Make the schedulers."""
        self._steppers = tuple(made)

    def begin(self) -> None:
        """In another composite it takes a step here, which is one too many."""
        self.step()

    def step(self) -> None:
        """Step all."""
        for stepper in self._steppers:
            stepper.step()

    def restart(self) -> None:
        """PyTorch has no such method for a composite."""
        raise Refused

    def undo(self) -> None:
        """Undo all."""
        for stepper in self._steppers:
            stepper.undo()


def play(
    make: Callable[[Optimizer], Stepper], lr: float, updates: int
) -> tuple[Floats, Floats | None]:
    """The rates used by updates 0, 1, ... and, if they are moved, the momenta.

    Fewer than `updates` if PyTorch refuses to go on.
    """
    optimizer = Optimizer(lr, updates)
    played: list[tuple[float, float | None]] = []
    try:
        stepper = make(optimizer)
        played.append((optimizer.lr, optimizer.momentum))
        while len(played) < updates:
            stepper.step()
            played.append((optimizer.lr, optimizer.momentum))
    except Refused:
        pass
    rates = np.array([rate for rate, _ in played], dtype=np.float64)
    if optimizer.momentum is None:
        return rates, None
    # Whoever moves the momentum sets it when it is made, before update 0.
    return rates, np.array([momentum for _, momentum in played], dtype=np.float64)
