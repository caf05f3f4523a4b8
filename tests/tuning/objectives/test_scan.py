"""The engine: lanes of small networks trained by compiled programs."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tuning.errors import InvalidValue
from tuning.objectives import compiled
from tuning.objectives.batches import Indices, Permutations
from tuning.objectives.networks import Mlp, SquaredError, Weights
from tuning.objectives.scan import ACCELERATOR_WIDTH, BUCKET, WIDTH, Recipe, Scan, Split, Trace

NETWORK = Mlp((3, 16, 16, 2), "elu")
LOSS = SquaredError(NETWORK)
ROWS = 50
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(ROWS, 3))
TARGETS = np.stack([np.sin(INPUTS.sum(1)), INPUTS.prod(1)], axis=1)
SEEDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]  # more than one call's lanes


def measure(weights: Weights, rows: tuple[jax.Array, jax.Array]) -> compiled.Scores:
    """Mean squared error, and the same per output."""
    errors = jnp.mean((NETWORK(weights, rows[0]) - rows[1]) ** 2, axis=0)
    return {"mse": jnp.mean(errors), "worst": jnp.max(errors)}, errors


def before(weights: Weights, rows: tuple[jax.Array, jax.Array], update: jax.Array) -> jax.Array:
    """The loss on all rows, and the number of the update."""
    return jnp.stack([LOSS(weights, rows), update.astype(jnp.float32)])


@dataclass(frozen=True, slots=True)
class Measured:
    """The same as a value with slots, as objectives have it."""

    network: Mlp

    def __call__(self, weights: Weights, rows: tuple[jax.Array, jax.Array]) -> compiled.Scores:
        """See `measure`."""
        return measure(weights, rows)


def recipe(**changes: object) -> Recipe:
    """A small regression, changed where asked."""
    settings: dict[str, object] = {
        "init": NETWORK.init,
        "loss": LOSS,
        "rows": (INPUTS, TARGETS),
        "order": Permutations(ROWS, 8),
        "splits": {"validation": Split((INPUTS[:20], TARGETS[:20]), Measured(NETWORK))},
    }
    return Recipe(**{**settings, **changes})  # type: ignore[arg-type]


def rates(lanes: int, updates: int) -> np.ndarray:
    """Learning rates that differ by lane and update."""
    return np.random.default_rng(lanes).uniform(1e-3, 1e-2, (lanes, updates))


def vector(weights: object) -> np.ndarray:
    """Weights as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(weights)])


def flat(scan: Scan) -> np.ndarray:
    """All weights, of shape (lanes, parameters)."""
    return np.stack([vector(weights) for weights in scan.params()])


@pytest.fixture(scope="module", params=[False, True], ids=["lane by lane", "vectorized"])
def vectorized(request: pytest.FixtureRequest) -> bool:
    """Both ways to train lanes."""
    chosen: bool = request.param
    return chosen


@pytest.mark.parametrize(
    ("rule", "peer"),
    [
        (optax.scale_by_adam(), optax.adam),
        (optax.trace(0.9), functools.partial(optax.sgd, momentum=0.9)),
    ],
    ids=["adam", "momentum"],
)
def test_updates_are_those_of_optax(
    rule: optax.GradientTransformation, peer: Callable[[float], optax.GradientTransformation]
) -> None:
    """A loop of Optax's own updates, batch by batch, ends at the same weights."""
    lrs = rates(2, 30)
    scan = Scan(recipe(rule=rule), [7, 8])
    scan.train(lrs)
    optimizer = optax.inject_hyperparams(peer)(learning_rate=0.0)

    @jax.jit
    def step(weights: Any, state: Any, lr: float, batch: Any) -> Any:  # noqa: ANN401 - pytrees
        state.hyperparams["learning_rate"] = lr
        updates, state = optimizer.update(jax.grad(LOSS)(weights, batch), state)
        return optax.apply_updates(weights, updates), state

    for lane, seed in enumerate((7, 8)):
        weights = NETWORK.init(seed)
        state = optimizer.init(weights)
        for lr, rows in zip(lrs[lane], Permutations(ROWS, 8)(seed, 0, 30), strict=True):
            batch = INPUTS[rows].astype("f4"), TARGETS[rows].astype("f4")
            weights, state = step(weights, state, np.float32(lr), batch)
        assert np.allclose(flat(scan)[lane], vector(weights), atol=2e-5)


