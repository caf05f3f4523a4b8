"""Rules: the calls of each library that listen to a metric as a family does.

The one idea: libraries count differently, so what a plateau rule does is told by its essence: how
many bad metrics in a row cut, how many are passed over after a cut, what is better, where cuts end.
A call is proposed from that, and kept if reading it back has the same essence and the same base.
Not here: how the rules move (`tuning.schedules.families.feedback`), the text of the code, a rule
that no library has (`own_rule`).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.families import Adaptive, Expression, Family, Greedy, Plateau
from tuning.schedules.interop.base import Calls, make_call
from tuning.schedules.interop.export import TOLERANCE, Spelled
from tuning.schedules.interop.optax_feedback import RULE
from tuning.schedules.interop.torch_feedback import GreedyLR, ReduceLROnPlateau
from tuning.schedules.schedule import Schedule

Proposals: TypeAlias = Iterator[Spelled]

TORCH_RULES: Calls = {"ReduceLROnPlateau": ReduceLROnPlateau, "GreedyLR": GreedyLR}
CLOSE = 1e-12  # relative; rates that are absolute in a library are fractions here
MOST_CUTS = 10_000


@dataclass(frozen=True, slots=True)
class Essence:
    """What a plateau rule does, whatever its flags are called.

    Args:
        patience: bad metrics in a row that cut.
        cooldown: metrics that are not counted after a cut.
        rests: whether the best rests meanwhile.
        relative: how much better a metric must be, as a share of the best.
        absolute: and beyond that.
        floor: the gain at which cuts end.
    """

    mode: str
    factor: float
    patience: int
    cooldown: int
    rests: bool
    relative: float
    absolute: float
    floor: float
    wait: int
    accumulation: int


def essence_of(family: Plateau) -> Essence:
    """What a plateau rule does.

    >>> torch = Plateau(0.1, patience=1, cooldown=1)
    >>> keras = Plateau(0.1, patience=2, count_rule="ge", cooldown=2, last_cooldown_counts=True)
    >>> essence_of(torch) == essence_of(keras)
    True
    """
    # The last metric of a cooldown that counts is none of the cooldown.
    cooldown = max(0, family.cooldown - family.last_cooldown_counts)
    is_relative = family.tolerance == "rel"
    return Essence(
        mode=family.mode,
        factor=family.factor,
        patience=max(1, family.patience + (family.count_rule == "gt")),
        cooldown=cooldown,
        rests=bool(cooldown) and not family.best_in_cooldown,
        relative=family.threshold if is_relative else 0.0,
        absolute=family.margin + (0.0 if is_relative else family.threshold),
        floor=_floor(family),
        wait=family.wait,
        accumulation=family.accumulation,
    )


def _floor(family: Plateau) -> float:
    """Where cuts end: at `min_gain`, or before a change so small that it is left out."""
    gain = 1.0
    for _ in range(MOST_CUTS if family.smallest_change else 0):
        lower = max(gain * family.factor, family.min_gain)
        if gain - lower <= family.smallest_change:
            return gain
        gain = lower
    return family.min_gain


def open_loop(schedule: Schedule) -> Schedule:
    """The base of a schedule that listens, as a schedule that does not."""
    family = schedule.family
    length = max(1, schedule.horizon - family.warmup.updates(schedule.horizon))
    base = Expression(
        family.peak,
        node=family.body(length),
        warmup=family.warmup,
        end=family.end,
        after_end=family.after_end,
    )
    return replace(schedule, family=base)


def find_rule(
    calls: Calls, spelled: Iterable[Spelled], schedule: Schedule, *, is_base_ours: bool = False
) -> Spelled | None:
    """The first call that reads back as the rule, and as its base unless the base is ours."""
    for one in spelled:
        try:
            found = make_call(calls, one.call, one.kwargs).read(one.base_lr, schedule.horizon)
        except InvalidValue:
            continue  # the library has no such value
        is_base = is_base_ours or _has_base(found.schedule, schedule)
        if is_base and _is_same(found.schedule.family, _heard(schedule, calls)):
            return one
    return None


def _has_base(found: Schedule, schedule: Schedule) -> bool:
    if (found.channels, found.groups) != (schedule.channels, schedule.groups):
        return False
    apart = np.abs(found.table() - schedule.table()).max()
    return bool(apart <= TOLERANCE * schedule.peak)


def is_negated(schedule: Schedule) -> bool:
    """Whether a rule wants a metric to rise, and as well the negative to fall."""
    family = schedule.family
    return isinstance(family, Plateau) and family.mode == "max" and not essence_of(family).relative


def _heard(schedule: Schedule, calls: Calls) -> Family:
    """The family, told negatives where the library only knows metrics that should fall."""
    if RULE in calls and is_negated(schedule):
        return replace(schedule.family, mode="min")  # type: ignore[call-arg] # a plateau has one
    return schedule.family


def _is_same(found: Family, family: Family) -> bool:
    if isinstance(found, Plateau) and isinstance(family, Plateau):
        return all(map(_is_close, astuple(essence_of(found)), astuple(essence_of(family))))
    if type(found) is not type(family):
        return False
    names = [name for name in family.own_fields() if name != "node"]
    return all(_is_close(getattr(found, name), getattr(family, name)) for name in names)


def _is_close(one: Any, other: Any) -> bool:  # noqa: ANN401 # fields of any type
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=CLOSE)
    return bool(one == other)


def propose_torch(schedule: Schedule) -> Proposals:
    """ReduceLROnPlateau, for the family `plateau`."""
    family = schedule.family
    if isinstance(family, Plateau):
        essence = essence_of(family)
        is_relative = essence.relative > 0.0
        kwargs = {
            "mode": essence.mode,
            "factor": essence.factor,
            "patience": essence.patience - 1,
            "threshold": essence.relative if is_relative else essence.absolute,
            "threshold_mode": "rel" if is_relative else "abs",
            "cooldown": essence.cooldown,
            "min_lr": family.min_gain * family.peak,
            "eps": family.smallest_change * family.peak,
        }
        yield Spelled("ReduceLROnPlateau", kwargs, family.peak)


def propose_transformers(schedule: Schedule) -> Proposals:
    """GreedyLR, for the family `greedy`; PyTorch's rule for `plateau`."""
    family = schedule.family
    yield from propose_torch(schedule)
    if isinstance(family, Greedy):
        kwargs = {
            "mode": family.mode,
            "factor": family.factor,
            "patience": family.patience,
            "threshold": family.threshold,
            "threshold_mode": family.tolerance,
            "cooldown": family.cooldown,
            "warmup": family.warmup_wait,
            "min_lr": family.min_gain * family.peak,
            "max_lr": family.max_gain * family.peak,
            "eps": family.smallest_change * family.peak,
            "reset_start": family.reset_after,
            "smooth": family.window > 1,
            "window_size": family.window,
        }
        yield Spelled("GreedyLR", kwargs, family.first_gain * family.peak)


