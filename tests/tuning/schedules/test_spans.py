"""Lengths of a tree that are fractions, rests or pinned become updates that sum to the horizon."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules import ChangeOnPlateau, Constant, Expression, Plateau, Schedule, Warmup
from tuning.schedules.combine import Loop
from tuning.schedules.compose import Sequence
from tuning.schedules.expressions import Grown, read_node
from tuning.schedules.spans import measures

Json = dict[str, Any]

quick = settings(deadline=None, max_examples=100)


def pinned(updates: int) -> Json:
    """A length that does not scale."""
    return {"updates": updates, "pinned": True}


def hold(length: object, value: float = 1.0) -> Json:
    """A level."""
    return {"hold": {"length": length, "value": value}}


def ramp(length: object, start: float = 1.0, end: float = 0.25) -> Json:
    """A line."""
    return {"ramp": {"length": length, "start": start, "end": end}}


def sequence(*nodes: Json) -> Json:
    """One after another."""
    return {"sequence": list(nodes)}


def tree_of(*lengths: object) -> Json:
    """Ramps of these lengths, no two alike."""
    return sequence(*(ramp(length, 1.0 - k / 16) for k, length in enumerate(lengths)))


def lengths_over(tree: Json, updates: int) -> list[int]:
    """How long the parts of a sequence are."""
    node = Grown()("node", tree).node(updates)
    assert isinstance(node, Sequence)
    return [part.length for part in node.nodes]


some = st.integers(1, 9)
values = st.floats(0.0, 1.0)
starts = st.integers(0, 9) | st.floats(0.0, 1.0) | st.integers(0, 5).map(pinned)
spans = some | st.floats(0.0, 1.0) | st.integers(0, 5).map(pinned) | st.just("rest")
leaves = st.one_of(
    st.builds(ramp, spans, values, values),
    st.builds(hold, spans, values),
    st.builds(lambda n, p: {"wave": {"length": n, "period": p}}, spans, some | some.map(pinned)),
)


def grown(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Nodes around others."""
    several = st.lists(inner, min_size=1, max_size=4)
    kinds = st.sampled_from(["sequence", "sequence", "product", "min"])
    stairs = some | st.floats(0.0, 1.0, exclude_min=True) | some.map(pinned)
    return st.one_of(
        st.builds(lambda kind, nodes: {kind: nodes}, kinds, several),
        st.builds(lambda of: {"affine": {"low": 0.5, "high": 1.0, "of": of}}, inner),
        st.builds(lambda n, of: {"every": {"updates": n, "of": of}}, stairs, inner),
        st.builds(lambda n, of: {"loop": {"length": n, "of": of}}, spans, inner),
        st.builds(
            lambda at, n, of: {"part": {"start": at, "length": n, "of": of}}, starts, spans, inner
        ),
    )


trees = st.recursive(leaves, grown, max_leaves=8)
horizons = st.integers(1, 12) | st.integers(1, 100_000)


@st.composite
def fitting(draw: st.DrawFn) -> list[Any]:
    """Fractions that sum to at most one, and at least one rest among them."""
    weights = draw(st.lists(st.floats(0.0, 1.0), max_size=6))
    scale = max(1.0, sum(weights))
    rests = draw(st.lists(st.just("rest"), min_size=1, max_size=3))
    return draw(st.permutations([*(weight / scale for weight in weights), *rests]))


@quick
@given(trees, horizons)
def test_a_tree_takes_all_there_is_or_is_refused(tree: Json, horizon: int) -> None:
    """Resolved lengths are integers, none negative, and sum to the horizon."""
    try:
        node = Grown()("node", tree).node(horizon)
    except InvalidValue as error:
        assert error.field.startswith("node")  # noqa: PT017 - either way is right
        return
    assert node.length == horizon
    for name, value in measures(node.document()):
        assert value >= 0
        assert name == "period" or isinstance(value, int)
    assert np.isfinite(node(np.arange(min(horizon, 100)))).all()


@quick
@given(fitting(), horizons)
def test_fractions_and_rests_fit_any_horizon(lengths: list[Any], horizon: int) -> None:
    """Each part is within one update of its quota; rests share what is left."""
    found = lengths_over(tree_of(*lengths), horizon)
    assert sum(found) == horizon
    fractions = [one for one in lengths if one != "rest"]
    left = max(0.0, 1.0 - sum(fractions)) / lengths.count("rest")
    quotas = [horizon * (left if one == "rest" else one) for one in lengths]
    assert all(abs(n - quota) < 1 + 1e-6 for n, quota in zip(found, quotas, strict=True))