def test_a_lane_has_the_same_bits_alone_among_others_and_in_any_chunks(vectorized: bool) -> None:
    """Neighbours, their number, lanes that are dropped and chunks change nothing."""
    lrs = rates(len(SEEDS), 3 * BUCKET)
    together = Scan(recipe(), SEEDS, vectorized)
    together.train(lrs)
    losses = together.block_losses("validation")

    alone = Scan(recipe(), SEEDS[-2:-1], vectorized)
    for chunk in np.split(lrs[-2:-1], [1, 8, BUCKET, BUCKET + 5, 2 * BUCKET + 9], axis=1):
        alone.train(chunk)
    assert np.array_equal(flat(alone)[0], flat(together)[-2])
    assert np.array_equal(alone.block_losses("validation")[0], losses[-2])

    dropped = Scan(recipe(), SEEDS, vectorized)
    dropped.train(lrs[:, :40])
    kept = [0, 4, 9, 10]
    dropped.keep(kept)
    dropped.train(lrs[kept, 40:])
    assert np.array_equal(flat(dropped), flat(together)[kept])
    assert np.array_equal(dropped.block_losses("validation"), losses[kept])


def test_neighbours_that_overflow_disturb_nobody(vectorized: bool) -> None:
    """A lane beside one that blows up keeps its bits, and nothing raises."""
    lrs = rates(3, 30)
    wild = lrs.copy()
    wild[1] = 1e30
    calm, mixed = (Scan(recipe(), [1, 2, 3], vectorized) for _ in range(2))
    calm.train(lrs)
    mixed.train(wild)
    assert np.array_equal(flat(mixed)[[0, 2]], flat(calm)[[0, 2]])
    assert not np.isfinite(mixed.evaluate("validation")["mse"][1])


def test_both_ways_to_train_agree() -> None:
    """Vectorized lanes end where single lanes do, within float32 rounding."""
    assert len(SEEDS) not in {WIDTH, ACCELERATOR_WIDTH}  # so that both are padded
    scans = [Scan(recipe(), SEEDS, vectorized) for vectorized in (False, True)]
    for scan in scans:
        scan.train(rates(len(SEEDS), 60))
    assert np.allclose(*map(flat, scans), atol=1e-4)
    assert np.allclose(*(scan.block_losses("validation") for scan in scans), rtol=1e-3)


def test_a_learning_rate_of_zero_changes_no_weight(vectorized: bool) -> None:
    """Not even where the gradient overflows."""
    huge = recipe(rows=(1e30 * INPUTS, TARGETS))
    for described in (recipe(), huge):
        scan = Scan(described, [1, 2], vectorized)
        start = flat(scan)
        scan.train(np.zeros((2, 20)))
        assert np.array_equal(flat(scan), start)


def test_equal_seeds_see_equal_data_whatever_their_learning_rates() -> None:
    """Common random numbers: the order is asked for seed by seed, once, and in order."""
    asked: list[tuple[int, int, int]] = []
    order = Permutations(ROWS, 8)

    def noted(seed: int, first: int, last: int) -> Indices:
        asked.append((seed, first, last))
        return order(seed, first, last)

    scan = Scan(recipe(order=noted), [5, 5, 5])
    assert np.array_equal(*flat(scan)[:2])
    scan.train(np.array([[1e-3] * 10, [1e-3] * 10, [1e-2] * 10]))
    scan.train(np.full((3, 4), 1e-3))
    assert asked == [(5, 0, 10), (5, 10, 14)]
    assert np.array_equal(*flat(scan)[:2])
    assert not np.array_equal(*flat(scan)[1:])


def test_training_goes_on_from_a_state_with_the_same_bits(vectorized: bool, tmp_path: Path) -> None:
    """A state is arrays alone, and survives a file."""
    described = recipe(trace=Trace(4, before))
    lrs = rates(len(SEEDS), 50)
    through = Scan(described, SEEDS, vectorized)
    through.train(lrs[:, :21])
    np.savez(tmp_path / "state.npz", **through.state())
    through.train(lrs[:, 21:])

    resumed = Scan(described, SEEDS, vectorized)
    with np.load(tmp_path / "state.npz") as state:
        resumed.restore(state)
    resumed.train(lrs[:, 21:])
    assert resumed.done == 50
    assert np.array_equal(flat(resumed), flat(through))
    assert np.array_equal(resumed.history, through.history)
    assert np.array_equal(resumed.latest, through.latest)


def test_a_state_of_other_lanes_is_refused() -> None:
    """A state fits as many lanes as it came from."""
    with pytest.raises(InvalidValue, match=r"^state: 3 "):
        Scan(recipe(), [1, 2]).restore(Scan(recipe(), [1, 2, 3]).state())


