"""Native calls: which schedulers of PyTorch and of Transformers may be a schedule.

The one idea: propose what looks right; `export.find_native` keeps only what reads back as the
schedule's own numbers.
Not here: the text of the code (`torch_code`).
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from tuning.schedules.families import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    Polynomial,
    Sgdr,
    Triangular,
    Wsd,
)
from tuning.schedules.interop.export import Spelled
from tuning.schedules.lengths import resolve
from tuning.schedules.schedule import Schedule

Nested: TypeAlias = dict[str, Any]
Parts: TypeAlias = list[tuple[Nested, int]]  # calls, and for how many updates

MOST_MILESTONES = 100


def propose_torch(schedule: Schedule) -> Iterator[Spelled]:
    """One scheduler, or a few in sequence."""
    begin = schedule.family.warmup.updates(schedule.horizon)
    for body in _torch_bodies(schedule, schedule.horizon - begin):
        rise = [(_torch_warmup(schedule, begin), begin)] if begin else []
        parts = [(call, length) for call, length in rise + body if length]
        calls = [call for call, _ in parts]
        ends = list(accumulate(length for _, length in parts))
        whole = _nest("SequentialLR", schedulers=calls, milestones=ends[:-1])
        one = calls[0] if len(calls) == 1 else whole
        yield Spelled(one["call"], one["kwargs"], schedule.peak)


def _nest(call: str, **kwargs: object) -> Nested:
    return {"call": call, "kwargs": kwargs}


def _torch_warmup(schedule: Schedule, begin: int) -> Nested:
    """A line from the first value to the peak, or the first value throughout."""
    warmup = schedule.family.warmup
    start = float(schedule([0])[0]) / schedule.peak
    if warmup.curve == "constant":
        return _nest("ConstantLR", factor=start, total_iters=begin)
    a, b = warmup.phase
    return _nest("LinearLR", start_factor=start, total_iters=int(begin + b - a))


def _torch_bodies(schedule: Schedule, length: int) -> Iterator[Parts]:
    """What may follow the warmup, over `length` updates."""
    family = schedule.family
    span = length - (family.end == "last")
    match family:
        case Constant():
            yield [(_nest("ConstantLR", factor=1.0), length)]
        case Exponential() if span:
            yield [(_nest("ExponentialLR", gamma=family.decay ** (1.0 / span)), length)]
        case Linear() | Cosine() | Polynomial() | Wsd():
            yield _torch_decay(schedule, length, span)
        case OneCycle():
            yield [(_torch_cycle(family, length, _momentum(schedule)), length)]
        case Triangular():
            yield [(_torch_triangles(family, length, _momentum(schedule)), length)]
        case Sgdr():
            yield [(_torch_restarts(family, length), length)]
        case _:
            yield from ([(call, length)] for call in _torch_drops(schedule, length))


def _torch_decay(schedule: Schedule, length: int, span: int) -> Parts:
    """A plateau, if there is one, and a way down."""
    family = schedule.family
    held = resolve("hold", getattr(family, "hold", 0.0), length)
    floor, span = getattr(family, "floor", 0.0), span - held
    curve = getattr(family, "cooldown", family.kind)
    if curve == "cosine":
        down = _nest("CosineAnnealingLR", T_max=span, eta_min=floor * family.peak)
    elif curve == "linear" or getattr(family, "power", 0.0) == 1.0:
        down = _nest("LinearLR", start_factor=1.0, end_factor=floor, total_iters=span)
    else:
        power = getattr(family, "power", {"sqrt": 0.5, "square": 2.0}.get(curve, 1.0))
        down = _nest("PolynomialLR", total_iters=span, power=power)
    return [(_nest("ConstantLR", factor=1.0), held), (down, length - held)]


def _momentum(schedule: Schedule) -> Nested:
    """The arguments of a cycle of the momentum."""
    if "momentum" not in schedule.channels:
        return {"cycle_momentum": False}
    table = schedule.channel("momentum").table()
    return {"base_momentum": float(table.min()), "max_momentum": float(table.max())}


def _torch_cycle(family: OneCycle, length: int, momentum: Nested) -> Nested:
    """PyTorch's phases are one update shorter than their share of the total."""
    rise = min(resolve("rise", family.rise, length), max(0, length - 1))
    return _nest(
        "OneCycleLR",
        max_lr=family.peak,
        total_steps=length,
        pct_start=(rise + 1) / length,
        anneal_strategy={"cosine": "cos"}.get(family.curve, family.curve),
        div_factor=1.0 / family.start if family.start else 0.0,
        final_div_factor=family.start / family.floor if family.floor else 0.0,
        **momentum,
    )


