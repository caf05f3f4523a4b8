"""What every family of schedules promises; a line in the table is enough to be tested here."""

import json
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules import FAMILIES, PARAMETERS, Family, Parameter, Schedule, Warmup, build
from tuning.schedules.combine import Combine, Loop
from tuning.schedules.compose import Ramp, Sequence, hold
from tuning.schedules.curves import CURVES
from tuning.schedules.families.warmup import GEOMETRIC, PHASES, WARMUP_CURVES
from tuning.schedules.families.waves import FORMS
from tuning.schedules.waves import Wave

pytestmark = pytest.mark.parametrize("kind", FAMILIES)

quick = settings(deadline=None, max_examples=12)

warmups = st.builds(
    Warmup,
    length=st.floats(0, 0.5) | st.integers(0, 20),
    curve=st.sampled_from(WARMUP_CURVES),
    start=st.floats(0.01, 1.0),
    phase=st.sampled_from(PHASES),
    pinned=st.booleans(),
)


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Any value of a parameter, its ends included."""
    if parameter.kind == "choice":
        return st.sampled_from(parameter.choices)
    if parameter.kind == "int":
        return st.integers(int(parameter.low), int(parameter.high))
    return st.floats(parameter.low, parameter.high)


levels = st.lists(st.floats(0.001, 1.0), min_size=1, max_size=6).map(tuple)
nodes = st.sampled_from(
    [
        hold(3, 0.5),
        Combine("max", (Ramp(8, 1.0, 0.0), hold(8, 0.3))),
        Sequence((Ramp(2, 0.1, 1.0), Loop(Ramp(3, 1.0, 0.2, CURVES["cosine"]), 9))),
        Combine("product", (Wave(10, 3.3, CURVES["sine"], 0.4), Ramp(10, 1.0, 0.1, order=0.0))),
    ]
)

# Any value of fields that no search moves; places and values of a family go together.
own_values: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "table": st.fixed_dictionaries(
        {"values": levels, "between": st.sampled_from(["linear", "constant"])}
    ),
    "expression": st.fixed_dictionaries({"node": nodes}),
    "plateau": st.fixed_dictionaries({"node": nodes}),
    "knots": st.fixed_dictionaries({"values": levels.filter(lambda values: len(values) > 1)}),
    "piecewise_linear": levels.filter(lambda values: len(values) > 1).map(
        lambda values: {"at": tuple(np.linspace(0, 1, len(values)).tolist()), "values": values}
    ),
    "piecewise_constant": st.tuples(levels, st.sampled_from(["at", "after", "before"])).map(
        lambda drawn: {
            "boundaries": tuple(range(3, 3 * len(drawn[0]), 3)),
            "values": drawn[0],
            "switch": drawn[1],
        }
    ),
    "wave": st.fixed_dictionaries(
        {
            "form": st.sampled_from(list(FORMS)),
            "waves": st.floats(0.1, 40),
            "decay": st.floats(0.01, 1.0),
        }
    ),
    "staircase": st.fixed_dictionaries({"every": st.integers(1, 30) | st.floats(0.01, 1.0)}),
    "chebyshev": st.fixed_dictionaries({"levels": st.sampled_from([2, 8, 64, 1024])}),
    "cosine_waves": st.fixed_dictionaries({"waves": st.floats(0.1, 40)}),
    "natural_exp": st.fixed_dictionaries({"rate": st.floats(0, 2000)}),
    "noam": st.fixed_dictionaries(
        {
            "rise": st.floats(0, 1),
            "counter": st.sampled_from(["t", "t+1", "max(1,t)"]),
            "floor": st.floats(0, 1),
        }
    ),
    "refined_linear": st.fixed_dictionaries(
        {
            "norms": st.lists(st.floats(1e-30, 1e30), min_size=2, max_size=9).map(tuple),
            "filter_width": st.floats(0, 1),
            "norm_exponent": st.sampled_from([1.0, 2.0]),
        }
    ),
    "power_scheduler": st.fixed_dictionaries({"knee": st.floats(0, 1), "tail": st.floats(0, 1)}),
    "minicpm_exp": st.fixed_dictionaries({"half_life": st.integers(0, 900) | st.floats(0, 2)}),
    "three_phase": st.fixed_dictionaries({"fall": st.floats(0, 1), "start": st.floats(0, 1)}),
    "saturating": st.fixed_dictionaries({"timescale": st.integers(0, 900) | st.floats(0, 2)}),
}


@st.composite
def families(draw: st.DrawFn, kind: str) -> Family:
    """Any family of a kind that a search may propose, with any warmup and conventions."""
    params = {name: draw(values_of(PARAMETERS[name])) for name in FAMILIES[kind].tunable}
    peak = draw(st.floats(1e-8, 10.0))
    family = replace(
        build(kind, peak, params),
        warmup=draw(warmups),
        end=draw(st.sampled_from(["after", "last"])),
        after_end=draw(st.sampled_from(["hold", "zero", "rebound"])),
        **draw(own_values.get(kind, st.just({}))),
    )
    assume(family.warmup.curve != GEOMETRIC or family.body(9).first > 0)
    return family


horizons = st.integers(20, 400)


@quick
@given(data=st.data())
def test_values_are_finite_and_between_zero_and_the_peak(kind: str, data: st.DataObject) -> None:
    """No learning rate is negative, above the peak, infinite or NaN, even beyond the end."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    values = schedule(np.arange(3 * schedule.horizon))
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert (values >= 0).all() or not schedule.family.is_bounded
    assert (values <= schedule.peak).all() or not schedule.family.is_bounded


