"""Prequential: a network that is scored on each snapshot before it is trained on it.

The one idea: snapshot s is scored before its first update and trained on for `unit` updates, warm
from the snapshot before; nothing of a snapshot is known before its score (Dawid, 1984).
Not here: where snapshots come from. This leaf imports JAX and is imported only to train.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tuning.objectives.base import Arrays, Floats
from tuning.objectives.batches import Indices
from tuning.objectives.networks import Mlp, Weights
from tuning.objectives.scan import Recipe, Scan, Trace
from tuning.objectives.snapshots import ORDERS, Snapshots
from tuning.objectives.units import BASIS_POINTS
from tuning.seeds import derive

Quotes = Mapping[str, jax.Array]  # flat over snapshots: inputs, vols, weights, known


@dataclass(frozen=True, slots=True)
class WeightedError:
    """Mean over a batch of `w (network(x) - vol)^2`."""

    network: Mlp

    def __call__(self, weights: Weights, batch: Quotes) -> jax.Array:
        """The loss of one batch, a scalar."""
        errors = self.network(weights, batch["inputs"])[:, 0] - batch["vols"]
        return jnp.mean(batch["weights"] * errors**2)


@dataclass(frozen=True, slots=True, weakref_slot=True)  # JAX keeps weak references to functions
class Surprise:
    """Errors on the snapshot that comes next, by the network as it is.

    Args:
        network: what is scored.
        unit: updates per snapshot.
        width: quotes per snapshot, those without weight included.
    """

    network: Mlp
    unit: int
    width: int

    def __call__(self, weights: Weights, rows: Quotes, update: jax.Array) -> jax.Array:
        """Weighted RMSE, weighted mean absolute error, RMSE of instruments known before."""
        begin = update // self.unit * self.width
        quotes = {
            name: jax.lax.dynamic_slice_in_dim(column, begin, self.width)
            for name, column in rows.items()
        }
        errors = self.network(weights, quotes["inputs"])[:, 0] - quotes["vols"]
        weight, known = quotes["weights"], quotes["weights"] * quotes["known"]
        squares = errors**2
        return jnp.stack(
            [
                jnp.sqrt(jnp.sum(weight * squares) / jnp.sum(weight)),
                jnp.sum(weight * jnp.abs(errors)) / jnp.sum(weight),
                jnp.sqrt(jnp.sum(known * squares) / jnp.sum(known)),
            ]
        )


@dataclass(frozen=True, slots=True)
class Passing:
    """The rows of each update: quotes of its snapshot alone, every quote once before any twice.

    Args:
        counts: quotes of each snapshot, which come first of its `width` rows.
        width: rows of a snapshot.
        unit: updates per snapshot.
        batch: quotes per update.
    """

    counts: tuple[int, ...]
    width: int
    unit: int
    batch: int

    def __call__(self, seed: int, first: int, last: int) -> Indices:
        """Rows of updates `first` to `last` - 1, of shape (last - first, batch)."""
        begin, end = first // self.unit, -(-last // self.unit)
        drawn = [self._rows(seed, min(one, len(self.counts) - 1)) for one in range(begin, end)]
        joined = np.concatenate(drawn) if drawn else np.empty((0, self.batch), np.int32)
        offset = begin * self.unit
        return joined[first - offset : last - offset]

    def _rows(self, seed: int, snapshot: int) -> NDArray[np.int32]:
        return _drawn(seed, snapshot, self.counts[snapshot], (self.unit, self.batch)) + np.int32(
            snapshot * self.width
        )


@functools.lru_cache(ORDERS)
def _drawn(seed: int, snapshot: int, count: int, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Places of quotes within a snapshot, permutation after permutation."""
    generator = np.random.default_rng([seed, snapshot])
    rounds = -(-shape[0] * shape[1] // count)
    drawn = np.concatenate([generator.permutation(count) for _ in range(rounds)])
    return drawn[: shape[0] * shape[1]].reshape(shape).astype(np.int32)


class Prequential:
    """A `Trainer` and `Resumable` over one segment of snapshots.

    Args:
        network: what is trained.
        snapshots: the segment.
        seeds: one lane each.
        unit: updates per snapshot.
        batch: quotes per update.
        scored: the first snapshot whose loss is a block.
    """

    def __init__(
        self,
        network: Mlp,
        snapshots: Snapshots,
        seeds: Sequence[int],
        *,
        unit: int,
        batch: int,
        scored: int,
    ) -> None:
        width = snapshots.vols.shape[1]
        self._surprise = Surprise(network, unit, width)
        self._persistence = snapshots.persistence()
        self._unit, self._scored, self._count = unit, scored, len(snapshots)
        self._rows = _flat(snapshots)
        recipe = Recipe(
            init=lambda seed: network.init(derive(seed, "weights")),
            loss=WeightedError(network),
            rows=self._rows,
            order=Passing(snapshots.counts, width, unit, batch),
            trace=Trace(unit, self._surprise),
        )
        self._scan = Scan(recipe, seeds)

    def train(self, lrs: Floats) -> None:
        """Score what is due and update, with the learning rates `lrs`, of shape (lanes, chunk)."""
        self._scan.train(lrs)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Means over the snapshots that the last `train` began, in basis points; and skill."""
        del split
        marks = self._scan.latest
        if not marks.shape[1]:  # nothing was trained, or the chunk began no snapshot
            marks = self._ahead()
        begun = self._begun() + np.arange(-marks.shape[1], 0)
        before = self._persistence[np.clip(begun, 0, self._count - 1)]
        skill = np.where(np.isnan(before), 0.0, 1.0 - marks[:, :, 2] / before)
        return {
            "rmse_bp": BASIS_POINTS * marks[:, :, 0].mean(axis=1),
            "mae_bp": BASIS_POINTS * marks[:, :, 1].mean(axis=1),
            "skill": skill.mean(axis=1),
        }

    def block_losses(self, split: str) -> Floats:
        """RMSE of every scored snapshot in basis points, NaN for those still to come."""
        del split
        losses = np.full((len(self._scan.history), self._count), np.nan)
        known = self._scan.history[:, : self._count, 0]
        losses[:, : known.shape[1]] = BASIS_POINTS * known
        return losses[:, self._scored :]

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        self._scan.keep(lanes)

    def state(self) -> Arrays:
        """Everything that later updates depend on, as arrays."""
        return self._scan.state()

    def restore(self, state: Arrays) -> None:
        """Go on from what `state` returned."""
        self._scan.restore(state)

    def _begun(self) -> int:
        """Snapshots of which an update was made, or would be the next."""
        return max(1, -(-self._scan.done // self._unit))

    def _ahead(self) -> Floats:
        """What the trace would say now, of shape (lanes, 1, values)."""
        rows = {name: jnp.asarray(column, jnp.float32) for name, column in self._rows.items()}
        update = jnp.int32((self._begun() - 1) * self._unit)
        found = [self._surprise(weights, rows, update) for weights in self._scan.params()]
        return np.asarray(found, dtype=np.float64)[:, None, :]


def _flat(snapshots: Snapshots) -> dict[str, np.ndarray]:
    """All quotes in a row, snapshot after snapshot."""
    known = ~np.isnan(snapshots.earlier)
    return {
        "inputs": snapshots.inputs.reshape(-1, 2),
        "vols": snapshots.vols.ravel(),
        "weights": snapshots.weights.ravel(),
        "known": known.astype(np.float64).ravel(),
    }
