"""Routes of the schedule tools: preview, lint, convert, and the schema of the document.

The one idea: they store nothing and know no study; a request is a schedule's document, the call of
a library that makes one, or a program with such a call, and the core does the rest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter

from service.api.caller import READ
from service.api.problems import responses
from service.schemas.schedules import (
    CodeView,
    ConvertRequest,
    ConvertView,
    FindingView,
    LintRequest,
    LintView,
    NoteView,
    PointsView,
    PreviewRequest,
    PreviewView,
    ReadView,
    SummedView,
)
from tuning.errors import InvalidValue
from tuning.schedules import Schedule
from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats
from tuning.schedules.fitting import through_knots
from tuning.schedules.interop import Note, read_call, write_code
from tuning.schedules.interop.source import Read, read_source
from tuning.schedules.json_schema import schedule_schema
from tuning.schedules.limits import Integer
from tuning.schedules.lint import from_notes, lint, sort
from tuning.schedules.schedule import MAX_HORIZON

router = APIRouter(prefix="/v1", tags=["schedules"], dependencies=[READ])

MOST_UPDATES = 1_000_000  # of a schedule whose values are computed while a client waits


@router.post("/schedules:preview", responses=responses(has_body=True))
def preview_schedule(body: PreviewRequest) -> PreviewView:
    """A schedule as a picture needs it: few points, no extreme lost."""
    schedule = laid_out(body.schedule, body.horizon)
    asked = np.array([Integer(0, schedule.horizon - 1)("at", step) for step in body.at], np.int64)
    with np.errstate(all="ignore"):  # what overflows is null
        steps, values = schedule.preview(body.points)
        sums = np.cumsum(schedule.table()) if body.sums else None
        at = SummedView(**_points(asked, schedule(asked), sums)) if asked.size else None
        return PreviewView(
            **_points(steps, values, sums),
            at=at,
            schedule=schedule.document(),
            channels={
                name: PointsView(**_points(*schedule.channel(name).preview(body.points)))
                for name in schedule.channels
            },
        )


@router.post("/schedules:lint", responses=responses(has_body=True))
def lint_schedule(body: LintRequest) -> LintView:
    """What is suspicious about a schedule, or about a call of a library."""
    found = _find(body)
    findings = lint(found.schedule, updates=body.updates, max_jump=body.max_jump)
    both = sort((*from_notes(found.notes), *findings))
    return LintView(findings=[FindingView(**asdict(finding)) for finding in both])


@router.post("/schedules:convert", responses=responses(has_body=True))
def convert_schedule(body: ConvertRequest) -> ConvertView:
    """A call of a library as a schedule, and a schedule as code of a library."""
    found = _find(body)
    _refuse_infinite(found.schedule)
    made = found.schedule if body.knots is None else through_knots(found.schedule, body.knots)
    return ConvertView(
        schedule=made.document(table=body.table),
        read=None if found.read is None else _read_view(found.read),
        notes=[NoteView(**asdict(note)) for note in found.notes],
        code=None if body.to is None else _code_view(made, body.to),
    )


@router.get("/schemas/schedule")
def read_schedule_schema() -> dict[str, Any]:
    """The JSON Schema of a schedule's portable document."""
    return schedule_schema()


def _points(steps: Steps, values: Floats, sums: Floats | None = None) -> dict[str, list[Any]]:
    """Points as they are sent; `sums` are of all updates."""
    added = {} if sums is None else {"sums": _finite(sums[steps])}
    return {"steps": steps.tolist(), "values": _finite(values), **added}


def _finite(values: Floats) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _code_view(schedule: Schedule, framework: str) -> CodeView:
    try:
        return CodeView(framework=framework, **asdict(write_code(schedule, framework)))
    except InvalidValue as error:
        raise InvalidValue("to", error.value, error.allowed) from error


@dataclass(frozen=True, slots=True)
class _Found:
    """The schedule of a request, what is worth knowing, and what a program said."""

    schedule: Schedule
    notes: tuple[Note, ...] = ()
    read: Read | None = None


def _find(body: LintRequest | ConvertRequest) -> _Found:
    """The schedule of a request, which says it in one way."""
    ways = (body.schedule, body.origin, body.source)
    if sum(way is not None for way in ways) != 1:
        raise InvalidValue("schedule", None, "either this, or `from`, or `source`")
    if body.schedule is not None:
        return _Found(laid_out(body.schedule, body.horizon))
    _refuse_long("horizon", body.horizon)
    if body.source is not None:
        read = read_source(
            body.source,
            framework=body.framework,
            base_lr=body.base_lr,
            horizon=body.horizon,
            longest=MOST_UPDATES,
        )
        return _Found(read.imported.schedule, read.imported.notes, read)
    assert body.origin is not None  # noqa: S101 # the only way that is left
    call = body.origin
    imported = read_call(
        call.framework,
        call.call,
        call.kwargs,
        base_lr=body.base_lr,  # type: ignore[arg-type] # the core refuses None, with the range
        horizon=body.horizon,  # type: ignore[arg-type] # likewise
    )
    return _Found(imported.schedule, imported.notes)


def _read_view(read: Read) -> ReadView:
    return ReadView(
        framework=read.framework,
        call=read.call,
        kwargs=dict(read.kwargs),
        base_lr=read.base_lr,
        horizon=read.horizon,
    )


def laid_out(document: Mapping[str, Any], horizon: int | None = None) -> Schedule:
    """The schedule of a document, over its own horizon or another; too long ones are refused.

    Raises InvalidValue naming the field under `schedule`, or `horizon`.
    """
    _refuse_long("schedule.horizon", document.get("horizon"))
    _refuse_long("horizon", horizon)
    try:
        schedule = Schedule.from_document(document)
        return schedule if horizon is None else schedule.at(horizon)
    except InvalidValue as error:
        is_other = horizon is not None and (error.field, error.value) == ("horizon", horizon)
        raise error if is_other else error.under("schedule") from error


def _refuse_long(field: str, updates: object) -> None:
    if isinstance(updates, int) and MOST_UPDATES < updates <= MAX_HORIZON:
        raise InvalidValue(field, updates, f"at most {MOST_UPDATES:,} here")


def _refuse_infinite(schedule: Schedule) -> None:
    """Refuse what neither JSON nor code can carry, the value right after the end included."""
    for one in (schedule, *map(schedule.channel, schedule.channels)):
        updates = one.horizon + (one.family.after_end != "error")
        with np.errstate(all="ignore"):  # what overflows is told
            wrong = ~np.isfinite(one(np.arange(updates)))
        if wrong.any():
            value = f"a value that is not finite at update {int(wrong.argmax()):,}"
            raise InvalidValue("schedule", value, "finite learning rates and channels")