@quick
@given(data=st.data())
def test_the_peak_is_reached(kind: str, data: st.DataObject) -> None:
    """If the warmup leaves one update, some update is multiplied by the peak, where promised."""
    family = data.draw(families(kind))
    horizon = data.draw(st.integers(20, 60))
    if family.reaches_peak and family.warmup.updates(horizon) < horizon:
        assert Schedule(family, horizon).table().max() == family.peak


@quick
@given(data=st.data())
def test_the_table_is_the_function(kind: str, data: st.DataObject) -> None:
    """One by one, in any order or shape, the values are those of the table, bit for bit."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    table = schedule.table()
    backwards = np.arange(schedule.horizon)[::-1].reshape(1, -1)
    assert table.shape == (schedule.horizon,)
    assert (schedule(backwards) == table[::-1].reshape(1, -1)).all()
    middle = schedule.horizon // 2
    assert schedule(middle).shape == ()
    assert schedule(middle) == table[middle]


@quick
@given(data=st.data())
def test_json_brings_back_the_same_schedule(kind: str, data: st.DataObject) -> None:
    """The document survives JSON and gives an equal schedule with the same hashes."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    document = json.loads(json.dumps(schedule.document(table=True), allow_nan=False))
    again = Schedule.from_document(document)
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert again.identity == document["identity"]
    assert again.table_sha256 == document["table"]["sha256"]
    assert document["table"]["values"] == schedule.table().tolist()


