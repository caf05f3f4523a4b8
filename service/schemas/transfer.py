"""A whole study as a document, `glideslope/study@1`: what an export writes and an import reads.

The one idea: one JSON object whose members come in a fixed order, the long ones as arrays of
records, so that a study of any size is written and read record by record.

    {"format": "glideslope/study@1", "exported": {…}, "study": {…}, "provenances": [{…}, …],
     "verdicts": […], "trials": […], "runs": […], "measurements": […],
     "failures": […]}

Events are not part of it: what happened to a study stays with the service that it happened in.
Not here: what must hold between records (`service.api.imports`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from service.schemas.base import (
    Name,
    Prose,
    Scalar,
    Schema,
    Settings,
    Text,
    check_settings,
)
from service.schemas.studies import Labels, Notes
from service.schemas.work import MAX_STEP, CauseName, Figure, Values

FORMAT = "glideslope/study@1"
MAX_FIGURE_INT = 2**53

EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
DEEPEST_SCHEDULE = 64  # levels of lists and objects


def check_moment(moment: datetime) -> datetime:
    """Return a moment that every database keeps, else raise."""
    if not EARLIEST <= moment <= LATEST:
        allowed = {"expected": "a moment from 1970 to 2200"}
        raise PydanticCustomError("moment", "out of any reasonable range", allowed)
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(check_moment)]
ScheduleDocument = Annotated[
    dict[str, Any],
    AfterValidator(lambda value: check_settings(value, deepest=DEEPEST_SCHEDULE)),
]
Count = Annotated[int, Field(ge=0, le=MAX_FIGURE_INT)]
Step = Annotated[int, Field(ge=0, le=MAX_STEP)]
Seconds = Annotated[float, Field(ge=-1e12, le=1e12)]
StudyStateName = Literal["running", "paused", "confirming", "completed", "failed", "cancelled"]
TrialStateName = Literal[
    "proposed", "running", "completed", "pruned", "diverged", "failed", "cancelled"
]
RunStateName = Literal["queued", "leased", "completed", "diverged", "failed", "cancelled"]
PhaseName = Literal["probe", "baseline", "search", "confirm"]
Figures = dict[Name, dict[Name, Figure | None]]


class Exported(Schema):
    """Which study of which service this was, and when it was written."""

    study: Name
    glideslope: Name
    at: Moment


class Origin(Schema):
    """Where an imported study comes from, and until which generation it was not trained here."""

    study: Name
    glideslope: Name
    exported_at: Moment
    at: Moment
    generations: Count
    verdicts: Count


class StudyRecord(Schema):
    """A study without its trials; `spec` and `extensions` as the service writes them."""

    state: StudyStateName
    spec: Settings
    request: Settings | None
    priority: Annotated[float, Field(ge=0.01, le=100)]
    label: Annotated[Text, Field(max_length=128)]
    labels: Labels
    notes: Notes
    next_generation: Count
    expected_runs: Count
    extensions: Annotated[list[Settings], Field(max_length=1000)]
    closed_from: Count | None
    closed_because: Annotated[Prose, Field(max_length=8192)] | None
    end_reason: Annotated[Prose, Field(max_length=8192)] | None
    error: Annotated[Prose, Field(max_length=65_536)] | None
    search_left: Seconds | None
    busy_seconds: Seconds
    deadline: Moment | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    imported: Origin | None
    curves_purged_at: Moment | None = None


class ProvenanceRecord(Schema):
    """What runs were trained on and with; `id` is the hash of the rest."""

    id: Name
    data_hash: Name | None
    versions: Annotated[dict[Name, Name], Field(max_length=64)]


class VerdictRecord(Schema):
    """A verdict; the last one of a completed study is the one in force."""

    number: Annotated[int, Field(ge=1, le=1000)]
    at: Moment
    document: Settings


class TrialRecord(Schema):
    """A trial with its schedule as a portable document."""

    number: Count
    generation: Count
    phase: PhaseName
    state: TrialStateName
    params: Annotated[dict[Name, Scalar], Field(max_length=64)]
    schedule: ScheduleDocument
    value: Figure | None
    pruned_in: Count | None


class ResultRecord(Schema):
    """How a run ended; null for a number that is not finite."""

    state: RunStateName
    metrics: Annotated[Figures, Field(max_length=16)]
    blocks: Annotated[
        dict[Name, Annotated[list[Figure | None], Field(max_length=100_000)]], Field(max_length=16)
    ]
    reason: Annotated[Prose, Field(max_length=8192)] = ""
    cause: CauseName | None = None
    step: Step | None = None
    lr: Figure | None = None


class RunRecord(Schema):
    """A run; `provenance` is the id of one, `lease` counts how often it was handed out."""

    generation: Count
    index: Count
    trial: Count
    phase: PhaseName
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    horizon: Annotated[int, Field(ge=1, le=MAX_STEP)]
    updates: Annotated[int, Field(ge=1, le=MAX_STEP)]
    peak_factor: Annotated[float, Field(gt=0, le=1e6)]
    splits: Annotated[list[Name], Field(min_length=1, max_length=16)]
    state: RunStateName
    attempt: Annotated[int, Field(ge=0, le=10_000)]
    lease: Annotated[int, Field(ge=0, le=2**31 - 1)]
    isolation: Literal["none", "block", "worker"]
    worker: Name | None
    result: ResultRecord | None
    provenance: Name | None
    started_at: Moment | None
    finished_at: Moment | None


class MeasurementRecord(Schema):
    """One report of a run, of the lease it was trained under."""

    generation: Count
    index: Count
    lease: Annotated[int, Field(ge=0, le=2**31 - 1)]
    seq: Annotated[int, Field(ge=0, le=2**31 - 1)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=10_000)]
    values: Annotated[Values, Field(max_length=64)]


class FailureRecord(Schema):
    """What a run that went wrong said last."""

    generation: Count
    index: Count
    traceback: Annotated[Prose, Field(max_length=8192)]
    log_tail: Annotated[Prose, Field(max_length=8192)]
    at: Moment


# In the order in which they stand in the document, each for those after it.
SECTIONS: Mapping[str, type[Schema]] = {
    "provenances": ProvenanceRecord,
    "verdicts": VerdictRecord,
    "trials": TrialRecord,
    "runs": RunRecord,
    "measurements": MeasurementRecord,
    "failures": FailureRecord,
}
