"""Batches: which training rows an update sees, drawn from a seed alone.

The one idea: an order is a pure function of (seed, first update, last update), so it knows nothing
of chunks, of neighbours or of what was trained before, and a resumed run needs no generator state.
Not here: data whose rows become known as time passes; an objective gives an order of its own.
"""

import functools
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue

Indices: TypeAlias = NDArray[np.int32]

KEPT_EPOCHS = 256  # the runs of a block mostly share few seeds


class Order(Protocol):
    """The rows that each update sees."""

    def __call__(self, seed: int, first: int, last: int) -> Indices:
        """Rows of updates `first` to `last` - 1, of shape (last - first, batch).

        A row's value may depend on (seed, update) and on nothing else.
        """
        ...


@dataclass(frozen=True, slots=True)
class Permutations:
    """Every epoch is a fresh permutation of all rows, without end.

    An epoch's last rows go together with the next one's first, so that every batch is full.

    Args:
        rows: number of training rows, at least 1.
        batch: rows per update, at least 1; it may exceed `rows`.

    >>> order = Permutations(rows=5, batch=2)
    >>> sorted(order(7, 0, 5).ravel().tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    >>> bool((order(7, 0, 5)[3:] == order(7, 3, 5)).all())
    True
    """

    rows: int
    batch: int

    def __post_init__(self) -> None:
        """Refuse an order without rows."""
        for name, value in (("rows", self.rows), ("batch", self.batch)):
            if value < 1:
                raise InvalidValue(name, value, "an integer from 1")

    def __call__(self, seed: int, first: int, last: int) -> Indices:
        """Rows of updates `first` to `last` - 1, of shape (last - first, batch)."""
        begin, end = first * self.batch, last * self.batch
        epochs = range(begin // self.rows, -(-end // self.rows))
        drawn = [_epoch(seed, epoch, self.rows) for epoch in epochs]
        joined = np.concatenate(drawn) if drawn else np.empty(0, np.int32)
        offset = epochs.start * self.rows
        return joined[begin - offset : end - offset].reshape(last - first, self.batch)


@functools.lru_cache(KEPT_EPOCHS)
def _epoch(seed: int, epoch: int, rows: int) -> Indices:
    """The permutation of one epoch."""
    permutation = np.random.default_rng([seed, epoch]).permutation(rows).astype(np.int32)
    permutation.setflags(write=False)  # shared by everyone who asks for this epoch
    return permutation
