"""The worker and trainer protocol: claim, heartbeat, report, tell.

The one idea: every message carries the lease token of the run it is about, and every call may be
repeated: the same claim id, (token, seq) or (token, body) gets the same answer.
A non-finite metric travels as `null`, since JSON has no name for it, and so does one so large that
nobody could compute with it. The examples are one run, from its claim to its end.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from service.schemas.base import Name, Prose, Schema, Text, example

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


RUN: dict[str, JsonValue] = {
    "run": "st_qzw5cv2nkxv2ohkvy4xa.0.0",
    "token": "8f0c5f6f2d7b4f0e9a7c1d2e3f405162",
}


SCHEDULE: dict[str, JsonValue] = {  # over an absurdly short horizon
    "format": "glideslope/schedule@1",
    "horizon": 4,
    "family": "linear",
    "peak": 0.1,
    "params": {"floor": 0.0},
    "end": "after",
    "after_end": "hold",
    "table": {
        "sha256": "5b283b6b9f11835cbe70fd0430c3cd6ca92fa20a6af67baf37cecc4a7a078f5d",
        "values": [0.1, 0.07500000000000001, 0.05, 0.025],
    },
}


class ClaimRequest(Schema):
    """Ask for up to `lanes` runs of one study; repeating `claim` brings the same runs and tokens.

    `worker` is a name that nobody else has, `claim` an id of this request. `objectives` are those
    that you can train; without them you get any but external ones. `external` is false for whoever
    trains what the service knows, should a study have declared another objective by the same name.
    With `table` each schedule comes with its learning rates, one per update, and there may be fewer
    runs. While there is nothing to do the answer waits up to `wait_seconds`.
    """

    model_config = example(
        worker="gpu-box-1",
        claim="c-0001",
        lanes=1,
        objectives=["my_net"],
        table=True,
        wait_seconds=20,
    )

    worker: Name
    claim: Name
    lanes: Annotated[int, Field(ge=1, le=64)] = 1
    objectives: Annotated[list[Name], Field(max_length=1000)] | None = None
    external: bool = True
    table: bool = False
    wait_seconds: Annotated[float, Field(ge=0, le=30)] = 0.0


class ClaimedRun(Schema):
    """One run under lease.

    Everything random derives from its `seed`: runs of one seed begin with the same weights and see
    the same data in the same order. The `schedule` is laid out over the horizon of the block;
    `attempt` counts the trainings of this run that ended badly.
    """

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
    """The runs claimed; `block` is null when there is nothing to do.

    `traceparent` (W3C Trace Context) is of the claim, if the service is traced: spans of whoever
    trains the block may belong to its trace.
    """

    model_config = example(
        claim="c-0001",
        lease_seconds=30.0,
        heartbeat_seconds=10.0,
        block={
            "study": "st_qzw5cv2nkxv2ohkvy4xa",
            "objective": "my_net",
            "config": {"width": 128},
            "horizon": 4,
            "updates": 4,
            "phase": "confirm",
            "splits": ["validation", "test"],
            "runs": [{**RUN, "seed": 1541285076, "attempt": 0, "schedule": SCHEDULE}],
        },
    )

    claim: str
    lease_seconds: float
    heartbeat_seconds: float
    block: ClaimedBlock | None
    traceparent: str | None = None


class Beat(Schema):
    """A run that is still being trained."""

    run: Name
    token: Token


class HeartbeatRequest(Schema):
    """Extend the leases of these runs, every `heartbeat_seconds`; a `stop` says to drop a run."""

    model_config = example(worker="gpu-box-1", runs=[RUN])

    worker: Name
    runs: Annotated[list[Beat], Field(max_length=1000)]


class Report(Schema):
    """Measurements of one run: `values[name][i]` was measured after `steps[i]` updates.

    Idempotent by (run, token, seq). Of an external objective the names are those of its metrics,
    and `lr`; steps rise, up to the updates of the block.
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

    model_config = example(
        worker="gpu-box-1",
        reports=[
            {**RUN, "seq": 0, "steps": [50, 100], "values": {"val_loss": [0.9, 0.7]}},
        ],
    )

    worker: Name
    reports: Annotated[list[Report], Field(max_length=1000)]


class Tell(Schema):
    """How one run ended; idempotent by (run, token, and all that is told).

    `completed` tells `metrics` on each of the block's splits, of an external objective all that
    its study declares. `diverged` and `failed` are final as well, and need none.
    `crashed`: its training process died or raised (`lanes` runs were in it); `returned`: handed
    back untrained. Both put the run back; a crash counts as an attempt only when it was alone, and
    is the last one if its cause is `timeout`.
    What did not complete says why (`cause`, `reason`) and after which update (`step`, `lr`), where
    the code raised (`traceback`) and what the process printed last (`log_tail`), of each of which
    the last 8,192 characters are kept.
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
    traceback: Annotated[Prose, Field(max_length=65_536)] = ""
    log_tail: Annotated[Prose, Field(max_length=65_536)] = ""
    cause: CauseName | None = None
    step: Annotated[int, Field(ge=0, le=MAX_STEP)] | None = None
    lr: Figure | None = None
    lanes: Annotated[int, Field(ge=1, le=64)] = 1
    data_hash: Name | None = None
    versions: Annotated[dict[Name, Name], Field(max_length=64)] = Field(default_factory=dict)


class TellRequest(Schema):
    """A batch of ends; `reports` are what the runs measured last, stored before, or nothing is."""

    model_config = example(
        worker="gpu-box-1",
        results=[
            {
                **RUN,
                "outcome": "completed",
                "metrics": {"validation": {"val_loss": 0.31, "accuracy": 0.91}},
                "data_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
                "versions": {"torch": "2.9.0"},
            },
        ],
    )

    worker: Name
    results: Annotated[list[Tell], Field(max_length=1000)]
    reports: Annotated[list[Report], Field(max_length=1000)] = Field(default_factory=list)


class Reply(Schema):
    """What became of one item of a batch; `stop` says why to stop training the run, if so.

    `ok`: taken; `duplicate`: known already; `stale`: does not count, for the study or its trial
    was cancelled (`cancelled`), the lease ran out (`expired`), or the run was handed out again or
    its token is wrong (`fenced`).
    """

    run: str
    status: Literal["ok", "duplicate", "stale"]
    stop: Literal["cancelled", "expired", "fenced"] | None = None


class Replies(Schema):
    """One reply per item, in order; those of a tell's reports come first.

    If all are stale, they come in a problem document, 409.
    """

    model_config = example(replies=[{"run": RUN["run"], "status": "ok", "stop": None}])

    replies: list[Reply]
