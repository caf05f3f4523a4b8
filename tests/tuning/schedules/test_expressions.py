"""Expressions: the laws of the nodes beyond ramps, and their JSON with all its mistakes."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tuning.errors import InvalidValue
from tuning.schedules import Expression, Schedule, Table
from tuning.schedules.combine import Combine, Every, Loop, Part
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, hold
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.expressions import read_node
from tuning.schedules.noise import Noise
from tuning.schedules.points import Points, Samples
from tuning.schedules.waves import Wave

quick = settings(deadline=None, max_examples=100)

fractions = st.floats(0.001, 1.0)
curves = st.sampled_from(list(CURVES.values())) | st.builds(
    Curve, st.just("rex"), args=st.tuples(st.floats(0.1, 1.0))
)
lengths = st.integers(1, 9)
leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Ramp, lengths, fractions, fractions, curves, st.sampled_from([1.0, 0.0, -1.0])),
    st.builds(hold, lengths, fractions),
    st.builds(Samples, lengths, st.lists(fractions, min_size=1, max_size=5).map(tuple)),
    st.builds(
        lambda length, inner, through: Points(
            length, (0.0, 0.3, 1.0), tuple(inner), through, "log"
        ),
        lengths,
        st.lists(fractions, min_size=3, max_size=3),
        st.sampled_from(["linear", "pchip"]),
    ),
    st.builds(
        Wave,
        lengths,
        st.floats(0.5, 9.0),
        curves,
        fractions,
        st.floats(0, 0.99),
        fractions,
        st.booleans(),
    ),
    st.builds(Noise, lengths, st.integers(0, 2**63 - 1), fractions, fractions),
)


def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Nodes around others."""
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Sequence, several),
        st.builds(Affine, inner, fractions, fractions),
        st.builds(Combine, st.sampled_from(["product", "sum", "min", "max"]), several),
        st.builds(Every, inner, st.integers(1, 4)),
        st.builds(Part, inner, st.integers(0, 5), lengths),
        st.builds(Loop, inner, lengths, st.sampled_from(["again", "back"])),
    )


nodes = st.recursive(leaves, grown, max_leaves=8)


def values(node: Node, beyond: int = 5) -> np.ndarray:
    """Its values, and some beyond the end."""
    return node(np.arange(node.length + beyond))


def test_an_affine_map_goes_on_beyond_its_ends() -> None:
    """A sum may leave 0..1; the map is one straight line all the same, simplified or not."""
    twice = Affine(Combine("sum", (hold(1, 1.0), hold(1, 1.0))), 1.0, 0.5)
    assert values(twice).tolist() == values(twice.simplified()).tolist()
    assert set(values(twice).tolist()) == {0.0}


@quick
@given(nodes)
def test_simplifying_keeps_the_values(node: Node) -> None:
    """The simplest form is the same function, beyond the end as well, and a fixed point."""
    simple = node.simplified()
    assert simple.length == node.length
    assert np.allclose(values(simple), values(node), rtol=1e-9, atol=1e-12)
    assert simple.simplified() == simple


@quick
@given(nodes)
def test_json_brings_back_the_same_node(node: Node) -> None:
    """Any tree survives JSON."""
    again = read_node(json.loads(json.dumps(node.document(), allow_nan=False)))
    assert again == node
    assert again.document() == node.document()


@quick
@given(nodes)
def test_values_do_not_depend_on_which_are_asked_for(node: Node) -> None:
    """A permutation of steps, or one step alone, gives the same bits."""
    table = values(node)
    assert (node(np.arange(len(table))[::-1]) == table[::-1]).all()
    assert [float(node(np.array([t]))[0]) for t in range(len(table))] == table.tolist()


@quick
@given(nodes)
def test_beyond_its_end_a_node_stays(node: Node) -> None:
    """The value at its length is the value ever after."""
    table = values(node)
    assert (table[node.length :] == table[node.length]).all()
    assert np.isfinite(table).all()


@quick
@given(nodes, st.integers(1, 40))
def test_a_node_fits_any_number_of_updates(node: Node, length: int) -> None:
    """It takes exactly as many, and as many as it has changes nothing."""
    assert node.fitted(length).length == length
    assert (values(node.fitted(node.length)) == values(node)).all()


@quick
@given(nodes)
def test_an_expression_is_its_node(node: Node) -> None:
    """The family shows the values of its tree, times the peak."""
    schedule = Schedule(Expression(0.5, node=node), node.length)
    assert np.allclose(schedule.table(), 0.5 * node(np.arange(node.length)), rtol=1e-9, atol=1e-12)


