"""Lint: what is suspicious about a schedule.

The one idea: a finding is a fact about the learning rates themselves, or about another schedule
that has the same ones: whoever would rather have a wasted first update, a jump or a parameter
without effect may keep it, but knows. Of channels, only values that cannot be are told. Every check
is a pure function; the table below has them all.
Not here: values that are refused (`limits`), how redundancy is found (`redundancy`), what a library
does wrong (`interop`), though its notes become findings here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np

from tuning.schedules.channels import CHANNELS
from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats
from tuning.schedules.families import (
    Expression,
    Family,
    PiecewiseConstant,
    Table,
)
from tuning.schedules.interop.base import Note
from tuning.schedules.limits import Integer, Number
from tuning.schedules.redundancy import dead_parameters, duplicates
from tuning.schedules.schedule import MAX_HORIZON, Schedule

Severity = Literal["error", "warning", "info"]

MAX_JUMP = 10.0
LARGEST_JUMP = 1e6
CLOSE = 1e-9  # relative; what rounding alone may do
TAIL = 1_000  # updates after the end that are looked at

# What is said of an import, by how much it matters; all else is worth knowing only.
NOTED: Mapping[str, Severity] = MappingProxyType({"library_fault": "warning", "rebound": "warning"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something suspicious.

    Args:
        code: stable, for programs.
        severity: `error` (no optimiser can use it), `warning` (rarely meant) or `info`.
        message: one sentence, for people.
        step: the update it is about, the first or worst of several; None if of all.
        field: the field of the schedule's document it is about, as a dotted path.
    """

    code: str
    severity: Severity
    message: str
    step: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What a check looks at: a schedule, its table, and what it is meant for."""

    schedule: Schedule
    table: Floats
    updates: int | None
    max_jump: float

    @property
    def family(self) -> Family:
        """The family of the schedule."""
        return self.schedule.family

    @property
    def horizon(self) -> int:
        """Updates of the schedule."""
        return self.schedule.horizon


Check: TypeAlias = Callable[[Case], Iterator[Finding]]


def lint(
    schedule: Schedule, *, updates: int | None = None, max_jump: float = MAX_JUMP
) -> tuple[Finding, ...]:
    """What is suspicious about a schedule, the worst first.

    Args:
        schedule: any schedule.
        updates: how many updates the training really takes, if that is known.
        max_jump: by which factor, above 1, neighbouring learning rates may differ.

    Raises `InvalidValue` naming `updates` or `max_jump`.

    >>> from tuning.schedules import Polynomial, Warmup
    >>> family = Polynomial(0.1, warmup=Warmup(10), power=1.0)
    >>> [finding.code for finding in lint(Schedule(family, 100))]
    ['first_update_zero', 'duplicate']
    """
    if updates is not None:
        updates = Integer(1, MAX_HORIZON)("updates", updates)
    factor = Number(1.0, LARGEST_JUMP, above=True)("max_jump", max_jump)
    with np.errstate(all="ignore"):  # what overflows is a finding
        case = Case(schedule, schedule.table(), updates, factor)
        # Of numbers that are none, nothing else can be said.
        checks = CHECKS if np.isfinite(case.table).all() else (_refuse_impossible, _check_channels)
        return sort(finding for check in checks for finding in check(case))


def sort(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, errors first and mere information last."""
    order = get_args(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def from_notes(notes: Iterable[Note]) -> tuple[Finding, ...]:
    """What an import noted, as findings.

    >>> from_notes([Note("library_fault", "It skips the warmup.")])[0].severity
    'warning'
    """
    return tuple(Finding(note.code, NOTED.get(note.code, "info"), note.message) for note in notes)


def _refuse_impossible(case: Case) -> Iterator[Finding]:
    """Values that no optimiser can use, within the horizon or right after it."""
    yield from _impossible(case, "the learning rate")


def _check_channels(case: Case) -> Iterator[Finding]:
    """The same of channels, each with its own range."""
    for name in case.schedule.channels:
        channel = case.schedule.channel(name)
        own = replace(case, schedule=channel, table=channel.table())
        for finding in _impossible(own, name, CHANNELS[name].below):
            yield replace(finding, field=f"channels.{name}")


def _impossible(case: Case, what: str, below: float = np.inf) -> Iterator[Finding]:
    """Values that are none, below 0, or not below a limit."""
    steps, values = _with_tail(case)
    for code, wrong, words in (
        ("not_finite", ~np.isfinite(values), "not a finite number"),
        ("negative", values < 0.0, "negative"),
        ("too_large", np.isfinite(values) & (values >= below), f"not below {below:g}"),
    ):
        if wrong.any():
            at = int(wrong.argmax())
            where = "" if steps[at] < case.horizon else ", after the end"
            message = f"At update {steps[at]:,}{where}, {what} is {words}: {values[at]:g}"
            yield Finding(code, "error", message, int(steps[at]))


def _with_tail(case: Case) -> tuple[Steps, Floats]:
    """All updates and some after the end, with their rates."""
    beyond = _tail(case)
    if not beyond.size:
        return np.arange(case.horizon), case.table
    steps = np.concatenate((np.arange(case.horizon), beyond))
    return steps, np.concatenate((case.table, case.schedule(beyond)))


def _tail(case: Case) -> Steps:
    """Updates after the end, as far as one more horizon; none if they are an error."""
    if case.family.after_end == "error":
        return np.arange(0)
    spread = np.linspace(case.horizon, 2 * case.horizon, TAIL).astype(np.int64)
    return np.unique(np.concatenate((case.horizon + np.arange(min(case.horizon, TAIL)), spread)))


def _find_peak(case: Case) -> Iterator[Finding]:
    """A largest learning rate that is not the peak."""
    largest, peak = float(case.table.max()), case.schedule.peak
    step = int(case.table.argmax())
    share = f"{largest:g} at update {step:,}, {largest / peak:.4g} of the peak {peak:g}"
    if largest < peak * (1.0 - CLOSE):
        message = f"The peak is never reached: the largest learning rate is {share}"
        yield Finding("peak_never_reached", "warning", message, step)
    if largest > peak * (1.0 + CLOSE):
        message = f"The largest learning rate is above the peak: {share}"
        yield Finding("above_peak", "warning", message, step)


def _find_zeros(case: Case) -> Iterator[Finding]:
    """Updates that change nothing."""
    zeros = np.flatnonzero(case.table == 0.0)
    if zeros.size and zeros[0] == 0:
        message = "The first update has a learning rate of 0: it changes nothing"
        yield Finding("first_update_zero", "warning", message, 0)
        zeros = zeros[1:]
    if zeros.size:
        first = int(zeros[0])
        message = f"{_updates(zeros.size)} from {first:,} on with a learning rate of 0"
        yield Finding("zero_updates", "info", message, first)


def _updates(count: int) -> str:
    return "1 update" if count == 1 else f"{count:,} updates"


def _find_jumps(case: Case) -> Iterator[Finding]:
    """Neighbouring learning rates more than a factor apart.

    Rates below the peak over max(10, factor)² count as that, as the last steps of a decay to zero
    are large factors and small changes; the step up from a first update of 0 is told already.
    """
    least = case.schedule.peak / max(10.0, case.max_jump) ** 2
    rates = np.maximum(np.abs(case.table), least)
    skipped = int(case.table[0] == 0.0)
    ratios = np.abs(np.diff(np.log(rates)))[skipped:]
    large = ratios > np.log(case.max_jump) * (1.0 + CLOSE)
    if not large.any():
        return
    step = int(np.argmax(ratios)) + skipped + 1
    before, after = case.table[step - 1], case.table[step]
    others = int(large.sum()) - 1
    more = f", the largest of {others + 1:,} such jumps" if others else ""
    message = (
        f"From update {step - 1:,} to {step:,} the learning rate jumps from {before:g} to "
        f"{after:g}, by more than a factor of {case.max_jump:g}{more}"
    )
    yield Finding("jump", "warning", message, step)


def _find_rebound(case: Case) -> Iterator[Finding]:
    """A learning rate that rises again after the end."""
    beyond = _tail(case)
    if not beyond.size:
        return
    rates, last = case.schedule(beyond), float(case.table[-1])
    at = int(np.argmax(rates))
    if rates[at] > last + CLOSE * case.schedule.peak:
        message = (
            f"After the end the learning rate rises again, from {last:g} at the last update to "
            f"{rates[at]:g} at update {beyond[at]:,}"
        )
        yield Finding("rebound", "warning", message, int(beyond[at]))


def _find_mismatch(case: Case) -> Iterator[Finding]:
    """A horizon that is not the training's, or not that of the schedule's own parts."""
    if case.updates is not None and case.updates != case.horizon:
        yield _mismatch(case, case.updates)
    room = case.horizon - case.family.warmup.updates(case.horizon)
    for field, has, what in _own_lengths(case.family, room):
        if has != room:
            message = f"{what} of {_updates(has)} {_stretched(has, room)}"
            yield Finding("horizon_mismatch", "info", message, None, field)
    if isinstance(case.family, PiecewiseConstant):
        late = [at for at in case.family.boundaries if isinstance(at, int) and at >= room]
        if late:
            message = f"The boundary {late[0]:,} lies beyond the {_updates(room)} there are"
            yield Finding("horizon_mismatch", "warning", message, None, "params.boundaries")


def _mismatch(case: Case, updates: int) -> Finding:
    laid_out = f"Laid out over {_updates(case.horizon)}, used for {updates:,}: "
    if updates < case.horizon:
        last = case.table[updates - 1]
        message = f"it stops at {last:g}, {last / case.schedule.peak:.4g} of the peak"
        return Finding("horizon_mismatch", "warning", laid_out + message, updates - 1)
    if case.family.after_end == "error":
        return Finding("horizon_mismatch", "error", laid_out + "it ends before", case.horizon)
    message = f"the last {updates - case.horizon:,} come after its end"
    return Finding("horizon_mismatch", "warning", laid_out + message, case.horizon)


def _own_lengths(family: Family, room: int) -> Iterator[tuple[str, int, str]]:
    """What of a family was made for a certain number of updates: field, updates, words."""
    if isinstance(family, Table):
        yield "params.values", len(family.values), "A table"
    if isinstance(family, Expression):
        yield "params.node", family.node.taken(room), "An expression"


def _stretched(has: int, room: int) -> str:
    return f"is {'stretched' if has < room else 'squeezed'} over {room:,}"


def _find_dead(case: Case) -> Iterator[Finding]:
    """Parameters that were chosen but have no effect over this horizon."""
    warmup = case.family.warmup
    for field in dead_parameters(case.schedule):
        message = f"{field} has no effect: other values give the same learning rates"
        yield Finding("dead_parameter", "warning", message, None, field)
    if warmup.pinned and isinstance(warmup.length, float):
        message = "warmup.pinned has no effect: only a length in updates can be pinned"
        yield Finding("dead_parameter", "warning", message, None, "warmup.pinned")


def _find_duplicate(case: Case) -> Iterator[Finding]:
    """A simpler family that is the same function."""
    kind = next(duplicates(case.schedule), None)
    if kind is not None:
        message = f"With these parameters {case.family.kind} is {kind}, at every update"
        yield Finding("duplicate", "info", message, None, "family")


CHECKS: tuple[Check, ...] = (
    _refuse_impossible,
    _check_channels,
    _find_peak,
    _find_zeros,
    _find_jumps,
    _find_rebound,
    _find_mismatch,
    _find_dead,
    _find_duplicate,
)
