"""A whole study: its complete spec from a short request, and a run in memory.

The one idea: `run_study` is the same policy loop that the service runs, without the service, for
notebooks, simulations and tests; both give the same trials and the same best schedule.
Not here: durable storage, leases and processes across machines (`service`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tuning.errors import InvalidValue, UnknownName
from tuning.evidence import Verdict, conclude_study, rank_trials
from tuning.execution import Block, Ended, Executor, Lane, Measured
from tuning.objectives import NO_FOLDERS, OBJECTIVES, Folders, Objective, configure, find
from tuning.records import (
    Budget,
    History,
    Measurement,
    ParameterValue,
    Result,
    Run,
    Space,
    StudySpec,
    Trial,
)
from tuning.search.policy import (
    Conclude,
    Generation,
    GiveUp,
    Wait,
    decide,
    evidence_steps,
    least_steps,
)
from tuning.search.samplers import SAMPLERS
from tuning.search.space import DEFAULT_FAMILIES, PEAK, check_families, is_fixed, narrow, peak_grid

BASELINES = ("constant", "linear", "cosine", "one_cycle", "wsd", "sgdr")
BASELINE_PEAKS = 5
LEAST_FAILURES = 10


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
    sampler: str = "tpe",
    budget: Budget | None = None,
    batch: int = 4,
    seed: int = 0,
    seeds: int = 3,
    baselines: Sequence[str] = BASELINES,
    baseline_peaks: int | None = None,
    confirm_seeds: int = 10,
    worthwhile: float = 0.01,
    max_failures: int | None = None,
    label: str = "",
    folders: Folders = NO_FOLDERS,
    objectives: Mapping[str, Objective] = OBJECTIVES,
) -> StudySpec:
    """Complete and check a study: defaults come from the objective, nothing is repaired.

    Args:
        objective: a name in `objectives`.
        config: the objective's settings; missing ones take its defaults.
        horizon: updates of a full training; the objective's own by default.
        families: what may be proposed; by default `tuning.search.space.DEFAULT_FAMILIES`.
        peak: range of the peak learning rate; the objective's own by default.
        ranges: narrower ranges of shared parameters, by name.
        fixed: values of shared parameters that are not searched.
        sampler: a name in `tuning.search.samplers.SAMPLERS`.
        budget: what the search may spend.
        batch: trials per generation.
        seed: everything random derives from it.
        seeds: paired seeds per trial.
        baselines: families tuned beside the search.
        baseline_peaks: grid points per baseline; by default as many, up to 5, as leave at least
            half of the trials to the search.
        confirm_seeds: fresh seeds of the confirmation.
        worthwhile: relative difference that counts.
        max_failures: runs that may fail before the study gives up; by default as many as a fifth
            of the trials in the budget, at least 10.
        label: the user's own words.
        folders: where objectives may read and keep files.
        objectives: what may be tuned; by default the built-in ones.

    Raises InvalidValue or UnknownName naming the field, the value and what is allowed.
    """
    found = find(objective, objectives)
    settings = configure(found, config or {})
    found.check(settings, folders)
    if sampler not in SAMPLERS:
        raise UnknownName("sampler", sampler, SAMPLERS)
    check_families("baselines", tuple(baselines))
    budget = budget or Budget()
    space = _space(
        families, _peak_range(found, peak, found.cap(settings)), ranges or {}, fixed or {}
    )
    spec = StudySpec(
        objective=objective,
        config=asdict(settings),
        horizon=found.horizon(settings, folders, horizon),
        space=space,
        metric=found.metrics[0],
        sampler=sampler,
        budget=budget,
        batch=batch,
        seed=seed,
        seeds=seeds,
        baselines=tuple(baselines),
        baseline_peaks=_default_peaks(budget, baselines, space)
        if baseline_peaks is None
        else baseline_peaks,
        confirm_seeds=confirm_seeds,
        worthwhile=worthwhile,
        max_failures=max(LEAST_FAILURES, budget.trials // 5)
        if max_failures is None
        else max_failures,
        label=label,
    )
    _check_grid(spec)
    _check_budget(spec)
    return spec


def _peak_range(
    objective: Objective, asked: tuple[float, float] | None, cap: float
) -> tuple[float, float]:
    """The range of the peak: what was asked for, or the objective's own below its hard cap."""
    if asked is None:
        low, high = objective.peak
        top = min(high, cap)
        return min(low, low / high * top), top
    if asked[1] > cap:
        raise InvalidValue("space.peak", asked[1], f"at most the objective's hard cap, {cap:g}")
    return asked


def _space(
    families: Sequence[str] | None,
    peak: tuple[float, float],
    ranges: Mapping[str, tuple[float, float]],
    fixed: Mapping[str, ParameterValue],
) -> Space:
    try:
        chosen = DEFAULT_FAMILIES if families is None else tuple(families)
        return narrow(chosen, peak, ranges, fixed)
    except InvalidValue as error:
        raise error.under("space") from error


def _default_peaks(budget: Budget, baselines: Sequence[str], space: Space) -> int:
    if not baselines or is_fixed(space.parameters[PEAK]):
        return 1
    return max(1, min(BASELINE_PEAKS, budget.trials // (2 * len(baselines))))


def _check_grid(spec: StudySpec) -> None:
    """Refuse more grid points than the range of the peak has room for."""
    distinct = len(set(peak_grid(spec.space, spec.baseline_peaks)))
    if distinct < spec.baseline_peaks:
        allowed = f"at most {distinct}, since the range of the peak has no more distinct points"
        raise InvalidValue("baseline_peaks", spec.baseline_peaks, allowed)


def _check_budget(spec: StudySpec) -> None:
    """Refuse a budget that cannot pay for the baselines and one searched schedule."""
    needed = len(spec.baselines) * spec.baseline_peaks + 1
    wanted = (
        f"at least {needed} ({len(spec.baselines)} baselines x {spec.baseline_peaks} peaks, and 1)"
    )
    if spec.budget.trials < needed:
        raise InvalidValue("budget.trials", spec.budget.trials, wanted)
    if spec.budget.steps is not None and spec.budget.steps < (least := least_steps(spec)):
        allowed = (
            f"at least {least:,} (range test, {len(spec.baselines)} baselines x "
            f"{spec.baseline_peaks} peaks and one schedule on {spec.seeds} seeds, and "
            f"{spec.leader_seeds} seeds for the leaders)"
        )
        raise InvalidValue("budget.steps", spec.budget.steps, allowed)
    confirmation = (1 + len(spec.baselines)) * spec.confirm_seeds * spec.horizon
    if evidence_steps(spec) < confirmation:
        allowed = (
            f"at least {confirmation:,} ({1 + len(spec.baselines)} arms on {spec.confirm_seeds} "
            f"seeds, {spec.horizon:,} updates each)"
        )
        raise InvalidValue("evidence_budget", spec.evidence_budget, allowed)


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
        horizon, splits = kind
        block = Block(
            objective=spec.objective,
            config=spec.config,
            horizon=horizon,
            splits=splits,
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


def _blocks(generation: Generation) -> dict[tuple[int, tuple[str, ...]], dict[str, Run]]:
    """Runs that can be trained side by side: those of one horizon and with the same splits."""
    blocks: dict[tuple[int, tuple[str, ...]], dict[str, Run]] = {}
    for run in generation.runs:
        name = f"{run.generation}.{run.index}"
        blocks.setdefault((run.horizon, run.splits), {})[name] = run
    return blocks
