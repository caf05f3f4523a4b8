"""Records: what a study is made of, as plain frozen values.

The one idea: everything the policy, the verdict and the service talk about is a value in this
file, with its JSON form, its limits and its legal state moves beside it. A `StudySpec` is always
complete: defaults were filled in by `tuning.study.specify`, so it can be stored and replayed.
Not here: how runs are proposed (`tuning.search`), trained (`tuning.execution`) or judged
(`tuning.evidence`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from tuning.errors import IllegalMove, InvalidValue
from tuning.schedules import Parameter, Schedule

MAX_TRIALS = 10_000
MAX_HORIZON = 10_000_000
MAX_STEPS = 10**15
MAX_SEEDS = 1_000
MAX_BATCH = 64
MAX_FAILURES = 10**9
MAX_LABEL_LENGTH = 128

ParameterValue = float | int | str
State = TypeVar("State", bound=StrEnum)


class Direction(StrEnum):
    """Which way a metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Phase(StrEnum):
    """What a run is for."""

    PROBE = "probe"
    BASELINE = "baseline"
    SEARCH = "search"
    CONFIRM = "confirm"


class StudyState(StrEnum):
    """Where a study stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CONFIRMING = "confirming"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen any more."""
        return self in {StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED}


class TrialState(StrEnum):
    """Where a trial stands."""

    PROPOSED = "proposed"
    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    LEASED = "leased"
    COMPLETED = "completed"
    DIVERGED = "diverged"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the run counts and will not be trained again."""
        return self not in {RunState.QUEUED, RunState.LEASED}


_TRIAL_ENDS = (
    TrialState.COMPLETED,
    TrialState.PRUNED,
    TrialState.DIVERGED,
    TrialState.FAILED,
    TrialState.CANCELLED,
)
_RUN_ENDS = (RunState.COMPLETED, RunState.DIVERGED, RunState.FAILED, RunState.CANCELLED)

# One table per type: members of two string enums with one name are equal, hence one key.
STUDY_MOVES: Mapping[StudyState, tuple[StudyState, ...]] = {
    StudyState.RUNNING: (
        StudyState.PAUSED,
        StudyState.CONFIRMING,
        StudyState.FAILED,
        StudyState.CANCELLED,
    ),
    StudyState.PAUSED: (StudyState.RUNNING, StudyState.CONFIRMING, StudyState.CANCELLED),
    StudyState.CONFIRMING: (
        StudyState.PAUSED,
        StudyState.COMPLETED,
        StudyState.FAILED,
        StudyState.CANCELLED,
    ),
    StudyState.COMPLETED: (StudyState.RUNNING,),
}
TRIAL_MOVES: Mapping[TrialState, tuple[TrialState, ...]] = {
    TrialState.PROPOSED: (TrialState.RUNNING, *_TRIAL_ENDS),
    TrialState.RUNNING: _TRIAL_ENDS,
}
RUN_MOVES: Mapping[RunState, tuple[RunState, ...]] = {
    RunState.QUEUED: (RunState.LEASED, RunState.CANCELLED),
    RunState.LEASED: (RunState.QUEUED, *_RUN_ENDS),
}
MOVES: Mapping[type[StrEnum], Mapping[Any, tuple[StrEnum, ...]]] = {
    StudyState: STUDY_MOVES,
    TrialState: TRIAL_MOVES,
    RunState: RUN_MOVES,
}


def move(before: State, after: State) -> State:
    """Return `after` if it may follow `before`, else raise `IllegalMove`.

    >>> move(RunState.QUEUED, RunState.LEASED)
    <RunState.LEASED: 'leased'>
    """
    if after not in MOVES[type(before)].get(before, ()):
        raise IllegalMove(type(before).__name__.removesuffix("State").lower(), before, after)
    return after


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an integer in [low, high], else raise `InvalidValue`.

    >>> check_integer("config.batch", 0, 1, 4_096)
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.batch: 0 is not allowed; allowed: an integer from 1 to 4,096
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidValue(name, value, f"an integer from {low:,} to {high:,}")
    return value


def check_number(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float if it is finite and in [low, high], else raise `InvalidValue`.

    >>> check_number("config.l2", 1, 0.0, 1.0)
    1.0
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # first: an integer may be too large for `isfinite`
        or not math.isfinite(value)
    ):
        raise InvalidValue(name, value, f"a number from {low:g} to {high:g}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of merit of an objective."""

    name: str
    direction: Direction = Direction.MINIMIZE
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may spend: distinct schedules, and updates over all phases.

    `steps` counts updates of every phase, retries excluded, with the confirmation reserved first.
    """

    trials: int = 60
    steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse a budget outside its range."""
        check_integer("budget.trials", self.trials, 1, MAX_TRIALS)
        if self.steps is not None:
            check_integer("budget.steps", self.steps, 1, MAX_STEPS)