def propose_optax(schedule: Schedule) -> Proposals:
    """optax.contrib.reduce_on_plateau, which only knows metrics that should fall."""
    family = schedule.family
    if isinstance(family, Plateau):
        essence = essence_of(family)
        kwargs = {
            "factor": essence.factor,
            "patience": essence.patience,
            "rtol": essence.relative,
            "atol": essence.absolute,
            "cooldown": essence.cooldown,
            "accumulation_size": essence.accumulation,
            "min_scale": essence.floor,
        }
        yield Spelled(RULE, kwargs, family.peak)


def propose_keras(schedule: Schedule) -> Proposals:
    """The callback, the last metric of whose cooldown counts."""
    family = schedule.family
    if isinstance(family, Plateau):
        essence = essence_of(family)
        kwargs = {
            "factor": essence.factor,
            "patience": essence.patience,
            "mode": essence.mode,
            "min_delta": essence.absolute,
            "cooldown": essence.cooldown + bool(essence.cooldown),
            "min_lr": essence.floor * family.peak,
        }
        yield Spelled("ReduceLROnPlateau", kwargs, family.peak)


def propose_timm(schedule: Schedule) -> Proposals:
    """PlateauLRScheduler, after its warmup."""
    family = schedule.family
    if isinstance(family, Plateau):
        essence = essence_of(family)
        kwargs = {
            "decay_rate": essence.factor,
            "patience_t": essence.patience - 1,
            "threshold": essence.relative,
            "cooldown_t": essence.cooldown,
            "warmup_t": essence.wait,
            "warmup_lr_init": family.warmup.start * family.peak if essence.wait else 0.0,
            "lr_min": family.min_gain * family.peak,
            "mode": essence.mode,
        }
        yield Spelled("PlateauLRScheduler", kwargs, family.peak)


def propose_sklearn(schedule: Schedule) -> Proposals:
    """The adaptive rule, by the loss or by a score."""
    family = schedule.family
    if isinstance(family, Adaptive):
        kwargs = {
            "learning_rate": "adaptive",
            "eta0": family.peak,
            "tol": family.threshold,
            "n_iter_no_change": family.patience,
            "early_stopping": family.mode == "max",
        }
        yield Spelled("SGDRegressor", kwargs, family.peak)
