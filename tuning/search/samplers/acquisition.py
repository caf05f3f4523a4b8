"""Acquisition: how promising a schedule is to try.

The one idea: the expected improvement over the lowest posterior mean among what was tried, since
the lowest noisy score is a lucky one; in logs, so that it still tells far-off candidates apart.
A pool keeps what was computed for its candidates, and a candidate that was picked only lowers the
doubt about the others.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from tuning.search.samplers.process import NUGGET, Posterior

Floats = NDArray[np.float64]

FAR = -1.0  # standard deviations from which on the asymptotic form is used
VERY_FAR = -1e3


def log_improvement(best: float, means: Floats, deviations: Floats) -> Floats:
    """Log of E max(0, best - f) for normal f (Ament et al., 2023, arXiv:2310.20708).

    >>> log_improvement(0.0, np.array([0.0]), np.array([1.0])).round(4)  # log(1 / sqrt(2 pi))
    array([-0.9189])
    """
    z = (best - means) / deviations
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    near = np.log(np.maximum(density + z * ndtr(z), 1e-300))
    low = np.minimum(z, FAR)
    ratio = np.sqrt(np.pi / 2) * erfcx(-low / np.sqrt(2)) * np.abs(low)
    tail = np.where(low < VERY_FAR, -2.0 * np.log(-low), np.log1p(-np.minimum(ratio, 1 - 1e-15)))
    far = -(low**2) / 2 - np.log(2 * np.pi) / 2 + tail
    return np.asarray(np.where(z > FAR, near, far) + np.log(deviations))


class Pool:
    """Candidates, and what is believed of them.

    Args:
        posterior: what is believed so far.
        columns: the candidates as inputs of the model, shape (candidates, columns).
    """

    def __init__(self, posterior: Posterior, columns: Floats) -> None:
        self.columns = columns
        self.means, explained = posterior.whiten(columns)
        self._size = posterior.kernel.size
        self._variances = self._size - np.einsum("ij,ij->j", explained, explained)
        self._explained = explained

    def promise(self, best: float | None) -> Floats:
        """Log of the expected improvement over `best`; if it is None, how low the mean is."""
        if best is None:
            return -self.means
        floor = 1e-3 * NUGGET * self._size
        return log_improvement(best, self.means, np.sqrt(np.maximum(self._variances, floor)))

    def suppose(self, posterior: Posterior) -> None:
        """Take into account the last schedule that `posterior` supposes."""
        row, column = posterior.factor[-1], posterior.columns[-1:]
        cross = posterior.kernel.between(column, self.columns)[0]
        shown = (cross - row[:-1] @ self._explained) / row[-1]
        self._explained = np.concatenate([self._explained, shown[None]])
        self._variances -= shown**2
