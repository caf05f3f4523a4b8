"""Code for timm: one of its schedulers where it is exact, else one of our own over a table.

The one idea: timm counts updates if told so (`t_in_epochs=False`), and a scheduler is stepped with
the number of the update to come.
Not here: what is read (`timm_calls`, `timm_cycles`).
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, TypeAlias

from tuning.schedules.compose import LAST, Ramp
from tuning.schedules.interop.base import Exported
from tuning.schedules.interop.export import Spelled, Writer, title_of, write_index, write_table
from tuning.schedules.interop.own_rule import with_own_rule
from tuning.schedules.interop.rows import Row, is_level, row_of
from tuning.schedules.interop.rules import find_rule, open_loop, propose_timm
from tuning.schedules.interop.timm_factory import CALLS
from tuning.schedules.schedule import Schedule

Kwargs: TypeAlias = dict[str, Any]

MOST_LEVELS = 100
STEPPED = "After update t, counted from 0, call step_update(t + 1)"
TOLD = "After epoch e, counted from 0, call step(e + 1, metric)"
COOLDOWNS = {("linear", 1.0): "linear", ("linear", 0.5): "1-sqrt", ("cosine", 1.0): "cosine"}


def write_timm(schedule: Schedule) -> Exported:
    """Code for timm."""
    if not schedule.family.is_feedback:
        return WRITER.write(schedule, title_of(schedule))
    rule = find_rule(CALLS, propose_timm(schedule), schedule)
    if rule is None:
        return with_own_rule(WRITER.write(open_loop(schedule), title_of(schedule)), schedule)
    code = _native(rule, title_of(schedule)).replace(STEPPED, TOLD)
    why = f"{rule.call}, which timm will remove, has this rule."
    return Exported(code, is_native=True, why=why)


def _propose(schedule: Schedule) -> Iterator[Spelled]:
    row = row_of(schedule)
    if row is None or len(row) > MOST_LEVELS:
        return
    for call, kwargs in _calls(row):
        yield Spelled(call, {**kwargs, "t_in_epochs": False}, schedule.peak)


def _calls(row: Row) -> Iterator[tuple[str, Kwargs]]:
    yield from _bodies(row, {})
    rise = row[0]
    if len(row) > 1 and rise.start < rise.end:
        warmup = {"warmup_t": rise.length, "warmup_lr_init": rise.start}
        yield from _bodies(row[1:], {**warmup, "warmup_prefix": True})


def _bodies(row: Row, warmup: Kwargs) -> Iterator[tuple[str, Kwargs]]:
    last = row[-1]
    if all(map(is_level, row)):
        yield from _levels(row, warmup)
    elif len(row) <= 2:
        yield from _falls(last, warmup)
        yield "WSDLRScheduler", _plateau(row, warmup)
    if len(row) > 1 and row[0].start > row[0].end and row[0].curve == last.curve:
        yield from _falls(row[0], {**warmup, **_cycles(row)})


def _levels(row: Row, warmup: Kwargs) -> Iterator[tuple[str, Kwargs]]:
    """Milestones of timm drop one update early, so they are written one late."""
    rate = row[1].start / row[0].start if len(row) > 1 and row[0].start else 1.0
    ends = list(accumulate(ramp.length for ramp in row))[:-1]
    yield "StepLRScheduler", {"decay_t": row[0].length, "decay_rate": rate, **warmup}
    places = [end + 1 for end in ends]
    yield "MultiStepLRScheduler", {"decay_t": places, "decay_rate": rate, **warmup}


def _falls(ramp: Ramp, more: Kwargs) -> Iterator[tuple[str, Kwargs]]:
    length = ramp.length - 1 if ramp.phase == LAST else ramp.length
    common: Kwargs = {"t_initial": length, "lr_min": ramp.end, **more}
    if ramp.curve.warp != 1.0:
        common["k_decay"] = ramp.curve.warp
    if ramp.order == 1.0 and ramp.curve.base == "cosine":
        yield "CosineLRScheduler", common
    if ramp.order == 1.0 and ramp.curve.base == "linear":
        yield "PolyLRScheduler", {**common, "power": ramp.curve.power}


def _cycles(row: Row) -> Kwargs:
    return {
        "cycle_mul": row[1].length / row[0].length,
        "cycle_decay": row[1].start / row[0].start,
        "cycle_limit": len(row),
    }


def _plateau(row: Row, warmup: Kwargs) -> Kwargs:
    fall = row[-1]
    kwargs: Kwargs = {
        "t_initial": sum(ramp.length for ramp in row),
        "decay_t": fall.length,
        "lr_min": fall.end,
        "decay_fn": COOLDOWNS.get((fall.curve.base, fall.curve.warp), "power"),
        **{name: value for name, value in warmup.items() if name != "warmup_prefix"},
    }
    if kwargs["decay_fn"] == "power":
        kwargs["decay_power"] = fall.curve.warp
    return kwargs


def _native(native: Spelled, title: str) -> str:
    given = "".join(f"        {key}={value!r},\n" for key, value in native.kwargs.items())
    return f'''{title}

from timm.scheduler import {native.call}


def make_scheduler(optimizer):
    """{STEPPED} of what this returns."""
    for group in optimizer.param_groups:
        group["lr"] = {native.base_lr!r}
        group.pop("initial_lr", None)
    return {native.call}(
        optimizer,
{given}    )
'''


def _looked_up(schedule: Schedule, title: str) -> str:
    return f'''{title}

from timm.scheduler.scheduler import Scheduler

{write_table(schedule)}


class Table(Scheduler):
    """The rates themselves. {STEPPED}."""

    def __init__(self, optimizer):
        super().__init__(optimizer, param_group_field="lr", t_in_epochs=False)
        self.update_groups(self._get_lr(0))

    def _get_lr(self, t):
        return [LEARNING_RATES[{write_index(schedule)}]] * len(self.base_values)


def make_scheduler(optimizer):
    """A scheduler of these rates, whatever the optimizer was made with."""
    return Table(optimizer)
'''


WRITER = Writer(
    name="timm",
    calls=CALLS,
    propose=_propose,
    spell=_native,
    look_up=_looked_up,
    native=lambda call: f"{call.call} has these values at every update.",
    table="No scheduler of timm has these values at every update; so it is a table.",
)
