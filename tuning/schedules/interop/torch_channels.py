"""Code for PyTorch of schedules with channels or groups: LambdaLR over tables of all of them.

The one idea: the base rate of a parameter group is its factor, so LambdaLR multiplies; what else
moves is set on the groups whenever the rate is. Groups are told apart by their `name`.
Not here: code of the learning rate alone, and native calls (`torch_code`).
"""

from tuning.schedules.interop.export import describe, write_index, write_tables
from tuning.schedules.schedule import Schedule

# How a channel is set on a group of an optimiser; a group that lacks it is an error, not passed by.
SET = {
    "momentum": """\
            if "betas" in group:
                group["betas"] = ({value}, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = {value}
            else:
                raise ValueError("the optimizer has no momentum")
""",
    "weight_decay": """\
            if "weight_decay" not in group:
                raise ValueError("the optimizer has no weight decay")
            group["weight_decay"] = {value} * group.get("wd_mult", 1.0)
""",
}


def write_with_channels(schedule: Schedule) -> str:
    """Python source of `make_scheduler(optimizer)` that sets channels and knows groups."""
    names = {name: name.upper() for name in schedule.channels}
    tables = {"LEARNING_RATES": schedule}
    tables |= {constant: schedule.channel(name) for name, constant in names.items()}
    beside = [*schedule.channels, *(["groups"] if schedule.groups else [])]
    kind = "Scheduler" if names else "LambdaLR"
    return f'''"""Learning rates: {describe(schedule)}; beside them {", ".join(beside)}."""

from torch.optim.lr_scheduler import LambdaLR

{write_tables(tables)}
GROUPS = {dict(schedule.groups)!r}  # factors of the learning rate

{_write_class(schedule)}
def make_scheduler(optimizer):
    """Step it after every update; the rates are these, whatever the optimizer was made with.

    GROUPS has the names of parameter groups, {{"params": ..., "name": ...}}; all others learn at
    the rate itself. A group with "wd_mult" has so many times the weight decay.
    """
    missing = GROUPS.keys() - {{group.get("name") for group in optimizer.param_groups}}
    if missing:
        raise ValueError(f"no parameter group has the name {{', '.join(sorted(missing))}}")
    for group in optimizer.param_groups:
        group["lr"] = GROUPS.get(group.get("name"), 1.0)
        group.pop("initial_lr", None)
    return {kind}(optimizer, lambda t: LEARNING_RATES[{write_index(schedule)}])
'''


def _write_class(schedule: Schedule) -> str:
    """The scheduler that sets channels, if there are some."""
    if not schedule.channels:
        return ""
    setters = "".join(
        SET[name].format(value=f"{name.upper()}[{write_index(schedule.channel(name))}]")
        for name in schedule.channels
    )
    return f'''
class Scheduler(LambdaLR):
    """LambdaLR that sets what else moves, too."""

    def get_lr(self):
        t = self.last_epoch
        for group in self.optimizer.param_groups:
{setters}        return super().get_lr()

'''
