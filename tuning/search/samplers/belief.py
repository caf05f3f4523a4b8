"""Belief: the model of curves after what was seen, rebuilt from it every time.

The one idea: hyperparameters are fitted to the first 8, 11, 15, 21, … results only, from fixed
starts, and on at most 200 of them; in between the posterior alone is updated, on at most 300. So a
belief is a pure function of the results and cheap at any number of them; caches only memoise.
Where the good results surprise it, it doubts itself as much more.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tuning.search.samplers.description import COUNT
from tuning.search.samplers.evidence import Evidence
from tuning.search.samplers.process import SCALE_PRIOR, Kernel, Posterior, fit
from tuning.search.samplers.trend import fit_trend

Floats = NDArray[np.float64]

FIRST_FIT, FIT_GROWTH = 8, 1.4
MOST_FITTED, BEST_FITTED = 200, 100
MOST_KEPT, BEST_KEPT = 300, 200
EXPONENTS = (0.0, 0.2, 0.4, 0.6, 0.8)
EXPONENT_PRIOR = (0.4, 0.2)
MOST_DOUBT = 4.0
ALIKE = 0.5  # what schedules of different cycle counts share before anything is known


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of schedules at the full horizon.

    Args:
        posterior: over the inputs of the model.
        exponent: k of the peak correction.
        evidence: the results it rests on.
        has_horizon: whether the horizon is an input.
    """

    posterior: Posterior
    exponent: float
    evidence: Evidence
    has_horizon: bool

    def inputs(self, columns: Floats) -> Floats:
        """Descriptions at the full horizon as inputs of the model."""
        if not self.has_horizon:
            return columns
        return np.concatenate([columns, np.zeros((len(columns), 1))], axis=1)


def believe(evidence: Evidence, kind: int | None = COUNT) -> Belief:
    """The belief after at least one result.

    Args:
        evidence: the results, in order.
        kind: the column that tells kinds apart, if any.
    """
    first = FIRST_FIT
    while int(FIT_GROWTH * first) <= len(evidence):
        first = int(FIT_GROWTH * first)
    kernel, exponent = _prior(evidence, kind)
    if len(evidence) >= first:
        fitted = evidence.first(first).fewer(MOST_FITTED, BEST_FITTED)
        kernel, exponent = _fitted(fitted, kind)
        if evidence.shortening.any() and not fitted.shortening.any():
            kernel = replace(kernel, scales=np.append(kernel.scales, np.exp(SCALE_PRIOR[0])))
    kept = evidence.fewer(MOST_KEPT, BEST_KEPT)
    has_horizon = bool(kept.shortening.any())
    kernel = replace(kernel, scales=kernel.scales[: kept.columns.shape[1] + has_horizon])
    posterior = Posterior.after(kernel, kept.inputs(exponent), kept.values, kept.seeds)
    doubtful = posterior.doubting(_doubt(posterior.surprises(), kept.values))
    return Belief(doubtful, exponent, kept, has_horizon)


def _doubt(surprises: Floats, values: Floats) -> float:
    """How much larger errors are than believed, for the better half of the results; at least 1."""
    better = surprises[values <= np.median(values)]
    return float(np.clip(np.sqrt(np.mean(better**2)), 1.0, MOST_DOUBT))


def _prior(evidence: Evidence, kind: int | None) -> tuple[Kernel, float]:
    columns = evidence.columns.shape[1] + bool(evidence.shortening.any())
    size = float(np.var(evidence.values)) or 1.0
    scales = np.full(columns, np.exp(SCALE_PRIOR[0]))
    return Kernel(scales, size, 1e-3 * size, ALIKE, kind), EXPONENT_PRIOR[0]


def _fitted(evidence: Evidence, kind: int | None) -> tuple[Kernel, float]:
    names = ("columns", "shortening", "raised", "values", "seeds")
    parts = [getattr(evidence, name) for name in names]
    return _fit_bytes(
        len(evidence), kind, *(np.ascontiguousarray(part).tobytes() for part in parts)
    )


@lru_cache(maxsize=256)
def _fit_bytes(
    count: int,
    kind: int | None,
    columns: bytes,
    shortening: bytes,
    raised: bytes,
    values: bytes,
    seeds: bytes,
) -> tuple[Kernel, float]:
    """A kernel, and the exponent that explains the shorter horizons best."""
    evidence = Evidence(
        np.frombuffer(columns).reshape(count, -1),
        np.frombuffer(shortening),
        np.frombuffer(raised),
        np.frombuffer(values),
        np.frombuffer(values),
        np.frombuffer(seeds),
        np.arange(count),
    )
    unit = float(np.std(evidence.values)) or 1.0
    scaled_values = evidence.values / unit
    exponent = EXPONENT_PRIOR[0]
    kernel, cost = _fit_at(evidence, exponent, scaled_values, kind)
    if evidence.raised.any():
        found = [(cost, exponent, kernel)]
        for one in EXPONENTS:
            if one != exponent:
                other, cost = _fit_at(evidence, one, scaled_values, kind, near=kernel)
                off = (one - exponent) / EXPONENT_PRIOR[1]
                found.append((cost + off * off / 2, one, other))
        _, exponent, kernel = min(found, key=lambda end: end[:2])
    return replace(kernel, size=kernel.size * unit**2, noise=kernel.noise * unit**2), exponent


def _fit_at(
    evidence: Evidence,
    exponent: float,
    values: Floats,
    kind: int | None,
    near: Kernel | None = None,
) -> tuple[Kernel, float]:
    """A kernel for an exponent, and its cost; what has no kinds has no trend."""
    inputs = evidence.inputs(exponent)
    trend = None if kind is None else fit_trend(inputs, values)
    return fit(inputs, values, evidence.seeds, kind, trend, near)
