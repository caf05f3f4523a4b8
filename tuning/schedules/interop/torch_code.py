"""Code for PyTorch and for Transformers, whose schedulers are PyTorch's.

The one idea: `make_scheduler(optimizer)`, to be stepped after every update of the optimiser, with
the native scheduler where it is exact, else with LambdaLR over the learning rates themselves.
Not here: channels and groups (`torch_channels`), how a native call is found to be exact (`export`),
the calls proposed (`torch_native`).
"""

from collections.abc import Mapping
from typing import Any

from tuning.schedules.interop.base import Calls, Exported
from tuning.schedules.interop.export import (
    Spelled,
    describe,
    find_native,
    goes_on_alike,
    write_index,
    write_table,
)
from tuning.schedules.interop.torch_channels import write_with_channels
from tuning.schedules.interop.torch_composites import JOINABLE
from tuning.schedules.interop.torch_native import (
    propose_torch,
    propose_transformers,
)
from tuning.schedules.interop.torch_rules import (
    is_same_rule,
    propose_torch_feedback,
    propose_transformers_feedback,
)
from tuning.schedules.interop.transformers_names import CALLS as FUNCTIONS
from tuning.schedules.schedule import Schedule


def write_torch(schedule: Schedule) -> Exported:
    """Code for PyTorch."""
    if schedule.family.is_feedback:
        return _listening(schedule, "torch.optim.lr_scheduler", propose_torch_feedback(schedule))
    native = find_native(JOINABLE, propose_torch(schedule), schedule)
    if native is None:
        why = (
            "No scheduler of PyTorch, nor a warmup and one in sequence, has these values at every "
            "update, so LambdaLR looks them up."
        )
        return Exported(_looked_up(schedule), is_native=False, why=why)
    names = [one["call"] for one in native.kwargs.get("schedulers", ())]
    who = f"{' and '.join(names)} in sequence have" if names else f"{native.call} has"
    why = f"{who} these values at every update."
    code = _native(schedule, native, _imports(native), _spell(native.call, native.kwargs, "    "))
    return Exported(code, is_native=True, why=why + _afterwards(JOINABLE, native, schedule))


def write_transformers(schedule: Schedule) -> Exported:
    """Code for Transformers."""
    if schedule.family.is_feedback:
        proposed = propose_transformers_feedback(schedule)
        return _listening(schedule, "transformers.optimization", proposed)
    native = find_native(FUNCTIONS, propose_transformers(schedule), schedule)
    if native is None:
        why = (
            "No schedule of Transformers has these values at every update; all of them are LambdaLR"
            " of PyTorch, and so is this, over the values themselves. A Trainer takes it as "
            "optimizers=(optimizer, make_scheduler(optimizer))."
        )
        return Exported(_looked_up(schedule), is_native=False, why=why)
    why = f"get_scheduler({native.kwargs['name']!r}) has these values at every update."
    kwargs = dict(native.kwargs)
    name = kwargs.pop("name")
    given = "".join(f",\n        {key}={value!r}" for key, value in kwargs.items())
    spelled = f"get_scheduler(\n        {name!r},\n        optimizer{given},\n    )"
    code = _native(schedule, native, "from transformers import get_scheduler", spelled)
    return Exported(code, is_native=True, why=why + _afterwards(FUNCTIONS, native, schedule))


def _listening(schedule: Schedule, module: str, proposed: Spelled | None) -> Exported:
    """Code for a family that listens to a metric, if the library has its rule."""
    has_more = bool(schedule.channels or schedule.groups)
    if proposed is None or has_more or not is_same_rule(proposed, schedule):
        like = "with channels or groups" if has_more else "like this one"
        why = (
            f"The library has no rule {like}, so LambdaLR looks up the rates before any "
            "metric; multiply them by the gains of the rule."
        )
        return Exported(_looked_up(schedule), is_native=False, why=why)
    spelled = _spell(proposed.call, proposed.kwargs, "    ")
    code = _native(schedule, proposed, f"from {module} import {proposed.call}", spelled)
    code = code.replace("Step it after every update", "Step it with every metric")
    why = f"{proposed.call} has this rule; it is stepped with the metric."
    return Exported(code, is_native=True, why=why)


def _looked_up(schedule: Schedule) -> str:
    if schedule.channels or schedule.groups:
        return write_with_channels(schedule)
    return f'''"""Learning rates: {describe(schedule)}."""

from torch.optim.lr_scheduler import LambdaLR

{write_table(schedule)}


def make_scheduler(optimizer):
    """Step it after every update; the rates are these, whatever the optimizer was made with."""
    for group in optimizer.param_groups:
        group["lr"] = 1.0
        group.pop("initial_lr", None)
    return LambdaLR(optimizer, lambda t: LEARNING_RATES[{write_index(schedule)}])
'''


def _native(schedule: Schedule, native: Spelled, imports: str, spelled: str) -> str:
    return f'''"""Learning rates: {describe(schedule)}."""

{imports}


def make_scheduler(optimizer):
    """Step it after every update; the rates are these, whatever the optimizer was made with."""
    optimizer.defaults["lr"] = {native.base_lr!r}
    for group in optimizer.param_groups:
        group["lr"] = {native.base_lr!r}
        group.pop("initial_lr", None)
    return {spelled}
'''


def _afterwards(calls: Calls, native: Spelled, schedule: Schedule) -> str:
    if goes_on_alike(calls, native, schedule):
        return ""
    after = schedule.family.after_end
    return f" Stop there: it goes on in its own way, where the schedule says {after!r}."


def _spell(call: str, kwargs: Mapping[str, Any], indent: str) -> str:
    """A call of PyTorch; a composite over several lines."""
    if "schedulers" not in kwargs:
        given = [f"{key}={value!r}" for key, value in kwargs.items()]
        return f"{call}({', '.join(['optimizer', *given])})"
    inner = indent + "    "
    nested = [_spell(one["call"], one["kwargs"], inner) for one in kwargs["schedulers"]]
    listed = "".join(f"{inner}    {one},\n" for one in nested)
    given = [f"[\n{listed}{inner}]", *(repr(kwargs[key]) for key in kwargs if key == "milestones")]
    arguments = "".join(f"{inner}{one},\n" for one in ["optimizer", *given])
    return f"{call}(\n{arguments}{indent})"


def _imports(native: Spelled) -> str:
    names = {native.call, *(one["call"] for one in native.kwargs.get("schedulers", ()))}
    return f"from torch.optim.lr_scheduler import {', '.join(sorted(names))}"
