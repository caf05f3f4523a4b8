"""The policy: what to run next, as a pure function of spec and history.

The one idea: generation g is computed from the results of generations <= g-2 alone, so it is ready
while g-1 trains, and the same spec and seed give the same trials under any workers, kills and
replicas. Confirmation waits for everything. Nothing here reads a clock, a file or a global.
Not here: the verdict (`tuning.evidence`), and inserting what was proposed (the caller).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuning.evidence import conclude_trial, rank_trials
from tuning.evidence.score import SEARCHED
from tuning.evidence.verdict import HELD_OUT, arm_trials
from tuning.records import (
    History,
    ParameterValue,
    Phase,
    Result,
    Run,
    RunState,
    StudySpec,
    Trial,
)
from tuning.schedules import FAMILIES
from tuning.search.samplers import SAMPLERS, Observation, propose
from tuning.search.space import FAMILY, PEAK, is_fixed, lay_out, peak_grid
from tuning.seeds import derive

LAG = 2  # a search generation sees results this many generations old
TOLD_REASONS = 3  # different ones, when too many runs failed
RETRIES = 8  # asks without a new schedule before the space counts as used up


@dataclass(frozen=True, slots=True)
class Generation:
    """Runs to make next, the trials among them that are new, and those that are dropped.

    `reason` says why the search ended, if these are the confirmation runs.
    """

    number: int
    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]
    pruned: tuple[int, ...] = ()
    reason: str = ""

    @property
    def is_confirmation(self) -> bool:
        """Whether these are the confirmation runs."""
        return all(run.phase is Phase.CONFIRM for run in self.runs)


@dataclass(frozen=True, slots=True)
class Wait:
    """More results are needed first."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """All runs are in: the verdict is due."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The study cannot go on; `reason` says why."""

    reason: str


Decision = Generation | Wait | Conclude | GiveUp


def decide(spec: StudySpec, history: History) -> Decision:
    """Decide what a study does next.

    Results newer than a search generation may see are ignored, so the answer depends on what is
    known of the generations it rests on and on nothing else: not on timing, not on workers.
    """
    number = 1 + max((run.generation for run in history.runs), default=-1)
    settled = _settled(history, number)
    is_confirming = any(run.phase is Phase.CONFIRM for run in history.runs)
    needed = number - 1 if is_confirming else number - LAG
    if settled < needed:
        return Wait()
    view = history.up_to(number - 1, needed)
    if (failure := _too_many_failures(spec, view)) is not None:
        return failure
    if is_confirming:
        return Conclude()
    trials = _next_trials(spec, view, number)
    if trials:
        return Generation(number, trials, tuple(_search_runs(spec, trials)))
    if settled < number - 1:
        return Wait()
    return _too_many_failures(spec, history) or _confirm(spec, history, number)


def trial_limit(spec: StudySpec) -> int:
    """Distinct schedules the budget allows, with the confirmation's updates set aside first."""
    if spec.budget.steps is None:
        return spec.budget.trials
    reserved = (1 + len(spec.baselines)) * spec.confirm_seeds * spec.horizon
    affordable = max(0, spec.budget.steps - reserved) // (spec.seeds * spec.horizon)
    return min(spec.budget.trials, affordable)


def expected_runs(spec: StudySpec) -> int:
    """Runs a study makes if nothing is cut short: search, baselines and confirmation."""
    return trial_limit(spec) * spec.seeds + (1 + len(spec.baselines)) * spec.confirm_seeds


def _settled(history: History, number: int) -> int:
    """The highest generation such that it and all before have every result; -1 if none."""
    open_generations = {
        run.generation for run in history.runs if (run.generation, run.index) not in history.results
    }
    return min(open_generations, default=number) - 1


def _next_trials(spec: StudySpec, view: History, number: int) -> tuple[Trial, ...]:
    """The trials of a search generation; empty when the budget or the space is used up."""
    room = min(spec.batch, trial_limit(spec) - len(view.trials))
    if room <= 0 or _is_exhausted(spec, view, number):
        return ()
    waiting = _untried_baselines(spec, view)
    known = {trial.schedule.identity for trial in view.trials}
    known |= {lay_out(params, spec.horizon).identity for params in waiting}
    trials: list[Trial] = []
    first = len(view.trials)
    searched = _searched(spec, view, first)
    while len(trials) < room:
        # Baselines and search alternate, so that either can be looked at early.
        if waiting and (first + len(trials)) % 2 == 0:
            phase, params = Phase.BASELINE, waiting.pop(0)
        else:
            found = _distinct(spec, searched, known)
            if found is None and not waiting:
                break
            phase, params = (
                (Phase.SEARCH, found) if found is not None else (Phase.BASELINE, waiting.pop(0))
            )
        schedule = lay_out(params, spec.horizon)
        known.add(schedule.identity)
        trials.append(Trial(first + len(trials), number, phase, schedule, params))
    return tuple(trials)


