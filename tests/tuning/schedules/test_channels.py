"""Channels and groups: laid out, resumed, stretched and written as the learning rate is."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules import (
    CHANNELS,
    Constant,
    Cosine,
    Expression,
    Family,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    Table,
    Warmup,
    Wsd,
    layerwise,
)

MOMENTUM = Table.of([0.95, 0.9, 0.85, 0.9, 0.95])
CHANNELLED = Schedule(
    Cosine(0.1, warmup=Warmup(2)),
    10,
    channels={"momentum": MOMENTUM, "weight_decay": Constant(0.1, warmup=Warmup(4, start=0.5))},
    groups={"head": 2.0, "body": 0.5},
)


def written(schedule: Schedule) -> Any:  # noqa: ANN401 # JSON
    """The document as it travels, with its tables."""
    return json.loads(json.dumps(schedule.document(table=True)))


def test_a_channel_is_a_schedule_of_its_own_values() -> None:
    """Over the same horizon, from its own family; the learning rate does not change."""
    momentum = CHANNELLED.channel("momentum")
    assert momentum == Schedule(MOMENTUM, 10)
    assert (CHANNELLED.table() == Schedule(CHANNELLED.family, 10).table()).all()
    assert CHANNELLED.rate_alone == Schedule(CHANNELLED.family, 10)
    alone = CHANNELLED.rate_alone
    assert alone.rate_alone is alone


def test_a_group_learns_at_its_factor_of_the_rate() -> None:
    """At every update, beyond the end, too."""
    steps = np.arange(15)
    assert (CHANNELLED.rates("head", steps) == 2.0 * CHANNELLED(steps)).all()


@pytest.mark.parametrize("ask", ["channel", "rates"])
def test_a_name_that_is_not_there_is_refused(ask: str) -> None:
    """The known ones are listed."""
    with pytest.raises(UnknownName, match=r"beta2.*(body, head|momentum, weight_decay)"):
        CHANNELLED.channel("beta2") if ask == "channel" else CHANNELLED.rates("beta2", 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"channels": [("momentum", MOMENTUM)]}, "channels"),
        ({"channels": {"beta2": MOMENTUM}}, "channels.beta2"),
        ({"channels": {"momentum": 0.9}}, "channels.momentum"),
        ({"channels": {"momentum": Plateau(0.9)}}, "channels.momentum"),
        ({"channels": {"momentum": Wsd(0.9, hold=11)}}, "channels.momentum.hold"),
        (
            {"channels": {"momentum": Linear(0.9, warmup=Warmup(11))}},
            "channels.momentum.warmup.length",
        ),
        ({"groups": ["head"]}, "groups"),
        ({"groups": {"head": 0.0}}, "groups.head"),
        ({"groups": {"head": -1.0}}, "groups.head"),
        ({"groups": {"head": math.inf}}, "groups.head"),
        ({"groups": {"head": True}}, "groups.head"),
        ({"groups": {"": 1.0}}, "groups."),
        ({"groups": {7: 1.0}}, "groups.7"),
        ({"groups": {str(n): 1.0 for n in range(1001)}}, "groups"),
    ],
)
def test_what_is_not_allowed_is_named(fields: dict[str, Any], field: str) -> None:
    """By its place in the document."""
    with pytest.raises(InvalidValue) as caught:
        Schedule(Cosine(0.1), 10, **fields)
    assert caught.value.field == field


def test_equal_schedules_are_equal_in_any_order_of_names() -> None:
    """Their hashes, identities and documents, too; a name more or another value is another."""
    reversed_ = Schedule(
        CHANNELLED.family,
        10,
        channels={name: CHANNELLED.channels[name] for name in ("weight_decay", "momentum")},
        groups={"body": 0.5, "head": 2},
    )
    assert reversed_ == CHANNELLED
    assert hash(reversed_) == hash(CHANNELLED)
    assert json.dumps(reversed_.document()) == json.dumps(CHANNELLED.document())
    others = [
        CHANNELLED.rate_alone,
        Schedule(CHANNELLED.family, 10, groups=CHANNELLED.groups),
        Schedule(CHANNELLED.family, 10, channels=CHANNELLED.channels),
        Schedule(CHANNELLED.family, 10, CHANNELLED.channels, {"head": 2.0, "body": 0.6}),
        Schedule(CHANNELLED.family, 10, {"momentum": MOMENTUM}, CHANNELLED.groups),
    ]
    assert CHANNELLED not in others
    assert len({one.identity for one in (CHANNELLED, *others)}) == 1 + len(others)
    assert pickle.loads(pickle.dumps(CHANNELLED)) == CHANNELLED  # noqa: S301 # our own


def test_the_mathematics_of_a_channel_count_not_its_name_of_a_family() -> None:
    """As for the learning rate: equal functions keep one identity."""
    as_power = {"momentum": Linear(0.9)}
    as_wsd = {"momentum": Wsd(0.9, hold=0.0, cooldown="linear")}
    first, second = (Schedule(Cosine(0.1), 10, channels=one) for one in (as_power, as_wsd))
    assert first != second
    assert first.identity == second.identity


def test_a_document_without_them_has_none_of_their_fields() -> None:
    """So that what was written before stays as it is."""
    document = Schedule(Cosine(0.1), 10).document()
    assert {"channels", "groups"}.isdisjoint(document)
    assert written(CHANNELLED)["groups"] == {"body": 0.5, "head": 2.0}


def test_a_program_without_glideslope_reads_the_values_of_a_channel() -> None:
    """Its table is in the document, with its hash."""
    channel = written(CHANNELLED)["channels"]["momentum"]
    assert channel["table"]["values"] == CHANNELLED.channel("momentum").table().tolist()
    assert channel["table"]["sha256"] == CHANNELLED.channel("momentum").table_sha256
    assert "values" not in CHANNELLED.document()["channels"]["momentum"]["table"]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("channels", "beta2"), {"family": "constant", "peak": 0.9}, "channels.beta2"),
        (("channels", "momentum"), 0.9, "channels.momentum"),
        (("channels", "momentum"), {"family": "constant"}, "channels.momentum.peak"),
        (("channels", "momentum", "peak"), 0.0, "channels.momentum.peak"),
        (("channels", "momentum", "horizon"), 10, "channels.momentum.horizon"),
        (("channels", "momentum", "params", "floor"), 0, "channels.momentum.params.floor"),
        (("channels", "momentum", "params", "between"), 0, "channels.momentum.params.between"),
        (("channels", "weight_decay", "warmup", "steps"), 3, "channels.weight_decay.warmup.steps"),
        (("channels", "weight_decay", "peak"), 0.2, "identity"),
        (("channels", "momentum", "table", "sha256"), "0" * 64, "channels.momentum.table.sha256"),
        (("channels", "momentum", "table", "values", 2), 0.5, "channels.momentum.table.values[2]"),
        (("channels", "momentum", "family"), "plateau", "channels.momentum"),
        (("groups", "head"), 3.0, "identity"),
        (("groups",), None, "groups"),
    ],
)
def test_a_document_that_is_wrong_about_them_is_refused(
    path: tuple[str | int, ...], value: object, field: str
) -> None:
    """Naming the place."""
    document = place = written(CHANNELLED)
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    if value == "plateau":
        place["params"] = {}
    with pytest.raises(InvalidValue) as caught:
        Schedule.from_document(document)
    assert caught.value.field == field


families = st.one_of(
    st.builds(Linear, st.floats(0.01, 1.0), floor=st.floats(0.0, 1.0)),
    st.builds(Cosine, st.just(0.9), warmup=st.builds(Warmup, st.floats(0.0, 1.0))),
    st.builds(OneCycle, st.just(0.95), rise=st.floats(0.0, 1.0)),
    st.builds(Table.of, st.lists(st.floats(0.0, 0.99), min_size=1)),
)
schedules = st.builds(
    Schedule,
    families,
    st.integers(2, 60),
    channels=st.dictionaries(st.sampled_from(sorted(CHANNELS)), families),
    groups=st.dictionaries(st.text(min_size=1, max_size=9), st.floats(1e-3, 1e3), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(schedules)
def test_a_document_brings_them_back(schedule: Schedule) -> None:
    """Equal, with the same identity and hash."""
    found = Schedule.from_document(written(schedule))
    assert found == schedule
    assert hash(found) == hash(schedule)
    assert found.identity == schedule.identity


@settings(max_examples=60, deadline=None)
@given(schedules, st.data())
def test_resumed_they_go_on_bit_for_bit(schedule: Schedule, data: st.DataObject) -> None:
    """From any update."""
    step = data.draw(st.integers(0, schedule.horizon - 1))
    left = schedule.resumed(step)
    assert left.groups == schedule.groups
    for name in schedule.channels:
        expected = schedule.channel(name).table()[step:]
        assert (left.channel(name).table() == expected).all()


@settings(max_examples=60, deadline=None)
@given(schedules, st.integers(1, 200))
def test_over_another_horizon_they_keep_their_shape(schedule: Schedule, horizon: int) -> None:
    """Each as a schedule of its own does, and the way back is exact."""
    other = schedule.at(horizon)
    assert other.groups == schedule.groups
    for name in schedule.channels:
        assert other.channel(name) == schedule.channel(name).at(horizon)
    back = other.at(schedule.horizon)
    for name in schedule.channels:
        assert (back.channel(name).table() == schedule.channel(name).table()).all()


def megatron_weight_decay(style: str, start: float, end: float, updates: int, step: int) -> float:
    """Megatron-LM's `get_wd` (optimizer_param_scheduler.py), typed out."""
    if step > updates or style == "constant":
        return end
    ratio = step / updates
    coefficient = {"linear": ratio, "cosine": 0.5 * (math.cos(math.pi * (1 - ratio)) + 1.0)}
    return start + coefficient[style] * (end - start)


