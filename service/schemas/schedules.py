"""Schedules on the wire: what the tools are asked for and what they answer.

The one idea: a schedule travels as its portable document, which the core checks; the schemas here
see to it only that a document is finite, storable and of a sensible depth.
"""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from service.schemas.base import Name, Prose, Schema, check_settings, example

DEEPEST = 256  # levels of lists and objects in a document: expressions nest

Document = Annotated[dict[str, Any], AfterValidator(partial(check_settings, deepest=DEEPEST))]
Source = Annotated[Prose, Field(max_length=20_000)]

# A cosine of 1,000 updates, all else by default.
SCHEDULE: JsonValue = {
    "format": "glideslope/schedule@1",
    "family": "cosine",
    "horizon": 1000,
    "peak": 0.01,
}


class CallRequest(Schema):
    """A call of another library; a nested one is an object with `call` and `kwargs` again."""

    framework: Name
    call: Name
    kwargs: Document = Field(default_factory=dict)


class PreviewRequest(Schema):
    """A schedule, over its own horizon or another, as so many points.

    `at` asks for the values of certain updates too, from 0 and within the horizon; `sums` for what
    the values of all updates until each point add up to.
    """

    model_config = example(schedule=SCHEDULE, points=200, at=[0, 500, 999])

    schedule: Document
    horizon: int | None = None
    points: Annotated[int, Field(ge=4, le=10_000)] = 500
    at: Annotated[list[int], Field(max_length=10_000)] = Field(default_factory=list)
    sums: bool = False


class LintRequest(Schema):
    """A schedule, or a call (`from`) with its `base_lr` and `horizon`, or lines of a program.

    Of a program (`source`) the last scheduler of a `framework` is read, or of any; nothing of it is
    run. `base_lr` and `horizon` are then only for what it does not say itself.
    """

    model_config = example(schedule=SCHEDULE)

    schedule: Document | None = None
    origin: CallRequest | None = Field(default=None, alias="from")
    source: Source | None = None
    framework: Name | None = None
    base_lr: float | None = None
    horizon: int | None = None
    updates: int | None = None
    max_jump: float = 10.0


class ConvertRequest(Schema):
    """A schedule, a call or a program, as for `:lint`; `to` asks for code.

    With `knots` the schedule is the smooth curve through so many of its points, each of which a
    hand or a search can move.
    """

    model_config = example(source="CosineAnnealingLR(SGD(weights, lr=0.1), T_max=1000)", to="optax")

    schedule: Document | None = None
    origin: CallRequest | None = Field(default=None, alias="from")
    source: Source | None = None
    framework: Name | None = None
    base_lr: float | None = None
    horizon: int | None = None
    knots: int | None = None
    to: Name | None = None
    table: bool = True


class PointsView(Schema):
    """Points of a curve, no extreme lost; a value that is not finite is null."""

    steps: list[int]
    values: list[float | None]


class SummedView(PointsView):
    """Points of a curve; `sums`, if they were asked for, are of all updates until each."""

    sums: list[float | None] | None = None


class PreviewView(SummedView):
    """Points of a schedule and of its channels, each with steps of its own.

    `at` holds the updates that were asked for, if any were.
    """

    at: SummedView | None = None
    schedule: dict[str, Any]
    channels: dict[str, PointsView] = Field(default_factory=dict)


class FindingView(Schema):
    """Something suspicious: what, how bad, at which update, and through which field."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    step: int | None
    field: str | None


class LintView(Schema):
    """What is suspicious, the worst first."""

    findings: list[FindingView]


class NoteView(Schema):
    """Something worth knowing about a translation."""

    code: str
    message: str


class ReadView(Schema):
    """The scheduler that was found in a program, and what it was laid out with."""

    framework: str
    call: str
    kwargs: dict[str, Any]
    base_lr: float
    horizon: int


class CodeView(Schema):
    """Code of a framework; if it is not native, a look-up in the table, and why."""

    framework: str
    code: str
    is_native: bool
    why: str


class ConvertView(Schema):
    """A schedule, what is worth knowing about its origin, and code if it was asked for.

    `read` is what was found in a program, if it came from one.
    """

    schedule: dict[str, Any]
    read: ReadView | None = None
    notes: list[NoteView]
    code: CodeView | None