@dataclass(frozen=True, slots=True)
class Space:
    """The schedules a search may propose: families, and the range of every shared parameter.

    `parameters` holds exactly the parameters that some family of `families` uses, `peak` first;
    a parameter whose range is one point is fixed.
    """

    families: tuple[str, ...]
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class StudySpec:
    """One search, complete: nothing is defaulted after this was written down.

    Args:
        objective: its name in `tuning.objectives.OBJECTIVES`.
        config: the objective's own settings, complete and valid.
        horizon: updates `T` of a full training.
        space: what may be proposed.
        metric: what is compared; the objective's first metric.
        sampler: a name in `tuning.search.samplers.SAMPLERS`.
        budget: what the search may spend.
        batch: trials per generation; never a worker's capacity.
        seed: everything random of the study derives from it.
        seeds: paired seeds a trial is trained on.
        baselines: families tuned beside the search, each on the same peak grid.
        baseline_peaks: points of that grid.
        confirm_seeds: fresh seeds of the confirmation.
        worthwhile: relative difference below which two arms are called a tie.
        max_failures: runs that may fail (divergence is no failure) before the study gives up; None
            if any number may.
        label: the user's own words.
    """

    objective: str
    config: Mapping[str, Any]
    horizon: int
    space: Space
    metric: Metric
    sampler: str
    budget: Budget
    batch: int
    seed: int
    seeds: int
    baselines: tuple[str, ...]
    baseline_peaks: int
    confirm_seeds: int
    worthwhile: float
    max_failures: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        check_integer("horizon", self.horizon, 1, MAX_HORIZON)
        check_integer("batch", self.batch, 1, MAX_BATCH)
        check_integer("seed", self.seed, 0, 2**53)
        check_integer("seeds", self.seeds, 1, MAX_SEEDS)
        check_integer("baseline_peaks", self.baseline_peaks, 1, 50)
        check_integer("confirm_seeds", self.confirm_seeds, 2, MAX_SEEDS)
        check_number("worthwhile", self.worthwhile, 0.0, 0.5)
        if self.max_failures is not None:
            check_integer("max_failures", self.max_failures, 0, MAX_FAILURES)
        if len(self.label) > MAX_LABEL_LENGTH:
            raise InvalidValue("label", self.label, f"at most {MAX_LABEL_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class Trial:
    """One schedule proposed within a study.

    `params` are its coordinates in the study's space (`family` and `peak` included), kept so that
    a sampler can be rebuilt from stored history.
    """

    number: int
    generation: int
    phase: Phase
    schedule: Schedule
    params: Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class Run:
    """One training of one trial at one horizon with one seed: the unit that is leased.

    (`generation`, `index`) identifies it within its study. `splits` are evaluated at its end:
    the search reads `validation`; only confirmation runs read `test`.
    """

    generation: int
    index: int
    trial: int
    phase: Phase
    seed: int
    horizon: int
    splits: tuple[str, ...] = ("validation",)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Named metric values of a run after `step` updates; a value may be non-finite."""

    step: int
    values: Mapping[str, float]


class Cause(StrEnum):
    """Why a run diverged or failed, for programs; its `reason` is for people.

    Diverged: the compared metric was not finite, or blew up. Failed: the training code raised, or
    refused what it was told to train; it took longer, or more memory, than it may; its process
    exited or was killed; the worker was lost over it; its loss is lower than any can be.
    """

    NON_FINITE = "non_finite"
    BLEW_UP = "blew_up"
    RAISED = "raised"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    EXITED = "exited"
    KILLED = "killed"
    LOST_WORKER = "lost_worker"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Args:
        state: the end, which is final.
        metrics: per split its final metrics.
        blocks: per split the losses per block (fold, day, snapshot) of the compared metric.
        reason: in words, why it failed or where it diverged.
        cause: the same as a code; None for a completed run, and if whoever trained does not say.
        step: updates made when it was last measured, if it diverged or failed.
        lr: learning rate of the last of them.
    """

    state: RunState
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    blocks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reason: str = ""
    cause: Cause | None = None
    step: int | None = None
    lr: float | None = None

    def __post_init__(self) -> None:
        """Refuse a result that is not an end."""
        if not self.state.is_final:
            raise InvalidValue("state", str(self.state), "a final state of a run")


@dataclass(frozen=True, slots=True)
class History:
    """What the policy may look at: trials, their runs, and the results that are in.

    `results` is keyed by (generation, index) of the run.
    """

    trials: tuple[Trial, ...] = ()
    runs: tuple[Run, ...] = ()
    results: Mapping[tuple[int, int], Result] = field(default_factory=dict)

    def up_to(self, proposals: int, results: int) -> "History":
        """Only generations <= `proposals`, and results only of generations <= `results`."""
        return History(
            trials=tuple(t for t in self.trials if t.generation <= proposals),
            runs=tuple(r for r in self.runs if r.generation <= proposals),
            results={key: end for key, end in self.results.items() if key[0] <= results},
        )