@pytest.mark.parametrize(
    ("lengths", "horizon", "expected"),
    [
        ((0.2, "rest", 0.15), 20_000, [4_000, 13_000, 3_000]),
        ((0.2, "rest", 0.15), 1, [0, 1, 0]),
        ((0.25, 0.75), 1, [0, 1]),
        ((0.5, 0.5), 1, [1, 0]),
        ((1.0,), 7, [7]),
        ((0.5, "rest", "rest"), 10, [5, 3, 2]),
        ((500, "rest", 0.15), 20_000, [500, 16_500, 3_000]),
        ((pinned(500), "rest", 0.15), 1_000, [500, 350, 150]),
        ((pinned(3), "rest"), 3, [3, 0]),
        ((pinned(1), "rest"), 1, [1, 0]),
        ((0.1, 0.2), 30, [10, 20]),
        ((pinned(10), 0.5, 0.5), 30, [10, 10, 10]),
        ((0.1,) * 10, 10_000_000, [1_000_000] * 10),
        ((*(0.1,) * 10, "rest"), 10, [*(1,) * 10, 0]),
    ],
)
def test_lengths_of_all_forms(lengths: tuple[Any, ...], horizon: int, expected: list[int]) -> None:
    """Pinned ones as they are, fractions of the horizon, rests what is left, or in proportion."""
    assert lengths_over(tree_of(*lengths), horizon) == expected


@quick
@given(st.lists(fitting(), min_size=2, max_size=2), st.integers(1, 1000))
def test_nested_sequences_are_one(pair: list[list[Any]], horizon: int) -> None:
    """Brackets change nothing: a sequence is associative."""
    (*first, _), second = pair
    one = [ramp(n * 0.5 if isinstance(n, float) else n, 0.5 + k / 32) for k, n in enumerate(first)]
    two = [ramp(n * 0.5 if isinstance(n, float) else n, 0.9 - k / 32) for k, n in enumerate(second)]
    nested = [sequence(*one, sequence(*two)), sequence(sequence(sequence(*one, two[0]), *two[1:]))]
    flat = Schedule(Expression(0.1, node=sequence(*one, *two)), horizon)
    for tree in nested if one else ():
        schedule = Schedule(Expression(0.1, node=tree), horizon)
        assert schedule.identity == flat.identity
        assert schedule.table().tolist() == flat.table().tolist()


@quick
@given(st.integers(1, 400), st.integers(0, 200), st.floats(0.0, 0.3), st.integers(200, 2_000))
def test_there_and_back_is_exact(updates: int, fixed: int, part: float, other: int) -> None:
    """Numbers of updates scale with the horizon, pinned ones do not, and all comes back."""
    node = tree_of(updates, pinned(fixed), "rest", part)
    schedule = Schedule(Expression(0.1, node=node), 1_000)
    try:
        there = schedule.at(other)
    except InvalidValue:
        assert updates * other / 1_000 + fixed + part * other > other
        return
    parts = there.family.node.node(other)  # type: ignore[attr-defined] # an expression
    assert sum(one.length for one in parts.nodes) == other
    assert parts.nodes[1].length == fixed
    assert abs(parts.nodes[0].length - updates * other / 1_000) < 1
    back = there.at(1_000)
    assert (back.identity, back.table_sha256) == (schedule.identity, schedule.table_sha256)
    again = Schedule.from_document(json.loads(json.dumps(there.document(table=True))))
    assert again == there
    assert again.at(1_000).identity == schedule.identity


def test_integers_beside_a_pinned_length_scale() -> None:
    """They share what it leaves, in proportion; a tree of pinned lengths alone has one horizon."""
    schedule = Schedule(Expression(0.1, node=tree_of(pinned(100), 300, 600)), 1_000)
    assert schedule.at(400).shape.document() == read_node(tree_of(100, 100, 200)).document()
    only = Schedule(Expression(0.1, node=tree_of(pinned(100), pinned(50))), 150)
    with pytest.raises(InvalidValue, match=r"^node: 'lengths of 150 .* or a rest beside"):
        only.at(151)


