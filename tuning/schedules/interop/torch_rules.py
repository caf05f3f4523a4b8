"""Rules: the calls of PyTorch and Transformers that listen to a metric as a family does.

The one idea: a call is proposed from the family's fields and kept if reading it back gives the
family again; rates that are absolute in the library may differ in the last bit.
Not here: the rules (`tuning.schedules.families.feedback`), the text of the code (`torch_code`).
"""

from dataclasses import fields, replace
from typing import Any

from tuning.errors import InvalidValue
from tuning.schedules.families import Family, Greedy, Plateau
from tuning.schedules.interop.base import Calls, make_call
from tuning.schedules.interop.export import Spelled
from tuning.schedules.interop.torch_feedback import GreedyLR, ReduceLROnPlateau
from tuning.schedules.schedule import Schedule

RULES: Calls = {"ReduceLROnPlateau": ReduceLROnPlateau, "GreedyLR": GreedyLR}
ABSOLUTE = ("min_gain", "max_gain", "first_gain", "smallest_change")
CLOSE = 1e-14


def propose_torch_feedback(schedule: Schedule) -> Spelled | None:
    """ReduceLROnPlateau, for the family `plateau`."""
    family = schedule.family
    if not isinstance(family, Plateau):
        return None
    own = {
        "patience": family.patience,
        "min_lr": family.min_gain * family.peak,
        "eps": family.smallest_change * family.peak,
    }
    return Spelled("ReduceLROnPlateau", {**_common(family), **own}, family.peak)


def propose_transformers_feedback(schedule: Schedule) -> Spelled | None:
    """GreedyLR, for the family `greedy`; PyTorch's rule for `plateau`."""
    family = schedule.family
    if not isinstance(family, Greedy):
        return propose_torch_feedback(schedule)
    own = {
        "patience": family.patience,
        "warmup": family.warmup_wait,
        "min_lr": family.min_gain * family.peak,
        "max_lr": family.max_gain * family.peak,
        "eps": family.smallest_change * family.peak,
        "reset_start": family.reset_after,
        "smooth": family.window > 1,
        "window_size": family.window,
    }
    return Spelled("GreedyLR", {**_common(family), **own}, family.first_gain * family.peak)


def _common(family: Plateau | Greedy) -> dict[str, Any]:
    return {
        "mode": family.mode,
        "factor": family.factor,
        "threshold": family.threshold,
        "threshold_mode": family.tolerance,
        "cooldown": family.cooldown,
    }


def is_same_rule(spelled: Spelled, schedule: Schedule) -> bool:
    """Whether the call reads back as the family, the last bits of absolute rates aside."""
    try:
        read = make_call(RULES, spelled.call, spelled.kwargs).read(spelled.base_lr, 1)
    except InvalidValue:
        return False
    return _rounded(read.schedule.family, schedule.family) == schedule.family


def _rounded(found: Family, family: Family) -> Family:
    """The family found, its absolute rates those of the other where they are close."""
    if type(found) is not type(family):
        return found
    names = [one.name for one in fields(family) if one.name in (*ABSOLUTE, "peak")]
    pairs = {name: (getattr(found, name), getattr(family, name)) for name in names}
    close = {name: new for name, (old, new) in pairs.items() if abs(old - new) <= CLOSE * new}
    return replace(found, **close)
