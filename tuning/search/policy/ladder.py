"""The ladder: over which horizons a trial is trained, one after another, before it is scored.

The one idea: fidelity is the horizon. A trial is trained as the same shape over the first rung, and
only if it is among the better there over the next; the last stage is the full horizon. Over a
shorter horizon T' the best peak is higher, by (T / T')^k, so it is raised there. A search that does
not climb trains at once over the full horizon, and leaves the first rung to the baselines' peaks.
With pruning, which a user must ask for, rungs are prefixes of the full training instead: a stage is
known by the updates made in it either way.
Not here: what may be afforded (`spending`), what is proposed (`proposals`), more seeds (`race`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from tuning.evidence.score import SEARCHED
from tuning.records import (
    Direction,
    History,
    Phase,
    Pruning,
    Result,
    Run,
    RunState,
    StudySpec,
    Trial,
)
from tuning.search.policy.memo import remembered
from tuning.seeds import derive

HALF = 0.5  # of the trials are no worse than their median


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a trial has got: its highest stage, and what came of it there.

    `score` is the mean over its seeds; None while a run is open, and if one did not complete.
    """

    trial: Trial
    stage: int
    is_open: bool
    score: float | None
    has_ended_badly: bool


def stage_horizons(spec: StudySpec) -> tuple[int, ...]:
    """Updates of every stage: the rungs that differ, then the full horizon.

    >>> from tuning.search.policy.ladder import rung_horizons
    >>> rung_horizons((0.25, 0.5), 100)
    (25, 50)
    """
    return (*rung_horizons(spec.rungs, spec.horizon), spec.horizon)


def entry_stage(spec: StudySpec) -> int:
    """The stage that searched trials begin at."""
    return 0 if spec.climb else len(stage_horizons(spec)) - 1


def baseline_stage(spec: StudySpec) -> int:
    """The stage that baselines begin at: the last with pruning, since prefixes mislead on peaks."""
    return 0 if spec.pruning is Pruning.NONE else len(stage_horizons(spec)) - 1


def share_going_on(spec: StudySpec) -> float:
    """The share of the trials of a stage that is expected to go on to the next."""
    return HALF if spec.pruning is Pruning.MEDIAN else spec.promote


def rung_horizons(rungs: Sequence[float], horizon: int) -> tuple[int, ...]:
    """The rungs in updates, at least one each, without repetitions."""
    rounded = {max(1, round(rung * horizon)) for rung in rungs}
    return tuple(sorted(updates for updates in rounded if updates < horizon))


@dataclass(frozen=True, slots=True)
class Rise:
    """How the best peak rises over shorter horizons, as believed so far.

    Args:
        exponent: k; over T / T' the peak is (T / T')^k times that over T.
        cap: the largest peak there may be.
    """

    exponent: float
    cap: float

    def factor(self, peak: float, shortening: float) -> float:
        """By what a peak is raised over a horizon that is `shortening` times shorter.

        >>> rise = Rise(0.4, 1.0)
        >>> round(rise.factor(0.01, 4.0), 3), rise.factor(0.8, 4.0), rise.factor(2.0, 4.0)
        (1.741, 1.25, 1.0)
        """
        return max(1.0, min(float(shortening**self.exponent), self.cap / peak))


def stage_runs(spec: StudySpec, trial: Trial, stage: int, generation: int, rise: Rise) -> list[Run]:
    """The runs of a trial at a stage, on the paired seeds; `index` is still to be given."""
    horizon = stage_horizons(spec)[stage]
    if spec.pruning is not Pruning.NONE:
        runs = paired_runs(spec, trial, range(spec.seeds), generation, spec.horizon)
        return [replace(run, updates=horizon) for run in runs]
    factor = rise.factor(trial.schedule.peak, spec.horizon / horizon)
    return paired_runs(spec, trial, range(spec.seeds), generation, horizon, factor)


def paired_runs(
    spec: StudySpec,
    trial: Trial,
    seeds: Iterable[int],
    generation: int,
    horizon: int,
    peak_factor: float = 1.0,
) -> list[Run]:
    """Runs of a trial on the paired seeds of these numbers; `index` is still to be given."""
    return [
        Run(
            generation=generation,
            index=0,
            trial=trial.number,
            phase=trial.phase,
            seed=paired_seed(spec, number),
            horizon=horizon,
            splits=(SEARCHED,),
            peak_factor=peak_factor,
        )
        for number in seeds
    ]


def paired_seed(spec: StudySpec, number: int) -> int:
    """The seed of that number that all trials share."""
    return derive(spec.seed, "paired", number)