def test_what_is_around_keeps_its_meaning() -> None:
    """Stairs, windows, periods and rounds; a fraction in a round is one of the round."""
    wave = {"wave": {"length": 0.5, "period": 10}}
    assert (
        Grown()("node", sequence(wave, hold("rest")))
        .node(100)
        .document()["sequence"][0]["wave"]
        .items()
        >= {"length": 50, "period": 10.0}.items()
    )
    stairs = {"every": {"updates": 0.1, "of": ramp("rest")}}
    assert Grown()("node", stairs).node(50) == read_node({"every": {"updates": 5, "of": ramp(50)}})
    window = {"part": {"start": 0.25, "length": "rest", "of": ramp(2_000)}}
    assert Grown()("node", window).node(1_000) == read_node(
        {"part": {"start": 250, "length": 1_000, "of": ramp(2_000)}}
    )
    rounds = {"loop": {"length": 0.5, "of": ramp(0.25)}}
    node = Grown()("node", sequence(hold("rest"), rounds)).node(80)
    assert isinstance(node, Sequence)
    assert node.nodes[1] == Loop(read_node(ramp(10)), 40)


def test_of_nodes_at_the_same_updates_the_longest_counts() -> None:
    """The others take their fractions, and a pinned one its own."""
    envelope = {"product": [ramp("rest"), ramp(0.5), ramp(pinned(7))]}
    node = Grown()("node", envelope).node(40)
    assert node == read_node({"product": [ramp(40), ramp(20), ramp(7)]})
    stretched = {"product": [ramp(0.5), ramp(0.25), ramp(pinned(7))]}
    assert Grown()("node", stretched).node(40) == node


def test_a_fraction_is_one_of_what_the_warmup_leaves() -> None:
    """As the lengths of all families are; where it leaves nothing, nothing is laid out."""
    family = Expression(1.0, node=sequence(hold(0.5), hold("rest", 0.5)), warmup=Warmup(20))
    assert Schedule(family, 100).table()[[19, 20, 59, 60, 99]].tolist() == [0.95, 1, 1, 0.5, 0.5]
    assert Schedule(family, 20).table().tolist() == [t / 20 for t in range(20)]


@quick
@given(fitting(), st.integers(2, 200), st.data())
def test_what_is_left_has_the_same_bits(
    lengths: list[Any], horizon: int, data: st.DataObject
) -> None:
    """A resumed schedule continues, and so does one laid out over another horizon."""
    schedule = Schedule(Expression(0.1, node=tree_of(*lengths)), horizon)
    step = data.draw(st.integers(0, horizon - 1))
    assert schedule.resumed(step).table().tolist() == schedule.table()[step:].tolist()


@quick
@given(trees)
def test_json_brings_back_the_same_tree(tree: Json) -> None:
    """Complete, with the lengths as they were written."""
    family = Expression(0.1, node=tree)
    again = Expression(0.1, node=json.loads(json.dumps(family.node, allow_nan=False)))
    assert again == family
    assert hash(again) == hash(family)
    assert list(measures(again.node)) == list(measures(tree))


def test_one_update_is_not_all_there_is() -> None:
    """1 and 1.0 are one number in Python, but not one length."""
    whole, single = (Expression(0.1, node=sequence(hold(n), ramp("rest"))) for n in (1.0, 1))
    assert whole != single
    assert whole == Expression(0.1, node=sequence(hold(1.0), ramp("rest")))
    assert Schedule(whole, 9).identity != Schedule(single, 9).identity


def test_identity_is_that_of_the_resolved_expression() -> None:
    """However lengths are written, one function has one identity."""
    forms = [(0.2, 0.8), (2, "rest"), (pinned(2), 8), (2, 8), (1, 4)]
    identities = {Schedule(Expression(0.1, node=tree_of(*form)), 10).identity for form in forms}
    assert len(identities) == 1


def test_an_integer_tree_is_what_it_was() -> None:
    """Its document has nothing new, its identity is the published one."""
    node = sequence(
        ramp(20, 0.0, 1.0), {"product": [ramp(70), {"wave": {"length": 50, "period": 7}}]}
    )
    schedule = Schedule(Expression(0.1, node=node), 100)
    assert schedule.identity == "37a55ce75604e80e6df714b20ca37bf11a990298aaecfadb8917ce508cc303da"
    assert (
        schedule.at(33).identity
        == "65245a057b533b0a587d45db952417902fee7e1dca6323f6e5b6dcaf1508b7e7"
    )
    assert schedule.at(33).document()["params"] == schedule.document()["params"]
    assert schedule.document()["params"]["node"] == read_node(node).document()


