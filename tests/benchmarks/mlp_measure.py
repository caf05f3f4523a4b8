"""Mean squared error of the benchmark's network, in JAX; a leaf that only training imports."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from tuning.objectives.networks import Mlp, Weights


@dataclass(frozen=True, slots=True, weakref_slot=True)
class MeanSquare:
    """Mean squared error as the metric and as one block."""

    network: Mlp

    def __call__(
        self, weights: Weights, rows: tuple[jax.Array, jax.Array]
    ) -> tuple[Mapping[str, jax.Array], jax.Array]:
        """The error on all rows."""
        inputs, targets = rows
        error = jnp.mean((self.network(weights, inputs) - targets) ** 2)
        return {"mse": error}, error[None]
