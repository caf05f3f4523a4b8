"""Calls in a program: whose they are, which argument is which, and over how many updates.

The one idea: a call is known by its name; a name that two libraries have is told apart by where it
was imported from, or by its arguments.
Not here: the arguments' values (`reading`), what the calls mean (one module per library).
"""

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from tuning.schedules.interop import FRAMEWORKS
from tuning.schedules.interop.arithmetic import Unknown, Value

LIBRARIES = ("torch", "transformers", "optax", "keras", "timm", "sklearn")
ROOTS: Mapping[str, str] = MappingProxyType({"tensorflow": "keras", "tf": "keras"})
# Libraries whose schedulers take the optimiser, and its place if it is not the first.
WITH_OPTIMIZER = ("torch", "transformers", "timm")
SECOND = ("get_scheduler",)
# What timm takes without a name; all else of it is best given one.
FIRST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CosineLRScheduler": ("t_initial", "lr_min"),
        "TanhLRScheduler": ("t_initial",),
        "PolyLRScheduler": ("t_initial",),
        "StepLRScheduler": ("decay_t", "decay_rate"),
        "MultiStepLRScheduler": ("decay_t", "decay_rate"),
        "create_scheduler_v2": ("sched",),
    }
)
RATES = ("lr", "learning_rate")
# Optimisers that take their rate without a name, and its place.
HELD: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax"), 1)
    | dict.fromkeys(("sgd", "adam", "adamw", "rmsprop", "lion", "adagrad"), 0)
)
TRAINER = "TrainingArguments"
TRAINER_RATE = 5e-5  # which it takes if none is given
# What of a Trainer's arguments its scheduler depends on.
TOLD = (
    "learning_rate",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "max_steps",
    "warmup_ratio",
    "warmup_steps",
)
# Arguments that say over how many updates a scheduler goes, the first there is.
LENGTHS = (
    "num_training_steps",
    "total_steps",
    "T_max",
    "total_iters",
    "decay_steps",
    "transition_steps",
    "t_initial",
    "num_epochs",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A call of a scheduler, by what its arguments are worth, and where it and they stand."""

    framework: str
    call: str
    kwargs: Mapping[str, Value]
    node: ast.Call
    places: Mapping[str, ast.expr] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """The learning rate it brings along, if it does."""
        if self.call != TRAINER:
            return None
        return float(self.kwargs.get("learning_rate", TRAINER_RATE))

    def settled(self) -> "Made":
        """The call that `read_call` knows: a Trainer's arguments are those of get_scheduler."""
        return _scheduler_of(self) if self.call == TRAINER else self


def trainer_call(name: str) -> str | None:
    """The library of a call that says all about a training, its scheduler included."""
    return "transformers" if name.rpartition(".")[2] == TRAINER else None


def framework_of(name: str, node: ast.Call, wanted: str | None) -> str | None:
    """Whose scheduler a name is; None if nobody's."""
    head, _, _ = name.partition(".")
    leaf = name.rpartition(".")[2]
    owners = [one for one in LIBRARIES if leaf in FRAMEWORKS[one].calls and wanted in {None, one}]
    if len(owners) < 2:
        return owners[0] if owners else None
    root = ROOTS.get(head, head)
    if root in owners:
        return root
    names = {one.arg for one in node.keywords}
    for owner in owners:
        known = {entry.name for entry in fields(FRAMEWORKS[owner].calls[leaf])}  # type: ignore[arg-type] # a dataclass
        if names <= known | {"optimizer"} and (owner in WITH_OPTIMIZER) == bool(node.args):
            return owner
    return owners[0]


def named_arguments(
    framework: str, call: str, node: ast.Call, is_optimizer: Callable[[ast.expr], bool]
) -> Iterator[tuple[str, ast.expr]]:
    """The arguments of a scheduler by their names, without the optimiser.

    Raises `Unknown` for an argument that has no name and whose place says nothing.
    """
    if call == TRAINER:
        yield from ((one.arg, one.value) for one in node.keywords if one.arg in TOLD)
        return
    given = list(node.args)
    place = 1 if call in SECOND else 0
    if framework in WITH_OPTIMIZER and len(given) > place and is_optimizer(given[place]):
        del given[place]
    for name, one in zip(positional(framework, call), given, strict=False):
        yield name, one
    for one in given[len(positional(framework, call)) :]:
        why = "arguments by their names: here the place does not tell which it is"
        raise Unknown(one, why, is_needed=True)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise Unknown(keyword.value, "arguments by their names, not **", is_needed=True)
        if keyword.arg != "optimizer":
            yield keyword.arg, keyword.value


def positional(framework: str, call: str) -> tuple[str, ...]:
    """The names of the arguments that a call takes by place, the optimiser left out."""
    if call in FIRST:
        return FIRST[call]
    known = FRAMEWORKS[framework].calls[call]
    return tuple(entry.name for entry in fields(known) if not entry.kw_only)  # type: ignore[arg-type] # a dataclass


def horizon_of(made: Made) -> int | None:
    """Over how many updates a call goes, if it says so."""
    given = made.kwargs
    parts = given.get("schedulers", given.get("schedules"))
    if isinstance(parts, list) and all(isinstance(one, Made) for one in parts) and parts:
        return _joined(parts, given.get("milestones", given.get("boundaries")))
    if "epochs" in given and "steps_per_epoch" in given:
        return _whole(given["epochs"], given["steps_per_epoch"])
    for name in LENGTHS:
        if isinstance(given.get(name), int | float):
            before = given.get("warmup_steps", 0) if made.framework == "keras" else 0
            began = given.get("transition_begin", 0)
            return _whole(given[name] + before + began, given.get("updates_per_epoch", 1))
    return None


def _joined(parts: list[Made], ends: Value) -> int | None:
    """Of schedulers one after another: the last begins at the last end; else the longest."""
    lengths = [horizon_of(one) for one in parts]
    if ends is None:
        return max((one for one in lengths if one is not None), default=None)
    last = ends[-1] if isinstance(ends, list) and ends else 0
    if not isinstance(last, int) or lengths[-1] is None:
        return None
    return last + lengths[-1]


def _whole(value: Value, times: Value = 1) -> int | None:
    updates = value * times
    is_whole = isinstance(updates, int | float) and math.isfinite(updates) and updates >= 1
    return int(updates) if is_whole else None


def _scheduler_of(made: Made) -> Made:
    """A Trainer's scheduler: its kind, its warmup as a ratio or in updates, its length."""
    given = made.kwargs
    kwargs: dict[str, Any] = {"name": given.get("lr_scheduler_type", "linear")}
    updates = given.get("max_steps")
    if isinstance(updates, int) and updates > 0:
        kwargs["num_training_steps"] = updates
        kwargs["num_warmup_steps"] = math.ceil(updates * given.get("warmup_ratio", 0.0))
    if given.get("warmup_steps"):
        kwargs["num_warmup_steps"] = given["warmup_steps"]
    if "lr_scheduler_kwargs" in given:
        kwargs["scheduler_specific_kwargs"] = given["lr_scheduler_kwargs"]
    return replace(made, call="get_scheduler", kwargs=kwargs)
