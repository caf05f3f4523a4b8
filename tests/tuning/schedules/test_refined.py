"""The refined linear decay against the published rule, typed out with SciPy's median filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from tuning.errors import InvalidValue
from tuning.schedules import Linear, RefinedLinear, Schedule

norms = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=60).map(tuple)


def published(values: tuple[float, ...], share: float, exponent: float) -> np.ndarray:
    """w_t times the sum of the w_p after it, over the filtered norms, divided by the largest."""
    width = 2 * (int(share * len(values)) // 2) + 1
    padded = np.pad(np.array(values), (0, width), mode="reflect" if len(values) > 1 else "edge")
    filtered = median_filter(padded, size=width, mode="nearest")[: len(values)]
    weights = filtered**-exponent
    refined = [weights[t] * sum(weights[t + 1 :]) for t in range(len(values))]
    return np.array(refined) / max(refined)


@settings(deadline=None, max_examples=100)
@given(norms, st.floats(0.0, 1.0), st.sampled_from([1.0, 2.0]))
def test_over_as_many_updates_it_is_as_published(
    values: tuple[float, ...], share: float, exponent: float
) -> None:
    """Over n updates, the end on the last, to rounding."""
    family = RefinedLinear(
        1.0, norms=values, filter_width=share, norm_exponent=exponent, end="last"
    )
    table = Schedule(family, len(values)).table()
    assert np.allclose(table, published(values, share, exponent), rtol=1e-9, atol=1e-12)
    assert table.max() == 1.0


@settings(deadline=None, max_examples=50)
@given(norms, st.integers(1, 200))
def test_over_another_horizon_it_is_read_between(values: tuple[float, ...], horizon: int) -> None:
    """Norm j stands at the part j / (n - 1), with straight lines in between."""
    places = np.linspace(0.0, 1.0, len(values))
    expected = np.interp(np.arange(horizon) / horizon, places, published(values, 0.1, 2.0))
    table = Schedule(RefinedLinear(1.0, norms=values), horizon).table()
    assert np.allclose(table, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("end", ["after", "last"])
@pytest.mark.parametrize("values", [(3.0, 3.0), (0.1,) * 7, (2.0, 2.0, 9.0, 2.0, 2.0, 2.0)])
def test_equal_norms_give_the_linear_decay(end: str, values: tuple[float, ...]) -> None:
    """To the bit and with its identity; one outlier is filtered out."""
    refined = Schedule(RefinedLinear(0.1, norms=values, filter_width=0.5, end=end), 40)  # type: ignore[arg-type] # drawn
    linear = Schedule(Linear(0.1, end=end), 40)  # type: ignore[arg-type] # drawn
    assert refined.identity == linear.identity
    assert (refined.table() == linear.table()).all()


def test_large_gradients_at_first_become_a_warmup() -> None:
    """Where gradients are large the rate is small, as the paper finds."""
    table = Schedule(RefinedLinear(1.0, norms=(9.0, 3.0, *(1.0,) * 98)), 1000).table()
    assert table[0] < table[10] < 0.5
    assert table[30:].argmax() == 0
    assert (np.diff(table[30:]) < 0).all()


@pytest.mark.parametrize("values", [(1.0,), (1.0, 0.0), (1.0,) * 10_001, (1.0, float("nan"))])
def test_norms_that_are_none_are_refused(values: tuple[float, ...]) -> None:
    """At least two, positive, finite, and not without end."""
    with pytest.raises(InvalidValue, match=r"^norms"):
        RefinedLinear(1.0, norms=values)
