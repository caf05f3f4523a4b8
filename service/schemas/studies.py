"""Studies on the wire: the request that creates one and the views that show one."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.base import Name, Number, Prose, Scalar, Schema, Settings, Text, example
from service.schemas.external import ExternalRequest
from service.schemas.schedules import SCHEDULE, Document

# Those of `tuning.records.Pruning`, which brings NumPy along; a test compares them.
PruningName = Literal["none", "asha", "median"]
PickName = Literal["winner", "recommended"]
# Those of `service.store.listing.ORDERS`; a test compares them.
SortName = Literal["newest", "oldest", "name", "progress", "ended", "lowest", "highest"]
Bounds = Annotated[list[Number], Field(min_length=2, max_length=2)]


Labels = Annotated[dict[Name, Annotated[Text, Field(max_length=128)]], Field(max_length=64)]
Notes = Annotated[Prose, Field(max_length=10_000)]


class BudgetRequest(Schema):
    """What the search may spend: schedules, updates (all phases but confirmation), wall time."""

    trials: int = 60
    steps: int | None = None
    seconds: Number | None = None


class SpaceRequest(Schema):
    """What may be proposed; whatever is left out takes the objective's or the table's own.

    A constraint is `NAME <= NUMBER` or `NAME >= NUMBER`; a name is a shared parameter, `peak`,
    `first_lr` or `final_lr`.
    """

    families: list[Name] | None = None
    peak: Bounds | None = None
    ranges: dict[Name, Bounds] = Field(default_factory=dict)
    fixed: dict[Name, Scalar] = Field(default_factory=dict)
    constraints: list[Text] = Field(default_factory=list)


class StudyRequest(Schema):
    """A new study; only `objective` is needed.

    With `external` it is a name of your own, under which your trainers claim the runs.

    The peaks of baselines are tuned over the first of the `rungs` (fractions of the horizon; `[]`:
    none). With `climb` (by default if `rungs` are given, and for any sampler but `curve`) every
    trial begins there, and the best share `promote` of each goes on. `leaders` get up to
    `leader_seeds` seeds. `evidence_budget` is in updates. With `pruning`, `rungs` are prefixes of
    the full training after which trials are pruned, by `asha` (the best share goes on) or by the
    `median`: that favours schedules that decay early, and the study says so in its `warnings`.
    `warm_start` names earlier studies of the same objective, whatever their horizon. `candidates`
    are schedules, each a document over any horizon, that the search tries before others.
    """

    model_config = example(
        objective="realized_volatility",
        space={"families": ["cosine", "wsd", "linear"], "peak": [1e-4, 1e-1]},
        budget={"trials": 60},
        seed=7,
        label="volatility, first try",
    )

    objective: Name
    external: ExternalRequest | None = None
    config: Settings = Field(default_factory=dict)
    horizon: int | None = None
    space: SpaceRequest = SpaceRequest()
    sampler: Name = "curve"
    budget: BudgetRequest = BudgetRequest()
    batch: int = 4
    seed: int = 0
    seeds: int = 2
    leaders: int | None = None
    leader_seeds: int | None = None
    rungs: list[Number] | None = None
    climb: bool | None = None
    promote: Number = 0.34
    pruning: PruningName = "none"
    baselines: list[Name] | None = None
    baseline_peaks: int | None = None
    confirm_seeds: int = 10
    evidence_budget: int | None = None
    worthwhile: float = 0.01
    early_stop: bool = True
    warm_start: list[Text] = Field(default_factory=list, max_length=16)
    candidates: list[Document] = Field(default_factory=list, max_length=32)
    max_failures: int | None = None
    goal: Number | None = None
    deadline: Text | None = None
    priority: Number = 1
    label: Text = ""
    labels: Labels = Field(default_factory=dict)
    notes: Notes = ""


class StudyWords(Schema):
    """The user's own words about a study, and its priority.

    What is left out stays as it is; `labels` change as a whole.
    """

    model_config = example(label="volatility", labels={"team": "rates"}, notes="Peaks look low.")

    priority: Number | None = None
    label: Annotated[Text, Field(max_length=128)] | None = None
    labels: Labels | None = None
    notes: Notes | None = None


class BudgetChange(Schema):
    """A larger budget: in all, with what was spent before; what is left out stays as it is."""

    trials: int | None = None
    steps: int | None = None
    seconds: Number | None = None


class SuggestRequest(Schema):
    """A schedule for a study to try, over any horizon."""

    model_config = example(schedule=SCHEDULE)

    schedule: Document


class ExtendRequest(Schema):
    """What a completed study may spend to search on; `evidence_budget` is for the next verdict."""

    model_config = example(budget={"trials": 120})

    budget: BudgetChange = BudgetChange()
    evidence_budget: int | None = None


class Progress(Schema):
    """How far a study is, in runs and in updates, and when it should end (UTC, ISO 8601).

    `search_steps` counts updates of all runs queued until now but the confirmation's, which are
    `evidence_steps`; `fte` is `search_steps` in full trainings.
    """

    finished_runs: int
    expected_runs: int
    eta: str | None
    search_steps: int = 0
    evidence_steps: int = 0
    fte: float = 0.0


class BestSoFar(Schema):
    """The best trial until now."""

    trial: int
    family: str
    peak: float
    value: float
    stage: Literal["search", "confirmed"]


class ConditionView(Schema):
    """Whether something holds of a study, why, and since when (UTC, ISO 8601).

    `Progressing` (Waiting, Searching, Stopping, Confirming), `Paused`, `Completed`, `Failed`,
    `Cancelled`, and `Stalled`: NoWorker, NotOffered, NotClaimed, LeasesExpired, NotPlanned.
    """

    type: str
    status: bool
    reason: str
    message: str
    at: str


class StudyView(Schema):
    """A study as it stands; `spec` has the budget in force, `verdicts` counts what was judged.

    `imported` says where it comes from if it was not made here. Since `curves_purged_at` some or
    all of its curves are gone.
    """

    id: str
    state: str
    revision: int
    objective: str
    label: str
    metric: dict[str, Any]
    progress: Progress
    best: BestSoFar | None
    search_ended: str | None = None
    warnings: list["Warned"] = Field(default_factory=list)
    verdicts: int = 0
    conditions: list[ConditionView] = Field(default_factory=list)
    deadline: str | None = None
    priority: float = 1.0
    labels: dict[str, str] = Field(default_factory=dict)
    notes: str = ""
    imported: dict[str, Any] | None = None
    error: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    curves_purged_at: str | None = None
    spec: dict[str, Any]


class Estimate(Schema):
    """What a study is expected to cost if nothing is cut short.

    `search_steps` are the most updates of all phases but the confirmation; `fte` is the same in
    full trainings. `evidence_steps` are the most that confirmation and test may take.
    """

    trials: int
    runs: int
    search_steps: int = 0
    fte: float = 0.0
    evidence_steps: int = 0


class Warned(Schema):
    """Something a user should know before starting a study."""

    code: str
    message: str


class StudyCheck(Schema):
    """A study that would be accepted: its complete spec, its cost, and what to beware of."""

    spec: dict[str, Any]
    estimate: Estimate
    warnings: list[Warned]


class StudyPage(Schema):
    """A page of studies in the order that was asked for; `next` is the cursor of the next page."""

    items: list[StudyView]
    next: str | None


class TrialView(Schema):
    """A trial of a study; `metrics` are means over its runs by split and name."""

    number: int
    generation: int
    phase: str
    state: str
    params: dict[str, float | int | str]
    value: float | None
    metrics: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    schedule: dict[str, Any]


class TrialPage(Schema):
    """A page of trials in the order that was asked for; `next` is the cursor of the next page."""

    items: list[TrialView]
    next: str | None


class RunView(Schema):
    """A run of a trial.

    `cause` (`non_finite`, `blew_up`, `raised`, `refused`, `timeout`, `memory`, `exited`, `killed`,
    `lost_worker`, `impossible`) and `reason` say why it diverged or failed, `step` and `lr` where
    it was then; `attempt` counts the trainings that ended badly; `data_hash` and `versions` are
    those of what it was trained on and with, if the trainer told. It ends after
    `updates` of its horizon. `traceback` and `log_tail` are where its last training that went wrong
    raised, and the end of what it printed, as it stands: with control characters.
    """

    id: str
    trial: int
    phase: str
    seed: int
    horizon: int
    updates: int
    state: str
    attempt: int
    worker: str | None
    cause: str | None
    reason: str
    step: int | None
    lr: float | None
    metrics: dict[str, dict[str, float | None]]
    data_hash: str | None
    versions: dict[str, str]
    started_at: str | None
    finished_at: str | None
    traceback: str | None = None
    log_tail: str | None = None


class RunList(Schema):
    """The runs of a trial, in order of proposal."""

    items: list[RunView]


class BestMetric(Schema):
    """What the best schedule reached, and on which evidence."""

    name: str
    direction: str
    validation: float
    test: float | None
    stderr: float | None
    seeds: int
    stage: Literal["search", "confirmed"]


class BestView(Schema):
    """The best schedule of a study, portable: three lines of any framework can use it.

    `applies_to.data_hash` and `provenance.versions` are what the trainer of its last run told; the
    planner's packages stand among the versions where the trainer told none of that name.
    """

    study: str
    state: str
    schedule: dict[str, Any]
    metric: BestMetric
    verdict: dict[str, Any] | None
    applies_to: dict[str, Any]
    provenance: dict[str, Any]
