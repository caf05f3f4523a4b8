"""The laws of the algebra, on random expressions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules import OneCycle, Schedule, Warmup
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, cycles, hold
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.families.warmup import PHASES

quick = settings(deadline=None, max_examples=100)

curves = st.sampled_from(list(CURVES.values())) | st.builds(
    Curve,
    st.sampled_from(["linear", "cosine"]),
    warp=st.floats(0.2, 5),
    power=st.floats(0.1, 4),
)
fractions = st.floats(0.001, 1.0) | st.just(1.0)
ramps = st.builds(
    Ramp,
    st.integers(0, 9),
    fractions,
    fractions,
    curves,
    st.sampled_from([1.0, 0.0, -1.0, -2.0]),
    st.sampled_from(PHASES),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    ramps | st.builds(hold, st.integers(0, 5), fractions),
    lambda inner: (
        st.builds(lambda parts: Sequence(tuple(parts)), st.lists(inner, min_size=1, max_size=4))
        | st.builds(Affine, inner, st.floats(0, 1), st.floats(0, 1))
    ),
    max_leaves=12,
)
present = nodes.filter(lambda node: node.length > 0)


def values(node: Node, beyond: int = 5) -> np.ndarray:
    """Its values, and some beyond the end."""
    return node(np.arange(node.length + beyond))


@quick
@given(present)
def test_simplifying_keeps_the_values(node: Node) -> None:
    """The simplest form is the same function, beyond the end as well."""
    assert np.allclose(values(node.simplified()), values(node), rtol=1e-12, atol=1e-15)
    assert node.simplified().length == node.length


@quick
@given(present)
def test_simplifying_twice_is_simplifying_once(node: Node) -> None:
    """The simplest form is a fixed point, so it can be hashed."""
    assert node.simplified().simplified() == node.simplified()


@quick
@given(st.lists(nodes, min_size=1, max_size=4).filter(lambda parts: any(p.length for p in parts)))
def test_a_sequence_is_the_concatenation(parts: list[Node]) -> None:
    """Each node runs on its own clock, and the end is the end of the last."""
    tables = [node(np.arange(node.length)) for node in parts]
    last = [node for node in parts if node.length][-1]
    expected = np.concatenate([*tables, np.repeat(last(np.array([last.length])), 5)])
    assert (values(Sequence(tuple(parts))) == expected).all()


@quick
@given(present, present, present)
def test_sequences_nest(a: Node, b: Node, c: Node) -> None:
    """Brackets do not matter: ((a b) c) = (a (b c)) = (a b c), in values and in form."""
    left = Sequence((Sequence((a, b)), c))
    right = Sequence((a, Sequence((b, c))))
    flat = Sequence((a, b, c))
    assert (values(left) == values(flat)).all()
    assert (values(right) == values(flat)).all()
    assert left.simplified() == right.simplified() == flat.simplified()


@quick
@given(present)
def test_values_do_not_depend_on_which_are_asked_for(node: Node) -> None:
    """A permutation of steps, or one step alone, gives the same bits."""
    table = values(node)
    assert (node(np.arange(len(table))[::-1]) == table[::-1]).all()
    assert [float(node(np.array([t]))[0]) for t in range(len(table))] == table.tolist()


@quick
@given(ramps.filter(lambda ramp: ramp.length > 0))
def test_a_ramp_stays_between_its_ends_and_reaches_them(ramp: Ramp) -> None:
    """Rounding passes neither end, and the end is exact."""
    table = values(ramp)
    assert (table >= min(ramp.start, ramp.end)).all()
    assert (table <= max(ramp.start, ramp.end)).all()
    assert (table[ramp.length :] == ramp.end).all()
    if ramp.phase in {(0, 0), (0, -1)}:
        assert table[0] == ramp.start


@quick
@given(ramps.filter(lambda ramp: ramp.length > 0 and ramp.curve.base != "cosine"))
def test_a_ramp_is_monotone(ramp: Ramp) -> None:
    """It never turns around by more than rounding."""
    changes = np.diff(values(ramp)) * np.sign(ramp.end - ramp.start)
    assert (changes >= -1e-15).all()


@quick
@given(st.integers(1, 50), fractions, fractions, curves, st.sampled_from([1.0, 0.0, -1.0, -2.0]))
def test_a_rise_is_a_fall_played_backwards(
    length: int, start: float, end: float, curve: Curve, order: float
) -> None:
    """Swap the ends of a ramp and its values come in the opposite order."""
    forwards = Ramp(length, start, end, curve, order)(np.arange(length + 1))
    backwards = Ramp(length, end, start, curve, order)(np.arange(length + 1))
    assert (forwards == backwards[::-1]).all()


@quick
@given(ramps.filter(lambda ramp: ramp.length > 1))
def test_a_landed_ramp_ends_on_its_last_update(ramp: Ramp) -> None:
    """Its last update has the end value, its first the start."""
    table = ramp.landed()(np.arange(ramp.length))
    assert (table[0], table[-1]) == (ramp.start, ramp.end)


def test_landing_moves_only_the_last_node_that_takes_updates() -> None:
    """Empty nodes are not there, and the nodes before keep their values."""
    sequence = Sequence((Ramp(2, 0.0, 1.0), Ramp(3, 1.0, 0.0), Ramp(0, 1.0, 0.5)))
    assert sequence.landed()(np.arange(6)).tolist() == [0, 0.5, 1, 0.5, 0, 0]
    assert Affine(sequence, 0.0, 2.0).landed()(np.arange(5)).tolist() == [0, 1, 2, 1, 0]


def test_a_sequence_starts_where_its_first_update_is() -> None:
    """An empty node is not there: a warmup before it does not aim at where it would have begun."""
    assert Sequence((Ramp(0, 0.3, 1.0), Ramp(3, 1.0, 0.0))).first == 1.0
    assert Sequence((Ramp(0, 0.3, 1.0), Ramp(0, 1.0, 0.0))).first == 0.3
    one = Schedule(OneCycle(1.0, rise=0, warmup=Warmup(2)), 4)
    assert one.table()[:3].tolist() == [0.0, 0.5, 1.0]


def test_power_means_are_the_decays_they_are_named_after() -> None:
    """Order 0 is exponential, -1 inverse time, -2 inverse square root."""
    steps = np.arange(11)
    for order, formula in [
        (0.0, 0.25 ** (steps / 10)),
        (-1.0, 1 / (1 + 3 * steps / 10)),
        (-2.0, (1 + 15 * steps / 10) ** -0.5),
    ]:
        assert np.allclose(Ramp(10, 1.0, 0.25, order=order)(steps), formula, rtol=1e-14)


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_mean_that_does_not_exist_is_refused(field: str) -> None:
    """A geometric mean with zero stays zero: the ramp would go nowhere."""
    with pytest.raises(InvalidValue, match=f"^{field}: 0.0 .* mean of order 0"):
        Ramp(3, **{"start": 1.0, "end": 1.0, field: 0.0}, order=0.0)


def test_affine_over_a_geometric_ramp_keeps_its_shape() -> None:
    """The map is carried inwards only where the mean allows."""
    node = Affine(Ramp(4, 1.0, 0.0625, order=0.0), 0.2, 0.6)
    assert node.simplified() == node
    assert np.allclose(values(node), 0.2 + 0.4 * values(node.node))


def test_affine_upside_down_is_the_complement() -> None:
    """A map from high to low turns a fall into the rise that mirrors it in value."""
    fall = Ramp(4, 1.0, 0.0, CURVES["1-sqrt"])
    assert np.allclose(values(Affine(fall, 1.0, 0.0).simplified()), 1 - values(fall))


def test_one_cycle_is_no_repetition() -> None:
    """Repeating once with full amplitude changes nothing."""
    assert cycles(lambda n: Ramp(n, 1.0, 0.0), [7], [1.0]).simplified() == Ramp(7, 1.0, 0.0)


def test_documents_tell_expressions_apart() -> None:
    """Any field of any node is in its document."""
    expressions = [
        Ramp(4, 1.0, 0.0),
        Ramp(5, 1.0, 0.0),
        Ramp(4, 0.9, 0.0),
        Ramp(4, 1.0, 0.1),
        Ramp(4, 1.0, 0.0, CURVES["cosine"]),
        Ramp(4, 1.0, 0.0, Curve(power=2.0)),
        Ramp(4, 1.0, 0.0, Curve(warp=2.0)),
        Ramp(4, 1.0, 0.1, order=0.0),
        Ramp(4, 1.0, 0.0, phase=(0, -1)),
        Sequence((Ramp(4, 1.0, 0.0),)),
        Affine(Ramp(4, 1.0, 0.0), 0.0, 1.0),
    ]
    assert len({str(node.document()) for node in expressions}) == len(expressions)
