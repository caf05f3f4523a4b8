"""Spending: what a study has spent, what a step would cost, and what is set aside.

The one idea: a budget in updates is kept exactly because it is charged when runs are proposed, in
the order in which they are proposed, and what must still be paid for is set aside before.
Confirmation has a budget of its own.
Not here: what is worth paying for (`ladder`, `race`).
"""

import math
from collections.abc import Iterable

from tuning.records import History, Phase, Run, StudySpec
from tuning.search.policy.baselines import count_unfinished, count_waiting
from tuning.search.policy.cap import PROBE_LEVELS, PROBE_SEEDS, needs_probe, probe_cost
from tuning.search.policy.ladder import (
    Standing,
    baseline_stage,
    entry_stage,
    share_going_on,
    stage_horizons,
)


def spent(runs: Iterable[Run]) -> int:
    """Updates of the runs of all phases but the confirmation."""
    return sum(run.updates for run in runs if run.phase is not Phase.CONFIRM)


def affordable(spec: StudySpec, history: History, reserve: int) -> float:
    """Updates that may still be spent, with `reserve` set aside; infinite without a limit."""
    if spec.budget.steps is None:
        return math.inf
    return spec.budget.steps - spent(history.runs) - reserve


def stage_cost(spec: StudySpec, stage: int) -> int:
    """Updates of a trial at a stage."""
    return spec.seeds * stage_horizons(spec)[stage]


def further_cost(spec: StudySpec, stage: int) -> float:
    """Updates that a trial at a stage is expected to cost from the next stage on."""
    horizons = stage_horizons(spec)[stage + 1 :]
    shares = (share_going_on(spec) ** (ahead + 1) for ahead in range(len(horizons)))
    return sum(
        spec.seeds * horizon * share for horizon, share in zip(horizons, shares, strict=True)
    )


def climb_cost(spec: StudySpec, stage: int) -> int:
    """Updates of a trial at a stage that goes on all the way, from the next stage on."""
    return spec.seeds * sum(stage_horizons(spec)[stage + 1 :])


def trial_cost(spec: StudySpec) -> float:
    """Updates that a new trial is expected to cost, all stages included."""
    entry = entry_stage(spec)
    return stage_cost(spec, entry) + further_cost(spec, entry)


def ladder_cost(spec: StudySpec) -> int:
    """Updates of one trial that goes all the way."""
    entry = entry_stage(spec)
    return stage_cost(spec, entry) + climb_cost(spec, entry)


def open_reserve(spec: StudySpec, open_trials: Iterable[Standing]) -> int:
    """Updates to set aside for trials under way: their expected further cost, at least one's."""
    last = len(stage_horizons(spec)) - 1
    waiting = [one.stage for one in open_trials if one.stage < last]
    if not waiting:
        return 0
    expected = math.ceil(sum(further_cost(spec, stage) for stage in waiting))
    return max(expected, climb_cost(spec, 0))


def baseline_cost(spec: StudySpec) -> int:
    """Updates of one baseline: all its peaks, and its best over the full horizon."""
    peaks = spec.baseline_peaks * _baseline_horizon(spec)
    return spec.seeds * (peaks + (spec.horizon if _climbs(spec) else 0))


def _baseline_horizon(spec: StudySpec) -> int:
    """Updates of a run of a baseline's peak."""
    return stage_horizons(spec)[baseline_stage(spec)]


def _climbs(spec: StudySpec) -> bool:
    """Whether the best peak of a baseline has its full training still to come."""
    return _baseline_horizon(spec) < spec.horizon


def baseline_reserve(spec: StudySpec, view: History) -> int:
    """Updates that the baselines still need, at most: peaks not proposed, bests not promoted.

    A baseline none of whose peaks completed has no best.
    """
    waiting = count_waiting(spec, view)
    long = count_unfinished(spec, view) if _climbs(spec) else 0
    return spec.seeds * (waiting * _baseline_horizon(spec) + long * spec.horizon)


def race_cost(spec: StudySpec) -> int:
    """Updates of the race of the leaders if no round is cut short."""
    seeds, leaders, cost = spec.seeds, spec.leaders, 0
    while leaders > 1 and seeds < spec.leader_seeds:
        more = min(2 * seeds, spec.leader_seeds)
        cost += leaders * (more - seeds) * spec.horizon
        seeds, leaders = more, math.ceil(leaders / 2)
    return cost


def least_steps(spec: StudySpec) -> int:
    """The smallest budget: range test, baselines, and one schedule searched all the way."""
    return (
        probe_cost(spec)
        + len(spec.baselines) * baseline_cost(spec)
        + ladder_cost(spec)
        + race_cost(spec)
    )


def trial_limit(spec: StudySpec) -> int:
    """Distinct schedules the budget is expected to allow."""
    if spec.budget.steps is None:
        return spec.budget.trials
    tuned = len(spec.baselines) * spec.baseline_peaks
    least = least_steps(spec) - ladder_cost(spec)
    left = max(0, spec.budget.steps - least)
    return min(spec.budget.trials, tuned + int(left // trial_cost(spec)))


def most_steps(spec: StudySpec) -> int:
    """Updates that all phases but the confirmation are expected to take, within the budget."""
    searched = max(0, trial_limit(spec) - len(spec.baselines) * spec.baseline_peaks)
    expected = least_steps(spec) - ladder_cost(spec) + math.ceil(searched * trial_cost(spec))
    return expected if spec.budget.steps is None else min(expected, spec.budget.steps)


def expected_runs(spec: StudySpec) -> int:
    """Runs a study makes if nothing is cut short: range test, baselines, search, confirmation."""
    stages = len(stage_horizons(spec)) - entry_stage(spec)
    searched = max(0, trial_limit(spec) - len(spec.baselines) * spec.baseline_peaks)
    shares = sum(share_going_on(spec) ** stage for stage in range(stages))
    runs = spec.seeds * math.ceil(searched * shares)
    tuned = len(spec.baselines) * (spec.baseline_peaks + _climbs(spec)) * spec.seeds
    confirmed = (1 + len(spec.baselines)) * spec.confirm_seeds
    raced = race_cost(spec) // spec.horizon
    probes = len(PROBE_LEVELS) * PROBE_SEEDS if needs_probe(spec) else 0
    return probes + runs + tuned + raced + confirmed
