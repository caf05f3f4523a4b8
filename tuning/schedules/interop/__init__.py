"""Interop: schedules from the calls of other libraries, and code for them.

The one idea: both ways are pure text and arithmetic. `read_call` knows the library's own formulas,
its faults included; `write_code` names the native scheduler where it is exact and a look-up in the
table where it is not, and says which and why. The table below is the catalogue.
Not here: running the libraries to compare (`make parity`).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.interop.base import (
    Exported,
    Framework,
    Imported,
    Note,
    asides,
    make_call,
)
from tuning.schedules.interop.keras_calls import CALLS as KERAS_CALLS
from tuning.schedules.interop.keras_code import write_keras
from tuning.schedules.interop.optax_code import write_optax
from tuning.schedules.interop.optax_feedback import CALLS as OPTAX_CALLS
from tuning.schedules.interop.sklearn_calls import CALLS as SKLEARN_CALLS
from tuning.schedules.interop.sklearn_code import write_sklearn
from tuning.schedules.interop.tables import CSV_CALLS, JSON_CALLS, write_csv, write_json
from tuning.schedules.interop.timm_code import write_timm
from tuning.schedules.interop.timm_factory import CALLS as TIMM_CALLS
from tuning.schedules.interop.torch_code import write_torch, write_transformers
from tuning.schedules.interop.torch_feedback import TORCH_CALLS
from tuning.schedules.interop.transformers_names import CALLS as TRANSFORMERS_CALLS
from tuning.schedules.limits import Among, Integer, Number
from tuning.schedules.schedule import MAX_HORIZON, Schedule

BESIDE = ("channels", "groups")  # the learning rate

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        "torch": Framework(TORCH_CALLS, write_torch, BESIDE),
        "optax": Framework(OPTAX_CALLS, write_optax),
        "keras": Framework(KERAS_CALLS, write_keras),
        "transformers": Framework(TRANSFORMERS_CALLS, write_transformers, BESIDE),
        "timm": Framework(TIMM_CALLS, write_timm),
        "sklearn": Framework(SKLEARN_CALLS, write_sklearn),
        "csv": Framework(CSV_CALLS, write_csv, ("channels",)),
        "json": Framework(JSON_CALLS, write_json, BESIDE),
    }
)

__all__ = ["FRAMEWORKS", "Exported", "Framework", "Imported", "Note", "read_call", "write_code"]


def read_call(
    framework: str, call: str, kwargs: Mapping[str, Any], *, base_lr: float, horizon: int
) -> Imported:
    """The schedule that a call of a framework makes.

    Args:
        framework: a name in `FRAMEWORKS`.
        call: a name in its `calls`.
        kwargs: the call's arguments, without the optimiser; a nested call is
            {"call": ..., "kwargs": {...}}.
        base_lr: the learning rate the optimiser was made with, > 0.
        horizon: updates of the schedule, from 1.

    Raises `InvalidValue` naming `from.framework`, `from.call`, `from.kwargs.<name>`, `base_lr` or
    `horizon`.

    >>> found = read_call("torch", "CosineAnnealingLR", {"T_max": 100}, base_lr=0.1, horizon=120)
    >>> found.schedule([0, 50, 100, 110]).round(4)
    array([0.1   , 0.05  , 0.    , 0.0024])
    >>> [note.code for note in found.notes]
    ['rebound', 'past_end']
    """
    known = _find("from.framework", framework)
    rate = Number(above=True)("base_lr", base_lr)
    updates = Integer(1, MAX_HORIZON)("horizon", horizon)
    try:
        made = make_call(known.calls, call, kwargs)
    except InvalidValue as error:
        raise error.under("from") from error
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            found = made.read(rate, updates)
    except InvalidValue as error:
        raise error if error.field == "horizon" else error.under("from.kwargs") from error
    names = ", ".join(dict.fromkeys(asides(made)))
    if not names:
        return found
    message = f"Without influence on the learning rate: {names}."
    return replace(found, notes=(*found.notes, Note("ignored", message)))


def write_code(schedule: Schedule, framework: str) -> Exported:
    """Code of a framework that makes a schedule.

    Where it carries the learning rate only, the reason says which channels and groups are left out.

    Raises `UnknownName` naming `format`.

    >>> from tuning.schedules import Cosine
    >>> exported = write_code(Schedule(Cosine(0.1), 100), "torch")
    >>> exported.is_native, "CosineAnnealingLR(optimizer, T_max=100" in exported.code
    (True, True)
    """
    known = _find("format", framework)
    left_out = [one for one in BESIDE if one not in known.carries and getattr(schedule, one)]
    if not left_out:
        return known.write(schedule)
    nothing: dict[str, Any] = {one: {} for one in left_out}
    written = known.write(replace(schedule, **nothing))
    names = [
        name for one in left_out for name in (schedule.channels if one == "channels" else [one])
    ]
    return replace(written, why=f"{written.why} Not carried: {', '.join(names)}.")


def _find(field: str, framework: object) -> Framework:
    return FRAMEWORKS[Among(FRAMEWORKS)(field, framework)]