def _torch_triangles(family: Triangular, length: int, momentum: Nested) -> Nested:
    period = length // family.cycles
    up = min(resolve("rise", family.rise, period), max(0, period - 1))
    return _nest(
        "CyclicLR",
        base_lr=family.floor * family.peak,
        max_lr=family.peak,
        step_size_up=up,
        step_size_down=period - up,
        mode="triangular2" if family.cycle_decay == 0.5 else "triangular",
        **momentum,
    )


def _torch_restarts(family: Sgdr, length: int) -> Nested:
    growth = round(family.cycle_growth)
    first = length // sum(growth**i for i in range(family.cycles)) if family.cycles < 64 else 0
    first = length // family.cycles if growth == 1 else first
    eta_min = family.floor * family.peak
    return _nest("CosineAnnealingWarmRestarts", T_0=first, T_mult=growth, eta_min=eta_min)


def _torch_drops(schedule: Schedule, length: int) -> Iterator[Nested]:
    """Milestones, where the values are levels that fall by one factor."""
    table = schedule.table()[schedule.horizon - length :]
    places = np.flatnonzero(np.diff(table)) + 1
    if 0 < places.size <= MOST_MILESTONES and table[0] > 0.0:
        gamma = float(table[places[0]] / table[0])
        yield _nest("MultiStepLR", milestones=places.tolist(), gamma=gamma)


def propose_transformers(schedule: Schedule) -> Iterator[Spelled]:
    """Functions of Transformers by name."""
    begin = schedule.family.warmup.updates(schedule.horizon)
    for name, specific in _transformers_bodies(schedule, schedule.horizon - begin):
        kwargs: Nested = {
            "name": name,
            "num_warmup_steps": begin,
            "num_training_steps": schedule.horizon,
        }
        if name == "constant_with_warmup" and not begin:
            kwargs = {"name": "constant"}
        if specific:
            kwargs["scheduler_specific_kwargs"] = specific
        yield Spelled("get_scheduler", kwargs, schedule.peak)


def _transformers_bodies(schedule: Schedule, length: int) -> Iterator[tuple[str, Nested]]:
    """Names and specific arguments of what may follow the warmup, over `length` updates."""
    family = schedule.family
    floor = getattr(family, "floor", 0.0)
    match family:
        case Constant():
            yield "constant_with_warmup", {}
        case Linear() if floor == 0.0:
            yield "linear", {}
        case Cosine() if floor == 0.0 and family.end == "after":
            yield "cosine", {}
        case Cosine():
            yield "cosine_with_min_lr", {"min_lr_rate": floor}
            yield "cosine_warmup_with_min_lr", {"min_lr_rate": floor}
        case InverseSqrt():
            yield "inverse_sqrt", {"timescale": round(family.timescale * length)}
        case Sgdr():
            yield "cosine_with_restarts", {"num_cycles": family.cycles}
        case Linear() | Polynomial():
            power = getattr(family, "power", 1.0)
            yield "polynomial", {"lr_end": floor * family.peak, "power": power}
    yield from _transformers_plateaus(schedule, length)


def _transformers_plateaus(schedule: Schedule, length: int) -> Iterator[tuple[str, Nested]]:
    """warmup_stable_decay, for families with a plateau."""
    family = schedule.family
    if isinstance(family, Wsd | Polynomial):
        held = resolve("hold", family.hold, length)
        specific: Nested = {"num_decay_steps": length - held}
        specific["warmup_type"] = family.warmup.curve
        specific["decay_type"] = getattr(family, "cooldown", "linear")
        specific["min_lr_ratio"] = family.floor
        yield "warmup_stable_decay", specific
