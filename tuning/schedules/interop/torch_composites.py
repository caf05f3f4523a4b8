"""PyTorch's composites: SequentialLR and ChainedScheduler.

The one idea: they are played (`torch_engine`), so the import has whatever PyTorch does: a nested
sequence skips its warmup, a chain in a sequence starts one step late, a scheduler that overwrites
rates makes a chain forget the others.
Not here: code (`torch_code`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, final

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence
from tuning.schedules.interop.base import (
    Call,
    Calls,
    Imported,
    LastEpoch,
    Nested,
    Note,
    Several,
    settle,
)
from tuning.schedules.interop.layout import lay_out, updates_with_tail, with_channel
from tuning.schedules.interop.pieces import spanning
from tuning.schedules.interop.recognise import recognise
from tuning.schedules.interop.torch_calls import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    Scheduler,
    StepLR,
)
from tuning.schedules.interop.torch_cycles import (
    SWALR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
)
from tuning.schedules.interop.torch_engine import Chained, Optimizer, Sequential, Stepper, play
from tuning.schedules.limits import Integer
from tuning.schedules.schedule import MAX_HORIZON


@dataclass(frozen=True)
class Composite(ABC):
    """Schedulers that share one optimiser."""

    schedulers: Annotated[tuple[Call, ...], Several(Nested(lambda: JOINABLE), fewest=1)]

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def join(self, optimizer: Optimizer) -> Stepper:
        """Make it, in an optimiser."""

    def node(self, base_lr: float, horizon: int) -> Node | None:  # noqa: ARG002 # a hook
        """The rates of the first updates as an expression, if there is one."""
        return None

    @abstractmethod
    def notes(self) -> Iterable[Note]:
        """What is worth knowing."""

    def parts(self) -> Iterator["Scheduler"]:
        """All schedulers in it that are no composites."""
        for one in self.schedulers:
            if isinstance(one, Composite):
                yield from one.parts()
            elif isinstance(one, Scheduler):
                yield one

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule PyTorch's objects play."""
        updates = updates_with_tail(horizon)
        values, momenta = play(self.join, base_lr, updates)
        is_over = values.size < updates
        proposals = recognise(self.node(base_lr, horizon), horizon)
        imported = lay_out(values, horizon, proposals, tuple(self.notes()), is_over=is_over)
        if momenta is None:
            return imported
        return with_channel(imported, "momentum", momenta, is_over=is_over)


@final
@dataclass(frozen=True)
class SequentialLR(Composite):
    """One scheduler after another, the next from each milestone on."""

    milestones: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))]
    last_epoch: LastEpoch = -1

    def __post_init__(self) -> None:
        """Refuse milestones PyTorch cannot use."""
        super().__post_init__()
        if len(self.milestones) != len(self.schedulers) - 1:
            allowed = f"{len(self.schedulers) - 1} integers, one less than schedulers"
            raise InvalidValue("milestones", self.milestones, allowed)
        if any(before > after for before, after in pairwise(self.milestones)):
            raise InvalidValue("milestones", self.milestones, "integers in increasing order")

    def join(self, optimizer: Optimizer) -> Stepper:
        """Play them in turn."""
        made = (_joined(one, optimizer) for one in self.schedulers)
        return Sequential(optimizer, made, self.milestones)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The schedulers one after another, as they are meant."""
        ends = [0, *(min(end, horizon) for end in self.milestones), horizon]
        nodes: list[Node] = []
        for one, (begin, end) in zip(self.schedulers, pairwise(ends), strict=True):
            if begin < end and isinstance(one, Scheduler | Composite):
                node = one.node(base_lr, end - begin)
                if node is None:
                    return None
                nodes.append(spanning(node, end - begin))
        return Sequence(tuple(nodes))

    def notes(self) -> Iterable[Note]:
        """What goes wrong in it."""
        if any(isinstance(one, OneCycleLR) for one in self.parts()):
            message = (
                "OneCycleLR rewrites initial_lr, from which a sequence starts: what comes before "
                "it runs at 1/div_factor of what was asked."
            )
            yield Note("library_fault", message)
        if isinstance(self.schedulers[0], Composite):
            message = "A composite that comes first takes a step too many (pytorch #196243)."
            yield Note("library_fault", message)


@final
@dataclass(frozen=True)
class ChainedScheduler(Composite):
    """All schedulers at every step."""

    def join(self, optimizer: Optimizer) -> Stepper:
        """Play them together."""
        return Chained(_joined(one, optimizer) for one in self.schedulers)

    def notes(self) -> Iterable[Note]:
        """What goes wrong in it."""
        if any(isinstance(one, OVERWRITING) for one in self.schedulers[1:]):
            message = (
                "A chain multiplies only recursive schedulers; one that overwrites the rate "
                "(LambdaLR, OneCycleLR, CyclicLR, warm restarts) makes it forget those before."
            )
            yield Note("library_fault", message)


OVERWRITING = (LambdaLR, OneCycleLR, CyclicLR, CosineAnnealingWarmRestarts)


def _joined(one: Call, optimizer: Optimizer) -> Stepper:
    if isinstance(one, Scheduler | Composite):
        return one.join(optimizer)
    raise InvalidValue("schedulers", type(one).__name__, "schedulers that need no metric")


JOINABLE: Calls = MappingProxyType(
    {
        "LambdaLR": LambdaLR,
        "MultiplicativeLR": MultiplicativeLR,
        "StepLR": StepLR,
        "MultiStepLR": MultiStepLR,
        "ConstantLR": ConstantLR,
        "LinearLR": LinearLR,
        "ExponentialLR": ExponentialLR,
        "PolynomialLR": PolynomialLR,
        "CosineAnnealingLR": CosineAnnealingLR,
        "CosineAnnealingWarmRestarts": CosineAnnealingWarmRestarts,
        "OneCycleLR": OneCycleLR,
        "CyclicLR": CyclicLR,
        "SWALR": SWALR,
        "SequentialLR": SequentialLR,
        "ChainedScheduler": ChainedScheduler,
    }
)
