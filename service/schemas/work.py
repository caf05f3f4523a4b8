"""The worker and trainer protocol: claim, heartbeat, report, tell.

The one idea: every message carries the lease token of the run it is about, and every call may be
repeated: the same claim id, (token, seq) or (token, body) gets the same answer.
A non-finite metric travels as `null`, since JSON has no name for it, and so does one so large that
nobody could compute with it.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.base import Name, Prose, Schema, Text

Token = Annotated[Text, Field(min_length=1, max_length=64)]
LARGEST = 1e150  # the square of such a number, and a sum of squares, are still floats
Figure = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Values = dict[Name, list[Figure | None]]
MAX_STEP = 10_000_000  # the longest horizon
# Those of `tuning.records.Cause`, which brings NumPy along; a test compares them.
CauseName = Literal[
    "non_finite",
    "blew_up",
    "raised",
    "refused",
    "timeout",
    "memory",
    "exited",
    "killed",
    "lost_worker",
    "impossible",
]


class ClaimRequest(Schema):
    """Ask for up to `lanes` runs; repeating `claim` answers with the same runs and tokens."""

    worker: Name
    claim: Name
    lanes: Annotated[int, Field(ge=1, le=64)] = 1
    objectives: Annotated[list[Name], Field(max_length=1000)] | None = None
    wait_seconds: Annotated[float, Field(ge=0, le=30)] = 0.0


class ClaimedRun(Schema):
    """One run under lease."""

    run: str
    token: str
    seed: int
    attempt: int
    schedule: dict[str, Any]


class ClaimedBlock(Schema):
    """Runs of one study, config, horizon and splits, to be trained side by side.

    Schedules are laid out over the `horizon`; the training ends after `updates` of it, 0: all.
    """

    study: str
    objective: str
    config: dict[str, Any]
    horizon: int
    updates: int = 0
    phase: str
    splits: list[str]
    runs: list[ClaimedRun]


class ClaimReply(Schema):
    """The runs claimed; `block` is null when there is nothing to do."""

    claim: str
    lease_seconds: float
    heartbeat_seconds: float
    block: ClaimedBlock | None


class Beat(Schema):
    """A run that is still being trained."""

    run: Name
    token: Token


class HeartbeatRequest(Schema):
    """Extend the leases of these runs."""

    worker: Name
    runs: Annotated[list[Beat], Field(max_length=1000)]


class Report(Schema):
    """Measurements of one run: `values[name][i]` was measured after `steps[i]` updates.

    Idempotent by (run, token, seq).
    """

    run: Name
    token: Token
    seq: Annotated[int, Field(ge=0, le=2**31 - 1)]
    steps: Annotated[
        list[Annotated[int, Field(ge=0, le=MAX_STEP)]], Field(min_length=1, max_length=10_000)
    ]
    values: Annotated[Values, Field(max_length=64)]


class ReportRequest(Schema):
    """A batch of reports."""

    worker: Name
    reports: Annotated[list[Report], Field(max_length=1000)]


class Tell(Schema):
    """How one run ended.

    `crashed`: its training process died or raised (`lanes` runs were in it); `returned`: handed
    back untrained. Both put the run back; a crash counts as an attempt only when it was alone, and
    is the last one if its cause is `timeout`.
    What did not complete says why (`cause`, `reason`) and after which update (`step`, `lr`).
    `data_hash` (of all splits) and `versions` (of packages, by name) say what it was trained on and
    with; they stand in the verdict.
    """

    run: Name
    token: Token
    outcome: Literal["completed", "diverged", "failed", "crashed", "returned"]
    metrics: Annotated[dict[Name, dict[Name, Figure | None]], Field(max_length=16)] = Field(
        default_factory=dict
    )
    blocks: Annotated[dict[Name, list[Figure | None]], Field(max_length=16)] = Field(
        default_factory=dict
    )
    reason: Annotated[Prose, Field(max_length=8192)] = ""
    cause: CauseName | None = None
    step: Annotated[int, Field(ge=0, le=MAX_STEP)] | None = None
    lr: Figure | None = None
    lanes: Annotated[int, Field(ge=1, le=64)] = 1
    data_hash: Name | None = None
    versions: Annotated[dict[Name, Name], Field(max_length=64)] = Field(default_factory=dict)


class TellRequest(Schema):
    """A batch of ends; `reports` are what the runs measured last, stored before, or nothing is."""

    worker: Name
    results: Annotated[list[Tell], Field(max_length=1000)]
    reports: Annotated[list[Report], Field(max_length=1000)] = Field(default_factory=list)


class Reply(Schema):
    """What became of one item of a batch; `stop` says why to stop training the run, if so."""

    run: str
    status: Literal["ok", "duplicate", "stale"]
    stop: Literal["cancelled", "expired", "fenced"] | None = None


class Replies(Schema):
    """One reply per item, in order; those of a tell's reports come first."""

    replies: list[Reply]
