"""Coordinates: a space as a unit cube, for samplers that know nothing else.

The one idea: one axis for the family and one for every parameter, whichever families use it, on
its own scale; the axes a family does not use have no effect, and are in the middle.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tuning.records import ParameterValue, Space
from tuning.schedules import Parameter
from tuning.search.samplers.points import Point, placed
from tuning.search.space import FAMILY, is_fixed, used

Floats = NDArray[np.float64]
MIDDLE = 0.5


def axes(space: Space) -> list[str]:
    """What each axis stands for, the family first; nothing that is fixed.

    >>> from tuning.search.space import narrow
    >>> axes(narrow(("linear", "cosine"), (1e-3, 1.0), {}, {"warmup": 0.0}))
    ['family', 'peak', 'floor']
    """
    free = [name for name, one in space.parameters.items() if not is_fixed(one)]
    return [FAMILY, *free] if len(space.families) > 1 else free


def family_at(space: Space, place: Floats) -> str:
    """The family at a place of the cube, shape (axes,)."""
    return (
        _one_of(space.families, float(place[0])) if len(space.families) > 1 else space.families[0]
    )


def point_at(space: Space, place: Floats) -> Point:
    """The point at a place of the cube, shape (axes,)."""
    at = dict(zip(axes(space), place.tolist(), strict=True))
    family = family_at(space, place)
    wishes = {one.name: _value(one, at[one.name]) for one in used(space, family) if one.name in at}
    fixed = {one.name: _value(one, 0.0) for one in used(space, family) if one.name not in at}
    return placed(space, family, {**fixed, **wishes})


def place_of(space: Space, params: Mapping[str, ParameterValue]) -> Floats:
    """Where in the cube a point of the space is, shape (axes,)."""
    return np.array([_place(space, name, params) for name in axes(space)])


def _place(space: Space, name: str, params: Mapping[str, ParameterValue]) -> float:
    if name not in params:
        return MIDDLE
    value = params[name]
    if name == FAMILY:
        return (space.families.index(str(value)) + MIDDLE) / len(space.families)
    parameter = space.parameters[name]
    if parameter.kind == "choice":
        return (parameter.choices.index(str(value)) + MIDDLE) / len(parameter.choices)
    low, high, here = _scaled(parameter, parameter.low, parameter.high, float(value))
    if parameter.kind == "int":
        low, high = _scaled(parameter, parameter.low - MIDDLE, parameter.high + MIDDLE)
    return (here - low) / (high - low)


def _value(parameter: Parameter, place: float) -> ParameterValue:
    if parameter.kind == "choice":
        return _one_of(parameter.choices, place)
    if parameter.kind == "int":
        # Every integer has an interval of its own.
        low, high = _scaled(parameter, parameter.low - MIDDLE, parameter.high + MIDDLE)
    else:
        low, high = _scaled(parameter, parameter.low, parameter.high)
    here = low + (high - low) * place
    return float(np.exp(here)) if parameter.log else here


def _scaled(parameter: Parameter, *values: float) -> list[float]:
    return [float(np.log(one)) if parameter.log else float(one) for one in values]


def _one_of(names: Sequence[str], place: float) -> str:
    return names[min(int(place * len(names)), len(names) - 1)]