@pytest.mark.parametrize(
    ("tree", "blamed"),
    [
        (hold(1.5), "node.hold.length"),
        (hold(-0.5), "node.hold.length"),
        (hold(float("nan")), "node.hold.length"),
        (hold("all"), "node.hold.length"),
        (hold("10%"), "node.hold.length"),
        (hold(None), "node.hold.length"),
        (hold(True), "node.hold.length"),  # noqa: FBT003 - JSON
        (hold([1]), "node.hold.length"),
        (hold({}), "node.hold.length"),
        (hold({"updates": 3}), "node.hold.length"),
        (hold({"updates": 3, "pinned": 1}), "node.hold.length"),
        (hold({"updates": 3, "pinned": True, "more": 1}), "node.hold.length"),
        (hold({"updates": 0.5, "pinned": True}), "node.hold.length.updates"),
        (hold({"updates": -1, "pinned": True}), "node.hold.length.updates"),
        (sequence(hold(1), hold("most")), "node.sequence[1].hold.length"),
        ({"hold": {"length": 1, "value": "rest"}}, "node.hold.value"),
        ({"part": {"start": "rest", "length": 1, "of": hold(1)}}, "node.part.start"),
        ({"every": {"updates": "rest", "of": hold(1)}}, "node.every.updates"),
        ({"every": {"updates": 0.0, "of": hold(1)}}, "node.every.updates"),
        ({"every": {"updates": pinned(0), "of": hold(1)}}, "node.every.updates.updates"),
        ({"wave": {"length": 1, "period": "rest"}}, "node.wave.period"),
        ({"wave": {"length": 1, "period": pinned(0)}}, "node.wave.period.updates"),
        ({"over": 3}, "node.over"),
        ({"over": {"updates": 0, "of": hold(1)}}, "node.over.updates"),
        ({"over": {"of": hold("rest")}}, "node.over.updates"),
        ({"over": {"updates": 3}}, "node.over.of"),
        ({"over": {"updates": 3, "of": hold("all")}}, "node.over.of.hold.length"),
        ({"over": {"updates": 3, "of": hold(1), "at": 3}}, "node.over.at"),
        (sequence({"over": {"updates": 3, "of": hold(1)}}), "node.sequence[0]"),
    ],
)
def test_a_bad_length_is_located(tree: Json, blamed: str) -> None:
    """The error names the field by its path, whatever the horizon."""
    with pytest.raises(InvalidValue) as caught:
        Expression(0.1, node=tree)
    assert caught.value.field == blamed


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (tree_of(pinned(11), "rest"), r"node: 'pinned lengths of 11 updates' .* the 10 updates"),
        (tree_of(pinned(11), 5), r"node: 'pinned lengths of 11 updates' .* the 10 updates"),
        (tree_of(0.7, 0.4, "rest"), r"node: 'lengths of 11 updates' .* the 10 updates"),
        (tree_of(8, "rest", 0.3), r"node: 'lengths of 11 updates' .* the 10 updates"),
        (tree_of(pinned(9)), r"node: 'lengths of 9 updates' .* a rest beside"),
        (hold(pinned(9)), r"node: 'lengths of 9 updates' .* a rest beside"),
        (tree_of(0.0), r"node: 'lengths of 0 updates' .* a rest beside"),
        (
            {"min": [hold("rest"), hold(pinned(11))]},
            r"node\.min\[1\]: 'pinned lengths of 11 updates' .* the 10 updates",
        ),
        (
            sequence(hold("rest"), {"loop": {"length": 5, "of": tree_of(pinned(6), "rest")}}),
            r"node\.sequence\[1\]\.loop\.of: 'pinned lengths of 6 updates' .* the 5 updates",
        ),
    ],
)
def test_lengths_that_do_not_fit_are_refused(tree: Json, said: str) -> None:
    """When they are laid out, with how many updates there are and which node takes more."""
    family = Expression(0.1, node=tree)
    with pytest.raises(InvalidValue, match=f"^{said}"):
        Schedule(family, 10)


def test_rules_that_listen_have_such_bases() -> None:
    """A base is laid out as an expression is, and every choice must fit."""
    tree = sequence(ramp(0.1, 0.0, 1.0), hold("rest"))
    table = Schedule(Expression(0.1, node=tree), 50).table().tolist()
    assert Schedule(Plateau(0.1, node=tree), 50).table().tolist() == table
    choice = ChangeOnPlateau(0.1, nodes=(tree, hold(pinned(50))))
    assert Schedule(choice, 50).table().tolist() == table
    with pytest.raises(InvalidValue, match=r"^nodes\[1\]: 'lengths of 50"):
        Schedule(choice, 60)
    momentum = Expression(0.9, node=tree_of(10, "rest"))
    schedule = Schedule(Constant(0.1), 100, channels={"momentum": momentum})
    assert schedule.at(7).at(100).identity == schedule.identity
