"""Records: what a study is made of, as plain frozen values.

The one idea: everything the policy, the verdict and the service talk about is a value in this
file, with its limits beside it. A `StudySpec` is always complete: defaults were filled in by
`tuning.study.specify`, so it can be stored and replayed.
Not here: what may follow what (`tuning.states`), how runs are proposed (`tuning.search`), trained
(`tuning.execution`) or judged (`tuning.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from tuning.budgets import MAX_SECONDS, MAX_STEPS, MAX_TRIALS, Budget, Extension
from tuning.checks import check_integer, check_number
from tuning.declarations import MAX_HORIZON, MAX_RUNGS, External, Metric
from tuning.errors import InvalidValue
from tuning.given import (
    MAX_CANDIDATES,
    MAX_SEEDS,
    MAX_STARTS,
    Candidate,
    ParameterValue,
    Start,
)
from tuning.provenance import Provenance
from tuning.schedules import Parameter, Schedule
from tuning.states import (
    Cap,
    Cause,
    Comparator,
    Direction,
    Phase,
    Pruning,
    RunState,
    StudyState,
    TrialState,
    move,
)

MAX_BATCH = 64
MAX_LEADERS = 64
MAX_FAILURES = 10**9
MAX_LABEL_LENGTH = 128
TIME_IS_UP = "the search's time was up"
MAX_SCORE = 1e60  # of the compared metric, in size: beyond it is divergence, and squares overflow


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a property of a schedule, as in `final_lr <= 1e-5`.

    Args:
        name: a shared parameter, `peak` included, or a learning rate of the schedule: `first_lr` or
            `final_lr`, of the first or last update.
        comparator: which way it is bounded.
        value: the bound.
    """

    name: str
    comparator: Comparator
    value: float


@dataclass(frozen=True, slots=True)
class Space:
    """The schedules a search may propose: families, and the range of every shared parameter.

    `parameters` holds exactly the parameters that some family of `families` uses, `peak` first;
    a parameter whose range is one point is fixed. A proposal satisfies every constraint.
    """

    families: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True, slots=True)
