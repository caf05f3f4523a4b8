"""Stop: the search ends when what it may still win is below the noise.

The one idea: the model of curves says how low any schedule may still come (two standard deviations
below its mean); if that is not lower than the best by more than the standard error of the best,
further schedules cannot be told from it. It is looked at when certain numbers of trials are
reached, on what the generation then saw, so the answer never changes afterwards.
Not here: the model (`tuning.search.samplers`), other ends of the search (`decide`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from statistics import fmean

import numpy as np

from tuning.evidence.score import SEARCHED, full_ends, is_better, rank_trials
from tuning.given import is_candidate
from tuning.records import Direction, History, Phase, RunState, Space, StudySpec
from tuning.rounds import round_start
from tuning.search.policy.cap import space_at
from tuning.search.policy.observations import observe
from tuning.search.samplers import Observation
from tuning.search.samplers.belief import believe
from tuning.search.samplers.candidates import members
from tuning.search.samplers.description import describe
from tuning.search.samplers.evidence import gather
from tuning.search.space import PEAK

CHECKPOINTS = (24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
WIDTH = 2.0  # standard deviations below the mean that a schedule may come
FEWEST_SCORED = 12  # trials at the full horizon before the model is asked


@dataclass(frozen=True, slots=True)
class _Question:
    """What the bound depends on; `told` stands for what cannot be hashed."""

    told: str
    direction: Direction
    horizon: int
    space: Space = field(compare=False)
    observations: Sequence[Observation] = field(compare=False)


def stop_reason(spec: StudySpec, view: History) -> str:
    """Why the search is over before its budget is; empty while it is not."""
    if not spec.early_stop:
        return ""
    trials = [trial for trial in view.trials if trial.phase in {Phase.BASELINE, Phase.SEARCH}]
    before = sum(trial.generation < round_start(view) for trial in trials)
    # What its user wants tried is tried after the end, too, and says nothing about it.
    asked = (one for one in trials if one.phase is Phase.SEARCH and not is_candidate(one.params))
    searched = max((one.generation for one in asked), default=-1)
    for count in takewhile(lambda count: count <= len(trials), CHECKPOINTS):
        if count <= before:  # whoever extends a study wants it to go on from there
            continue
        generation = trials[count - 1].generation + 1
        if generation <= searched:  # it found no reason then, or it would have ended
            continue
        seen = view.up_to(generation - 1, generation - 2)
        noise = noise_of_best(spec, seen)
        if noise is None:
            continue
        bound = _bound(_ask(spec, seen))
        if bound < noise:
            return (
                f"after {count} schedules the search may still win {bound:.2%}, "
                f"less than the noise of its best, {noise:.2%}"
            )
    return ""


def goal_reached(spec: StudySpec, view: History) -> str:
    """Which trial of the last round reached the goal, as a reason to end the search; empty if none.

    On all its paired seeds at the full horizon; a draw counts.
    """
    if spec.goal is None:
        return ""
    ends = full_ends(view)
    for trial, score in rank_trials(view, spec.metric):
        is_whole = len(ends[trial.number]) >= spec.seeds
        is_new = trial.generation >= round_start(view)
        if is_whole and is_new and not is_better(spec.goal, score, spec.metric.direction):
            return f"schedule {trial.number} reached {score:.5g}, and the goal is {spec.goal:.5g}"
    return ""


def noise_of_best(spec: StudySpec, view: History) -> float | None:
    """The standard error of the best score, relative; None if it is not known or there is none.

    With y_ts the log loss of trial t on paired seed s, it is the standard deviation of
    y_ts - mean_t - mean_s over the square root of the seeds: what all trials share cancels.
    """
    rows = _rows(spec, view)
    if len(rows) < FEWEST_SCORED or spec.seeds < 2 or min(map(min, rows)) <= 0.0:
        return None
    logs = [[math.log(value) for value in row] for row in rows]
    by_seed = [fmean(column) for column in zip(*logs, strict=True)]
    overall = fmean(by_seed)
    residuals = [
        value - fmean(row) - seed + overall
        for row in logs
        for value, seed in zip(row, by_seed, strict=True)
    ]
    freedom = (len(logs) - 1) * (spec.seeds - 1)
    spread = math.sqrt(sum(one * one for one in residuals) / freedom)
    return spread / math.sqrt(spec.seeds)


def _rows(spec: StudySpec, view: History) -> list[list[float]]:
    """Losses of the trials that completed at the full horizon, by their first paired seeds."""
    found: dict[int, list[float]] = {}
    for run in view.runs:
        end = view.results.get((run.generation, run.index))
        if (
            end is not None
            and end.state is RunState.COMPLETED
            and run.updates == spec.horizon
            and run.phase in {Phase.BASELINE, Phase.SEARCH}
        ):
            found.setdefault(run.trial, []).append(end.metrics[SEARCHED][spec.metric.name])
    return [values[: spec.seeds] for values in found.values() if len(values) >= spec.seeds]


def _ask(spec: StudySpec, view: History) -> _Question:
    observations = observe(spec, view)
    space = space_at(spec, view)
    told = repr((space, observations))
    return _Question(told, spec.metric.direction, spec.horizon, space, observations)


@lru_cache(64)
def _bound(asked: _Question) -> float:
    """By how much the lowest that any schedule may come is below the best, in log loss."""
    cap = float(asked.space.parameters[PEAK].high)
    evidence = gather(asked.observations, asked.direction, cap, asked.horizon)
    belief = believe(evidence)
    full = [
        seen.params
        for seen in asked.observations
        if seen.value is not None and seen.horizon == asked.horizon
    ]
    offered = members(asked.space, asked.horizon, np.random.default_rng(0)).columns
    tried = describe(full, cap, asked.horizon)
    means, _ = belief.posterior.predict(belief.inputs(tried))
    every, spreads = belief.posterior.predict(belief.inputs(np.concatenate([tried, offered])))
    return float(means.min() - (every - WIDTH * spreads).min())
