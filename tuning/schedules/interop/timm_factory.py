"""timm: `create_scheduler_v2`, and the table of all calls.

The one idea: the factory turns epochs into updates and hands on, with defaults of its own: cycles
decay to a tenth, and `decay_rate` is the power of a polynomial.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, final

from tuning.errors import InvalidValue
from tuning.schedules.interop.base import (
    Calls,
    CountOrZero,
    Imported,
    Optional,
    Rate,
    Several,
    settle,
)
from tuning.schedules.interop.timm_calls import (
    DecayName,
    Label,
    MultiStepLRScheduler,
    NoNoise,
    Scheduler,
    StepLRScheduler,
    Switch,
    WSDLRScheduler,
)
from tuning.schedules.interop.timm_cycles import (
    CosineLRScheduler,
    Cycles,
    Growth,
    PolyLRScheduler,
    Shrinking,
    TanhLRScheduler,
)
from tuning.schedules.limits import Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

Fields: TypeAlias = dict[str, Any]
Sched = Literal["cosine", "tanh", "step", "constant", "multistep", "poly", "wsd", "rsqrt"]


@final
@dataclass(frozen=True, kw_only=True)
class CreateSchedulerV2:
    """timm create_scheduler_v2, all schedulers but the one that listens to a metric."""

    sched: Sched = "cosine"
    num_epochs: Annotated[int, Integer(1, MAX_HORIZON)] = 300
    decay_epochs: Annotated[float | None, Optional(Number(0.0, 1e9, above=True))] = None
    decay_milestones: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))] = (90, 180, 270)
    cooldown_epochs: Label = 0
    patience_epochs: Label = 10
    decay_rate: Positive = 0.1
    min_lr: Rate = 0.0
    warmup_lr: Rate = 1e-5
    warmup_epochs: CountOrZero = 0
    warmup_prefix: Switch = False
    noise: Annotated[None, NoNoise()] = None
    noise_pct: Label = 0.67
    noise_std: Label = 1.0
    noise_seed: Label = 42
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 0.1
    cycle_limit: Cycles = 1
    k_decay: Positive = 1.0
    decay_fn: Annotated[DecayName | None, Optional(lambda _, value: value)] = None
    stable_timescale: Annotated[float | None, Optional(Number(0.0, 1e9))] = None
    plateau_mode: Label = "max"
    step_on_epochs: Switch = True
    updates_per_epoch: CountOrZero = 0

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        if not self.step_on_epochs and not self.updates_per_epoch:
            allowed = "at least 1 unless step_on_epochs"
            raise InvalidValue("updates_per_epoch", self.updates_per_epoch, allowed)

    @property
    def _each(self) -> int:
        """Counts of the scheduler per epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def _decay_epochs(self) -> float:
        if self.decay_epochs is not None:
            return self.decay_epochs
        return 0.2 if self.sched in {"wsd", "rsqrt"} else 90.0

    def scheduler(self) -> Scheduler:
        """The scheduler it makes."""
        common: Fields = {
            "warmup_t": self.warmup_epochs * self._each,
            "warmup_lr_init": self.warmup_lr,
            "t_in_epochs": self.step_on_epochs,
        }
        if self.sched in {"wsd", "rsqrt"}:
            return self._plateau(common)
        common["warmup_prefix"] = self.warmup_prefix
        if self.sched in {"step", "constant", "multistep"}:
            return self._stairs(common)
        return self._cyclic(common)

    def _stairs(self, common: Fields) -> Scheduler:
        if self.sched == "constant":
            return StepLRScheduler(decay_t=1.0, decay_rate=1.0, **common)
        if self.sched == "step":
            length = self._decay_epochs * self._each
            return StepLRScheduler(decay_t=length, decay_rate=self.decay_rate, **common)
        places = tuple(place * self._each for place in self.decay_milestones)
        return MultiStepLRScheduler(decay_t=places, decay_rate=self.decay_rate, **common)

    def _cyclic(self, common: Fields) -> Scheduler:
        common |= {
            "t_initial": self.num_epochs * self._each,
            "lr_min": self.min_lr,
            "cycle_mul": self.cycle_mul,
            "cycle_decay": self.cycle_decay,
            "cycle_limit": self.cycle_limit,
        }
        if self.sched == "tanh":
            return TanhLRScheduler(**common)
        if self.sched == "poly":
            return PolyLRScheduler(power=self.decay_rate, k_decay=self.k_decay, **common)
        return CosineLRScheduler(k_decay=self.k_decay, **common)

    def _plateau(self, common: Fields) -> Scheduler:
        whole = self.num_epochs * self._each
        whole -= 0 if self.warmup_prefix else common["warmup_t"]
        epochs = self._decay_epochs
        length = round(epochs * whole if 0 < epochs < 1 else epochs * self._each)
        if not 0 < length <= whole:
            allowed = f"a decay from 1 to {whole:,} updates, not {length:,}"
            raise InvalidValue("decay_epochs", self.decay_epochs, allowed)
        scale = self.stable_timescale
        return WSDLRScheduler(
            t_initial=whole,
            decay_t=length,
            lr_min=self.min_lr,
            stable_fn="rsqrt" if self.sched == "rsqrt" else "constant",
            stable_timescale=None if scale is None else scale * self._each,
            decay_fn=self.decay_fn or ("linear" if self.sched == "rsqrt" else "1-sqrt"),
            **common,
        )

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule of the scheduler."""
        return self.scheduler().read(base_lr, horizon)


CALLS: Calls = MappingProxyType(
    {
        "CosineLRScheduler": CosineLRScheduler,
        "TanhLRScheduler": TanhLRScheduler,
        "PolyLRScheduler": PolyLRScheduler,
        "StepLRScheduler": StepLRScheduler,
        "MultiStepLRScheduler": MultiStepLRScheduler,
        "WSDLRScheduler": WSDLRScheduler,
        "create_scheduler_v2": CreateSchedulerV2,
    }
)
