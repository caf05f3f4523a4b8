"""Training networks that map Heston parameters to a surface, on the compiled engine.

The one idea: whoever trains fixes the scaling first; the loss is the mean squared error of scaled
volatilities, the metrics are root mean squared errors in basis points of volatility.
Not here: which surfaces (`tuning.objectives.heston_surface`, `.regime_finetune`). This leaf
imports JAX and is imported only to train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from tuning.objectives.base import Arrays, Floats
from tuning.objectives.batches import Indices, Permutations
from tuning.objectives.cached import cached, hash_arrays
from tuning.objectives.heston import Domain
from tuning.objectives.networks import Mlp, SquaredError, Weights
from tuning.objectives.pretrained import PRETRAINED_WIDTHS, Scaling, SurfaceNetwork, assemble
from tuning.objectives.scan import Recipe, Scan, Split
from tuning.objectives.surfaces import MATURITIES, Surfaces
from tuning.objectives.units import BASIS_POINTS
from tuning.seeds import derive

# What a network is pretrained by: the best of the known schedules on this very problem.
PRETRAINING_UPDATES = 3720
PRETRAINING_PEAK = 0.02
PRETRAINING_BATCH = 32
PRETRAINED_ACTIVATION = "elu"
PRETRAINING_VERSION = 1  # to be raised when the same recipe gives another network


@dataclass(frozen=True, slots=True, weakref_slot=True)  # JAX keeps weak references to functions
class SurfaceError:
    """Root mean squared errors in basis points on each of several sets, by their metric's name.

    The first one is told per maturity, too.
    """

    network: Mlp
    names: tuple[str, ...]

    def __call__(
        self, weights: Weights, rows: Mapping[str, Mapping[str, jax.Array]]
    ) -> tuple[Mapping[str, jax.Array], jax.Array]:
        """Metrics, and the first one per maturity."""
        squares = [self._squares(weights, rows[name]) for name in self.names]
        metrics = {
            name: BASIS_POINTS * jnp.sqrt(jnp.mean(square))
            for name, square in zip(self.names, squares, strict=True)
        }
        maturities = jnp.mean(squares[0].reshape(len(MATURITIES), -1), axis=1)
        return metrics, BASIS_POINTS * jnp.sqrt(maturities)

    def _squares(self, weights: Weights, rows: Mapping[str, jax.Array]) -> jax.Array:
        """Mean squared error of every point of the grid."""
        volatilities = self.network(weights, rows["inputs"]) * rows["scale"] + rows["centre"]
        return jnp.mean((volatilities - rows["volatilities"]) ** 2, axis=0)


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Permutations without end, of a stream of their own under a lane's seed."""

    permutations: Permutations

    def __call__(self, seed: int, first: int, last: int) -> Indices:
        """Rows of updates `first` to `last` - 1."""
        return self.permutations(derive(seed, "order"), first, last)


@dataclass(frozen=True, slots=True, eq=False)
class Untrained:
    """A network whose weights every lane draws anew from its seed.

    Args:
        widths: inputs, hidden units of each layer, outputs.
        activation: between the layers.
        scaling: of what goes in and comes out.
    """

    widths: tuple[int, ...]
    activation: str
    scaling: Scaling

    def layers_of(self, seed: int) -> Weights:
        """Weights before the first update, from a stream of their own under a lane's seed."""
        return Mlp(self.widths, self.activation).init(derive(seed, "weights"))


def make_trainer(
    start: SurfaceNetwork | Untrained,
    train: Surfaces,
    scored: Mapping[str, Mapping[str, Surfaces]],
    batch: int,
    seeds: Sequence[int],
) -> Scan:
    """Networks in training with Adam, one lane per seed.

    Args:
        start: what every lane starts from: one network, or one of random weights per seed.
        train: surfaces to learn, noisy or not.
        scored: per split, per metric the surfaces it is measured on.
        batch: surfaces per update.
        seeds: of the lanes.
    """
    network, scaling = Mlp(start.widths, start.activation), start.scaling
    splits = {
        split: Split(
            {name: _rows(scaling, surfaces) for name, surfaces in sets.items()},
            SurfaceError(network, tuple(sets)),
        )
        for split, sets in scored.items()
    }
    recipe = Recipe(
        init=start.layers_of if isinstance(start, Untrained) else lambda _seed: start.layers,
        loss=SquaredError(network),
        rows=(scaling.inputs(train), scaling.targets(train)),
        order=Shuffled(Permutations(len(train), batch)),
        splits=splits,
    )
    return Scan(recipe, seeds)


def pretrain(train: Surfaces, domain: Domain, seed: int, cache: Path | None) -> SurfaceNetwork:
    """A network trained on `train` by a fixed schedule: linear from 0.02 to 0.

    Args:
        train: surfaces to learn.
        domain: what they were drawn from.
        seed: of the first weights and the order of the data.
        cache: folder that the network is kept in.
    """
    start = Untrained(PRETRAINED_WIDTHS, PRETRAINED_ACTIVATION, Scaling.of(domain, train))

    def make() -> Arrays:
        trainer = make_trainer(start, train, {}, PRETRAINING_BATCH, (seed,))
        fractions = np.arange(PRETRAINING_UPDATES) / PRETRAINING_UPDATES
        trainer.train(PRETRAINING_PEAK * (1 - fractions)[None])
        return SurfaceNetwork(trainer.params()[0], start.activation, start.scaling).arrays

    recipe = {
        "version": PRETRAINING_VERSION,
        "data": hash_arrays(train.arrays),
        "domain": asdict(domain),
        "widths": PRETRAINED_WIDTHS,
        "activation": PRETRAINED_ACTIVATION,
        "updates": PRETRAINING_UPDATES,
        "peak": PRETRAINING_PEAK,
        "batch": PRETRAINING_BATCH,
        "seed": seed,
    }
    return assemble(cached(cache, "surface-network", recipe, make), "the pretrained network")


def _rows(scaling: Scaling, surfaces: Surfaces) -> Mapping[str, Floats]:
    return {
        "inputs": scaling.inputs(surfaces),
        "volatilities": surfaces.volatilities,
        "centre": scaling.output_centre,
        "scale": scaling.output_scale,
    }
