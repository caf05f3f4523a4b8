"""Noisy quadratics: the expected loss of SGD and heavy ball, exact, and its gradient.

The one idea: on a quadratic loss the second moments of the iterate follow a linear recursion that
the learning rates steer, so the expected loss needs no sampling, and the adjoint recursion gives
its derivative with respect to all T learning rates for the price of about two trainings.
Not here: the smallest expected loss (`tuning.objectives.quadratic_optimum`), sampled training
(`tuning.objectives.quadratic_sampling`), named problems (`tuning.objectives.quadratic_problems`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tuning.objectives.base import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """The loss 1/2 Σ h_i θ_i², which SGD sees through noisy gradients, in its eigenbasis.

    θ is the distance to the optimum. The gradient h_i θ_i + e_i has noise of variance
    σ_i + κ (h_i² E θ_i² + h_i G) with G = Σ h_j E θ_j². The three forms: static (κ = 0; Zhang et
    al., 2019, arXiv:1907.04164); linear regression on fresh Gaussian batches of B rows with
    covariance diag(h) and label noise s² (κ = 1/B, σ = h s²/B); drifting (κ = 0, and the optimum
    is a random walk).

    Args:
        curvatures: h > 0, shape (modes,).
        starts: E θ² before the first update, >= 0, shape (modes,).
        noise: σ >= 0, shape (modes,).
        rows: B of the regression, or 0 if the noise does not depend on θ.
        drift: variance q >= 0 by which every coordinate of the optimum moves after every update.
        momentum: b of the heavy ball v <- b v + gradient, θ <- θ - a v; in [0, 1).
    """

    curvatures: Floats
    starts: Floats
    noise: Floats
    rows: int = 0
    drift: float = 0.0
    momentum: float = 0.0

    @property
    def feedback(self) -> float:
        """κ: how much of the gradient's noise grows with the distance from the optimum."""
        return 1.0 / self.rows if self.rows else 0.0

    @property
    def cap(self) -> float:
        """The largest learning rate allowed, (1 - b) / h_max.

        Beyond it the steepest mode overshoots, and the problem rewards a few huge steps, which
        says nothing about training. With momentum b a gradient moves θ by a / (1 - b) in all, so
        that is what is capped: under 1 / h_max alone, b = 0.9 would buy steps ten times as large.
        """
        return (1.0 - self.momentum) / float(self.curvatures.max())


class Moments:
    """Second moments of the iterates of several lanes in training, shape (lanes, modes) each.

    With momentum these are p = E θ², q = E θ v and r = E v², else p alone.
    """

    def __init__(self, quadratic: Quadratic, lanes: int) -> None:
        self._quadratic = quadratic
        self._p = np.tile(quadratic.starts, (lanes, 1))
        self._q = np.zeros_like(self._p)
        self._r = np.zeros_like(self._p)

    def train(self, lrs: Floats) -> None:
        """Make one update per column of `lrs`, of shape (lanes, chunk)."""
        update = self._heavy if self._quadratic.momentum else self._plain
        with np.errstate(over="ignore", invalid="ignore"):  # a lane that overflows is not finite
            for column in np.ascontiguousarray(lrs.T)[:, :, None]:
                update(column)

    def losses(self) -> Floats:
        """The expected loss of every lane, shape (lanes,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            losses: Floats = (self._quadratic.curvatures * self._p).sum(axis=-1) / 2
        return losses

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions."""
        kept = list(lanes)
        self._p, self._q, self._r = self._p[kept], self._q[kept], self._r[kept]

    def _plain(self, lr: Floats) -> None:
        problem, p = self._quadratic, self._p
        noise = _noise(problem, p)
        factor = 1 - lr * problem.curvatures
        factor *= factor
        p *= factor
        p += lr**2 * noise
        p += problem.drift

    def _heavy(self, lr: Floats) -> None:
        problem, p = self._quadratic, self._p
        h, b = problem.curvatures, problem.momentum
        pull = b * self._q + h * p  # E θ v' of the new velocity v'
        self._r *= b * b
        self._r += h * (pull + b * self._q) + _noise(problem, p)
        self._q = pull - lr * self._r
        p += lr * (lr * self._r - 2 * pull)
        p += problem.drift


