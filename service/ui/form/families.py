"""Families and their coordinates, as the form offers them: in groups, each with a small picture.

The one idea: the groups are the modules of the family table, and what a coordinate may be is its
entry in the table of parameters; nothing is listed again here.
Not here: what is chosen (the browser knows), the chart of all (`service.ui.charts.preview`).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.ui.form.shapes import Shape, usual_shapes
from tuning.constraints import RATES
from tuning.defaults import usual_families
from tuning.schedules import FAMILIES, PARAMETERS, Parameter
from tuning.schedules.curves import Floats
from tuning.search.samplers import SAMPLERS
from tuning.search.space import PEAK

WIDTH, HEIGHT, EDGE = 960, 400, 30  # of a small picture, and what is free above and below
FAINT = 2  # schedules in a small picture behind the usual one
THINNED = 2  # so many points of a shape become one


@dataclass(frozen=True, slots=True)
class Picture:
    """A family in small, as SVG paths: all its schedules, a few of them, the usual one."""

    band: str
    faint: str
    usual: str

    def document(self) -> dict[str, str]:
        """What the page's script needs to draw it anew."""
        return {"band": self.band, "faint": self.faint, "usual": self.usual}


NOTHING = Picture("", "", "")


@dataclass(frozen=True, slots=True)
class Choice:
    """A family that can be chosen."""

    name: str
    help: str
    picture: Picture
    tunable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Families of a module; `is_usual` if some of them are searched unless others are chosen."""

    title: str
    help: str
    choices: tuple[Choice, ...]
    is_usual: bool


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A coordinate of the space: its range, or its choices, as texts."""

    name: str
    help: str
    low: str
    high: str
    choices: tuple[str, ...]


def groups() -> tuple[Group, ...]:
    """All families that can be searched, by module, in the order of the table."""
    pictured = usual_shapes()
    modules: dict[str, list[str]] = {}
    for name in pictured:
        modules.setdefault(FAMILIES[name].__module__, []).append(name)
    return tuple(_group(module, names, pictured) for module, names in modules.items())


def _group(module: str, names: list[str], pictured: Mapping[str, Shape | None]) -> Group:
    told = (sys.modules[module].__doc__ or "").strip().splitlines()[0]
    title, _, rest = told.partition(": ")
    usual = {name for families in usual_by_sampler().values() for name in families}
    return Group(
        title=title,
        help=rest.rstrip("."),
        choices=tuple(
            Choice(
                name=name,
                help=(FAMILIES[name].__doc__ or "").strip().splitlines()[0],
                picture=picture(pictured[name]),
                tunable=tuple(FAMILIES[name].tunable),
            )
            for name in sorted(names, key=lambda name: name not in usual)
        ),
        is_usual=not usual.isdisjoint(names),
    )


def unsearchable() -> tuple[str, ...]:
    """The families that no search can move."""
    return tuple(name for name in FAMILIES if name not in usual_shapes())


def usual_by_sampler() -> dict[str, tuple[str, ...]]:
    """The families of a study whose user names none, by its sampler."""
    return {sampler: usual_families(sampler) for sampler in SAMPLERS}


def coordinates() -> tuple[Coordinate, ...]:
    """All coordinates but the peak."""
    return tuple(_coordinate(one) for one in PARAMETERS.values() if one.name != PEAK)


def bounded_names() -> tuple[str, ...]:
    """What a constraint may bound: learning rates, and the coordinates that are numbers."""
    numbers = [name for name, one in PARAMETERS.items() if one.kind != "choice"]
    return (*RATES, *numbers)


def _coordinate(one: Parameter) -> Coordinate:
    is_choice = one.kind == "choice"
    ends = ("", "") if is_choice else (f"{one.low:g}", f"{one.high:g}")
    return Coordinate(one.name, one.help, *ends, choices=one.choices)


def picture(shape: Shape | None) -> Picture:
    """A shape in small; nothing of one that has no schedule."""
    if shape is None:
        return NOTHING
    curves = np.nan_to_num(shape.curves, posinf=1.0).clip(0.0, 1.0)[:, ::THINNED]
    steps = shape.steps[::THINNED]
    across = (steps - steps[0]) / max(1, steps[-1] - steps[0]) * WIDTH
    upper, lower = curves.max(0), curves.min(0)
    around = _path(np.append(across, across[::-1]), np.append(upper, lower[::-1]))
    return Picture(
        band=f"{around}z",
        faint="".join(_path(across, one) for one in curves[1 : 1 + FAINT]),
        usual=_path(across, curves[0]),
    )


def _path(across: Floats, curve: Floats) -> str:
    """A curve as an SVG path, by its steps, which are shorter to write than its places."""
    down = EDGE + (1.0 - curve) * (HEIGHT - 2 * EDGE)
    places = np.rint(np.stack([across, down], 1)).astype(int)
    (x, y), steps = places[0].tolist(), np.diff(places, axis=0).tolist()
    moves = " ".join(f"{right} {below}" for right, below in steps)
    return f"M{x} {y}l{moves or '0 0'}"  # of one update alone there is a point