class StudySpec:
    """One search, complete: nothing is defaulted after this was written down.

    Args:
        objective: its name, in `tuning.objectives.OBJECTIVES` unless it is external.
        config: the objective's own settings, complete and valid.
        horizon: updates `T` of a full training.
        space: what may be proposed.
        metric: what is compared; the objective's first metric.
        sampler: a name in `tuning.search.samplers.SAMPLERS`.
        budget: what the search may spend.
        batch: trials per generation; never a worker's capacity.
        seed: everything random of the study derives from it.
        seeds: paired seeds that every trial is trained on.
        baselines: families tuned beside the search, each at the same number of peaks.
        baseline_peaks: that number.
        confirm_seeds: fresh seeds the confirmation starts with.
        worthwhile: relative difference below which two arms are called a tie.
        max_failures: runs that may fail (divergence is no failure) before the study gives up; None
            if any number may.
        goal: a value of the metric that ends the search once a trial reaches it; None: none.
        label: the user's own words.
        evidence_budget: updates of confirmation and test; None: four times what `confirm_seeds` on
            every arm cost.
        rungs: shorter horizons, as rising fractions of `horizon`.
        climb: whether searched trials begin over the first rung; if not, they are trained over the
            full horizon at once, and the first rung is for the peaks of the baselines.
        promote: share of the trials of a rung that go on to the next.
        pruning: unless `none`, `rungs` are prefixes of the full training instead, at whose ends
            searched trials are pruned by this rule; baselines are always trained in full.
        leaders: trials that get more seeds at the full horizon before one is recommended; 0: none.
        leader_seeds: paired seeds the last of them have in the end.
        cap: where the upper end of the range of the peak comes from.
        probe_steps: updates of the range test that estimates a soft cap; 0: there is none.
        early_stop: whether the search may end once nothing worthwhile is to be expected.
        starts: what earlier studies know.
        candidates: schedules that the user wants tried.
        external: what is declared of an objective that somebody else trains; None if it is known
            by its name.
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
    goal: float | None = None
    label: str = ""
    evidence_budget: int | None = None
    rungs: tuple[float, ...] = ()
    climb: bool = True
    promote: float = 0.34
    pruning: Pruning = Pruning.NONE
    leaders: int = 0
    leader_seeds: int = 1
    cap: Cap = Cap.GIVEN
    probe_steps: int = 0
    early_stop: bool = False
    starts: tuple[Start, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    external: External | None = None

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
        if self.goal is not None:
            check_number("goal", self.goal, -MAX_SCORE, MAX_SCORE)
        if len(self.label) > MAX_LABEL_LENGTH:
            raise InvalidValue("label", self.label, f"at most {MAX_LABEL_LENGTH} characters")
        if self.evidence_budget is not None:
            check_integer("evidence_budget", self.evidence_budget, 1, MAX_STEPS)
        check_number("promote", self.promote, 0.01, 1.0)
        check_integer("probe_steps", self.probe_steps, 0, self.horizon)
        check_integer("leaders", self.leaders, 0, MAX_LEADERS)
        check_integer("leader_seeds", self.leader_seeds, 1, MAX_SEEDS)
        self._check_given()
        is_rising = all(a < b for a, b in pairwise((0.0, *self.rungs, 1.0)))
        if len(self.rungs) > MAX_RUNGS or not is_rising:
            allowed = f"at most {MAX_RUNGS} rising fractions between 0 and 1"
            raise InvalidValue("rungs", list(self.rungs), allowed)
        if self.pruning is not Pruning.NONE and not self.climb:
            raise InvalidValue("climb", self.climb, "true, since trials are pruned on the way up")
        if self.pruning is not Pruning.NONE and not self.rungs:
            allowed = f"at least one fraction, at which `{self.pruning}` prunes"
            raise InvalidValue("rungs", [], allowed)

    def _check_given(self) -> None:
        if len(self.starts) > MAX_STARTS:
            raise InvalidValue("starts", len(self.starts), f"at most {MAX_STARTS:,}")
        if len(self.candidates) > MAX_CANDIDATES:
            raise InvalidValue("candidates", len(self.candidates), f"at most {MAX_CANDIDATES}")
        for one in self.candidates:
            if one.schedule.horizon != self.horizon:
                allowed = f"{self.horizon:,}, the study's"
                raise InvalidValue("candidates.horizon", one.schedule.horizon, allowed)


@dataclass(frozen=True, slots=True)
class Trial:
    """One schedule proposed within a study, laid out over the full horizon.

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
    the search reads `validation`; only confirmation runs read `test`. Over a shorter horizon the
    best peak is higher: the schedule is multiplied by `peak_factor`. It is laid out over the whole
    `horizon`, but the training ends, and is scored, after `updates` of it; 0 stands for all.
    """

    generation: int
    index: int
    trial: int
    phase: Phase
    seed: int
    horizon: int
    splits: tuple[str, ...] = ("validation",)
    peak_factor: float = 1.0
    updates: int = 0

    def __post_init__(self) -> None:
        """Refuse a run that ends beyond its horizon."""
        object.__setattr__(self, "updates", self.updates or self.horizon)
        check_integer("updates", self.updates, 1, self.horizon)

    @property
    def is_prefix(self) -> bool:
        """Whether it ends before its schedule does."""
        return self.updates < self.horizon

    def laid_out(self, schedule: Schedule) -> Schedule:
        """A trial's schedule as this run trains it: over its horizon, with its peak.

        >>> from tuning.schedules import Linear
        >>> run = Run(0, 0, 0, Phase.SEARCH, seed=1, horizon=2, peak_factor=1.5)
        >>> run.laid_out(Schedule(Linear(1.0), 8)).table()
        array([1.5 , 0.75])
        """
        if self.peak_factor == 1.0:
            return schedule.at(self.horizon)
        family = replace(schedule.family, peak=schedule.peak * self.peak_factor)
        return replace(schedule, family=family).at(self.horizon)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Named metric values of a run after `step` updates; a value may be non-finite."""

    step: int
    values: Mapping[str, float]


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
        provenance: what it was trained on and with; None if nobody told.
    """

    state: RunState
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    blocks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reason: str = ""
    cause: Cause | None = None
    step: int | None = None
    lr: float | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        """Refuse a result that is not an end."""
        if not self.state.is_final:
            raise InvalidValue("state", str(self.state), "a final state of a run")


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a history stands for good: its first trials, all of its first generations."""

    trials: int = 0
    generations: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What the policy may look at: trials, their runs, and the results that are in.

    Args:
        trials: proposed schedules, in order.
        runs: their trainings, in order.
        results: ends of runs, by (generation, index) of the run.
        pruned: trials that the search dropped, with the generation that did.
        closed_from: the first generation after the search was closed; None while it is not.
        closed_because: why it was: its time was up, or somebody stopped it.
        extensions: what its user did once it had a verdict, in order (`tuning.rounds`).
    """

    trials: tuple[Trial, ...] = ()
    runs: tuple[Run, ...] = ()
    results: Mapping[tuple[int, int], Result] = field(default_factory=dict)
    pruned: Mapping[int, int] = field(default_factory=dict)
    closed_from: int | None = None
    closed_because: str = TIME_IS_UP
    extensions: tuple[Extension, ...] = ()

    @property
    def mark(self) -> Mark:
        """How much of it stands for good: every trial, and the generations without an open run."""
        unended = (r.generation for r in self.runs if (r.generation, r.index) not in self.results)
        coming = 1 + max((run.generation for run in self.runs), default=-1)
        return Mark(len(self.trials), min(unended, default=coming))

    def up_to(self, proposals: int, results: int) -> "History":
        """Only generations <= `proposals`, and results only of generations <= `results`."""
        return History(
            trials=tuple(t for t in self.trials if t.generation <= proposals),
            runs=tuple(r for r in self.runs if r.generation <= proposals),
            results={key: end for key, end in self.results.items() if key[0] <= results},
            pruned={number: at for number, at in self.pruned.items() if at <= proposals},
            closed_from=self.closed_from,
            closed_because=self.closed_because,
            extensions=tuple(e for e in self.extensions if e.generation <= proposals + 1),
        )


__all__ = [
    "MAX_BATCH",
    "MAX_CANDIDATES",
    "MAX_FAILURES",
    "MAX_HORIZON",
    "MAX_LABEL_LENGTH",
    "MAX_LEADERS",
    "MAX_RUNGS",
    "MAX_SCORE",
    "MAX_SECONDS",
    "MAX_SEEDS",
    "MAX_STARTS",
    "MAX_STEPS",
    "MAX_TRIALS",
    "Budget",
    "Candidate",
    "Cap",
    "Cause",
    "Comparator",
    "Constraint",
    "Direction",
    "Extension",
    "External",
    "History",
    "Mark",
    "Measurement",
    "Metric",
    "ParameterValue",
    "Phase",
    "Pruning",
    "Result",
    "Run",
    "RunState",
    "Space",
    "Start",
    "StudySpec",
    "StudyState",
    "Trial",
    "TrialState",
    "check_integer",
    "check_number",
    "move",
]
