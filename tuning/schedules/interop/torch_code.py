"""Code for PyTorch and for Transformers, whose schedulers are PyTorch's.

The one idea: `make_scheduler(optimizer)`, to be stepped after every update of the optimiser, with
the native scheduler where it is exact, else with LambdaLR over the learning rates themselves.
Not here: channels and groups (`torch_channels`), how a native call is found to be exact (`export`),
the calls proposed (`torch_native`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tuning.schedules.interop import rules
from tuning.schedules.interop.base import Exported
from tuning.schedules.interop.export import Spelled, Writer, title_of, write_index, write_table
from tuning.schedules.interop.own_rule import with_own_rule
from tuning.schedules.interop.torch_channels import write_with_channels
from tuning.schedules.interop.torch_composites import JOINABLE
from tuning.schedules.interop.torch_native import propose_torch, propose_transformers
from tuning.schedules.interop.transformers_names import CALLS as FUNCTIONS
from tuning.schedules.schedule import Schedule


def write_torch(schedule: Schedule) -> Exported:
    """Code for PyTorch."""
    if schedule.family.is_feedback:
        return _listening(schedule, "torch.optim.lr_scheduler", rules.propose_torch(schedule))
    return TORCH.write(schedule, title_of(schedule))


def write_transformers(schedule: Schedule) -> Exported:
    """Code for Transformers."""
    if schedule.family.is_feedback:
        proposed = rules.propose_transformers(schedule)
        return _listening(schedule, "transformers.optimization", proposed)
    return TRANSFORMERS.write(schedule, title_of(schedule))


def _listening(schedule: Schedule, module: str, proposed: Iterable[Spelled]) -> Exported:
    """Code for a family that listens to a metric."""
    title = title_of(schedule)
    rule = rules.find_rule(rules.TORCH_RULES, proposed, schedule)
    if rule is None:
        return with_own_rule(TORCH.write(rules.open_loop(schedule), title), schedule)
    imports = f"from {module} import {rule.call}"
    code = _make(rule, title, imports, _spell(rule.call, rule.kwargs, "    "))
    code = code.replace("Step it after every update", "Step it with every metric")
    why = f"{rule.call} has this rule; it is stepped with the metric."
    return Exported(code, is_native=True, why=why)


def _looked_up(schedule: Schedule, title: str) -> str:
    if schedule.channels or schedule.groups:
        return write_with_channels(schedule)
    return f'''{title}

from torch.optim.lr_scheduler import LambdaLR

{write_table(schedule)}


def make_scheduler(optimizer):
    """Step it after every update; the rates are these, whatever the optimizer was made with."""
    for group in optimizer.param_groups:
        group["lr"] = 1.0
        group.pop("initial_lr", None)
    return LambdaLR(optimizer, lambda t: LEARNING_RATES[{write_index(schedule)}])
'''


def _make(native: Spelled, title: str, imports: str, spelled: str) -> str:
    return f'''{title}

{imports}


def make_scheduler(optimizer):
    """Step it after every update; the rates are these, whatever the optimizer was made with."""
    optimizer.defaults["lr"] = {native.base_lr!r}
    for group in optimizer.param_groups:
        group["lr"] = {native.base_lr!r}
        group.pop("initial_lr", None)
    return {spelled}
'''


def _scheduler(native: Spelled, title: str) -> str:
    return _make(native, title, _imports(native), _spell(native.call, native.kwargs, "    "))


def _by_name(native: Spelled, title: str) -> str:
    kwargs = dict(native.kwargs)
    name = kwargs.pop("name")
    given = "".join(f",\n        {key}={value!r}" for key, value in kwargs.items())
    spelled = f"get_scheduler(\n        {name!r},\n        optimizer{given},\n    )"
    return _make(native, title, "from transformers import get_scheduler", spelled)


def _because(native: Spelled) -> str:
    names = [one["call"] for one in native.kwargs.get("schedulers", ())]
    who = f"{' and '.join(names)} in sequence have" if names else f"{native.call} has"
    return f"{who} these values at every update."


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


TORCH = Writer(
    name="PyTorch",
    calls=JOINABLE,
    propose=propose_torch,
    spell=_scheduler,
    look_up=_looked_up,
    native=_because,
    table=(
        "No scheduler of PyTorch, nor a warmup and one in sequence, has these values at every "
        "update, so LambdaLR looks them up."
    ),
)
TRANSFORMERS = Writer(
    name="Transformers",
    calls=FUNCTIONS,
    propose=propose_transformers,
    spell=_by_name,
    look_up=_looked_up,
    native=lambda native: (
        f"get_scheduler({native.kwargs['name']!r}) has these values at every update."
    ),
    table=(
        "No schedule of Transformers has these values at every update; all of them are LambdaLR"
        " of PyTorch, and so is this, over the values themselves. A Trainer takes it as "
        "optimizers=(optimizer, make_scheduler(optimizer))."
    ),
)
