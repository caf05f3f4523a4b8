"""The cap: up to which peak a generation may propose, and the range test that estimates it.

The one idea: a cap that somebody declared is a constraint; one that a range test estimated must be
able to move, or the best peak may lie out of reach for good. It is computed anew from what the view
holds, never stored: it doubles while the best trial presses against it, and falls while too many
trials near it diverge.
Not here: the hard cap of an objective, which `tuning.study.specify` makes the end of the range.
"""

import math
from dataclasses import replace
from statistics import median

from tuning.evidence.score import SEARCHED
from tuning.records import Cap, History, Phase, Run, RunState, Space, StudySpec, Trial
from tuning.schedules import PARAMETERS, Expression, Schedule
from tuning.search.policy.ladder import ranking, stage_scores, standings
from tuning.search.space import FAMILY, PEAK, bounded
from tuning.seeds import derive

PROBE_SHARE = 20  # the ramp lasts a twentieth of the horizon
PROBE_SEEDS = 3
PROBE_REACH = 4.0  # how far beyond the declared range the ramp goes
SAFE_SHARE = 0.5  # of the learning rate at which a ramp diverges
PRESS = 1.3  # the best trial presses against a cap within this factor of its peak
MOST_DOUBLINGS = 3
NEAR = 2.0  # trials within this factor of the cap are near it
FEWEST_NEAR = 5
MOST_DIVERGED = 0.2  # of the trials near the cap
LEAST_RATIO = 2.0  # of the cap over the lower end of the range

PROBE_FAMILY = "ramp"


def needs_probe(spec: StudySpec) -> bool:
    """Whether the study begins with a range test."""
    return spec.cap is Cap.SOFT


def probe_horizon(spec: StudySpec) -> int:
    """Updates of the ramp."""
    return max(1, round(spec.horizon / PROBE_SHARE))


def probe_trial(spec: StudySpec, number: int, generation: int) -> Trial:
    """The ramp: geometrically from the low end of the range to beyond its declared end."""
    low, top = float(spec.space.parameters[PEAK].low), probe_top(spec)
    ramp = {"length": spec.horizon, "start": low / top, "end": 1, "order": 0}
    schedule = Schedule(Expression(top, node={"ramp": ramp}), spec.horizon)
    return Trial(number, generation, Phase.PROBE, schedule, {FAMILY: PROBE_FAMILY, PEAK: top})


def probe_top(spec: StudySpec) -> float:
    """The largest learning rate of the ramp."""
    declared = float(spec.space.parameters[PEAK].high)
    return min(PROBE_REACH * declared, float(PARAMETERS[PEAK].high))


def probe_runs(spec: StudySpec, trial: Trial) -> list[Run]:
    """The runs of the range test, on seeds of its own."""
    return [
        Run(
            generation=trial.generation,
            index=0,
            trial=trial.number,
            phase=Phase.PROBE,
            seed=derive(spec.seed, "probe", seed),
            horizon=probe_horizon(spec),
            splits=(SEARCHED,),
        )
        for seed in range(PROBE_SEEDS)
    ]


def space_at(spec: StudySpec, view: History) -> Space:
    """The space as far as the view allows: a soft cap may have moved."""
    if spec.cap is not Cap.SOFT:
        return spec.space
    return _capped(spec, moved_cap(spec, view))


def baseline_space(spec: StudySpec, view: History) -> Space:
    """The space of the baselines' grid: up to the estimate of the range test, which never moves."""
    return spec.space if spec.cap is not Cap.SOFT else _capped(spec, estimated_cap(spec, view))


def _capped(spec: StudySpec, cap: float) -> Space:
    """The space with another upper end of the peak, as far as constraints let it."""
    peak = spec.space.parameters[PEAK]
    high = min(cap, float(PARAMETERS[PEAK].high))
    moved = bounded(replace(peak, high=max(high, float(peak.low))), spec.space.constraints)
    return replace(spec.space, parameters={**spec.space.parameters, PEAK: moved})


def estimated_cap(spec: StudySpec, view: History) -> float:
    """What the range test says: a part of where its ramps diverged, else the declared end.

    The ramp passes each learning rate quickly, so it diverges later than a training that stays.
    """
    declared = float(spec.space.parameters[PEAK].high)
    ends = [
        view.results.get((run.generation, run.index))
        for run in view.runs
        if run.phase is Phase.PROBE
    ]
    found = [
        end.lr if end.state is RunState.DIVERGED and end.lr else math.inf
        for end in ends
        if end is not None and end.state in {RunState.DIVERGED, RunState.COMPLETED}
    ]
    if not found or not math.isfinite(where := median(found)):
        return declared
    return max(SAFE_SHARE * where, LEAST_RATIO * float(spec.space.parameters[PEAK].low))


def moved_cap(spec: StudySpec, view: History) -> float:
    """The estimate, doubled while the best peak presses on it, lowered while trials diverge."""
    cap = estimated_cap(spec, view)
    ended = [
        (one.trial.schedule.peak, one.has_ended_badly)
        for one in standings(spec, view)
        if not one.is_open
    ]
    best = _best_peak(spec, view)
    for _ in range(MOST_DOUBLINGS):
        if best is None or best * PRESS < cap or _diverges(ended, cap):
            break
        cap *= 2.0
    low = max(best or 0.0, LEAST_RATIO * float(spec.space.parameters[PEAK].low))
    while _diverges(ended, cap) and cap > low:
        cap = max(low, cap / math.sqrt(2.0))
    return cap


def _diverges(ended: list[tuple[float, bool]], cap: float) -> bool:
    """Whether too many of the trials near a cap ended badly."""
    near = [is_bad for peak, is_bad in ended if cap / NEAR < peak <= cap]
    return len(near) >= FEWEST_NEAR and sum(near) > MOST_DIVERGED * len(near)


def _best_peak(spec: StudySpec, view: History) -> float | None:
    """The peak of the searched trial that leads at the highest stage any has completed."""
    for stage in range(len(spec.rungs), -1, -1):
        scored = stage_scores(spec, view, stage)
        if scored:
            return min(scored, key=lambda pair: ranking(spec, pair[1], pair[0].number))[
                0
            ].schedule.peak
    return None
