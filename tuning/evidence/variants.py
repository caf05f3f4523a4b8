"""Variants: the winner with another peak or warmup, to see how much it can bear.

The one idea: whoever uses a schedule will not hit its peak exactly, so it is measured at half and
twice the peak and with another warmup, on seeds of the second set, beside the winner itself.
Not here: when they are run (`tuning.evidence.plan`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuning.constraints import hold
from tuning.evidence.arms import second_set, values_of, variant_set
from tuning.evidence.paired import Comparison, compare
from tuning.evidence.score import sign_of
from tuning.given import is_candidate
from tuning.records import (
    History,
    ParameterValue,
    Phase,
    RunState,
    StudySpec,
    Trial,
)
from tuning.schedules import Schedule, build

PEAK, WARMUP, FAMILY = "peak", "warmup", "family"
FACTORS = (0.5, 2.0)  # of the peak
FIRST_WARMUP = 0.05  # of a winner that has none
SAFE = 0.01  # loss that a safe peak may cost, relative


@dataclass(frozen=True, slots=True)
class Variant:
    """What a change to the winner costs, on seeds of the second set.

    `relative` is the paired difference to the winner, over its mean: positive is a higher metric;
    None if too few seeds completed. `diverged` counts the seeds that did not come through.
    """

    trial: int
    parameter: str
    value: float
    factor: float | None
    relative: float | None
    ci95: tuple[float, float] | None
    seeds: int
    diverged: int


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How the winner bears changes: what was measured, and the peaks that cost at most 1 %.

    Args:
        measured: the variants that were trained.
        peak_safe_range: peaks whose loss is within 1 % of the winner's by interpolation between
            the measured ones; never wider than what was measured. None if nothing was.
        basis: how that came about, or why it did not.
    """

    measured: tuple[Variant, ...]
    peak_safe_range: tuple[float, float] | None
    basis: str


def variant_trials(
    spec: StudySpec, history: History, winner: Trial, generation: int
) -> list[Trial]:
    """The variants of the winner, as trials of the confirmation, numbered after all others.

    What lies outside the ranges of the study or breaks one of its constraints is left out: an
    objective may forbid it, or the user does.
    """
    trials: list[Trial] = []
    for params in _changed(spec, winner.params):
        schedule = _laid_out(spec, winner, params)
        if schedule == winner.schedule or not hold(spec.space.constraints, params, schedule):
            continue
        number = len(history.trials) + len(trials)
        trials.append(Trial(number, generation, Phase.CONFIRM, schedule, params))
    return trials


def _laid_out(spec: StudySpec, winner: Trial, params: Mapping[str, ParameterValue]) -> Schedule:
    """The schedule at changed coordinates; a candidate has no other than its peak."""
    peak = float(params[PEAK])
    if is_candidate(params):
        return replace(winner.schedule, family=replace(winner.schedule.family, peak=peak))
    rest = {name: value for name, value in params.items() if name not in {FAMILY, PEAK}}
    return Schedule(build(str(params[FAMILY]), peak, rest), spec.horizon)


def measure_sensitivity(spec: StudySpec, history: History, winner: Trial) -> Sensitivity:
    """Compare the variants that were run with the winner on the seeds they share."""
    made = variant_set(history)
    found = tuple(
        _measure(spec, history, winner, trial) for trial in history.trials if trial.number in made
    )
    if not found:
        reason = "nothing was measured: the evidence budget, ranges or constraints left no room"
        return Sensitivity((), None, reason)
    points = {0.0: 0.0}
    sign = sign_of(spec.metric.direction)
    for one in found:
        if one.parameter == PEAK and one.factor is not None:
            cost = math.inf if one.diverged else one.relative
            if cost is not None:
                points[math.log(one.factor)] = sign * cost
    if len(points) < 2:
        return Sensitivity(found, None, "no other peak was measured within the study's range")
    low, high = safe_range(points)
    peak = winner.schedule.peak
    basis = (
        f"peaks x{', x'.join(f'{math.exp(x):g}' for x in sorted(points))} on the same seeds; "
        "a parabola in the log of the peak between them"
    )
    return Sensitivity(found, (peak * math.exp(low), peak * math.exp(high)), basis)


def safe_range(points: Mapping[float, float]) -> tuple[float, float]:
    """Log peaks around 0 within which the interpolated cost stays at most 1 %.

    On each side of the winner the cost is a x^2 + b x, the parabola through all points if there are
    three finite ones, else a x^2 through its side's point; where a point is infinite nothing is
    known but that it is too far, and the range ends halfway.

    Args:
        points: relative cost by log of the factor; 0 must be there, and cost nothing.

    >>> low, high = safe_range({-0.7: 0.0049, 0.0: 0.0, 0.7: 0.0196})
    >>> round(low, 3), round(high, 3)
    (-0.7, 0.456)
    """
    sides = [x for x in sorted(points) if x != 0.0]
    finite = [x for x in sides if math.isfinite(points[x])]
    if len(finite) == 2:
        a, b = _parabola(points, finite)
    elif finite:
        a, b = points[finite[0]] / finite[0] ** 2, 0.0
    else:
        a, b = 0.0, 0.0
    ends = {-1.0: 0.0, 1.0: 0.0}
    for x in sides:
        way = math.copysign(1.0, x)
        limit = abs(x) if math.isfinite(points[x]) else abs(x) / 2
        steps = np.linspace(0.0, limit, 2001)
        beyond = np.flatnonzero(a * steps**2 + way * b * steps > SAFE + 1e-12)
        ends[way] = float(steps[beyond[0] - 1]) if len(beyond) else limit
    return -ends[-1.0], ends[1.0]


def _parabola(points: Mapping[float, float], sides: Sequence[float]) -> tuple[float, float]:
    left, right = sides
    slopes = points[left] / left, points[right] / right
    a = (slopes[1] - slopes[0]) / (right - left)
    return a, slopes[0] - a * left


def _changed(
    spec: StudySpec, params: Mapping[str, ParameterValue]
) -> Iterator[dict[str, ParameterValue]]:
    changes = [(PEAK, factor * float(params[PEAK])) for factor in FACTORS]
    if WARMUP in params:
        warmup = float(params[WARMUP])
        changed = [0.0, 2.0 * warmup] if warmup > 0.0 else [FIRST_WARMUP]
        changes += [(WARMUP, value) for value in changed]
    for name, value in changes:
        bounds = spec.space.parameters.get(name)
        if bounds is not None and bounds.low <= value <= bounds.high:
            yield {**params, name: value}


def _measure(spec: StudySpec, history: History, winner: Trial, variant: Trial) -> Variant:
    ends = variant_set(history).get(variant.number, {})
    ours = values_of(spec, second_set(history).get(winner.number, {}))
    found = compare(values_of(spec, ends), ours, direction=spec.metric.direction)
    name = next(name for name in (PEAK, WARMUP) if variant.params.get(name) != winner.params[name])
    base, value = float(winner.params[name]), float(variant.params[name])
    return Variant(
        trial=variant.number,
        parameter=name,
        value=value,
        factor=value / base if base > 0.0 else None,
        relative=None if found is None else found.relative,
        ci95=_relative_interval(found),
        seeds=0 if found is None else found.seeds,
        diverged=sum(end.state is RunState.DIVERGED for end in ends.values()),
    )


def _relative_interval(found: Comparison | None) -> tuple[float, float] | None:
    if found is None or found.scale == 0.0:
        return None
    return found.low / found.scale, found.high / found.scale
