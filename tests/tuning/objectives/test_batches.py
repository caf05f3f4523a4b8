"""The order of training rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.objectives.batches import Permutations

orders = st.builds(Permutations, rows=st.integers(1, 40), batch=st.integers(1, 60))
seeds = st.integers(0, 2**32 - 1)


@given(orders, seeds, st.integers(0, 30), st.integers(0, 10), st.integers(0, 10))
def test_an_update_sees_the_same_rows_in_any_chunk(
    order: Permutations, seed: int, first: int, length: int, more: int
) -> None:
    """The rows of an update depend on the seed and its number alone."""
    whole = order(seed, first, first + length + more)
    parts = [order(seed, first, first + length), order(seed, first + length, first + length + more)]
    assert whole.shape == (length + more, order.batch)
    assert whole.dtype == np.int32
    assert np.array_equal(whole, np.concatenate(parts))


@given(orders, seeds, st.integers(1, 4))
def test_every_epoch_is_a_permutation(order: Permutations, seed: int, epochs: int) -> None:
    """Each epoch holds every row once, wherever batches begin and end."""
    updates = -(-epochs * order.rows // order.batch)
    stream = order(seed, 0, updates).ravel()[: epochs * order.rows].reshape(epochs, order.rows)
    assert (np.sort(stream, axis=1) == np.arange(order.rows)).all()


def test_epochs_and_seeds_differ() -> None:
    """Two epochs, or two seeds, share a permutation of 30 rows only by a miracle."""
    order = Permutations(rows=30, batch=30)
    drawn = {tuple(row) for seed in range(4) for row in order(seed, 0, 5).tolist()}
    assert len(drawn) == 20


@pytest.mark.parametrize(("rows", "batch", "field"), [(0, 4, "rows"), (4, 0, "batch")])
def test_an_order_without_rows_is_refused(rows: int, batch: int, field: str) -> None:
    """The mistake names its field."""
    with pytest.raises(InvalidValue, match=f"^{field}: 0 "):
        Permutations(rows, batch)
