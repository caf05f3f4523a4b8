"""A whole study: its complete spec from a short request, and a run in memory.

The one idea: `run_study` is the same policy loop that the service runs, without the service, for
notebooks, simulations and tests; both give the same trials and the same best schedule.
Not here: durable storage, leases and processes across machines (`service`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuning import defaults
from tuning.defaults import BASELINES
from tuning.errors import InvalidValue, UnknownName
from tuning.evidence import Verdict, conclude_study, rank_trials
from tuning.execution import Block, Ended, Executor, Lane, Measured
from tuning.objectives import (
    NO_FOLDERS,
    OBJECTIVES,
    Folders,
    Objective,
    configure,
    external_objective,
    find,
    write_config,
)
from tuning.records import (
    Budget,
    Candidate,
    Cap,
    External,
    History,
    Measurement,
    ParameterValue,
    Pruning,
    Result,
    Run,
    Start,
    StudySpec,
    Trial,
)
from tuning.schedules import Schedule
from tuning.search.handed import check_candidates
from tuning.search.policy import (
    Conclude,
    Generation,
    GiveUp,
    Wait,
    decide,
)
from tuning.search.policy.cap import probe_steps
from tuning.search.samplers import SAMPLERS
from tuning.search.space import check_families


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """A finished study: what was asked, everything that happened, and the verdict.

    `verdict` is None when the study could not conclude; `reason` then says why.
    """

    spec: StudySpec
    history: History
    verdict: Verdict | None
    reason: str = ""

    @property
    def best(self) -> Trial | None:
        """The winning trial."""
        if self.verdict is not None:
            return self.history.trials[self.verdict.trial]
        ranked = rank_trials(self.history, self.spec.metric)
        return ranked[0][0] if ranked else None


def specify(
    objective: str,
    *,
    config: Mapping[str, Any] | None = None,
    horizon: int | None = None,
    families: Sequence[str] | None = None,
    peak: tuple[float, float] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, ParameterValue] | None = None,
    constraints: Sequence[str] = (),
    sampler: str = "curve",
    budget: Budget | None = None,
    batch: int = 4,
    seed: int = 0,
    seeds: int = 2,
    leaders: int | None = None,
    leader_seeds: int | None = None,
    rungs: Sequence[float] | None = None,
    climb: bool | None = None,
    promote: float = 0.34,
    pruning: Pruning = Pruning.NONE,
    baselines: Sequence[str] = BASELINES,
    baseline_peaks: int | None = None,
    confirm_seeds: int = 10,
    evidence_budget: int | None = None,
    worthwhile: float = 0.01,
    early_stop: bool = True,
    starts: Sequence[Start] = (),
    candidates: Sequence[Schedule] = (),
    max_failures: int | None = None,
    goal: float | None = None,
    label: str = "",
    external: External | None = None,
    folders: Folders = NO_FOLDERS,
    objectives: Mapping[str, Objective] = OBJECTIVES,
) -> StudySpec:
    """Complete and check a study: defaults come from the objective, nothing is repaired.

    Args:
        objective: a name in `objectives`; none of them if it is external.
        config: the objective's settings; missing ones take its defaults.
        horizon: updates of a full training; the objective's own by default.
        families: what may be proposed; by default `tuning.search.space.DEFAULT_FAMILIES`, and free
            curves (`knots`) if the sampler moves them.
        peak: range of the peak learning rate; the objective's own by default.
        ranges: narrower ranges of shared parameters, by name.
        fixed: values of shared parameters that are not searched.
        constraints: bounds on every schedule, as `final_lr <= 1e-5` (`tuning.constraints`).
        sampler: a name in `tuning.search.samplers.SAMPLERS`.
        budget: what the search may spend.
        batch: trials per generation.
        seed: everything random derives from it.
        seeds: paired seeds per trial.
        leaders: trials that get more seeds before one is recommended; by default an eighth of the
            trials, from 2 to 8.
        leader_seeds: seeds the last of them have in the end; by default four times `seeds`, at most
            8.
        rungs: shorter horizons to begin with, as fractions; by default the objective's, as far as
            they are at least 20 updates.
        climb: whether searched trials begin over the first rung, not at once over the full horizon;
            by default if `rungs` are given, with `pruning`, and for any sampler but the curve one.
        promote: share of the trials of a rung that go on to the next.
        pruning: `asha` or `median` prunes trials on prefixes of the full training, after `rungs` of
            it (by default 1/4 and 1/2), instead of training over shorter horizons first. That
            favours schedules that decay early; see `tuning.evidence.cautions`.
        baselines: families tuned beside the search.
        baseline_peaks: peaks each baseline is tried at; by default as many, up to 5, as leave at
            least half of the trials to the search.
        confirm_seeds: fresh seeds the confirmation starts with.
        evidence_budget: updates of confirmation and test; by default four times what
            `confirm_seeds` cost.
        worthwhile: relative difference that counts.
        early_stop: whether the search may end when nothing worthwhile is to be expected.
        starts: what earlier studies know.
        candidates: schedules to try early in the search, over any horizon.
        max_failures: runs that may fail before the study gives up; by default as many as a fifth
            of the trials in the budget, at least 10.
        goal: a value of the metric that ends the search once a trial reaches it on all its seeds.
        label: the user's own words.
        external: what there is to know of an objective that somebody else trains.
        folders: where objectives may read and keep files.
        objectives: what may be tuned; by default the built-in ones.

    Raises InvalidValue or UnknownName naming the field, the value and what is allowed.
    """
    found = _find(objective, external, objectives)
    settings = configure(found, config or {})
    found.check(settings, folders)
    if sampler not in SAMPLERS:
        raise UnknownName("sampler", sampler, SAMPLERS)
    check_families("baselines", tuple(baselines))
    budget = budget or Budget()
    limits = defaults.peak_range(found, peak, found.cap(settings))
    space = defaults.space(sampler, families, limits, ranges or {}, fixed or {}, constraints)
    updates = found.horizon(settings, folders, horizon)
    cap = defaults.cap(peak, found.cap(settings))
    spec = StudySpec(
        objective=objective,
        config=write_config(settings),
        horizon=updates,
        space=space,
        metric=found.metrics[0],
        sampler=sampler,
        budget=budget,
        batch=batch,
        seed=seed,
        seeds=seeds,
        baselines=tuple(baselines),
        baseline_peaks=defaults.peaks(budget, baselines, space)
        if baseline_peaks is None
        else baseline_peaks,
        confirm_seeds=confirm_seeds,
        worthwhile=worthwhile,
        max_failures=defaults.failures(budget) if max_failures is None else max_failures,
        goal=goal,
        label=label,
        evidence_budget=evidence_budget,
        rungs=defaults.rungs(found, rungs, updates, pruning),
        climb=defaults.climb(sampler, rungs, pruning) if climb is None else climb,
        promote=promote,
        pruning=pruning,
        leaders=defaults.leaders(budget, seeds, updates) if leaders is None else leaders,
        leader_seeds=defaults.leader_seeds(seeds) if leader_seeds is None else leader_seeds,
        cap=cap,
        probe_steps=probe_steps(updates) if cap is Cap.SOFT and found.fixed_horizon is None else 0,
        early_stop=early_stop,
        starts=tuple(starts),
        external=external,
    )
    if candidates:
        given = check_candidates(spec, candidates)
        spec = replace(spec, candidates=tuple(map(Candidate, given)))
    defaults.check_grid(spec)
    defaults.check_budget(spec)
    return spec


def _find(name: str, external: External | None, objectives: Mapping[str, Objective]) -> Objective:
    if external is None:
        return find(name, objectives)
    if name in objectives:
        raise InvalidValue("objective", name, "a name that no objective of the service has")
    return external_objective(name, external)


def run_study(
    spec: StudySpec,
    executor: Executor,
    *,
    on_measurement: Callable[[Run, Measurement], None] | None = None,
    on_result: Callable[[Run, Result], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> StudyOutcome:
    """Run a study to its verdict in memory.

    Args:
        spec: from `specify`.
        executor: trains the blocks.
        on_measurement: called with every measurement of every run.
        on_result: called with the end of every run.
        clock: tells seconds, as `time.monotonic` does, for a budget in seconds; once they are over
            the generation under way is finished and no other begins. None: such a budget is not
            looked at.

    Returns:
        The whole history and the verdict.

    Raises TrainingCrashed if a block does: in memory nothing is tried again.
    """
    history = History()
    deadline = None
    if clock is not None and spec.budget.seconds is not None:
        deadline = clock() + spec.budget.seconds
    while True:
        if deadline is not None and clock is not None and clock() >= deadline:
            history = _closed(history)
        match decide(spec, history):
            case Generation() as generation:
                history = _extend(history, generation)
                ends = _train(
                    spec,
                    history,
                    generation,
                    executor,
                    on_measurement=on_measurement,
                    on_result=on_result,
                )
                history = replace(history, results={**history.results, **ends})
            case Conclude():
                return StudyOutcome(spec, history, conclude_study(spec, history))
            case GiveUp(reason):
                return StudyOutcome(spec, history, None, reason)
            case Wait():  # pragma: no cover - every generation ends before the next decision
                raise AssertionError("a study in memory never has runs under way")


def _extend(history: History, generation: Generation) -> History:
    return replace(
        history,
        trials=history.trials + generation.trials,
        runs=history.runs + generation.runs,
        pruned={**history.pruned, **dict.fromkeys(generation.pruned, generation.number)},
    )


def _closed(history: History) -> History:
    """The history after the search's time was up; the first such moment counts."""
    if history.closed_from is not None:
        return history
    return replace(
        history, closed_from=1 + max((run.generation for run in history.runs), default=-1)
    )


