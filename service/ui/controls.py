"""Controls: what a form needs to know of every field of a family, to move it.

The one idea: the limit beside a field says what it may hold, and the parameter of that name, if a
search moves it, over which range it makes sense; so a new family has its form at once.
Not here: how controls look (`static/workbench-form.js`).
"""

import math
from dataclasses import Field, fields
from typing import Any, Literal, get_args, get_origin

from tuning.schedules import FAMILIES, PARAMETERS, Family, Parameter, Warmup
from tuning.schedules.expressions import Grown
from tuning.schedules.families.warmup import PHASES, OffsetLimit
from tuning.schedules.limits import Among, Each, Flag, Integer, Number, Share

Json = dict[str, Any]

SMALL = 20.0  # a range up to which is shown as a whole
TIMES = 20.0  # the default, to where a slider goes if nothing says how far
TINY = 0.05  # a positive default below it is moved on a log scale
PLACES = 100  # of an integer from 0
SAFE = 2**53  # the largest integer that a script counts to
LEAST_TIME = 1e-3  # of the horizon, on the slider of a time constant
CONVENTIONS = ("end", "after_end")


def family_controls(kind: str) -> list[Json]:
    """The controls of a family's own fields, with their defaults."""
    family = FAMILIES[kind]
    defaults = family(peak=1.0).params()
    return [
        control(entry, plain(defaults[entry.name]), is_tunable=entry.name in family.tunable)
        for entry in fields(family)
        if entry.name in defaults
    ]


def common_controls() -> list[Json]:
    """The controls of what all families share: the conventions of the end."""
    default = FAMILIES["constant"](peak=1.0)
    return [
        control(entry, plain(getattr(default, entry.name)))
        for entry in fields(Family)
        if entry.name in CONVENTIONS
    ]


def warmup_controls() -> list[Json]:
    """The controls of a warmup; the range of its length is that of the parameter `warmup`."""
    default = Warmup()
    made = [control(entry, plain(getattr(default, entry.name))) for entry in fields(Warmup)]
    parameter = PARAMETERS["warmup"]
    for one in made:
        if one["name"] == "length":
            one |= {"high": 0.5, "help": parameter.help}
    return made


def control(entry: Field[Any], default: object, *, is_tunable: bool = False) -> Json:
    """One field: its kind, what it may hold, the ends of its slider, its default."""
    told: Json = {"name": entry.name, "value": default, "help": ""}
    if is_tunable:
        told["help"] = PARAMETERS[entry.name].help
    if get_origin(entry.type) is Literal:
        return {**told, "kind": "choice", "choices": list(get_args(entry.type))}
    (limit,) = get_args(entry.type)[1:]
    known = PARAMETERS[entry.name] if is_tunable else None
    match limit:
        case Number():
            bounds = {"min": limit.low, "max": _finite(limit.high), "above": limit.above}
            return {**told, "kind": "number", **bounds, **_slider(limit, default, known)}
        case Integer():
            bounds = {"min": limit.low, "max": min(limit.high, SAFE)}
            return {**told, "kind": "integer", **bounds, **_slider(limit, default, known)}
        case Share():
            is_time = limit.longest > 1.0
            low = LEAST_TIME if is_time else 0.0
            more = {"max": limit.longest, "low": low, "high": 1.0, "log": is_time}
            return {**told, "kind": "length", **more}
    return {**told, **_listed(limit)}


def _listed(limit: object) -> Json:
    """What has no slider."""
    match limit:
        case Flag():
            return {"kind": "flag"}
        case Among():
            return {"kind": "choice", "choices": list(limit.names)}
        case OffsetLimit():
            return {"kind": "choice", "choices": [list(phase) for phase in PHASES]}
        case Each(limit=Share()):
            return {"kind": "lengths"}
        case Each(limit=Number()):
            return {"kind": "numbers"}
        case Grown() | Each(limit=Grown()):
            return {"kind": "tree"}
    raise TypeError(f"no control of {limit!r}")


def _slider(limit: Number | Integer, default: object, known: Parameter | None) -> Json:
    """The ends of a slider, and whether equal ratios are equally far apart."""
    if known is not None:
        is_fraction = limit.high == 1.0 and not known.log
        return {"low": known.low, "high": 1.0 if is_fraction else known.high, "log": known.log}
    value = float(default) if isinstance(default, int | float) else 0.0
    is_open = isinstance(limit, Number) and limit.above
    is_tiny = is_open and value < TINY
    if limit.high - limit.low <= SMALL and not is_tiny:
        return {"low": limit.low, "high": limit.high, "log": False}
    if value > limit.low and (is_open or limit.low > 0):
        low = max(limit.low, value / TIMES)
        high = limit.high if is_tiny else min(limit.high, TIMES * value)
        return {"low": low, "high": high, "log": True}
    far = 10.0 * value or (float(PLACES) if isinstance(limit, Integer) else 1.0)
    return {"low": limit.low, "high": min(limit.high, far), "log": False}


def plain(value: object) -> object:
    """A value as JSON."""
    match value:
        case dict():
            return dict(value)
        case list() | tuple():
            return [plain(one) for one in value]
    return value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
