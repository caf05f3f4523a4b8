"""Evidence: the scores of a study as the model of curves wants them.

The one idea: differences between good schedules decide, so losses enter as logs, those beyond the
median are drawn in, and what diverged counts as a little worse than the worst. Results at shorter
horizons count too, shifted by what a horizon costs and with the peak corrected: the best peak of a
horizon T' is (T / T')^k times that of T.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuning.records import Direction
from tuning.search.samplers.description import describe, scaled
from tuning.search.samplers.observation import Observation

Floats = NDArray[np.float64]

BAD = 0.5  # how much worse than the worst score a diverged schedule is, in median differences


@dataclass(frozen=True, eq=False)
class Evidence:
    """Results, one row each.

    Args:
        columns: descriptions of the schedules, shape (results, columns).
        shortening: log2 of the study's horizon over that of the result, shape (results,).
        values: what is to be made small, shape (results,).
        seeds: how many seeds each rests on, shape (results,).
        rows: which observation each is, shape (results,).
    """

    columns: Floats
    shortening: Floats
    values: Floats
    seeds: Floats
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def chosen(self, which: NDArray[np.int64]) -> "Evidence":
        """Some of the results."""
        return Evidence(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

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
        moved = scaled(self.columns, -exponent * np.log(2.0) * self.shortening)
        return np.concatenate([moved, self.shortening[:, None]], axis=1)


def gather(
    observations: Sequence[Observation], direction: Direction, cap: float, horizon: int
) -> Evidence:
    """The results among observations; what is still running is left out."""
    rows = [
        row for row, seen in enumerate(observations) if seen.is_bad or _is_scored(seen)
    ]
    known = [observations[row] for row in rows]
    shortening = np.array([np.log2(horizon / (seen.horizon or horizon)) for seen in known])
    evidence = Evidence(
        describe([seen.params for seen in known], cap, horizon),
        shortening,
        np.array([np.nan if seen.is_bad else float(seen.value or 0.0) for seen in known]),
        np.array([float(max(1, seen.seeds)) for seen in known]),
        np.array(rows, dtype=np.int64),
    )
    return replace(evidence, values=_tamed(_levelled(evidence, known, direction)))


def _is_scored(seen: Observation) -> bool:
    return seen.value is not None and bool(np.isfinite(seen.value))


def _levelled(evidence: Evidence, known: Sequence[Observation], direction: Direction) -> Floats:
    """Losses, logs of them if all are above zero, less what each shorter horizon costs."""
    values = evidence.values if direction is Direction.MINIMIZE else -evidence.values
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0.0:
        values = np.log(values)
    levels = np.unique(evidence.shortening[np.isfinite(values)])
    keys = [tuple(sorted(seen.params.items())) for seen in known]
    values = values.copy()
    for level in levels[1:]:
        base, here = evidence.shortening == levels[0], evidence.shortening == level
        full = {keys[row]: values[row] for row in np.flatnonzero(base & np.isfinite(values))}
        pairs = [
            values[row] - full[keys[row]]
            for row in np.flatnonzero(here & np.isfinite(values))
            if keys[row] in full
        ]
        cost = (
            np.median(pairs) if pairs else np.nanmedian(values[here]) - np.nanmedian(values[base])
        )
        values[here] -= cost
    return values


def _tamed(values: Floats) -> Floats:
    """From 0 for the best; differences above the median one drawn in, bad ones beyond them."""
    if not np.isfinite(values).any():
        return np.zeros_like(values)
    above = values - np.nanmin(values)
    middle = float(np.nanmedian(above))
    if middle <= 0.0:
        middle = float(np.nanmax(above)) or 1.0
    drawn = np.where(above > middle, middle * (1.0 + np.log(np.maximum(above / middle, 1.0))), above)
    return np.where(np.isnan(drawn), np.nanmax(drawn) + BAD * middle, drawn)
