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

from tuning.evidence.horizons import believe_peak_exponent
from tuning.evidence.score import SEARCHED
from tuning.records import Cap, Direction, History, Phase, Run, RunState, Space, StudySpec, Trial
from tuning.schedules import PARAMETERS, Expression, Schedule
from tuning.search.policy.ladder import (
    Rise,
    cancelled,
    stage_horizons,
    stage_scores,
    standings,
)
from tuning.search.policy.memo import remembered
from tuning.search.space import FAMILY, PEAK, bounded
from tuning.seeds import derive

PROBE_SHARE = 20  # a ramp lasts a twentieth of the horizon
PROBE_SEEDS = 3
FEWEST_STEPS = 10
PROBE_REACH = 4.0  # how far beyond the declared range the highest ramp goes
PROBE_LEVELS = (1.0, 1 / 4, 1 / 16)  # of the highest ramp: where its lower copies end
BLOWN_UP = 3.0  # a loss so many times that of the best level is no longer training
PRESS = 1.3  # the best trial presses against a cap within this factor of its peak
MOST_DOUBLINGS = 3
NEAR = 2.0  # trials within this factor of the cap are near it
FEWEST_NEAR = 5
MOST_DIVERGED = 0.2  # of the trials near the cap
LEAST_RATIO = 2.0  # of the cap over the lower end of the range

PROBE_FAMILY = "ramp"


def needs_probe(spec: StudySpec) -> bool:
    """Whether the study begins with a range test."""
    return spec.cap is Cap.SOFT and spec.probe_steps > 0


def probe_steps(horizon: int) -> int:
    """Updates of the ramp before a training of `horizon`; 0 if they would be too few to tell."""
    steps = round(horizon / PROBE_SHARE)
    return steps if steps >= FEWEST_STEPS else 0


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
    """The runs of the range test: the ramp to three heights, on seeds of its own."""
    return [
        Run(
            generation=trial.generation,
            index=0,
            trial=trial.number,
            phase=Phase.PROBE,
            seed=derive(spec.seed, "probe", seed),
            horizon=spec.probe_steps,
            splits=(SEARCHED,),
            peak_factor=level,
        )
        for level in PROBE_LEVELS
        for seed in range(PROBE_SEEDS)
    ]


def probe_cost(spec: StudySpec) -> int:
    """Updates of the range test, if there is one."""
    return len(PROBE_LEVELS) * PROBE_SEEDS * spec.probe_steps if needs_probe(spec) else 0


@remembered
def believed_rise(spec: StudySpec, view: History) -> Rise:
    """How peaks are raised over shorter horizons, as far as the view tells."""
    cap = float(space_at(spec, view).parameters[PEAK].high)
    return Rise(believe_peak_exponent(spec, view), cap)


@remembered
def space_at(spec: StudySpec, view: History) -> Space:
    """The space as far as the view allows: a soft cap may have moved."""
    if spec.cap is not Cap.SOFT:
        return spec.space
    return _capped(spec, moved_cap(spec, view))


def _capped(spec: StudySpec, cap: float) -> Space:
    """The space with another upper end of the peak, as far as constraints let it."""
    peak = spec.space.parameters[PEAK]
    high = min(cap, float(PARAMETERS[PEAK].high))
    moved = bounded(replace(peak, high=max(high, float(peak.low))), spec.space.constraints)
    return replace(spec.space, parameters={**spec.space.parameters, PEAK: moved})


def estimated_cap(spec: StudySpec, view: History) -> float:
    """What the range test says: between the highest ramp that trained and the lowest that did not.

    The same ramp is run to three heights. One has blown up if most of its seeds diverged, or if its
    median loss is several times that of the best. While all train, the declared end stands; a ramp
    passes each learning rate quickly, so that one trained to some height promises no more.
    """
    declared = float(spec.space.parameters[PEAK].high)
    losses = _losses_by_top(spec, view)
    if not losses:
        return declared
    best = min(losses.values())
    bad = [top for top, loss in losses.items() if loss > BLOWN_UP * best or loss == math.inf]
    if not bad:
        return declared
    least = LEAST_RATIO * float(spec.space.parameters[PEAK].low)
    return min(declared, max(least, min(bad) / math.sqrt(PROBE_REACH)))


def _losses_by_top(spec: StudySpec, view: History) -> dict[float, float]:
    """Median final loss of the ramps by their height; infinite where most diverged.

    Losses that may be negative or are maximised have no ratio: there only divergence tells.
    """
    found: dict[float, list[float]] = {}
    for run in view.runs:
        end = view.results.get((run.generation, run.index))
        if run.phase is Phase.PROBE and end is not None:
            top = view.trials[run.trial].schedule.peak * run.peak_factor
            if end.state is RunState.CANCELLED:
                continue
            loss = math.inf
            if end.state is RunState.COMPLETED:
                loss = end.metrics[SEARCHED][spec.metric.name]
                if loss < 0.0 or spec.metric.direction is Direction.MAXIMIZE:
                    loss = 1.0
            found.setdefault(top, []).append(loss)
    return {top: median(losses) for top, losses in found.items()}


def moved_cap(spec: StudySpec, view: History) -> float:
    """The estimate, doubled while the best peak presses on it, lowered while trials diverge."""
    cap = estimated_cap(spec, view)
    dropped = cancelled(view)
    ended = [
        (one.trial.schedule.peak, one.has_ended_badly)
        for one in standings(spec, view)
        if not one.is_open and one.trial.number not in dropped
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
    for stage in reversed(range(len(stage_horizons(spec)))):
        if scored := stage_scores(spec, view, stage):
            return scored[0][0].schedule.peak
    return None
