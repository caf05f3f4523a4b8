"""Horizons: what the shorter trainings say about other lengths of training.

The one idea: rungs train the same shapes over several horizons, so they show how the best peak and
the loss move with the horizon; both are laws of a power, fitted, with the reason where they cannot
be. The beginning of a full training says nothing of a shorter horizon.
Not here: which horizons are trained (`tuning.search`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

import numpy as np

from tuning.evidence.paired import critical
from tuning.evidence.score import RANKED, SEARCHED, sign_of
from tuning.records import Direction, History, Phase, RunState, StudySpec

NEAR = 0.5  # losses up to this far above the best, in logs, are near enough for a parabola
LEAST_FREEDOM = 3
LEAST_PEAKS = 2  # of a family over one horizon; a single one says nothing of the peak
PEAK_EXPONENT = (0.4, 0.2)  # of a shortening, before any result: mean and deviation
FARTHEST = 8.0  # no law from a few horizons is believed beyond so many times the full one


@dataclass(frozen=True, slots=True)
class Point:
    """A shape trained over a horizon at a peak, with its loss (smaller is better); logarithms."""

    family: str
    horizon: int
    log_peak: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class HorizonLaw:
    """The best peak goes with the horizon to this power; None, with the reason, if unknown."""

    peak_exponent: float | None
    ci95: tuple[float, float] | None
    horizons: tuple[int, ...]
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Speedup:
    """Updates that the best baseline needs for the winner's loss, over the winner's own.

    `value` is None, with the reason, if it cannot be told.
    """

    value: float | None
    baseline: str | None
    horizons: tuple[int, ...]
    reason: str


def fit_peak_law(spec: StudySpec, history: History) -> HorizonLaw:
    """Fit how the best peak moves with the horizon, over all families at once.

    See `fit_exponent`; points far from the best of their family and horizon are left out.
    """
    points = list(_near(_points(spec, history)))
    horizons = tuple(sorted({one.horizon for one in points}))
    if len(horizons) < 2:
        return HorizonLaw(None, None, horizons, len(points), "only one horizon was trained")
    try:
        exponent, error, freedom = fit_exponent(points, spec.horizon)
    except ValueError as problem:
        return HorizonLaw(None, None, horizons, len(points), str(problem))
    half = critical(freedom, 1) * error
    reason = f"a parabola in the log of the peak per family and horizon, {len(points)} points"
    return HorizonLaw(exponent, (exponent - half, exponent + half), horizons, len(points), reason)


def believe_peak_exponent(spec: StudySpec, history: History) -> float:
    """The k by which the best peak over a shorter horizon T' is (T / T')^k times that of T.

    Before there are results it is 0.4 +- 0.2, as measured on real networks; what `fit_exponent`
    finds counts by its standard error e: k = (0.4 e^2 + 0.2^2 k_fit) / (e^2 + 0.2^2), in [0, 1].
    """
    return _believed(tuple(_near(_points(spec, history))), spec.horizon)


@lru_cache(64)
def _believed(points: tuple[Point, ...], horizon: int) -> float:
    mean, deviation = PEAK_EXPONENT
    if len({one.horizon for one in points}) < 2:
        return mean
    try:
        exponent, error, _ = fit_exponent(points, horizon)
    except ValueError:
        return mean
    share = deviation**2 / (error**2 + deviation**2)
    return min(max(0.0, mean + share * (-exponent - mean)), 1.0)


def fit_exponent(points: Sequence[Point], horizon: int) -> tuple[float, float, int]:
    """Exponent k of best peak ~ horizon^k, its standard error, and degrees of freedom.

    Least squares of the log loss on q x^2 + b_f x + g x l + c_fh, with x the log of the peak, l
    that of the horizon over the full one, and a level c for every family f and horizon h. The
    minimum lies at x = -(b_f + g l) / (2 q), so k = -g / (2 q); its error by the delta method.

    Raises ValueError, saying why, if the points do not bear it.
    """
    families = sorted({one.family for one in points})
    cells = sorted({(one.family, one.horizon) for one in points})
    columns = 2 + len(families) + len(cells)
    if len(points) - columns < LEAST_FREEDOM:
        message = f"{len(points)} points near the best are too few"
        raise ValueError(message)
    design = np.zeros((len(points), columns))
    for row, one in enumerate(points):
        design[row, 0] = one.log_peak**2
        design[row, 1] = one.log_peak * math.log(one.horizon / horizon)
        design[row, 2 + families.index(one.family)] = one.log_peak
        design[row, 2 + len(families) + cells.index((one.family, one.horizon))] = 1.0
    losses = np.array([one.log_loss for one in points])
    found, _, rank, _ = np.linalg.lstsq(design, losses)
    if rank < columns:
        message = "too few different peaks per horizon"
        raise ValueError(message)
    freedom = len(points) - columns
    noise = float(np.sum((losses - design @ found) ** 2)) / freedom
    covariance = noise * np.linalg.inv(design.T @ design)[:2, :2]
    curvature, shift = float(found[0]), float(found[1])
    if curvature <= critical(freedom, 1) * math.sqrt(covariance[0, 0]):
        message = "the losses show no minimum over the peak"
        raise ValueError(message)
    slope = np.array([shift / (2 * curvature**2), -1 / (2 * curvature)])
    error = math.sqrt(max(0.0, float(slope @ covariance @ slope)))
    return -shift / (2 * curvature), error, freedom


def measure_speedup(
    spec: StudySpec, history: History, winner: float | None, baseline: tuple[str, float] | None
) -> Speedup:
    """How much longer the best baseline would train for the winner's loss.

    Its loss over two horizons, each at its best peak, gives L ~ h^-b; the winner's loss is then
    reached at (L_baseline / L_winner)^(1 / b) times the full horizon.

    Args:
        spec: of the study.
        history: with the runs over shorter horizons.
        winner: the winner's mean on the second set.
        baseline: family and mean of the best baseline there.
    """
    if winner is None or baseline is None:
        return Speedup(None, None, (), "there is nothing to compare")
    family, loss = baseline
    curve = _best_losses(spec, history, family)
    horizons = tuple(sorted(curve))[-2:]
    reason = ""
    if spec.metric.direction is not Direction.MINIMIZE or min(winner, loss, *curve.values()) <= 0.0:
        reason = "only positive losses follow a power law"
    elif len(horizons) < 2 or horizons[-1] != spec.horizon:
        reason = f"{family} was trained over one horizon only"
    elif curve[horizons[0]] <= curve[horizons[1]]:
        reason = f"{family} does not get better with longer training"
    if reason:
        return Speedup(None, family, horizons, reason)
    shorter, longer = horizons
    power = math.log(curve[shorter] / curve[longer]) / math.log(longer / shorter)
    log_factor = math.log(loss / winner) / power
    if log_factor > math.log(FARTHEST):
        reason = f"beyond {FARTHEST:g} times the horizon, where no law from two horizons holds"
        return Speedup(None, family, horizons, reason)
    reason = f"power law of {family}'s loss over {shorter:,} and {longer:,} updates"
    return Speedup(math.exp(log_factor), family, horizons, reason)


def _points(spec: StudySpec, history: History) -> Iterator[Point]:
    """Every trial over every horizon it was trained over, with the mean over its seeds."""
    groups: dict[tuple[int, int, float], list[float | None]] = {}
    for run in history.runs:
        if run.phase in RANKED and not run.is_prefix:
            end = history.results.get((run.generation, run.index))
            is_whole = end is not None and end.state is RunState.COMPLETED
            value = end.metrics[SEARCHED][spec.metric.name] if end and is_whole else None
            groups.setdefault((run.trial, run.horizon, run.peak_factor), []).append(value)
    sign = sign_of(spec.metric.direction)
    found = []
    for (number, horizon, factor), values in groups.items():
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            trial = history.trials[number]
            peak = trial.schedule.peak * factor
            found.append((str(trial.params["family"]), horizon, peak, sign * fmean(known)))
    is_positive = all(loss > 0.0 for *_, loss in found)
    scale = (fmean(abs(loss) for *_, loss in found) if found else 0.0) or 1.0
    for family, horizon, peak, loss in found:
        size = math.log(loss) if is_positive else loss / scale
        yield Point(family, horizon, math.log(peak), size)


def _near(points: Iterator[Point]) -> Iterator[Point]:
    """Those near the best of their family and horizon, of cells with enough different peaks."""
    cells: dict[tuple[str, int], list[Point]] = {}
    for one in points:
        cells.setdefault((one.family, one.horizon), []).append(one)
    for found in cells.values():
        best = min(one.log_loss for one in found)
        near = [one for one in found if one.log_loss <= best + NEAR]
        if len({one.log_peak for one in near}) >= LEAST_PEAKS:
            yield from near


def _best_losses(spec: StudySpec, history: History, family: str) -> dict[int, float]:
    """Over each horizon the lowest mean of a baseline's peaks."""
    groups: dict[tuple[int, int], list[float | None]] = {}
    for run in history.runs:
        trial = history.trials[run.trial]
        if run.phase is Phase.BASELINE and trial.params["family"] == family:
            end = history.results.get((run.generation, run.index))
            is_whole = end is not None and end.state is RunState.COMPLETED
            value = end.metrics[SEARCHED][spec.metric.name] if end and is_whole else None
            groups.setdefault((run.horizon, run.trial), []).append(value)
    curve: dict[int, float] = {}
    for (horizon, _), values in groups.items():
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            curve[horizon] = min(curve.get(horizon, math.inf), fmean(known))
    return curve
