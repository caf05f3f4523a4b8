"""Process: a Gaussian process over descriptions of schedules.

The one idea: similar schedules have similar losses, and how similar is learned from the results: a
length scale per column, and a squared exponential or a Matérn 5/2, by the largest posterior density
with exact gradients. One column may tell kinds apart (the number of cycles): schedules of different
kinds share but a part. What theory expects may be a trend, to which the process is the rest, as far
as results bear it out. So many scales learned from few results believe too much, which is put right
by how far each result is from what the others say of it.
Not here: which results it is shown (`tuning.search.samplers.evidence`), what is tried next
(`tuning.search.samplers.acquisition`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from tuning.search.samplers.trend import Trend

Floats = NDArray[np.float64]

ROOT5 = 5.0**0.5
NUGGET = 1e-7  # variance that rounding and what the columns do not tell leave, of a spread of 1
# Priors of the logarithms: mean and deviation.
SCALE_PRIOR = (np.log(1.5), 1.0)
SIZE_PRIOR = (0.0, 1.5)
NOISE_PRIOR = (np.log(1e-3), 3.0)
SHARE_PRIOR = (0.0, 1.0)  # of the logit
STARTS = ((1.1, 1e-2), (2.3, 1e-4))  # log length scale, noise variance
ITERATIONS = 40


@dataclass(frozen=True, eq=False)
class Kernel:
    """How alike the losses of two schedules are.

    Args:
        scales: length scale of every column, shape (columns,).
        size: variance of the process.
        noise: variance of one seed's loss; that of a mean over n seeds is noise / n.
        share: what kinds have in common, in [0, 1].
        kind: the column that tells kinds apart, or None.
        is_rough: whether losses are as rough as a Matérn 5/2 process, not as smooth as the squared
            exponential.
        trend: what theory expects, to which the process is the rest.
    """

    scales: Floats
    size: float
    noise: float
    share: float = 1.0
    kind: int | None = None
    is_rough: bool = False
    trend: Trend | None = None

    def basis(self, columns: Floats) -> Floats:
        """What means are made of: one, and the trend if there is any, shape (schedules, 1 or 2)."""
        ones = np.ones(len(columns))
        return np.stack([ones] if self.trend is None else [ones, self.trend(columns)], axis=1)

    def between(self, one: Floats, other: Floats) -> Floats:
        """Covariances of two sets, shape (len(one), len(other))."""
        likeness = self.size * _likeness(
            _distances(one / self.scales, other / self.scales), is_rough=self.is_rough
        )
        return likeness * self._kinship(one, other)

    def _kinship(self, one: Floats, other: Floats) -> Floats | float:
        if self.kind is None:
            return 1.0
        same = one[:, self.kind, None] == other[None, :, self.kind]
        return np.where(same, 1.0, self.share)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed after results, as means and covariances at any schedules.

    Args:
        kernel: how alike schedules are.
        columns: those with results, or supposed ones, shape (results, columns).
        factor: lower Cholesky factor of the covariance of the results.
        weights: of each result in a mean.
        mean: how much of each part of the basis the mean has.
    """

    kernel: Kernel
    columns: Floats
    factor: Floats
    weights: Floats
    mean: Floats

    @classmethod
    def after(cls, kernel: Kernel, columns: Floats, values: Floats, seeds: Floats) -> "Posterior":
        """The posterior after values that rest on so many seeds each."""
        covariance = kernel.between(columns, columns)
        covariance[np.diag_indices(len(columns))] += kernel.size * NUGGET + kernel.noise / seeds
        factor = cholesky(covariance, lower=True, check_finite=False)
        basis = kernel.basis(columns)
        mean = least_squares(
            solve_triangular(factor, basis, lower=True),
            solve_triangular(factor, values, lower=True),
        )
        weights = cho_solve((factor, True), values - basis @ mean)
        return cls(kernel, columns, factor, weights, mean)

    def supposing(self, columns: Floats) -> "Posterior":
        """The same with further schedules supposed to turn out as expected, on one seed each.

        Nothing is learned about means, which stay; doubt about their neighbours shrinks.
        """
        _, explained = self.whiten(columns)
        corner = self.covariance(columns)
        corner[np.diag_indices(len(columns))] += self.kernel.size * NUGGET + self.kernel.noise
        right = np.zeros((len(self.columns), len(columns)))
        factor = np.block([[self.factor, right], [explained.T, cholesky(corner, lower=True)]])
        return Posterior(
            self.kernel,
            np.concatenate([self.columns, columns]),
            factor,
            np.concatenate([self.weights, np.zeros(len(columns))]),
            self.mean,
        )

    def surprises(self) -> Floats:
        """Each result less what the others say of it, in standard deviations of the latter.

        w_i / sqrt((K^-1)_ii) with the weights w and the covariance K of the results (Rasmussen and
        Williams, 2006, equation 5.12).
        """
        inverse = cho_solve((self.factor, True), np.eye(len(self.columns)), check_finite=False)
        return np.asarray(self.weights / np.sqrt(np.diag(inverse)))

    def doubting(self, times: float) -> "Posterior":
        """The same means with every standard deviation so many times as large."""
        size, noise = self.kernel.size * times**2, self.kernel.noise * times**2
        return replace(
            self,
            kernel=replace(self.kernel, size=size, noise=noise),
            factor=self.factor * times,
            weights=self.weights / times**2,
        )

    def whiten(self, columns: Floats) -> tuple[Floats, Floats]:
        """Means, and the part of each that the results explain, shape (results, schedules)."""
        cross = self.kernel.between(self.columns, columns)
        explained = solve_triangular(self.factor, cross, lower=True, check_finite=False)
        return self.kernel.basis(columns) @ self.mean + self.weights @ cross, explained

    def predict(self, columns: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations of the true losses."""
        means, explained = self.whiten(columns)
        variances = self.kernel.size - np.einsum("ij,ij->j", explained, explained)
        return means, np.sqrt(np.maximum(variances, 1e-16))

    def covariance(self, columns: Floats) -> Floats:
        """Covariances of the true losses, shape (schedules, schedules)."""
        _, explained = self.whiten(columns)
        return self.kernel.between(columns, columns) - explained.T @ explained


def least_squares(basis: Floats, values: Floats) -> Floats:
    """The weights of a basis that come nearest to values; that of the trend is not negative."""
    square, along = basis.T @ basis, basis.T @ values
    found = np.linalg.solve(square + 1e-12 * np.diag(np.diag(square)), along)
    if len(found) > 1 and found[1] < 0.0:
        return np.array([along[0] / square[0, 0], 0.0])
    return np.asarray(found)


def fit(
    columns: Floats,
    values: Floats,
    seeds: Floats,
    kind: int | None = None,
    trend: Trend | None = None,
    near: Kernel | None = None,
) -> tuple[Kernel, float]:
    """The kernel of the largest posterior density given some results, and its negative log.

    Searched for from two fixed starts, among smooth and among rough ones; or from one that was
    found for nearly the same results, among those like it.

    Args:
        columns: descriptions, shape (results, columns).
        values: losses of a spread of about 1.
        seeds: how many seeds each rests on.
        kind: the column that tells kinds apart, if any.
        trend: what theory expects, if it is asked.
        near: where to begin.
    """
    if kind is not None and np.ptp(columns[:, kind]) == 0.0:
        kind = None
    ends = []
    for is_rough in (False, True) if near is None else (near.is_rough,):
        cost = _Cost(columns, values, seeds, kind, trend, is_rough=is_rough)
        starts = [cost.start(*one) for one in STARTS] if near is None else [cost.place_of(near)]
        for start in starts:
            end = minimize(
                cost,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=cost.limits,
                options={"maxiter": ITERATIONS},
            )
            ends.append((float(end.fun), cost.kernel(end.x)))
    best, kernel = min(ends, key=lambda end: end[0])
    return kernel, best


class _Cost:
    """Negative log posterior density of a kernel's logarithms, and its gradient."""

    def __init__(
        self,
        columns: Floats,
        values: Floats,
        seeds: Floats,
        kind: int | None,
        trend: Trend | None = None,
        *,
        is_rough: bool = False,
    ) -> None:
        self._is_rough, self._trend = is_rough, trend
        self._columns, self._values, self._seeds, self._kind = columns, values, seeds, kind
        self._basis = np.ones((len(columns), 1))
        if trend is not None:
            self._basis = np.column_stack([self._basis, trend(columns)])
        differences = columns.T[:, :, None] - columns.T[:, None, :]
        self._squares = differences**2
        self._same = self._squares[kind] == 0.0 if kind is not None else None
        count = columns.shape[1]
        means, deviations = zip(
            *[SCALE_PRIOR] * count, SIZE_PRIOR, NOISE_PRIOR, SHARE_PRIOR, strict=True
        )
        self._means, self._deviations = np.array(means), np.array(deviations)
        self.limits = [(-2.0, 6.0)] * count + [(-6.0, 6.0), (-18.0, 1.0), (-4.0, 4.0)]

    def start(self, log_scale: float, noise: float) -> Floats:
        scales = [log_scale] * self._columns.shape[1]
        return np.array([*scales, 0.0, np.log(noise), 0.0])

    def place_of(self, kernel: Kernel) -> Floats:
        """The logarithms of a kernel."""
        share = np.log(kernel.share / (1.0 - kernel.share)) if kernel.share < 1.0 else 0.0
        logs = [*np.log(kernel.scales), np.log(kernel.size), np.log(kernel.noise), share]
        return np.asarray(np.clip(logs, *np.array(self.limits).T))

    def kernel(self, logs: Floats) -> Kernel:
        share = 1.0 / (1.0 + np.exp(-logs[-1]))
        scales, size, noise = np.exp(logs[:-3]), np.exp(logs[-3]), np.exp(logs[-2])
        return Kernel(scales, size, noise, share, self._kind, self._is_rough, self._trend)

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        kernel = self.kernel(logs)
        inverse_squares = kernel.scales**-2
        squares = np.tensordot(inverse_squares, self._squares, axes=1)
        likeness = kernel.size * _likeness(squares, is_rough=self._is_rough)
        kinship = 1.0 if self._same is None else np.where(self._same, 1.0, kernel.share)
        shared = likeness * kinship
        noise = kernel.noise / self._seeds
        covariance = shared + np.diag(kernel.size * NUGGET + noise)
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(logs)
        inverse = cho_solve((factor, True), np.eye(len(self._values)), check_finite=False)
        whitened = solve_triangular(factor, self._basis, lower=True, check_finite=False)
        values = solve_triangular(factor, self._values, lower=True, check_finite=False)
        rest = self._values - self._basis @ least_squares(whitened, values)
        weights = inverse @ rest
        off = (logs - self._means) / self._deviations
        cost = rest @ weights / 2 + np.log(np.diag(factor)).sum() + off @ off / 2
        pull = (inverse - np.outer(weights, weights)) / 2
        # d/d log scale of the likeness is this times the squared scaled difference.
        steepness = kernel.size * _steepness(squares, is_rough=self._is_rough)
        slope = (pull * kinship * steepness).ravel()
        scales = -(self._squares.reshape(-1, len(slope)) @ slope) * inverse_squares
        amount = (pull * shared).sum() + np.trace(pull) * kernel.size * NUGGET
        share = 0.0
        if self._same is not None:
            share = (pull * likeness)[~self._same].sum() * kernel.share * (1.0 - kernel.share)
        gradient = np.array([*(-scales), amount, np.diag(pull) @ noise, share])
        gradient += off / self._deviations
        return float(cost), gradient


def _likeness(squares: Floats, *, is_rough: bool) -> Floats:
    if not is_rough:
        return np.asarray(np.exp(-squares / 2.0))
    radius = ROOT5 * np.sqrt(squares)
    return np.asarray((1.0 + radius + radius**2 / 3.0) * np.exp(-radius))


def _steepness(squares: Floats, *, is_rough: bool) -> Floats:
    """Minus twice the derivative of the likeness by the squared distance."""
    if not is_rough:
        return np.asarray(np.exp(-squares / 2.0))
    radius = ROOT5 * np.sqrt(squares)
    return np.asarray((5.0 / 3.0) * (1.0 + radius) * np.exp(-radius))


def _distances(one: Floats, other: Floats) -> Floats:
    """Squared distances between rows."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2.0 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))