def test_a_trace_is_measured_before_the_updates_it_is_due_at(vectorized: bool) -> None:
    """A mark holds what the weights were before its update, whatever the chunks."""
    described = recipe(trace=Trace(6, before))
    lrs = rates(3, 40)
    scan = Scan(described, [1, 2, 3], vectorized)
    for first, last in ((0, 4), (4, 20), (20, 40)):
        scan.train(lrs[:, first:last])
        due = [update for update in range(first, last) if update % 6 == 0]
        assert scan.latest[:, :, 1].tolist() == [due] * 3
    assert scan.history[:, :, 1].tolist() == [[0, 6, 12, 18, 24, 30, 36]] * 3

    short = Scan(described, [1, 2, 3], vectorized)
    short.train(lrs[:, :12])
    losses = [LOSS(p, (INPUTS.astype("f4"), TARGETS.astype("f4"))) for p in short.params()]
    assert np.allclose(scan.history[:, 2, 0], losses, rtol=1e-5)

    untraced = Scan(recipe(), [1, 2, 3], vectorized)
    untraced.train(lrs)
    assert np.allclose(flat(untraced), flat(scan), atol=1e-5)


def test_a_chunk_without_a_mark_leaves_an_empty_trace() -> None:
    """Nothing due means nothing measured, not what was measured before."""
    scan = Scan(recipe(trace=Trace(6, before)), [1, 2])
    scan.train(rates(2, 3))
    scan.train(rates(2, 2))
    assert scan.latest.shape == (2, 0, 2)
    assert scan.history.shape == (2, 1, 2)
    scan.keep([1])
    assert scan.history.shape == (1, 1, 2)


def test_scores_are_those_of_the_last_weights(vectorized: bool) -> None:
    """Metrics and block losses come from the split's rows, and measuring changes nothing."""
    scan = Scan(recipe(), SEEDS, vectorized)
    scan.evaluate("validation")
    scan.train(rates(len(SEEDS), 10))
    start = flat(scan)
    metrics, losses = scan.evaluate("validation"), scan.block_losses("validation")
    for lane, weights in enumerate(scan.params()):
        rows = INPUTS[:20].astype("f4"), TARGETS[:20].astype("f4")
        named, errors = measure(weights, rows)
        assert np.allclose(losses[lane], errors, rtol=1e-5)
        assert np.isclose(metrics["mse"][lane], named["mse"], rtol=1e-5)
        assert np.isclose(metrics["worst"][lane], named["worst"], rtol=1e-5)
    assert losses.dtype == metrics["mse"].dtype == np.float64
    assert np.array_equal(flat(scan), start)


def test_rows_may_depend_on_the_update() -> None:
    """An order of the objective's own: rows that become known as time passes."""

    def order(seed: int, first: int, last: int) -> Indices:
        return np.arange(first, last, dtype=np.int32)[:, None]

    known = recipe(order=order)
    spoilt = recipe(
        order=order,
        rows=(np.where(np.arange(ROWS)[:, None] < 30, INPUTS, np.nan), TARGETS),
    )
    scans = [Scan(described, [1]) for described in (known, spoilt)]
    for scan in scans:
        scan.train(rates(1, 30))
    assert np.array_equal(*map(flat, scans))
    for scan in scans:
        scan.train(rates(1, 1))
    assert np.isfinite(flat(scans[0])).all()
    assert np.isnan(flat(scans[1])).all()


def test_training_may_start_from_stored_weights() -> None:
    """An `init` that ignores the seed: lanes then differ by their order alone."""
    stored = NETWORK.init(99)

    def init(seed: int) -> Any:  # noqa: ANN401 - a pytree
        return stored

    scan = Scan(recipe(init=init), [1, 2])
    assert np.array_equal(*flat(scan))
    scan.train(rates(1, 5).repeat(2, axis=0))
    assert not np.array_equal(*flat(scan))
    assert np.array_equal(stored[0][0], NETWORK.init(99)[0][0])


def test_one_compilation_serves_all_lanes_chunks_and_equal_problems() -> None:
    """Counts are arguments: only new shapes or functions are compiled anew."""
    network = Mlp((3, 5, 2), "tanh")

    def fresh() -> Recipe:
        return recipe(init=network.init, loss=SquaredError(network))

    first = Scan(fresh(), [1])
    first.train(rates(1, 3))
    assert first._train._cache_size() == 1
    for seeds, chunk in (([1, 2], 7), (SEEDS, 3 * BUCKET + 1), (list(range(20)), 1)):
        scan = Scan(fresh(), seeds)
        scan.train(rates(len(seeds), chunk))
        assert scan._train is first._train
    assert first._train._cache_size() == 1