@pytest.mark.parametrize("style", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("start", "updates"), [(0.01, 30), (0.0, 30), (0.05, 50), (0.02, 7)])
def test_weight_decay_grows_as_in_megatron(style: str, start: float, updates: int) -> None:
    """A constant after a warmup, at its end value from then on."""
    warmup = Warmup(updates, curve=style, start=start / 0.1) if style != "constant" else Warmup()
    schedule = Schedule(Linear(1.0), 50, channels={"weight_decay": Constant(0.1, warmup=warmup)})
    found = schedule.channel("weight_decay")(np.arange(70))
    expected = [megatron_weight_decay(style, start, 0.1, updates, step) for step in range(70)]
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("decay", "layers"), [(0.65, 12), (1.0, 3), (0.9, 1)])
def test_layers_learn_the_slower_the_deeper(decay: float, layers: int) -> None:
    """The last at the rate itself, each below at a factor of the one above."""
    groups = layerwise(decay, layers)
    assert len(groups) == layers
    assert groups[f"layer.{layers - 1}"] == 1.0
    for below in range(layers - 1):
        assert groups[f"layer.{below}"] == pytest.approx(decay * groups[f"layer.{below + 1}"])
    schedule = Schedule(Cosine(0.1), 10, groups=groups)
    assert schedule.rates("layer.0", 0) == pytest.approx(0.1 * decay ** (layers - 1))


@pytest.mark.parametrize(
    ("decay", "layers", "field"),
    [(0.0, 3, "decay"), (1.1, 3, "decay"), (0.5, 0, "layers"), (1e-3, 200, "groups.layer.0")],
)
def test_layers_that_make_no_factors_are_refused(decay: float, layers: int, field: str) -> None:
    """The last one is too small to be a number."""
    with pytest.raises(InvalidValue) as caught:
        layerwise(decay, layers)
    assert caught.value.field == field


def test_a_channel_may_be_any_expression() -> None:
    """Its values are those of the tree, times its peak."""
    node = {"ramp": {"length": 4, "start": 1, "end": 0.5}}
    family: Family = Expression(0.8, node=node)
    schedule = Schedule(Cosine(0.1), 4, channels={"momentum": family})
    assert schedule.channel("momentum").table() == pytest.approx([0.8, 0.7, 0.6, 0.5])
