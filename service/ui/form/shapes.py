"""Shapes: what families look like over the ranges of a search, as curves for a picture.

The one idea: a family is shown by schedules drawn from the very space that will be searched, so a
range, a fixed value or a constraint is seen as it is typed. The draws are the same every time.
Not here: charts of them (`service.ui.charts.preview`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from service.ui.form.drafts import USUAL_HORIZON, USUAL_PEAK, Draft, searchable
from tuning.records import Constraint, Space
from tuning.schedules import Parameter
from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats
from tuning.search.narrowing import kept
from tuning.search.samplers.points import Point, drawn, placed
from tuning.search.space import PEAK, allows, lay_out, narrow, peak_limits, used

DRAWS, FEW_DRAWS = 12, 6  # schedules of a family; if there are many families
MANY = 16
POINTS = 120  # of a curve
SEED = 7
KEPT = 256  # shapes, as most of them are as before when one range changes


@dataclass(frozen=True, slots=True)
class Shape:
    """Schedules of one family.

    Args:
        family: its name.
        steps: the updates that are shown.
        curves: learning rates divided by the peak, a schedule each; the first is the family's usual
            form, as far as the space has it.
        peaks: the peak of each.
    """

    family: str
    steps: Steps
    curves: Floats
    peaks: Floats


def shapes(draft: Draft) -> dict[str, Shape | None]:
    """Every family of a draft; None for one of which no draw keeps the constraints."""
    space, families = draft.space, draft.space.families
    draws = DRAWS if len(families) <= MANY else FEW_DRAWS
    return {
        name: _shape(name, tuple(used(space, name)), space.constraints, draft.horizon, draws)
        for name in families
    }


@lru_cache(maxsize=1)
def usual_shapes() -> dict[str, Shape | None]:
    """Every family that can be searched, over its whole ranges."""
    names = searchable()
    return shapes(Draft(narrow(names, USUAL_PEAK, {}, {}), USUAL_HORIZON, ()))


@lru_cache(maxsize=KEPT)
def _shape(
    family: str,
    parameters: tuple[Parameter, ...],
    constraints: tuple[Constraint, ...],
    horizon: int,
    draws: int,
) -> Shape | None:
    """Schedules of a family, drawn evenly from the ranges of its parameters."""
    space = Space((family,), {one.name: one for one in parameters}, constraints)
    random = np.random.default_rng(SEED)
    usual = kept(space, placed(space, family, {}), horizon)
    points = [usual] if allows(space, usual, horizon) else []
    for _ in range(draws):
        points += _allowed(space, drawn(space, family, random), random.random(), horizon)
    if not points:
        return None
    steps = np.unique(np.linspace(0, horizon - 1, POINTS).astype(np.int64))
    with np.errstate(all="ignore"):  # what overflows is not drawn
        curves = np.array([lay_out({**one, PEAK: 1.0}, horizon)(steps) for one in points])
    return Shape(family, steps, curves, np.array([float(one[PEAK]) for one in points]))


def _allowed(space: Space, point: Point, place: float, horizon: int) -> list[Point]:
    """A point with one of the peaks that its shape may have, if it may have any.

    `kept` would move it until it is allowed, which is dear.
    """
    limits = peak_limits(space, point, horizon)
    if limits is None:
        return []
    low, high = map(math.log, limits)
    return [{**point, PEAK: math.exp(low + place * (high - low))}]
