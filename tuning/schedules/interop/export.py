"""Export: what writing code has in common for all frameworks.

The one idea: a native call is written only if reading it back gives the schedule's own numbers, so
an exporter may propose freely; else the code holds the numbers, in the clear if they are few,
packed if they are many.
Not here: the text around them (`torch_code` and the others).
"""

import base64
import textwrap
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.interop.base import Calls, Exported, make_call
from tuning.schedules.schedule import Schedule

# Within the accuracy of float64 arithmetic: libraries multiply step by step.
TOLERANCE = 1e-12
COMPARED_BEYOND = 16  # updates after the last one
MOST_LISTED = 2_000  # learning rates written in the clear
WIDTH = 96


@dataclass(frozen=True, slots=True)
class Spelled:
    """A call that may make a schedule.

    Args:
        call: its name in the framework's calls.
        kwargs: its arguments, as `read_call` takes them.
        base_lr: the optimiser's rate that goes with it.
    """

    call: str
    kwargs: Mapping[str, Any]
    base_lr: float


@dataclass(frozen=True, slots=True)
class Writer:
    """How code of a framework is written.

    Args:
        name: the framework's, for people.
        calls: what can be read from it.
        propose: calls that may have the values of a schedule.
        spell: code with such a call, under a title.
        look_up: code with the table of a schedule, under a title.
        native: why the code is a native call, a sentence about it.
        table: why the code is a table.
    """

    name: str
    calls: Calls
    propose: Callable[[Schedule], Iterable[Spelled]]
    spell: Callable[[Spelled, str], str]
    look_up: Callable[[Schedule, str], str]
    native: Callable[[Spelled], str]
    table: str

    def write(self, schedule: Schedule, title: str) -> Exported:
        """A native call where one is exact, else the table."""
        found = find_native(self.calls, self.propose(schedule), schedule)
        if found is None:
            return Exported(self.look_up(schedule, title), is_native=False, why=self.table)
        why = self.native(found)
        if not goes_on_alike(self.calls, found, schedule):
            after = schedule.family.after_end
            why += f" Stop there: the schedule then says {after!r}, {self.name} does not."
        return Exported(self.spell(found, title), is_native=True, why=why)


def find_native(calls: Calls, spelled: Iterable[Spelled], schedule: Schedule) -> Spelled | None:
    """The first call that reads back as the schedule, channels and groups included, if any does."""
    curves = [(curve, curve.table()) for curve in _curves(schedule)]
    for one in spelled:
        try:
            read = make_call(calls, one.call, one.kwargs).read(one.base_lr, schedule.horizon)
        except InvalidValue:
            continue  # the framework has no such value
        if _has_same_names(read.schedule, schedule) and all(
            np.abs(found.table() - table).max() <= TOLERANCE * curve.peak
            for found, (curve, table) in zip(_curves(read.schedule), curves, strict=True)
        ):
            return one
    return None


def goes_on_alike(calls: Calls, spelled: Spelled, schedule: Schedule) -> bool:
    """Whether a native call and the schedule have the same values at the updates from T on."""
    longer = schedule.horizon + COMPARED_BEYOND
    after = np.arange(schedule.horizon, longer)
    try:
        read = make_call(calls, spelled.call, spelled.kwargs).read(spelled.base_lr, longer)
        apart = [
            np.abs(found.table()[schedule.horizon :] - curve(after)).max() / curve.peak
            for found, curve in zip(_curves(read.schedule), _curves(schedule), strict=True)
        ]
    except InvalidValue:
        return False
    return bool(max(apart) <= TOLERANCE)


def _curves(schedule: Schedule) -> list[Schedule]:
    """The learning rate and the channels, each as a schedule of its own."""
    return [schedule, *(schedule.channel(name) for name in schedule.channels)]


def _has_same_names(one: Schedule, other: Schedule) -> bool:
    return one.channels.keys() == other.channels.keys() and one.groups == other.groups


def describe(schedule: Schedule) -> str:
    """A schedule in one line of a comment."""
    family = schedule.family
    return f"{family.kind} over {schedule.horizon:,} updates, peak {family.peak:g}"


def title_of(schedule: Schedule, remark: str = "") -> str:
    """The docstring of code."""
    return f'"""Learning rates: {describe(schedule)}{remark}."""'


def write_table(schedule: Schedule) -> str:
    """Python source that sets LEARNING_RATES: the rates of updates 0 to T, T being what follows.

    Up to 2,000 rates are listed; more are packed, as little-endian float64. Either way they are the
    schedule's bits.
    """
    return write_tables({"LEARNING_RATES": schedule})


def write_tables(named: Mapping[str, Schedule]) -> str:
    """The same of several schedules over one horizon, by the names of their constants."""
    tables = [(name, rates_with_end(schedule)) for name, schedule in named.items()]
    if all(len(values) <= MOST_LISTED for _, values in tables):
        return "\n".join(_list(name, values) for name, values in tables)
    packed = "\n".join(_pack(name, values) for name, values in tables)
    return f"import base64\nimport struct\nimport zlib\n\n{packed}"


def _list(name: str, values: list[float]) -> str:
    listed = textwrap.fill(", ".join(map(repr, values)), WIDTH, break_long_words=False)
    return f"{name} = (\n{textwrap.indent(listed, '    ')},\n)"


def _pack(name: str, values: list[float]) -> str:
    packed = base64.b64encode(zlib.compress(np.array(values, "<f8").tobytes(), 9)).decode()
    width = WIDTH - 6
    cuts = range(0, len(packed), width)
    lines = "\n".join(f'    "{packed[cut : cut + width]}"' for cut in cuts)
    return (
        f'{name} = struct.unpack("<{len(values)}d", zlib.decompress(base64.b64decode(\n{lines}\n)))'
    )


def rates_with_end(schedule: Schedule) -> list[float]:
    """The rates of updates 0 to T; where the schedule ends with an error, the last one twice."""
    if schedule.family.after_end == "error":
        table = schedule.table().tolist()
        return [*table, table[-1]]
    rates: list[float] = schedule(np.arange(schedule.horizon + 1)).tolist()
    return rates


def write_index(schedule: Schedule) -> str:
    """Python source of the place in LEARNING_RATES of update t."""
    horizon = schedule.horizon
    match schedule.family.after_end:
        case "error":
            return "t"
        case "rebound":
            begin = schedule.family.warmup.updates(horizon)
            span = horizon - begin - (schedule.family.end == "last")
            if span > 0:
                back = f"{begin + span} - abs((t - {begin}) % {2 * span} - {span})"
                return f"t if t < {horizon} else {back}"
    return f"min(t, {horizon})"
