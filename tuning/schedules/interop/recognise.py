"""Recognise: the family an expression is.

The one idea: flattened, an expression is a row of ramps, and the rows of families are few: a rise
that ends where the body begins is a warmup, and the body is level, a ramp along a curve, a level
and a ramp, two ramps, equal cosines or stairs. Every guess is only a proposal: the numbers decide.
Not here: that decision (`layout`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from tuning.schedules.compose import LAST, Affine, Node, Ramp
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.families import (
    Constant,
    Cosine,
    Exponential,
    Expression,
    Family,
    InverseSqrt,
    InverseTime,
    Linear,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    PowerDecay,
    Sgdr,
    Step,
    Warmup,
    Wsd,
)
from tuning.schedules.interop.layout import Proposal
from tuning.schedules.interop.pieces import pieces_of, spanning

Ramps: TypeAlias = tuple[Ramp, ...]
Fields: TypeAlias = dict[str, Any]

NAMED_TIMES: Mapping[float, type[Family]] = {-1.0: InverseTime, -2.0: InverseSqrt}
NAMES = {curve: name for name, curve in CURVES.items()}


def recognise(node: Node | None, horizon: int) -> Iterator[Proposal]:
    """Families that may be the first `horizon` updates of a node of rates, best first."""
    if node is None:
        return
    whole = spanning(node, horizon)
    pieces = pieces_of(whole)
    ramps = tuple(piece for piece in pieces if isinstance(piece, Ramp))
    if len(ramps) == len(pieces):
        peak = max(max(ramp.start, ramp.end) for ramp in ramps)
        if peak > 0.0:
            yield from _named(peak, tuple(_divided(ramp, peak) for ramp in ramps))
    largest = float(whole(np.arange(horizon)).max())
    if largest > 0.0:
        yield lambda: Expression(largest, node=Affine(whole, 0.0, 1.0 / largest).simplified())


def _divided(ramp: Ramp, peak: float) -> Ramp:
    return replace(ramp, start=ramp.start / peak, end=ramp.end / peak)


def _named(peak: float, ramps: Ramps) -> Iterator[Proposal]:
    """Families of a row in fractions of its peak: without a warmup, then with one."""
    yield from _bodies(peak, ramps, {})
    if len(ramps) > 1 and ramps[0].start < ramps[0].end == ramps[1].start:
        yield from _after(peak, ramps)


def _after(peak: float, ramps: Ramps) -> Iterator[Proposal]:
    """Families whose warmup is the first ramp."""
    rise = ramps[0]
    curve = "geometric" if rise.order == 0.0 else NAMES.get(rise.curve)
    if curve is not None:
        length: Fields = {"length": rise.length, "start": rise.start, "phase": rise.phase}
        yield from _bodies(peak, ramps[1:], {"warmup": lambda: Warmup(curve=curve, **length)})


def _bodies(peak: float, ramps: Ramps, common: Fields) -> Iterator[Proposal]:
    """Families whose body is this row."""

    def propose(family: type[Family], **own: Any) -> Proposal:  # noqa: ANN401 # fields
        return lambda: family(peak, **own, **{name: make() for name, make in common.items()})

    if all(_is_level(ramp) for ramp in ramps):
        yield from (propose(family, **own) for family, own in _levels(ramps))
    elif len(ramps) == 1:
        yield from (propose(family, **own) for family, own in _falls(ramps[0]))
    elif len(ramps) == 2:
        yield from (propose(family, **own) for family, own in _pairs(*ramps))
    if len(ramps) > 1:
        yield from (propose(family, **own) for family, own in _cosines(ramps))


def _is_level(ramp: Ramp) -> bool:
    return ramp.start == ramp.end


def _levels(ramps: Ramps) -> Iterator[tuple[type[Family], Fields]]:
    """Stairs, evenly spaced or not."""
    if len(ramps) == 1:
        yield Constant, {}
        return
    factor = ramps[1].start / ramps[0].start if ramps[0].start else 0.0
    yield Step, {"hold": ramps[0].length, "drops": len(ramps) - 1, "drop_factor": factor}
    ends = tuple(accumulate(ramp.length for ramp in ramps))[:-1]
    values = tuple(ramp.start for ramp in ramps)
    yield PiecewiseConstant, {"boundaries": ends, "values": values}


def _falls(ramp: Ramp) -> Iterator[tuple[type[Family], Fields]]:
    """One way down; where it ends on the last update, that is a field of the family."""
    common: Fields = {"end": "last"} if ramp.phase == LAST else {}
    if ramp.order == 0.0:
        yield Exponential, {"decay": ramp.end, **common}
    elif ramp.order == -2.0 and 0.0 < ramp.end < 1.0:
        yield InverseSqrt, {"timescale": 1.0 / (ramp.end**-2.0 - 1.0), **common}
    elif ramp.order < 0.0:
        yield from _over_time(ramp)
    elif ramp.curve == CURVES["linear"]:
        yield Linear, {"floor": ramp.end, **common}
    elif ramp.curve == CURVES["cosine"]:
        yield Cosine, {"floor": ramp.end, **common}
    else:
        yield from _cooled(0, ramp)


def _over_time(ramp: Ramp) -> Iterator[tuple[type[Family], Fields]]:
    """A negative power of time; a power mean of order -1/p is (1 + t/τ)^-p."""
    exponent = -1.0 / ramp.order
    timescale = 1.0 / (ramp.end**ramp.order - 1.0)
    if ramp.order in NAMED_TIMES:
        yield NAMED_TIMES[ramp.order], {"timescale": timescale}
    yield PowerDecay, {"timescale": timescale, "exponent": exponent}


def _cooled(held: int, ramp: Ramp) -> Iterator[tuple[type[Family], Fields]]:
    """Down after a plateau."""
    common: Fields = {"hold": held, "floor": ramp.end}
    common |= {"end": "last"} if ramp.phase == LAST else {}
    is_power = ramp.curve == Curve(power=ramp.curve.power)
    if is_power and not held:
        yield Polynomial, {"power": ramp.curve.power, **common}
    if ramp.curve in NAMES:
        yield Wsd, {"cooldown": NAMES[ramp.curve], **common}
    if is_power and held:
        yield Polynomial, {"power": ramp.curve.power, **common}


def _pairs(first: Ramp, second: Ramp) -> Iterator[tuple[type[Family], Fields]]:
    """A plateau and a way down, or up and down."""
    if _is_level(first):
        yield from _cooled(first.length, second)
    elif first.curve == second.curve == CURVES["cosine"]:
        yield OneCycle, {"rise": first.length, "start": first.start, "floor": second.end}


def _cosines(ramps: Ramps) -> Iterator[tuple[type[Family], Fields]]:
    """Half cosines, each as many times as long and as high as the one before."""
    if any(ramp.curve != CURVES["cosine"] or ramp.start <= ramp.end for ramp in ramps):
        return
    first, second, floor = *ramps[:2], ramps[0].end
    own = {
        "cycles": len(ramps),
        "cycle_growth": second.length / first.length,
        "cycle_decay": (second.start - floor) / (first.start - floor),
    }
    yield Sgdr, {"floor": floor, **own}