@quick
@given(data=st.data())
def test_another_horizon_and_back_is_the_same_schedule(kind: str, data: st.DataObject) -> None:
    """A detour over a longer horizon changes no bit of the table."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    longer = schedule.at(schedule.horizon * 3 + 1)
    back = longer.at(schedule.horizon)
    assert longer.horizon == schedule.horizon * 3 + 1
    assert longer.peak == schedule.peak
    assert (back.table() == schedule.table()).all()
    assert back.identity == schedule.identity


@pytest.mark.parametrize("factor", [2, 3, 10])
def test_another_horizon_has_the_same_shape(kind: str, factor: int) -> None:
    """Update k t of a horizon k T has the value of update t of T, where promised."""
    if not FAMILIES[kind].keeps_shape:
        pytest.skip("counts updates, not parts of the horizon")
    schedule = Schedule(FAMILIES[kind](0.5, warmup=Warmup(12)), 132)
    longer = schedule.at(132 * factor)
    steps = np.arange(133)
    assert np.allclose(longer(steps * factor), schedule(steps), rtol=1e-12, atol=0)


def test_a_pinned_warmup_keeps_its_updates(kind: str) -> None:
    """Lengths in updates scale with the horizon, unless pinned."""
    pinned = Schedule(FAMILIES[kind](0.5, warmup=Warmup(10, pinned=True)), 100).at(50)
    scaled = Schedule(FAMILIES[kind](0.5, warmup=Warmup(10)), 100).at(50)
    assert pinned.family.warmup.updates(50) == 10
    assert scaled.family.warmup.updates(50) == 5


@quick
@given(data=st.data())
def test_it_resumes_from_any_update(kind: str, data: st.DataObject) -> None:
    """What is left after some updates has the same values, bit for bit, and travels as JSON."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    first = data.draw(st.integers(0, schedule.horizon - 1))
    left = schedule.resumed(first)
    assert left.peak == schedule.peak
    assert (left.table() == schedule.table()[first:]).all()
    if schedule.family.after_end != "rebound":
        beyond = np.arange(schedule.horizon, schedule.horizon + 5)
        assert (left(beyond - first) == schedule(beyond)).all()
    again = Schedule.from_document(json.loads(json.dumps(left.document())))
    assert again.table_sha256 == left.table_sha256
    assert again.resumed(0).table_sha256 == left.table_sha256


def test_its_own_horizon_changes_nothing(kind: str) -> None:
    """`at` the horizon it has is the schedule itself."""
    schedule = Schedule(FAMILIES[kind](0.5, warmup=Warmup(10)), 100)
    assert schedule.at(100) == schedule


@pytest.mark.parametrize("horizon", [1, 2, 3, 5])
@pytest.mark.parametrize("end", ["after", "last"])
def test_the_shortest_horizons_work(kind: str, horizon: int, end: str) -> None:
    """One update is enough for a schedule, and it is at the peak."""
    schedule = Schedule(FAMILIES[kind](0.5, end=end), horizon)
    assert schedule.table().max() == 0.5 or not schedule.family.reaches_peak
    assert np.isfinite(schedule(np.arange(10))).all()


def test_a_warmup_may_take_everything(kind: str) -> None:
    """With nothing left for the body the warmup still has its values."""
    schedule = Schedule(FAMILIES[kind](1.0, warmup=Warmup(1.0, start=0.0)), 4)
    first = float(schedule.family.body(0).first)
    assert np.allclose(schedule(range(6)), first * np.array([0, 0.25, 0.5, 0.75, 1, 1]))


def test_a_warmup_longer_than_the_horizon_is_refused(kind: str) -> None:
    """Updates that do not fit are an error that names the field, not a silent cut."""
    with pytest.raises(InvalidValue, match=r"^warmup\.length: 11 .* at most the 10 updates"):
        Schedule(FAMILIES[kind](1.0, warmup=Warmup(11)), 10)


def test_the_end_value_lands_where_the_convention_says(kind: str) -> None:
    """`last`: update T-1 has the end value. `after`: update T would have it."""
    after = Schedule(FAMILIES[kind](0.5), 100)
    last = Schedule(FAMILIES[kind](0.5, end="last"), 100)
    assert last.table()[-1] == last(100)
    assert last(100) == after(100)


def test_after_the_end_as_the_convention_says(kind: str) -> None:
    """Hold the end value, fall to zero, go back, or refuse."""
    held, zero, rebound, error = (
        Schedule(FAMILIES[kind](0.5, after_end=after_end), 50)
        for after_end in ("hold", "zero", "rebound", "error")
    )
    beyond = np.arange(50, 90)
    assert (held(beyond) == held(50)).all()
    assert (zero(beyond) == 0).all()
    assert (rebound(beyond[1:]) == rebound.table()[:-40:-1]).all()
    assert (rebound(np.arange(100, 150)) == rebound.table()).all()
    assert (error(range(50)) == held.table()).all()
    with pytest.raises(InvalidValue, match=r"^steps: 89 is not allowed; .* 0 to 49"):
        error(beyond)