class Sensitivity(NamedTuple):
    """The expected loss, and its first and second derivative in every learning rate, (T,) each.

    The loss is quadratic in each learning rate alone.
    """

    loss: float
    gradient: Floats
    curvature: Floats


def _noise(problem: Quadratic, p: Floats) -> Floats:
    """Variance of the gradient given its mean, of the shape of `p`."""
    if problem.feedback == 0.0:
        return problem.noise
    share = problem.curvatures * p
    total = share.sum(axis=-1, keepdims=True)
    noise: Floats = problem.noise + problem.feedback * problem.curvatures * (share + total)
    return noise


def sensitivity(problem: Quadratic, lrs: Floats) -> Sensitivity:
    """How the expected loss after the updates `lrs`, of shape (T,), depends on each of them.

    >>> one = Quadratic(np.array([1.0]), np.array([4.0]), np.array([1.0]))
    >>> sensitivity(one, np.array([0.5]))  # L = ((1 - a)² 4 + a²) / 2
    Sensitivity(loss=0.625, gradient=array([-1.5]), curvature=array([5.]))
    """
    return _heavy_adjoint(problem, lrs) if problem.momentum else _plain_adjoint(problem, lrs)


def _plain_adjoint(problem: Quadratic, lrs: Floats) -> Sensitivity:
    """By λ_t = dL/dm_t of m' = (1 - a h)² m + a² s(m) + q, from the last update back."""
    h, kappa = problem.curvatures, problem.feedback
    step = lrs[:, None] * h
    factor = (1 - step) ** 2 + kappa * step**2
    added = (lrs**2)[:, None] * problem.noise + problem.drift
    shared = kappa * (lrs**2)[:, None] * h
    m = np.empty((len(lrs) + 1, len(h)))
    m[0] = problem.starts
    for t in range(len(lrs)):
        np.multiply(factor[t], m[t], out=m[t + 1])
        m[t + 1] += added[t]
        if kappa:
            m[t + 1] += shared[t] * (h * m[t]).sum()
    adjoint = np.empty_like(m)
    adjoint[-1] = h / 2
    for t in reversed(range(len(lrs))):
        np.multiply(factor[t], adjoint[t + 1], out=adjoint[t])
        if kappa:
            adjoint[t] += h * (shared[t] * adjoint[t + 1]).sum()
    pull = h * m[:-1]
    square = h * pull + _noise(problem, m[:-1])
    curvature = 2 * (adjoint[1:] * square).sum(axis=-1)
    gradient = lrs * curvature - 2 * (adjoint[1:] * pull).sum(axis=-1)
    return Sensitivity(float((h * m[-1]).sum() / 2), gradient, curvature)


def _heavy_adjoint(problem: Quadratic, lrs: Floats) -> Sensitivity:
    """By the adjoint of the three moments p, q and r."""
    h, b, kappa = problem.curvatures, problem.momentum, problem.feedback
    p, q, r = problem.starts, np.zeros_like(h), np.zeros_like(h)
    pulls, squares = np.empty((2, len(lrs), len(h)))
    for t, lr in enumerate(lrs.tolist()):
        pull = b * q + h * p
        r = b * b * r + h * (pull + b * q) + _noise(problem, p)
        q, p = pull - lr * r, p + lr * (lr * r - 2 * pull) + problem.drift
        pulls[t], squares[t] = pull, r
    gradient, curvature = np.empty((2, len(lrs)))
    to_p, to_q, to_r = h / 2, np.zeros_like(h), np.zeros_like(h)
    for t in reversed(range(len(lrs))):
        lr = float(lrs[t])
        curvature[t] = 2 * (to_p * squares[t]).sum()
        gradient[t] = lr * curvature[t] - (2 * to_p * pulls[t] + to_q * squares[t]).sum()
        of_r = lr * (lr * to_p - to_q) + to_r
        of_pull = to_q - 2 * lr * to_p + h * of_r
        to_r = b * b * of_r
        to_q = b * (of_pull + h * of_r)
        to_p = to_p + h * of_pull
        if kappa:
            to_p += kappa * h * (h * of_r + (h * of_r).sum())
    return Sensitivity(float((h * p).sum() / 2), gradient, curvature)