def _is_exhausted(spec: StudySpec, view: History, number: int) -> bool:
    """Whether the generation before could not be filled, for want of a new schedule."""
    size = sum(trial.generation == number - 1 for trial in view.trials)
    return number > 0 and size < spec.batch


def _untried_baselines(spec: StudySpec, view: History) -> list[dict[str, ParameterValue]]:
    """Baseline points not proposed yet: the same peak grid for each family, peak by peak.

    A family's own defaults are its shape, but for parameters that the study fixes; a range that
    the study narrows is the search's alone, so that baselines stay the known ones.
    """
    grid = peak_grid(spec.space, spec.baseline_peaks)
    points = [
        {FAMILY: family, PEAK: peak, **_baseline_params(spec, family)}
        for peak in grid
        for family in spec.baselines
    ]
    done = sum(trial.phase is Phase.BASELINE for trial in view.trials)
    return points[done:]


def _baseline_params(spec: StudySpec, family: str) -> Mapping[str, ParameterValue]:
    fixed = {
        name: parameter.choices[0] if parameter.kind == "choice" else parameter.low
        for name, parameter in spec.space.parameters.items()
        if is_fixed(parameter) and name != PEAK
    }
    return {name: fixed.get(name, value) for name, value in FAMILIES[family].defaults().items()}


def _searched(spec: StudySpec, view: History, first: int) -> Iterator[dict[str, ParameterValue]]:
    """Points from the sampler, one after another, as many as are asked for."""
    scores = {trial.number: score for trial, score in rank_trials(view, spec.metric)}
    ended = _ended_trials(view)
    observations = [
        Observation(
            trial.params,
            scores.get(trial.number),
            is_bad=trial.number in ended and trial.number not in scores,
        )
        for trial in view.trials
    ]
    seeds = (derive(spec.seed, "trial", first, "ask", ask) for ask in range(spec.batch * RETRIES))
    return iter(
        propose(SAMPLERS[spec.sampler], spec.space, observations, spec.metric.direction, seeds)
    )


def _distinct(
    spec: StudySpec, searched: Iterator[dict[str, ParameterValue]], known: set[str]
) -> dict[str, ParameterValue] | None:
    """The next point whose schedule was not proposed before; None after too many repeats."""
    for _ in range(RETRIES):
        params = next(searched, None)
        if params is None:
            return None
        if lay_out(params, spec.horizon).identity not in known:
            return params
    return None


def _ended_trials(view: History) -> set[int]:
    pending = {run.trial for run in view.runs if (run.generation, run.index) not in view.results}
    return {trial.number for trial in view.trials} - pending


def _search_runs(spec: StudySpec, trials: tuple[Trial, ...]) -> Iterator[Run]:
    index = 0
    for trial in trials:
        for seed in range(spec.seeds):
            yield Run(
                generation=trial.generation,
                index=index,
                trial=trial.number,
                phase=trial.phase,
                seed=derive(spec.seed, "paired", seed),
                horizon=spec.horizon,
                splits=(SEARCHED,),
            )
            index += 1


def _too_many_failures(spec: StudySpec, view: History) -> GiveUp | None:
    """The end of a study of which more runs failed than may, with the first reasons."""
    failed = [end for _, end in sorted(view.results.items()) if end.state is RunState.FAILED]
    if spec.max_failures is None or len(failed) <= spec.max_failures:
        return None
    told = [(end.reason.splitlines() or ["no reason told"])[0] for end in failed]
    first = "; ".join(list(dict.fromkeys(told))[:TOLD_REASONS])
    return GiveUp(
        f"{len(failed)} runs failed, and {spec.max_failures} may; the first reasons: {first}"
    )


def _confirm(spec: StudySpec, history: History, number: int) -> Decision:
    arms = arm_trials(spec, history)
    if not arms:
        return GiveUp(_why_nothing_completed(spec, history))
    runs = tuple(
        Run(
            generation=number,
            index=position * spec.confirm_seeds + seed,
            trial=trial.number,
            phase=Phase.CONFIRM,
            seed=derive(spec.seed, "confirm", seed),
            horizon=spec.horizon,
            splits=(SEARCHED, HELD_OUT),
        )
        for position, trial in enumerate(arms)
        for seed in range(spec.confirm_seeds)
    )
    return Generation(number, (), runs)


def _why_nothing_completed(spec: StudySpec, history: History) -> str:
    ends: dict[str, list[Result]] = {}
    for run in history.runs:
        end = history.results.get((run.generation, run.index))
        if end is not None:
            ends.setdefault(str(run.trial), []).append(end)
    counts: dict[str, int] = {}
    for results in ends.values():
        state, _ = conclude_trial(results, spec.metric)
        counts[state] = counts.get(state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    reasons = [end.reason for results in ends.values() for end in results if end.reason]
    first = f"; the first reason: {reasons[0].splitlines()[0]}" if reasons else ""
    return f"no trial completed ({told}){first}"
