"""timm: `create_scheduler_v2`, and the table of all calls.

The one idea: the factory turns epochs into updates and hands on, with defaults of its own: cycles
decay to a tenth, and `decay_rate` is the power of a polynomial.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Constant
from tuning.schedules.interop.base import (
    Call,
    Calls,
    CountOrZero,
    Imported,
    Label,
    Optional,
    Rate,
    Several,
    settle,
)
from tuning.schedules.interop.listening import Mode
from tuning.schedules.interop.timm_calls import (
    DecayName,
    MultiStepLRScheduler,
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
from tuning.schedules.interop.timm_feedback import PlateauLRScheduler
from tuning.schedules.interop.timm_noise import NoiseRange, Range
from tuning.schedules.limits import Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON, Schedule

Fields: TypeAlias = dict[str, Any]
Sched = Literal[
    "cosine", "tanh", "step", "constant", "multistep", "poly", "wsd", "rsqrt", "plateau", "none"
]


# The scheduler's names of what the factory calls otherwise.
OWN_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "warmup_lr_init": "warmup_lr",
        "warmup_t": "warmup_epochs",
        "lr_min": "min_lr",
        "noise_range_t": "noise",
    }
)


@dataclass(frozen=True, slots=True)
class NoiseShares:
    """A limit: as the scheduler's, in shares of the whole; a list of one is the number alone."""

    def __call__(self, field: str, value: object) -> Range | None:
        """Return None, or both ends."""
        alone = isinstance(value, list | tuple) and len(value) == 1
        return NoiseRange()(field, value[0] if alone else value)  # type: ignore[index] # a list


@final
@dataclass(frozen=True)
class Untouched:
    """No scheduler: the rate of the optimiser."""

    def read(self, base_lr: float, horizon: int) -> Imported:
        """One rate."""
        return Imported(Schedule(Constant(base_lr), horizon))


@final
@dataclass(frozen=True, kw_only=True)
class CreateSchedulerV2:
    """timm create_scheduler_v2: one of the schedulers, or none."""

    sched: Sched = "cosine"
    num_epochs: Annotated[int, Integer(1, MAX_HORIZON)] = 300
    decay_epochs: Annotated[float | None, Optional(Number(0.0, 1e9, above=True))] = None
    decay_milestones: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))] = (90, 180, 270)
    cooldown_epochs: Label = 0
    patience_epochs: CountOrZero = 10
    decay_rate: Positive = 0.1
    min_lr: Rate = 0.0
    warmup_lr: Rate = 1e-5
    warmup_epochs: CountOrZero = 0
    warmup_prefix: Switch = False
    noise: Annotated[Range | None, NoiseShares()] = None
    noise_pct: Positive = 0.67
    noise_std: Annotated[float, Number()] = 1.0
    noise_seed: Annotated[int, Integer(0, 2**31)] = 42
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 0.1
    cycle_limit: Cycles = 1
    k_decay: Positive = 1.0
    decay_fn: Annotated[DecayName | None, Optional(lambda _, value: value)] = None
    stable_timescale: Annotated[float | None, Optional(Number(0.0, 1e9))] = None
    plateau_mode: Mode = "max"
    step_on_epochs: Switch = True
    updates_per_epoch: CountOrZero = 0

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        if not self.step_on_epochs and not self.updates_per_epoch:
            allowed = "at least 1 unless step_on_epochs"
            raise InvalidValue("updates_per_epoch", self.updates_per_epoch, allowed)
        if self.sched == "plateau" and not self.step_on_epochs:
            raise InvalidValue("step_on_epochs", self.step_on_epochs, "true for a plateau")

    @property
    def _each(self) -> int:
        """Counts of the scheduler per epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def _decay_epochs(self) -> float:
        if self.decay_epochs is not None:
            return self.decay_epochs
        return 0.2 if self.sched in {"wsd", "rsqrt"} else 90.0

    def scheduler(self) -> Call:
        """The scheduler it makes."""
        common: Fields = {
            "warmup_t": self.warmup_epochs * self._each,
            "warmup_lr_init": self.warmup_lr,
        }
        if self.sched == "none":
            return Untouched()
        if self.sched == "plateau":
            return self._listening(common)
        common |= {"t_in_epochs": self.step_on_epochs, **self._noise()}
        if self.sched in {"wsd", "rsqrt"}:
            return self._plateau(common)
        common["warmup_prefix"] = self.warmup_prefix
        if self.sched in {"step", "constant", "multistep"}:
            return self._stairs(common)
        return self._cyclic(common)

    def _noise(self) -> Fields:
        if self.noise is None:
            return {}
        return {
            "noise_range_t": tuple(share * self.num_epochs * self._each for share in self.noise),
            "noise_pct": self.noise_pct,
            "noise_std": self.noise_std,
            "noise_seed": self.noise_seed,
        }

    def _listening(self, common: Fields) -> PlateauLRScheduler:
        return PlateauLRScheduler(
            decay_rate=self.decay_rate,
            patience_t=self.patience_epochs,
            lr_min=self.min_lr,
            mode=self.plateau_mode,
            noise_range_t=self.noise,  # type: ignore[arg-type] # refused unless None
            **common,
        )

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
        try:
            return self.scheduler().read(base_lr, horizon)
        except InvalidValue as error:
            raise InvalidValue(self._own(error.field), error.value, error.allowed) from error

    def _own(self, field: str) -> str:
        """What the factory calls an argument of the scheduler."""
        return OWN_NAMES.get(field, field)


CALLS: Calls = MappingProxyType(
    {
        "CosineLRScheduler": CosineLRScheduler,
        "TanhLRScheduler": TanhLRScheduler,
        "PolyLRScheduler": PolyLRScheduler,
        "StepLRScheduler": StepLRScheduler,
        "MultiStepLRScheduler": MultiStepLRScheduler,
        "WSDLRScheduler": WSDLRScheduler,
        "PlateauLRScheduler": PlateauLRScheduler,
        "create_scheduler_v2": CreateSchedulerV2,
    }
)