def _train(
    spec: StudySpec,
    history: History,
    generation: Generation,
    executor: Executor,
    *,
    on_measurement: Callable[[Run, Measurement], None] | None,
    on_result: Callable[[Run, Result], None] | None,
) -> dict[tuple[int, int], Result]:
    ends: dict[tuple[int, int], Result] = {}
    for kind, runs in _blocks(generation).items():
        horizon, updates, splits = kind
        block = Block(
            objective=spec.objective,
            config=spec.config,
            horizon=horizon,
            splits=splits,
            updates=updates,
            lanes=tuple(
                Lane(name, run.seed, run.laid_out(history.trials[run.trial].schedule))
                for name, run in runs.items()
            ),
        )
        for event in executor.run(block):
            run = runs[event.run]
            match event:
                case Measured() if on_measurement is not None:
                    on_measurement(run, event.measurement)
                case Ended():
                    ends[run.generation, run.index] = event.result
                    if on_result is not None:
                        on_result(run, event.result)
    return ends


def _blocks(generation: Generation) -> dict[tuple[int, int, tuple[str, ...]], dict[str, Run]]:
    """Runs that can be trained side by side: of one horizon and end, with the same splits."""
    blocks: dict[tuple[int, int, tuple[str, ...]], dict[str, Run]] = {}
    for run in generation.runs:
        name = f"{run.generation}.{run.index}"
        blocks.setdefault((run.horizon, run.updates, run.splits), {})[name] = run
    return blocks


__all__ = ["BASELINES", "StudyOutcome", "run_study", "specify"]
