"""Trend: what theory expects of a schedule, fitted to the results in two numbers.

The one idea: the convex bound orders schedules well but for two numbers of the problem, how far
the optimum is and how much of the loss no schedule takes away; once these are fitted, a model of
curves has only the rest to learn. How much the trend counts is learned as well, down to not at all.
Not here: the bound (`tuning.search.samplers.bound`), the model of the rest (`process`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.search.samplers.description import BOUND

Floats = NDArray[np.float64]

DISTANCES: Floats = np.arange(-10.0, 5.5, 0.5)  # log of D² over G² T, in squares of the cap
FLOORS: Floats = np.array([0.0, 0.3, 1.0, 3.0, 10.0])  # over the lowest bound among the results


@dataclass(frozen=True, slots=True)
class Trend:
    """What theory expects: log(D² A + B + E), with differences above the usual one drawn in.

    Args:
        distance: log of D².
        floor: E.
        low: of the results fitted, where differences are counted from.
        usual: the difference above which they are drawn in.
    """

    distance: float
    floor: float
    low: float
    usual: float

    def __call__(self, columns: Floats) -> Floats:
        """Of schedules by their descriptions, shape (schedules,)."""
        bound = _log_bound(columns, np.array(self.distance), np.array(self.floor))
        return _drawn_in(bound - self.low, np.array(self.usual))


def fit_trend(columns: Floats, values: Floats) -> Trend | None:
    """The trend nearest to values, up to a factor and a constant; None if it falls as they rise.

    Args:
        columns: descriptions, shape (results, columns).
        values: losses with differences above the usual one drawn in.
    """
    rest = values - values.mean()
    lowest = np.exp(_log_bound(columns, DISTANCES, np.zeros(1)).min(axis=-1))
    floors = FLOORS[:, None] * lowest
    bounds = _log_bound(columns, DISTANCES, floors)
    low = bounds.min(axis=-1, keepdims=True)
    usual = np.sort(bounds - low, axis=-1)[..., len(values) // 2, None]
    usual = np.where(usual > 0.0, usual, 1.0)
    tried = _drawn_in(bounds - low, usual)
    tried -= tried.mean(axis=-1, keepdims=True)
    along, size = tried @ rest, (tried**2).sum(axis=-1)
    won = np.where((along > 0.0) & (size > 0.0), along**2 / np.maximum(size, 1e-300), 0.0)
    floor, distance = np.unravel_index(int(won.argmax()), won.shape)
    if won[floor, distance] <= 0.0:
        return None
    return Trend(
        float(DISTANCES[distance]),
        float(floors[floor, distance]),
        float(low[floor, distance, 0]),
        float(usual[floor, distance, 0]),
    )


def _log_bound(columns: Floats, distance: Floats, floor: Floats) -> Floats:
    """log(D² A + B + E), shape (..., schedules) for distances and floors of shape (...)."""
    travel, noise = columns[:, BOUND].T
    bound = np.logaddexp(np.asarray(distance)[..., None] + travel, noise)
    with np.errstate(divide="ignore"):  # the log of no floor is minus infinity
        return np.asarray(np.logaddexp(bound, np.log(floor)[..., None]))


def _drawn_in(above: Floats, usual: Floats) -> Floats:
    """Differences, the part of them above the usual one in logs."""
    drawn = usual * (1.0 + np.log(np.maximum(above / usual, 1.0)))
    return np.asarray(np.where(above > usual, drawn, above))
