"""get_scheduler: the functions of Transformers by the names a Trainer knows.

The one idea: `get_scheduler` hands on the lengths that a function takes, and the specific
arguments; what it ignores is ignored here.
Not here: the functions (`transformers_calls`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, final

from tuning.errors import InvalidValue
from tuning.schedules.interop.base import Call, Calls, Imported, make_call, settle
from tuning.schedules.interop.torch_feedback import FEEDBACK_FUNCTIONS
from tuning.schedules.interop.transformers_calls import (
    Constant,
    ConstantWithWarmup,
    Cosine,
    CosineWarmupWithMinLr,
    CosineWithHardRestarts,
    CosineWithMinLr,
    InverseSqrt,
    Linear,
    OptionalCount,
    Polynomial,
    WarmupStableDecay,
)
from tuning.schedules.limits import Among

BY_NAME: Mapping[str, str] = MappingProxyType(
    {
        "linear": "get_linear_schedule_with_warmup",
        "cosine": "get_cosine_schedule_with_warmup",
        "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
        "polynomial": "get_polynomial_decay_schedule_with_warmup",
        "constant": "get_constant_schedule",
        "constant_with_warmup": "get_constant_schedule_with_warmup",
        "inverse_sqrt": "get_inverse_sqrt_schedule",
        "cosine_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup",
        "cosine_warmup_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        "warmup_stable_decay": "get_wsd_schedule",
        "reduce_lr_on_plateau": "get_reduce_on_plateau_schedule",
        "greedy": "get_greedy_schedule",
    }
)

FUNCTIONS: Calls = MappingProxyType(
    {
        "get_linear_schedule_with_warmup": Linear,
        "get_cosine_schedule_with_warmup": Cosine,
        "get_cosine_with_hard_restarts_schedule_with_warmup": CosineWithHardRestarts,
        "get_polynomial_decay_schedule_with_warmup": Polynomial,
        "get_constant_schedule": Constant,
        "get_constant_schedule_with_warmup": ConstantWithWarmup,
        "get_inverse_sqrt_schedule": InverseSqrt,
        "get_cosine_with_min_lr_schedule_with_warmup": CosineWithMinLr,
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": CosineWarmupWithMinLr,
        "get_wsd_schedule": WarmupStableDecay,
        **FEEDBACK_FUNCTIONS,
    }
)
# What `get_scheduler` hands on besides the specific arguments; the rest it ignores.
HANDED_ON: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "constant": (),
        "reduce_lr_on_plateau": (),
        "greedy": (),
        "constant_with_warmup": ("num_warmup_steps",),
        "inverse_sqrt": ("num_warmup_steps",),
    }
)
BOTH = ("num_warmup_steps", "num_training_steps")


@dataclass(frozen=True, slots=True)
class Options:
    """A limit: an object of further arguments, or nothing."""

    def __call__(self, field: str, value: object) -> Mapping[str, Any]:
        """Return the object."""
        if value is not None and not isinstance(value, Mapping):
            raise InvalidValue(field, value, "an object")
        return dict(value or {})


@final
@dataclass(frozen=True)
class GetScheduler:
    """get_scheduler: one of the functions, by its name."""

    name: Annotated[str, Among(BY_NAME)]
    num_warmup_steps: OptionalCount = None
    num_training_steps: OptionalCount = None
    scheduler_specific_kwargs: Annotated[Mapping[str, Any], Options()] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        self._call()

    def _call(self) -> Call:
        given = {name: getattr(self, name) for name in HANDED_ON.get(self.name, BOTH)}
        for name, value in given.items():
            if value is None and (self.name, name) != ("warmup_stable_decay", "num_training_steps"):
                raise InvalidValue(name, None, f"an integer for {self.name}")
        specific = {} if self.name == "constant" else self.scheduler_specific_kwargs
        try:
            return make_call(FUNCTIONS, BY_NAME[self.name], {**specific, **given})
        except InvalidValue as error:
            name = error.field.removeprefix("kwargs.")
            where = name if name in given else f"scheduler_specific_kwargs.{name}"
            raise InvalidValue(where, error.value, error.allowed) from error

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule of the function."""
        return self._call().read(base_lr, horizon)


CALLS: Calls = MappingProxyType({"get_scheduler": GetScheduler, **FUNCTIONS})
