"""Networks as values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tuning.errors import InvalidValue, UnknownName
from tuning.objectives.layers import ACTIVATIONS
from tuning.objectives.networks import SMALL, Mlp, SquaredError, Weights, elu


def test_weights_are_drawn_by_seed_within_the_usual_limits() -> None:
    """Uniform within 1/sqrt(inputs), as `torch.nn.Linear` draws them, float32."""
    network = Mlp((100, 200, 3), "tanh")
    (first, offset), (last, _) = network.init(5)
    assert first.shape == (100, 200)
    assert offset.shape == (200,)
    assert {array.dtype for pair in network.init(5) for array in pair} == {np.dtype(np.float32)}
    assert 0.099 < np.abs(first).max() <= np.float32(0.1)
    assert np.isclose(first.std(), 0.1 / np.sqrt(3), rtol=0.02)
    assert np.abs(last).max() <= np.float32(200**-0.5)
    assert np.array_equal(network.init(5)[0][0], first)
    assert not np.array_equal(network.init(6)[0][0], first)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_and_loss_follow_the_formula(activation: str) -> None:
    """A network of two layers by hand, in float64."""
    by_hand = {
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "relu": lambda x: np.maximum(x, 0),
        "softplus": lambda x: np.log1p(np.exp(x)),
        "tanh": np.tanh,
    }
    network = Mlp((3, 7, 2), activation)
    weights = network.init(1)
    generator = np.random.default_rng(2)
    inputs, targets = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    (first, offset), (last, shift) = (
        tuple(array.astype(np.float64) for array in pair) for pair in weights
    )
    expected = by_hand[activation](inputs @ first + offset) @ last + shift
    batch = jnp.asarray(inputs, "f4"), jnp.asarray(targets, "f4")
    assert np.allclose(network(weights, batch[0]), expected, atol=1e-6)
    loss = SquaredError(network)(weights, batch)
    assert np.isclose(loss, np.mean((expected - targets) ** 2), rtol=1e-5)


def test_elu_and_its_slope_are_those_of_jax() -> None:
    """Equal to `jax.nn.elu` up to float32 rounding, without overflow at either end."""
    points = jnp.asarray([-1e30, -90.0, -3.0, -0.1, -1e-6, 0.0, 1e-6, 2.0, 1e30], jnp.float32)
    assert np.allclose(elu(points), jax.nn.elu(points), rtol=1e-6, atol=1e-7)
    ours, theirs = (jax.vmap(jax.grad(function))(points) for function in (elu, jax.nn.elu))
    assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("rows", [7, SMALL])
def test_the_slope_of_the_loss_is_that_of_the_plain_formula(rows: int) -> None:
    """Layers of either size, against JAX's own derivative of matrix products, in float64."""
    network = Mlp((3, 6, 2), "tanh")
    generator = np.random.default_rng(4)
    batch = generator.normal(size=(rows, 3)), generator.normal(size=(rows, 2))
    ours = jax.grad(SquaredError(network))(
        network.init(3), tuple(jnp.asarray(column, "f4") for column in batch)
    )
    with jax.enable_x64(True):  # noqa: FBT003 - it names no keyword
        weights = jax.tree.map(lambda leaf: jnp.asarray(leaf, "f8"), network.init(3))

        def plain(weights: Weights) -> jax.Array:
            (first, offset), (last, shift) = weights
            outputs = jnp.tanh(batch[0] @ first + offset) @ last + shift
            return jnp.mean((outputs - batch[1]) ** 2)

        expected = jax.tree.map(np.asarray, jax.grad(plain)(weights))
    for own, other in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        assert np.allclose(own, other, rtol=1e-4, atol=1e-6)


def test_equal_descriptions_are_equal() -> None:
    """So that they share one compiled program."""
    assert SquaredError(Mlp((2, 3, 1))) == SquaredError(Mlp((2, 3, 1)))
    assert hash(SquaredError(Mlp((2, 3, 1)))) == hash(SquaredError(Mlp((2, 3, 1))))


def test_impossible_networks_are_refused() -> None:
    """The mistake names its field."""
    with pytest.raises(InvalidValue, match=r"^widths: "):
        Mlp((3,))
    with pytest.raises(UnknownName, match=r"^activation: 'swish' "):
        Mlp((3, 1), "swish")