def test_defaults_can_be_searched(kind: str) -> None:
    """Every tunable parameter is declared, and the family's default lies within its range."""
    family = FAMILIES[kind]
    defaults = family.defaults()
    assert tuple(defaults) == family.tunable
    assert "peak" not in family.tunable
    for name, value in defaults.items():
        PARAMETERS[name].check(value)
    assert build(kind, 0.1, defaults) == family(0.1) == build(kind, 0.1, {})


@quick
@given(data=st.data())
def test_search_coordinates_come_back(kind: str, data: st.DataObject) -> None:
    """A family built from coordinates stands at these coordinates."""
    params = {
        name: data.draw(values_of(PARAMETERS[name]), label=name) for name in FAMILIES[kind].tunable
    }
    family = build(kind, 0.1, params)
    assert family.coordinates() == params
    assert family.peak == 0.1


@pytest.mark.parametrize("peak", [0.0, -1.0, math.nan, math.inf, 10**400, True, "0.1", None])
def test_a_peak_that_is_no_positive_number_is_refused(kind: str, peak: object) -> None:
    """The error names the field, the value and the range."""
    with pytest.raises(InvalidValue, match=r"^peak: .* allowed: a finite number above 0$"):
        FAMILIES[kind](peak)


@pytest.mark.parametrize("value", [math.nan, -1.0, -1, math.inf, True, "much", None, (1, 2)])
def test_every_own_field_is_checked(kind: str, value: object) -> None:
    """Each field of the family refuses nonsense, naming itself."""
    for name in FAMILIES[kind].own_fields():
        own = getattr(FAMILIES[kind](0.1), name)
        if isinstance(value, tuple | bool) and isinstance(own, type(value)):
            continue  # a pair, or true, is no nonsense there
        with pytest.raises(InvalidValue, match=f"^{name}: "):
            FAMILIES[kind](0.1, **{name: value})


@pytest.mark.parametrize("field", ["end", "after_end", "kind", "warmup"])
def test_every_convention_is_checked(kind: str, field: str) -> None:
    """A convention that does not exist is refused, naming the field."""
    with pytest.raises(InvalidValue, match=f"^{field}: "):
        FAMILIES[kind](0.1, **{field: "sideways"})


def test_the_tag_is_the_name_in_the_table(kind: str) -> None:
    """What a document calls a family is what the table calls it."""
    assert FAMILIES[kind](0.1).kind == kind


def test_it_is_plain_data(kind: str) -> None:
    """Equal, hashable, frozen, picklable, and explained in one line."""
    schedule = Schedule(FAMILIES[kind](np.float32(0.5)), 100)
    same = Schedule(FAMILIES[kind](0.5), 100)
    assert {schedule, same, pickle.loads(pickle.dumps(same))} == {same}  # noqa: S301 # our own
    assert type(schedule.peak) is float
    with pytest.raises(AttributeError):
        schedule.horizon = 7  # type: ignore[misc] # frozen
    assert (FAMILIES[kind].__doc__ or "").splitlines()[0].endswith(".")


def test_the_table_cannot_be_written(kind: str) -> None:
    """Who shares a table cannot spoil it."""
    with pytest.raises(ValueError, match="read-only"):
        Schedule(FAMILIES[kind](0.5), 10).table()[0] = 1.0


@quick
@given(data=st.data())
def test_one_identity_means_the_same_bits(kind: str, data: st.DataObject) -> None:
    """A schedule and what its document says in other words have one identity and one table."""
    schedule = Schedule(data.draw(families(kind)), data.draw(horizons))
    stretched = Schedule(schedule.family.stretched(schedule.horizon), schedule.horizon)
    assert stretched.identity == schedule.identity
    assert stretched.table_sha256 == schedule.table_sha256


def test_the_identity_tells_schedules_apart(kind: str) -> None:
    """Another peak, horizon or convention is another schedule."""
    family = FAMILIES[kind]
    identities = {
        Schedule(family(0.1), 100).identity,
        Schedule(family(0.2), 100).identity,
        Schedule(family(0.1), 101).identity,
        Schedule(family(0.1, after_end="zero"), 100).identity,
        Schedule(family(0.1, warmup=Warmup(10, start=0.9)), 100).identity,
    }
    assert len(identities) == 5