def test_a_product_is_an_envelope() -> None:
    """Values multiply; the shorter node stays at its end."""
    node = Combine("product", (Ramp(4, 1.0, 0.0), Ramp(2, 1.0, 0.5)))
    assert values(node, 1).tolist() == [1.0, 0.75 * 0.75, 0.25, 0.125, 0.0]


def test_a_loop_back_is_a_rebound() -> None:
    """PyTorch's cosine over twice and a half its length."""
    node = Loop(Ramp(10, 1.0, 0.0, CURVES["cosine"]), 50, "back")
    expected = 0.5 * (1 + np.cos(np.pi * np.arange(51) / 10))
    assert np.allclose(node(np.arange(51)), expected, atol=1e-15)


def test_a_ramp_may_end_between_two_updates() -> None:
    """PyTorch's OneCycleLR rises until pct T - 1, whatever that is: here 0.25 · 10 - 1 = 1.5."""
    rise = Ramp(2, 0.04, 1.0, phase=(0, -0.5))
    assert rise(np.arange(2)).tolist() == pytest.approx([0.04, 0.04 + 0.96 / 1.5])
    fall = Ramp(8, 1.0, 0.0, phase=(0.5, -0.5))
    assert fall(np.arange(8)).tolist() == pytest.approx([1 - (t + 0.5) / 7.5 for t in range(8)])


def test_noise_has_its_law() -> None:
    """Mean 0, variance v / (1 + t)^d, no correlation; other seeds, other numbers."""
    draws = np.stack([Noise(50, seed, 2.0, 0.5)(np.arange(50)) for seed in range(4000)])
    expected = 2.0 / (1.0 + np.arange(50)) ** 0.5
    assert np.abs(draws.mean(axis=0) / np.sqrt(expected / 4000)).max() < 4.5
    assert np.abs(draws.var(axis=0) / expected - 1).max() < 0.12
    normal = draws / np.sqrt(expected)
    assert abs((normal[:, 1:] * normal[:, :-1]).mean()) < 0.01
    assert abs((np.abs(normal) < 1).mean() - 0.6827) < 0.005
    assert abs((np.abs(normal) < 2).mean() - 0.9545) < 0.002


def test_noise_is_normal_into_its_tails() -> None:
    """SciPy's Kolmogorov-Smirnov test accepts it, and rare numbers are as rare as they should be.

    Beyond 3.654 numbers are made by a rule of their own, so they are counted apart.
    """
    numbers = Noise(2_000_000, 7, 1.0, 0.0)(np.arange(2_000_000))
    assert stats.kstest(numbers[:500_000], "norm").pvalue > 0.001
    for far in (2.0, 3.0, 3.7, 4.2):
        expected = 2_000_000 * stats.norm.sf(far)
        for count in ((numbers > far).sum(), (numbers < -far).sum()):
            assert abs(count - expected) < 4.5 * np.sqrt(expected)
    beyond = np.abs(numbers[np.abs(numbers) > 3.7])
    share = stats.norm.sf(beyond) / stats.norm.sf(3.7)
    assert stats.kstest(share, "uniform").pvalue > 0.001


def test_a_short_tree_has_defaults() -> None:
    """What is left out is as in the classes; a curve may be a name."""
    tree = {"sequence": [{"hold": {"length": 2}}, {"ramp": {"length": 2, "start": 1, "end": 0}}]}
    assert read_node(tree) == Sequence((hold(2), Ramp(2, 1.0, 0.0)))
    curved = {"ramp": {"length": 2, "start": 1, "end": 0, "curve": "cosine"}}
    assert read_node(curved) == Ramp(2, 1.0, 0.0, CURVES["cosine"])


RAMP: dict[str, Any] = {"length": 2, "start": 1, "end": 0}


