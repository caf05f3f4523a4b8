"""The convex last-iterate bound of a schedule, which needs no training.

The one idea: for subgradients of size G and a start at distance D from a minimiser, the last of T
updates with learning rates a_1 .. a_T satisfies E f(x_T) - f* <= D² A + G² B, where A and B come
from the learning rates alone: log A says how far the schedule can travel, log B how noisy it ends.
As inputs of a model they carry most of what theory knows about the order of schedules; as a filter
they would be wrong for moving optima and for warmup.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tuning.search.samplers.segments import PLACES, WEIGHTS, spread

Floats = NDArray[np.float64]


class Bound(NamedTuple):
    """The two numbers of the bound, of any shape."""

    travel: Floats
    noise: Floats


def convex_bound(rates: Floats, weights: Floats | float = 1.0) -> Bound:
    """A and B of the bound D² A + G² B on the last iterate.

    A = 1 / (2 S_1), B = (Q_1 / S_1 + Σ_{k<T} a_k / S_{k+1} · Q_k / S_k) / 2 with S_k = Σ_{t>=k} a_t
    and Q_k = Σ_{t>=k} a_t² (Schaipp et al., 2025, arXiv:2501.18965, Theorem 1; Defazio et al.,
    2023, arXiv:2310.07831, Theorem 10). Updates at rate 0 after the last other one do not count.

    Args:
        rates: a_t >= 0, shape (..., T), not all zero.
        weights: how many updates each stands for; with other weights than 1 it is approximate.

    >>> bound = convex_bound(np.array([[1.0, 1.0], [2.0, 0.0]]))
    >>> bound.travel, bound.noise
    (array([0.25, 0.25]), array([1., 1.]))
    """
    steps = weights * rates
    left = np.cumsum(steps[..., ::-1], axis=-1)[..., ::-1]
    squares = np.cumsum((steps * rates)[..., ::-1], axis=-1)[..., ::-1]
    after = np.concatenate([left[..., 1:], np.zeros_like(left[..., :1])], axis=-1)
    counts = after > 0.0
    ratio = np.where(counts, steps * squares, 0.0) / np.where(counts, after * left, 1.0)
    noise = (squares[..., 0] / left[..., 0] + ratio.sum(axis=-1)) / 2
    return Bound(1.0 / (2.0 * left[..., 0]), noise)


@lru_cache(maxsize=64)
def minimiser(distance: float, updates: int) -> tuple[float, ...]:
    """Log levels at nine knots, of learning rates <= 1, that make D² A + B smallest.

    Args:
        distance: D² over the number of updates T, in squares of the largest learning rate allowed.
        updates: T, at least 1.
    """
    weights = updates * WEIGHTS

    def cost(levels: Floats) -> Floats:
        bound = convex_bound(np.exp(spread(levels, PLACES)), weights)
        return np.log(updates * distance * bound.travel + bound.noise)

    def cost_and_slope(levels: Floats) -> tuple[float, Floats]:
        step = 1e-5
        moved = np.concatenate([np.zeros((1, len(levels))), step * np.eye(len(levels))])
        values = cost(levels + moved)
        return float(values[0]), (values[1:] - values[0]) / step

    knots = np.linspace(0.0, 1.0, 9)
    start = np.log(np.maximum(1.0 - knots, 0.02)) + min(0.0, 0.5 * np.log(distance))
    limits = [(-9.0, 0.0)] * len(start)
    found = minimize(
        cost_and_slope, np.maximum(start, -9.0), jac=True, method="L-BFGS-B", bounds=limits
    )
    return tuple(np.round(found.x, 4).tolist())
