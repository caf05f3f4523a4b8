"""Snapshots: an implied-volatility surface as it was quoted at one moment after another.

The one idea: whatever the source, a snapshot is some quotes at fixed transforms of strike and
maturity that depend on nothing but the quote itself, so that no scaling can look ahead. Persistence
is what the same instrument was quoted at one snapshot earlier.
Not here: quotes from a file (`tuning.objectives.quotes`), generated ones
(`tuning.objectives.drifting`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuning.objectives.base import Floats

# Fixed, so that inputs are of order 1 for maturities from a day to two years.
LOG_MATURITY_CENTRE, LOG_MATURITY_SCALE = -2.0, 1.5


ORDERS = 4_096  # of quotes within a snapshot, drawn by a lane, that are kept for the others


@dataclass(frozen=True, slots=True, eq=False)
class Snapshots:
    """Quotes of S snapshots, at most N each; what is missing has weight 0.

    Args:
        names: a moment per snapshot.
        inputs: k / sqrt(T) and the standardised log of T, shape (S, N, 2), with k the log of
            strike over forward and T the maturity in years.
        vols: implied volatilities, shape (S, N).
        weights: of mean 1 over the quotes of a snapshot, 0 where there is none, shape (S, N).
        earlier: the same instrument's volatility one snapshot before, NaN if it had none, (S, N).
    """

    names: tuple[str, ...]
    inputs: Floats
    vols: Floats
    weights: Floats
    earlier: Floats

    def __len__(self) -> int:
        """Number of snapshots."""
        return len(self.names)

    @property
    def counts(self) -> tuple[int, ...]:
        """Quotes of each snapshot, which come first."""
        return tuple((self.weights > 0).sum(axis=1).tolist())

    @property
    def sha256(self) -> str:
        """Hash of all values, little-endian."""
        digest = hashlib.sha256(repr(self.names).encode())
        for values in (self.inputs, self.vols, self.weights, self.earlier):
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()

    def between(self, begin: int, end: int) -> "Snapshots":
        """Snapshots `begin` .. `end` - 1."""
        chosen = slice(begin, end)
        return Snapshots(
            self.names[chosen],
            self.inputs[chosen],
            self.vols[chosen],
            self.weights[chosen],
            self.earlier[chosen],
        )

    def persistence(self) -> Floats:
        """Weighted root mean square of the change since the snapshot before, shape (S,).

        NaN where no instrument was quoted before.
        """
        weights = np.where(np.isnan(self.earlier), 0.0, self.weights)
        squares = weights * np.where(np.isnan(self.earlier), 0.0, self.vols - self.earlier) ** 2
        with np.errstate(invalid="ignore"):
            changes: Floats = np.sqrt(squares.sum(axis=1) / weights.sum(axis=1))
        return changes


def transform(log_moneyness: Floats, maturity: Floats) -> Floats:
    """The inputs of quotes, of shape (..., 2).

    Args:
        log_moneyness: k, the log of strike over forward.
        maturity: T in years, positive, of the same shape.

    >>> transform(np.array([0.1]), np.array([0.25])).round(4)
    array([[0.2   , 0.4091]])
    """
    scaled = log_moneyness / np.sqrt(maturity)
    logs = (np.log(maturity) - LOG_MATURITY_CENTRE) / LOG_MATURITY_SCALE
    return np.stack([scaled, logs], axis=-1)


def pad(rows: Sequence[Floats], width: int, fill: float) -> Floats:
    """Rows of various lengths as one array of shape (rows, width, ...), the rest filled.

    >>> pad([np.ones(1), np.ones(2)], 2, 0.0).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    padded = np.full((len(rows), width, *rows[0].shape[1:]), fill)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
