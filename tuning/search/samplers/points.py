"""Points: how a point of a space is made from wishes, at random, or near another one.

The one idea: a wish outside the space is moved to its edge and a fixed parameter keeps its value,
so whatever is proposed lies in the space, however the user narrowed it.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from tuning.records import ParameterValue, Space
from tuning.schedules import FAMILIES, Parameter
from tuning.search.space import FAMILY, PEAK, used

Point = dict[str, ParameterValue]


def placed(space: Space, family: str, wishes: Mapping[str, ParameterValue]) -> Point:
    """The point of a family nearest to wishes; what is not wished for keeps its default.

    >>> from tuning.search.space import narrow
    >>> space = narrow(("linear",), (1e-3, 1.0), {"floor": (0.1, 0.2)}, {"warmup": 0.0})
    >>> placed(space, "linear", {"peak": 2.0, "warmup": 0.1})
    {'family': 'linear', 'peak': 1.0, 'warmup': 0.0, 'floor': 0.1}
    """
    defaults = _defaults(family)
    point: Point = {FAMILY: family}
    for parameter in used(space, family):
        name = parameter.name
        wish = wishes.get(name, defaults.get(name, parameter.high))
        point[name] = _nearest(parameter, wish)
    return point


@cache
def _defaults(family: str) -> Mapping[str, ParameterValue]:
    return FAMILIES[family].defaults()


def _nearest(parameter: Parameter, wish: ParameterValue) -> ParameterValue:
    if parameter.kind == "choice":
        return wish if wish in parameter.choices else parameter.choices[0]
    inside = min(max(float(wish), parameter.low), parameter.high)
    return round(inside) if parameter.kind == "int" else inside


def drawn(space: Space, family: str, random: np.random.Generator) -> Point:
    """A point of a family at random, uniform on each parameter's scale."""
    return placed(space, family, {one.name: _draw(one, random) for one in used(space, family)})


def jittered(
    space: Space, point: Mapping[str, ParameterValue], width: float, random: np.random.Generator
) -> Point:
    """A point of the same family nearby: about half of the parameters moved.

    Args:
        space: in which it stays.
        point: where it starts.
        width: standard deviation of a move, as a part of a parameter's range.
        random: what draws.
    """
    family = str(point[FAMILY])
    wishes = dict(point)
    for parameter in used(space, family):
        if random.random() < 0.5 and parameter.name != PEAK:
            continue
        if parameter.kind == "choice":
            if random.random() < width:
                wishes[parameter.name] = _draw(parameter, random)
            continue
        low, high = _ends(parameter)
        here = float(point[parameter.name])
        place = np.log(here) if parameter.log else here
        moved = place + width * (high - low) * random.standard_normal()
        wishes[parameter.name] = _value(parameter, moved)
    return placed(space, family, wishes)


def _draw(parameter: Parameter, random: np.random.Generator) -> ParameterValue:
    if parameter.kind == "choice":
        return parameter.choices[int(random.integers(len(parameter.choices)))]
    low, high = _ends(parameter)
    if parameter.kind == "int" and parameter.log:
        # Every integer an interval of its own, the ends no smaller than the others.
        low, high = np.log(parameter.low - 0.5), np.log(parameter.high + 0.5)
    return _value(parameter, low + (high - low) * random.random())


def _ends(parameter: Parameter) -> tuple[float, float]:
    if parameter.log:
        return float(np.log(parameter.low)), float(np.log(parameter.high))
    return float(parameter.low), float(parameter.high)


def _value(parameter: Parameter, place: float) -> float:
    return float(np.exp(place)) if parameter.log else float(place)