@pytest.mark.parametrize(
    ("tree", "blamed"),
    [
        (7, "node"),
        ([], "node"),
        ({}, "node"),
        ({"ramp": RAMP, "hold": {"length": 1}}, "node"),
        ({"rampe": RAMP}, "node"),
        ({"ramp": {"length": 2, "start": 1}}, "node.ramp.end"),
        ({"ramp": {**RAMP, "stop": 1}}, "node.ramp.stop"),
        ({"ramp": {**RAMP, "length": -1}}, "node.ramp.length"),
        ({"ramp": {**RAMP, "length": 1.5}}, "node.ramp.length"),
        ({"ramp": {**RAMP, "end": float("nan")}}, "node.ramp.end"),
        ({"ramp": {**RAMP, "order": 0}}, "node.ramp.end"),
        ({"ramp": {**RAMP, "phase": [1]}}, "node.ramp.phase"),
        ({"ramp": {**RAMP, "phase": ["a", 1]}}, "node.ramp.phase"),
        ({"ramp": {**RAMP, "curve": "quick"}}, "node.ramp.curve"),
        ({"ramp": {**RAMP, "curve": {"base": "quick"}}}, "node.ramp.curve.base"),
        ({"ramp": {**RAMP, "curve": {"base": "rex", "args": [1, 2]}}}, "node.ramp.curve.args"),
        ({"ramp": {**RAMP, "curve": {"bass": "rex"}}}, "node.ramp.curve.bass"),
        ({"sequence": []}, "node.sequence"),
        ({"sequence": {"ramp": RAMP}}, "node.sequence"),
        ({"sequence": [{"ramp": RAMP}, {"hold": {}}]}, "node.sequence[1].hold.length"),
        ({"product": [{"ramp": RAMP}, 1]}, "node.product[1]"),
        ({"affine": {"low": 0, "high": 1}}, "node.affine.of"),
        ({"affine": {"low": 0, "high": 1, "of": {"ramp": 0}}}, "node.affine.of.ramp"),
        ({"every": {"updates": 0, "of": {"ramp": RAMP}}}, "node.every.updates"),
        ({"loop": {"length": 5, "of": {"hold": {"length": 0}}}}, "node.loop.loop.of"),
        ({"loop": {"length": 5, "turn": "up", "of": {"ramp": RAMP}}}, "node.loop.turn"),
        ({"samples": {"length": 1, "values": []}}, "node.samples.values"),
        ({"samples": {"length": 1, "values": [0, "a"]}}, "node.samples.values[1]"),
        ({"points": {"length": 1, "at": [0, 1], "values": [1]}}, "node.points.values"),
        ({"points": {"length": 1, "at": [1, 0], "values": [1, 1]}}, "node.points.at"),
        ({"points": {"length": 1, "at": [0, 2], "values": [1, 1]}}, "node.points.at"),
        (
            {"points": {"length": 1, "at": [0, 1], "values": [1, 0], "scale": "log"}},
            "node.points.values",
        ),
        ({"wave": {"length": 1, "period": 0}}, "node.wave.period"),
        ({"noise": {"length": 1, "seed": -1}}, "node.noise.seed"),
    ],
)
def test_a_mistake_in_a_tree_is_located(tree: Any, blamed: str) -> None:  # noqa: ANN401 # JSON
    """The error names the field by its path."""
    with pytest.raises(InvalidValue) as caught:
        Expression(0.1, node=tree)
    assert caught.value.field == blamed


def test_a_tree_without_end_is_refused() -> None:
    """Neither depth nor width exhausts the machine."""
    deep: dict[str, Any] = {"ramp": RAMP}
    for _ in range(100):
        deep = {"every": {"updates": 1, "of": deep}}
    with pytest.raises(InvalidValue, match="64 deep"):
        Expression(0.1, node=deep)


def test_negative_rates_of_a_library_are_kept() -> None:
    """A table is what it is; its peak is the largest rate in size."""
    family = Table.of([0.1, -0.142853, 0.0])
    assert Schedule(family, 3).table() == pytest.approx([0.1, -0.142853, 0.0], rel=1e-15)
    assert Schedule(Table.of([0.0, 0.0]), 2).table().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("rates", [[], [float("nan")], [float("inf"), 1.0]])
def test_rates_that_are_none_are_refused(rates: list[float]) -> None:
    """A table needs finite numbers."""
    with pytest.raises(InvalidValue, match=r"^rates: "):
        Table.of(rates)


def test_a_table_over_another_horizon_is_read_between() -> None:
    """Along straight lines, or as stairs."""
    values = (1.0, 0.5, 0.0)
    assert Schedule(Table(1.0, values=values), 6).table().tolist() == [1, 0.75, 0.5, 0.25, 0, 0]
    stairs = Table(1.0, values=values, between="constant")
    assert Schedule(stairs, 6).table().tolist() == [1, 1, 0.5, 0.5, 0, 0]
    landed = Table(1.0, values=values, end="last")
    assert Schedule(landed, 5).table().tolist() == [1, 0.75, 0.5, 0.25, 0]
