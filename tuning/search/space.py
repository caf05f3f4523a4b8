"""The search space: families and shared parameters, narrowed for one study.

The one idea: a parameter means the same in every family that uses it, so what was learned about
`warmup` under cosine counts under WSD too; with names of their own per family a multivariate
sampler would fall back to a univariate one.
Not here: how points of the space are chosen (`tuning.search.samplers`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tuning.constraints import RATES, describe, hold
from tuning.errors import InvalidValue, UnknownName
from tuning.records import Comparator, Constraint, ParameterValue, Space
from tuning.schedules import FAMILIES, PARAMETERS, Parameter, Schedule, build

DEFAULT_FAMILIES = (
    "constant",
    "linear",
    "cosine",
    "exponential",
    "polynomial",
    "step",
    "inverse_sqrt",
    "wsd",
    "one_cycle",
    "triangular",
    "sgdr",
)
FAMILY = "family"
PEAK = "peak"


def narrow(
    families: Sequence[str],
    peak: tuple[float, float],
    ranges: Mapping[str, tuple[float, float]],
    fixed: Mapping[str, ParameterValue],
    constraints: Sequence[Constraint] = (),
) -> Space:
    """Make a study's space from its families, peak range, narrowed ranges, fixed values and bounds.

    A constraint on a parameter narrows its range, too.

    Raises InvalidValue or UnknownName, naming the field: a family that does not exist or stands
    twice, a range upside down or outside the parameter's own, a parameter no family uses, one
    that is both narrowed and fixed, or a constraint that leaves nothing.

    >>> space = narrow(["cosine"], (1e-3, 1.0), {"floor": (0.0, 0.1)}, {"warmup": 0.0})
    >>> [(one.name, one.low, one.high) for one in used(space, "cosine")]
    [('peak', 0.001, 1.0), ('warmup', 0.0, 0.0), ('floor', 0.0, 0.1)]
    """
    if not families:
        raise InvalidValue("families", list(families), "at least one family")
    check_families("families", families)
    parameters = {PEAK: _narrowed(PEAK, peak, PEAK)}
    for family in families:
        for name in FAMILIES[family].tunable:
            parameters.setdefault(name, PARAMETERS[name])
    for name, bounds in ranges.items():
        _check_known(f"ranges.{name}", name, parameters)
        parameters[name] = _narrowed(name, bounds, f"ranges.{name}")
    for name, value in fixed.items():
        _check_known(f"fixed.{name}", name, parameters)
        if name in ranges:
            raise InvalidValue(f"fixed.{name}", value, "no value, since ranges gives it a range")
        parameters[name] = _fixed(name, value)
    parameters = {name: bounded(one, constraints) for name, one in parameters.items()}
    _check_rates(constraints, float(parameters[PEAK].high))
    return Space(tuple(families), parameters, tuple(constraints))


def _check_rates(constraints: Sequence[Constraint], highest: float) -> None:
    """Refuse bounds on learning rates that no schedule keeps: rates lie between 0 and the peak."""
    for position, one in enumerate(constraints):
        is_upper = one.comparator is Comparator.AT_MOST
        if one.name in RATES and (one.value < 0.0 if is_upper else one.value > highest):
            allowed = "a bound of at least 0" if is_upper else f"a bound of at most {highest:g}"
            raise InvalidValue(f"constraints[{position}]", describe(one), allowed)


def bounded(parameter: Parameter, constraints: Sequence[Constraint]) -> Parameter:
    """The part of a range that constraints leave; raises InvalidValue naming the one at fault."""
    for position, constraint in enumerate(constraints):
        if constraint.name == parameter.name:
            parameter = _bounded(parameter, constraint, position)
    return parameter


def _bounded(parameter: Parameter, constraint: Constraint, position: int) -> Parameter:
    low, high = parameter.low, parameter.high
    is_integer = parameter.kind == "int"
    if constraint.comparator is Comparator.AT_MOST:
        high = min(high, math.floor(constraint.value) if is_integer else constraint.value)
    else:
        low = max(low, math.ceil(constraint.value) if is_integer else constraint.value)
    if low > high:
        allowed = f"a bound that leaves some of {parameter.low:g} to {parameter.high:g}"
        raise InvalidValue(f"constraints[{position}]", describe(constraint), allowed)
    return replace(parameter, low=low, high=high)


def check_families(field: str, families: Sequence[str]) -> None:
    """Refuse a family that does not exist, stands twice or waits for metrics, naming its place."""
    for position, family in enumerate(families):
        at = f"{field}[{position}]"
        if family not in FAMILIES:
            raise UnknownName(at, family, FAMILIES)
        if family in families[:position]:
            raise InvalidValue(at, family, "each family once")
        if FAMILIES[family].is_feedback:
            raise InvalidValue(at, family, "a family that needs no metrics while it trains")


def _check_known(field: str, name: str, parameters: Mapping[str, Parameter]) -> None:
    if name == PEAK or name not in parameters:
        raise UnknownName(field, name, [known for known in parameters if known != PEAK])


def _narrowed(name: str, bounds: tuple[float, float], field: str) -> Parameter:
    low, high = bounds
    try:
        return PARAMETERS[name].narrowed(low, high)
    except InvalidValue as error:
        raise InvalidValue(field, error.value, error.allowed) from error


def _fixed(name: str, value: ParameterValue) -> Parameter:
    parameter = PARAMETERS[name]
    try:
        parameter.check(value)
    except InvalidValue as error:
        raise InvalidValue(f"fixed.{name}", error.value, error.allowed) from error
    if isinstance(value, str):
        return replace(parameter, choices=(value,))
    return replace(parameter, low=value, high=value)


def used(space: Space, family: str) -> list[Parameter]:
    """The parameters a family uses in this space, `peak` first."""
    names = (PEAK, *(name for name in FAMILIES[family].tunable if name != PEAK))
    return [space.parameters[name] for name in names]


def is_fixed(parameter: Parameter) -> bool:
    """Whether only one value is left."""
    if parameter.kind == "choice":
        return len(parameter.choices) == 1
    return parameter.low == parameter.high


def lay_out(params: Mapping[str, ParameterValue], horizon: int) -> Schedule:
    """The schedule at a point of the space, over a horizon.

    >>> lay_out({"family": "linear", "peak": 0.1, "warmup": 0.0, "floor": 0.0}, 4).table()
    array([0.1  , 0.075, 0.05 , 0.025])
    """
    rest = {name: value for name, value in params.items() if name not in {FAMILY, PEAK}}
    return Schedule(build(str(params[FAMILY]), float(params[PEAK]), rest), horizon)


def allows(space: Space, params: Mapping[str, ParameterValue], horizon: int) -> bool:
    """Whether a point satisfies every constraint of the space, laid out over a horizon."""
    return not space.constraints or hold(space.constraints, params, lay_out(params, horizon))


def peak_limits(
    space: Space, params: Mapping[str, ParameterValue], horizon: int
) -> tuple[float, float] | None:
    """The ends of the peaks with which a shape satisfies every constraint; None if none does.

    Learning rates are in proportion to the peak. `params` are the shape's coordinates.

    >>> from tuning.constraints import parse
    >>> space = narrow(["linear"], (1e-3, 1.0), {}, {}, parse(["final_lr <= 0.05"]))
    >>> peak_limits(space, {"family": "linear", "warmup": 0.0, "floor": 0.1}, 1)
    (0.001, 0.05)
    """
    low, high = float(space.parameters[PEAK].low), float(space.parameters[PEAK].high)
    if not space.constraints:
        return low, high
    unit = lay_out({**params, PEAK: 1.0}, horizon)
    for one in space.constraints:
        if one.name not in RATES:
            if one.name != PEAK and not hold((one,), params, unit):
                return None
            continue
        share = RATES[one.name](unit)
        is_upper = one.comparator is Comparator.AT_MOST
        if share <= 0.0:
            if one.value < 0.0 if is_upper else one.value > 0.0:
                return None
        elif is_upper:
            high = min(high, one.value / share)
        else:
            low = max(low, one.value / share)
    return (low, high) if low <= high else None


def contains(space: Space, params: Mapping[str, ParameterValue]) -> bool:
    """Whether a point lies in the space, with exactly the parameters its family uses.

    >>> space = narrow(["constant"], (1e-3, 1.0), {}, {"warmup": 0.0})
    >>> contains(space, {"family": "constant", "peak": 0.1, "warmup": 0.0})
    True
    >>> contains(space, {"family": "constant", "peak": 0.1})
    False
    """
    family = str(params.get(FAMILY))
    if family not in space.families:
        return False
    wanted = used(space, family)
    if params.keys() != {FAMILY, *(parameter.name for parameter in wanted)}:
        return False
    return all(_holds(parameter, params[parameter.name]) for parameter in wanted)


def _holds(parameter: Parameter, value: ParameterValue) -> bool:
    if parameter.kind == "choice":
        return value in parameter.choices
    return not isinstance(value, str) and parameter.low <= value <= parameter.high


def peak_grid(space: Space, points: int) -> list[float]:
    """Peaks at the middles of `points` equal log intervals of the range, the middle one first.

    Rounded to six digits, but never out of the range.
    No grid point is further than half an interval from any peak of the range; ordered from the
    middle outwards, so that a short look already sees the likely ones.

    >>> peak_grid(narrow(["constant"], (1e-3, 1.0), {}, {}), 3)
    [0.0316228, 0.00316228, 0.316228]
    """
    peak = space.parameters[PEAK]
    lowest, highest = float(peak.low), float(peak.high)
    low, high = np.log(lowest), np.log(highest)
    middles = low + (high - low) * (np.arange(points) + 0.5) / points
    outwards = sorted(range(points), key=lambda i: (abs(i - (points - 1) / 2), i))
    return [min(max(float(f"{np.exp(middles[i]):.6g}"), lowest), highest) for i in outwards]
