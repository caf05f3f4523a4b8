"""Narrowing: the part of a coordinate's range that constraints on learning rates leave.

The one idea: rates are in proportion to the peak; a longer warmup lowers the first one, and a
coordinate of its own, the floor for most families, moves the last one, each one way only. So a
bound on `first_lr` or `final_lr` is a range of peaks, then one of warmups, then one of that
coordinate, and what lies in these keeps it: nothing has to be proposed and refused.
Not here: bounds on coordinates, which narrow the space itself (`tuning.search.space`), and shapes
that keep no bound whatever these coordinates are, which only `allows` finds out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

from tuning.constraints import RATES
from tuning.records import Comparator, Constraint, ParameterValue, Space
from tuning.schedules import Parameter
from tuning.search.space import FAMILY, PEAK, allows, lay_out, used

WARMUP = "warmup"
FIRST = "knot_1"  # moves the first learning rate of a free curve without warmup
# The first of them that a family uses moves its last learning rate.
LAST = ("floor", "decay", "drop_factor", "timescale", "exponent", "knot_9")
STEPS = 20  # to the end of a part of a range
TIGHT = 1e-6  # of a bound, to which it is then kept
ROUNDING = 1e-12  # by which the end of a range of peaks stays away from the bound

Point = dict[str, ParameterValue]
Params = Mapping[str, ParameterValue]


def is_narrowed(space: Space) -> bool:
    """Whether a constraint of the space bounds a learning rate."""
    return bool(_bounds(space))


def turns(space: Space, family: str) -> tuple[str, ...]:
    """The coordinates of a family that bounds on rates narrow, in the order they are chosen in.

    >>> from tuning.constraints import parse
    >>> from tuning.search.space import narrow
    >>> space = narrow(["wsd", "one_cycle"], (1e-3, 1.0), {}, {}, parse(["final_lr <= 1e-5"]))
    >>> turns(space, "wsd"), turns(space, "one_cycle")
    (('peak', 'warmup', 'floor'), ('peak', 'floor'))
    """
    if not is_narrowed(space):
        return ()
    names = [one.name for one in used(space, family)]
    last = next((name for name in LAST if name in names), None)
    return tuple(name for name in (PEAK, WARMUP, FIRST, last) if name in names)


def part_of(space: Space, params: Params, name: str, horizon: int) -> Parameter | None:
    """The part of a coordinate's range in which the bounds on rates can be kept; None if none is.

    Args:
        space: with its constraints.
        params: the family and all coordinates but those whose turn is later, which are free.
        name: one of `turns`.
        horizon: updates of a full training.

    >>> from tuning.constraints import parse
    >>> from tuning.search.space import narrow
    >>> space = narrow(["linear"], (1e-3, 1.0), {}, {}, parse(["final_lr <= 0.03"]))
    >>> peaks = part_of(space, {"family": "linear"}, "peak", 100)
    >>> peaks.low, peaks.high  # with the floor at zero, the last rate is a hundredth of the peak
    (0.001, 1.0)
    >>> point = {"family": "linear", "peak": 1.0, "warmup": 0.0}
    >>> round(part_of(space, point, "floor", 100).high, 6)
    0.020202
    """
    order = turns(space, str(params[FAMILY]))
    later = order[order.index(name) + 1 :]
    if name == PEAK:
        return _peaks(space, params, later, horizon)
    parameter: Parameter | None = space.parameters[name]
    for bound in _bounds(space):

        def margin(value: float, bound: Constraint = bound) -> float:
            rates = _extremes(space, {**params, name: value}, later, horizon)[bound.name]
            return _margin(bound, rates)

        parameter = parameter and _part(parameter, margin, TIGHT * abs(bound.value))
    return parameter


def kept(space: Space, params: Params, horizon: int) -> Point:
    """The point moved to where it keeps the bounds on rates; itself if no such place is found."""
    point = dict(params)
    if not is_narrowed(space) or allows(space, point, horizon):
        return point
    order = turns(space, str(point[FAMILY]))
    moved = {name: value for name, value in point.items() if name not in order}
    for name in order:
        part = part_of(space, moved, name, horizon)
        if part is None:
            return point
        moved[name] = min(max(float(point[name]), part.low), part.high)
    return {name: moved[name] for name in point}


def hopeful(space: Space, horizon: int) -> Space:
    """The space without families of which no member keeps the bounds on rates.

    Only of families all of whose coordinates have a turn that can be known beforehand; if no
    family is left, the space as it is.
    """
    if not is_narrowed(space):
        return space

    def has_hope(family: str) -> bool:
        order = turns(space, family)
        is_known = {one.name for one in used(space, family)} == set(order)
        return not is_known or part_of(space, {FAMILY: family}, PEAK, horizon) is not None

    families = tuple(family for family in space.families if has_hope(family))
    return replace(space, families=families) if families else space


def _bounds(space: Space) -> list[Constraint]:
    return [one for one in space.constraints if one.name in RATES]


def _corners(space: Space, names: Sequence[str]) -> list[Point]:
    """Every combination of the ends of these coordinates."""
    ends = [(space.parameters[name].low, space.parameters[name].high) for name in names]
    return [dict(zip(names, corner, strict=True)) for corner in product(*ends)]


def _extremes(
    space: Space, params: Params, later: Sequence[str], horizon: int
) -> dict[str, tuple[float, float]]:
    """The lowest and the highest value of every rate, whatever the coordinates of later turns."""
    laid = [lay_out({**params, **corner}, horizon) for corner in _corners(space, later)]
    rates = {name: [rate(schedule) for schedule in laid] for name, rate in RATES.items()}
    return {name: (min(values), max(values)) for name, values in rates.items()}


def _peaks(space: Space, params: Params, later: Sequence[str], horizon: int) -> Parameter | None:
    """The range of peaks with which every bound can be kept, with the one warmup or the other."""
    last = [name for name in later if name != WARMUP]
    peaks = []
    for warmup in _corners(space, [name for name in later if name == WARMUP]):
        shares = _extremes(space, {**params, **warmup, PEAK: 1.0}, last, horizon)
        peaks += _peaks_of(space, shares)
    if not peaks:
        return None
    low, high = min(low for low, _ in peaks), max(high for _, high in peaks)
    return replace(space.parameters[PEAK], low=low, high=high)


def _peaks_of(space: Space, shares: Mapping[str, tuple[float, float]]) -> list[tuple[float, float]]:
    """The range of peaks with which rates that are such shares of them can keep every bound."""
    low, high = float(space.parameters[PEAK].low), float(space.parameters[PEAK].high)
    for bound in _bounds(space):
        lowest, highest = shares[bound.name]
        if bound.comparator is Comparator.AT_MOST:
            if lowest > 0.0:
                high = min(high, bound.value / lowest * (1.0 - ROUNDING))
        elif highest > 0.0:
            low = max(low, bound.value / highest * (1.0 + ROUNDING))
        elif bound.value > 0.0:
            return []
    return [(low, high)] if low <= high else []


def _margin(bound: Constraint, rates: tuple[float, float]) -> float:
    """How far the rate that keeps a bound best is from it; below zero if it does not keep it."""
    lowest, highest = rates
    is_upper = bound.comparator is Comparator.AT_MOST
    return bound.value - lowest if is_upper else highest - bound.value


def _part(parameter: Parameter, margin: Callable[[float], float], tight: float) -> Parameter | None:
    """The part of a range from the end at which a bound is kept to where it is kept no more.

    The latter is found by false position and halving in turns, until the margin is tight.
    """
    good, bad = float(parameter.low), float(parameter.high)
    left, missing = margin(good), margin(bad)
    if left >= 0.0 and missing >= 0.0:
        return parameter
    if left < 0.0:
        good, bad, left, missing = bad, good, missing, left
    if left < 0.0:
        return None
    end = good
    for step in range(STEPS):
        if left <= tight:
            break
        share = (1.0 - TIGHT) * left / (left - missing) if step % 2 == 0 else 0.5
        middle = good + (bad - good) * share
        found = margin(middle)
        if found >= 0.0:
            good, left = middle, found
        else:
            bad, missing = middle, found
    low, high = sorted((end, good))
    return replace(parameter, low=low, high=high)