@remembered
def standings(spec: StudySpec, view: History) -> tuple[Standing, ...]:
    """Where every trial of baselines and search stands, in order."""
    horizons = stage_horizons(spec)
    stages = {horizon: stage for stage, horizon in enumerate(horizons)}
    runs: dict[int, list[Run]] = {}
    for run in view.runs:
        if run.phase in {Phase.BASELINE, Phase.SEARCH} and run.updates in stages:
            runs.setdefault(run.trial, []).append(run)
    return tuple(
        _standing(spec, view, trial, runs[trial.number], stages)
        for trial in view.trials
        if trial.number in runs
    )


def _standing(
    spec: StudySpec, view: History, trial: Trial, runs: list[Run], stages: dict[int, int]
) -> Standing:
    top = max(run.updates for run in runs)
    ends = [view.results.get((run.generation, run.index)) for run in runs if run.updates == top]
    known = [end for end in ends if end is not None]
    bad = any(end.state is not RunState.COMPLETED for end in known)
    is_open = len(known) < len(ends)
    score = None if is_open or bad else mean_score(spec, known)
    return Standing(trial, stages[top], is_open, score, bad)


def cancelled(view: History) -> set[int]:
    """Trials of which a run was cancelled: that says nothing about their schedules."""
    return {
        run.trial
        for run in view.runs
        if (end := view.results.get((run.generation, run.index))) is not None
        and end.state is RunState.CANCELLED
    }


def mean_score(spec: StudySpec, ends: Sequence[Result]) -> float:
    """The mean of the compared metric over completed runs."""
    return fmean(end.metrics[SEARCHED][spec.metric.name] for end in ends)


def stage_scores(spec: StudySpec, view: History, stage: int) -> list[tuple[Trial, float]]:
    """Searched trials that completed a stage, with their means there, best first."""
    horizon = stage_horizons(spec)[stage]
    ends: dict[int, list[Result | None]] = {}
    for run in view.runs:
        if run.phase is Phase.SEARCH and run.updates == horizon:
            end = view.results.get((run.generation, run.index))
            ends.setdefault(run.trial, []).append(end)
    scored = []
    for number, results in ends.items():
        done = [end for end in results if end is not None and end.state is RunState.COMPLETED]
        if len(done) == len(results):
            scored.append((view.trials[number], mean_score(spec, done)))
    return sorted(scored, key=lambda pair: ranking(spec, pair[1], pair[0].number))


def ranking(spec: StudySpec, score: float, number: int) -> tuple[float, int]:
    """The key by which trials are sorted, best first; the earlier trial wins a draw."""
    return (score if spec.metric.direction is Direction.MINIMIZE else -score, number)


def promotions(spec: StudySpec, view: History) -> tuple[list[Standing], list[int]]:
    """Searched trials that completed a rung: those that go on, best first, and the others.

    A trial goes on if it is among the best share of all that completed its rung, and no more than
    that share went on already: a search that learns proposes ever better ones, and would take all
    of them further. All were trained on the same seeds, so this compares them pair by pair. It is
    decided once, by what is known in the first generation that may see the trial's results.
    Pruning by the median, a trial goes on if it is no worse than that of all that completed the
    prefix.
    """
    last = len(stage_horizons(spec)) - 1
    waiting = [
        one
        for one in standings(spec, view)
        if one.trial.phase is Phase.SEARCH
        and one.stage < last
        and one.score is not None
        and one.trial.number not in view.pruned
    ]
    if not waiting:
        return [], []
    better: set[int] = set()
    went_on = _promoted(spec, view)
    for stage in {one.stage for one in waiting}:
        scored = stage_scores(spec, view, stage)
        here = {one.trial.number for one in waiting if one.stage == stage}
        if spec.pruning is Pruning.MEDIAN:
            better |= here & _above_median(spec, scored)
            continue
        pool = [trial.number for trial, _ in scored]
        places = math.ceil(spec.promote * len(pool))
        left = places - len([number for number in pool if number in went_on[stage]])
        better |= set([number for number in pool[:places] if number in here][: max(0, left)])
    promoted = [one for one in waiting if one.trial.number in better]
    return (
        sorted(
            promoted,
            key=lambda one: (-one.stage, *ranking(spec, one.score or 0.0, one.trial.number)),
        ),
        [one.trial.number for one in waiting if one.trial.number not in better],
    )


def _above_median(spec: StudySpec, scored: Sequence[tuple[Trial, float]]) -> set[int]:
    """The trials that are no worse than the median of all."""
    middle = median(score for _, score in scored)
    return {trial.number for trial, score in scored if not _is_worse(spec, score, middle)}


def _is_worse(spec: StudySpec, score: float, than: float) -> bool:
    return score > than if spec.metric.direction is Direction.MINIMIZE else score < than


def _promoted(spec: StudySpec, view: History) -> list[set[int]]:
    """The trials that went on from each stage."""
    horizons = stage_horizons(spec)
    return [
        {run.trial for run in view.runs if run.phase is Phase.SEARCH and run.updates > horizon}
        for horizon in horizons
    ]
