"""Evidence: the scores of a study as the model of curves wants them.

The one idea: differences between good schedules decide, so losses enter as logs, those beyond the
median are drawn in, and what diverged counts as a little worse than the worst. Where nearly all are
good, differences that were small at first are left, as good schedules lie in a smooth bowl. Results
at shorter horizons count too, shifted by what a horizon costs and with the peak corrected: the best
peak of a horizon T' is (T / T')^k times that of T. That of a prefix of the full training is the
trained one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuning.records import Direction
from tuning.search.samplers.description import describe, scaled
from tuning.search.samplers.levels import has_ended, levelled_losses, shortenings
from tuning.search.samplers.observation import Observation

Floats = NDArray[np.float64]

USUAL = 50  # percentile of the differences above which they are drawn in
FIRST, SMALL = 16, 0.1  # of the usual difference of so many first results: never drawn in
BAD = 0.5  # how much worse than the worst score a diverged schedule is, in median differences


@dataclass(frozen=True, eq=False)
class Evidence:
    """Results, one row each.

    Args:
        columns: descriptions of the schedules, shape (results, columns).
        shortening: log2 of the study's horizon over that of the result, shape (results,).
        raised: the same where the peak was laid out for that horizon, 0 for a prefix of the full
            training, shape (results,).
        losses: what is to be made small, NaN if bad, shape (results,).
        values: the same with differences beyond the usual one drawn in, shape (results,).
        seeds: how many seeds each rests on, shape (results,).
        rows: which observation each is, shape (results,).
    """

    columns: Floats
    shortening: Floats
    raised: Floats
    losses: Floats
    values: Floats
    seeds: Floats
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        """How many results."""
        return len(self.values)

    def chosen(self, which: NDArray[np.int64]) -> "Evidence":
        """Some of the results."""
        return Evidence(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def first(self, count: int) -> "Evidence":
        """The first results, with differences drawn in as if there were no others."""
        early = self.chosen(np.arange(count))
        return replace(early, values=tamed(early.losses))

    def fewer(self, most: int, best: int) -> "Evidence":
        """At most so many results: the best ones, and evenly thinned others, in order."""
        if len(self) <= most:
            return self
        order = np.argsort(self.values, kind="stable")
        others = order[best:]
        thinned = others[np.linspace(0, len(others) - 1, most - best).astype(np.int64)]
        return self.chosen(np.sort(np.concatenate([order[:best], thinned])))

    def inputs(self, exponent: float) -> Floats:
        """The model's inputs, with the peaks of shorter horizons corrected by the exponent k."""
        if not self.shortening.any():
            return self.columns
        moved = scaled(self.columns, -exponent * np.log(2.0) * self.raised)
        return np.concatenate([moved, self.shortening[:, None]], axis=1)


def gather(
    observations: Sequence[Observation], direction: Direction, cap: float, horizon: int
) -> Evidence:
    """The results among observations; what is still running is left out."""
    rows = [row for row, seen in enumerate(observations) if has_ended(seen)]
    known = [observations[row] for row in rows]
    losses = levelled_losses(known, direction, horizon)
    lengths = shortenings(known, horizon)
    return Evidence(
        describe([seen.params for seen in known], cap, horizon),
        lengths,
        np.where([seen.is_prefix for seen in known], 0.0, lengths),
        losses,
        tamed(losses),
        np.array([float(max(1, seen.seeds)) for seen in known]),
        np.array(rows, dtype=np.int64),
    )


def tamed(values: Floats) -> Floats:
    """From 0 for the best; differences above the usual one drawn in, bad (NaN) ones beyond them.

    >>> tamed(np.array([1.0, 2.0, 3.0, np.nan])).round(2)
    array([0.  , 1.  , 1.69, 2.19])
    """
    if not np.isfinite(values).any():
        return np.zeros_like(values)
    above = values - np.nanmin(values)
    middle = max(_usual(above), SMALL * _usual(above[:FIRST]))
    if middle <= 0.0:
        middle = float(np.nanmax(above)) or 1.0
    drawn = np.where(
        above > middle, middle * (1.0 + np.log(np.maximum(above / middle, 1.0))), above
    )
    return np.where(np.isnan(drawn), np.nanmax(drawn) + BAD * middle, drawn)


def _usual(above: Floats) -> float:
    return float(np.nanpercentile(above, USUAL)) if np.isfinite(above).any() else 0.0
