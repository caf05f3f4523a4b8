"""Search parameters: one declaration per name, narrowed and checked with precise errors."""

import math

import pytest

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules import CURVES, FAMILIES, PARAMETERS, Parameter, build


def test_every_parameter_is_used_by_a_family() -> None:
    """Nothing is declared that no search can move."""
    used = {name for family in FAMILIES.values() for name in family.tunable}
    assert set(PARAMETERS) == used | {"peak"}


def test_keys_are_names_and_all_are_explained() -> None:
    """The table and its entries agree, and the UI has a sentence for each."""
    for name, parameter in PARAMETERS.items():
        assert parameter.name == name
        assert parameter.help.endswith(".")


def test_cooldowns_are_curves() -> None:
    """Whatever a search may choose can be built."""
    assert set(PARAMETERS["cooldown"].choices) <= set(CURVES)


def test_a_range_can_be_narrowed_or_fixed() -> None:
    """A range within the declared one is taken as it is."""
    narrowed = PARAMETERS["floor"].narrowed(0.1, 0.2)
    assert (narrowed.low, narrowed.high) == (0.1, 0.2)
    fixed = PARAMETERS["cycles"].narrowed(4, 4)
    assert (fixed.low, fixed.high, fixed.kind, fixed.log) == (4, 4, "int", True)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.2, 0.1),
        (-0.1, 0.2),
        (0.0, 0.4),
        (math.nan, 0.1),
        (0.0, math.inf),
        (0, 10**400),
        ("0", 0.1),
        (True, 1),
    ],
)
def test_a_range_upside_down_or_outside_is_refused(low: float, high: float) -> None:
    """The error names the range, its ends and what is declared."""
    with pytest.raises(InvalidValue, match=r"^ranges\.floor: .* 0 <= low <= high <= 0\.3"):
        PARAMETERS["floor"].narrowed(low, high)


def test_an_integer_range_needs_integers() -> None:
    """Half a cycle is not a cycle."""
    with pytest.raises(InvalidValue, match=r"^ranges\.cycles: "):
        PARAMETERS["cycles"].narrowed(1.5, 4)


def test_a_choice_has_no_range() -> None:
    """The error lists the names instead."""
    with pytest.raises(InvalidValue, match=r"^ranges\.cooldown: .* names among linear, "):
        PARAMETERS["cooldown"].narrowed(0, 1)


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"low": 2.0, "high": 1.0}, "ranges.x"),
        ({"low": 0.0, "high": math.inf}, "ranges.x"),
        ({"low": 0.0, "high": 1.0, "log": True}, "ranges.x"),
        ({"low": 0.5, "high": 1, "kind": "int"}, "ranges.x"),
        ({"low": 0, "high": 1, "choices": ("a",)}, "ranges.x.choices"),
        ({"kind": "choice"}, "ranges.x.choices"),
        ({"kind": "choice", "choices": ("a", "a")}, "ranges.x.choices"),
        ({"kind": "colour"}, "ranges.x.kind"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(fields: dict, blamed: str) -> None:
    """A declaration is checked when it is made."""
    with pytest.raises(InvalidValue) as caught:
        Parameter(name="x", **fields)
    assert caught.value.field == blamed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("floor", 0.31),
        ("floor", -0.1),
        ("floor", math.nan),
        ("floor", "0.1"),
        ("floor", False),
        ("cycles", 2.0),
        ("cycles", 33),
        ("cycles", True),
        ("cooldown", "sideways"),
        ("cooldown", 1),
    ],
)
def test_a_value_outside_its_range_is_refused(name: str, value: object) -> None:
    """The error names the parameter."""
    with pytest.raises(InvalidValue, match=f"^{name}: "):
        PARAMETERS[name].check(value)


def test_values_come_back_in_their_plain_type() -> None:
    """An integer is fine for a number, and becomes one."""
    assert isinstance(PARAMETERS["floor"].check(0), float)
    assert PARAMETERS["cycles"].check(3) == 3
    assert PARAMETERS["cooldown"].check("cosine") == "cosine"


def test_a_whole_number_of_warmup_is_a_fraction_of_the_horizon() -> None:
    """Search coordinates are fractions, also when a client writes 0 for 0.0."""
    length = build("cosine", 0.1, {"warmup": 0}).warmup.length
    assert isinstance(length, float)


def test_a_family_that_does_not_exist_is_refused() -> None:
    """The error names the field and lists the families."""
    with pytest.raises(UnknownName, match=r"^family: 'cosinus' .* one of .*constant, cosine, "):
        build("cosinus", 0.1, {})


def test_a_parameter_of_another_family_is_refused() -> None:
    """The error names the parameter and the ones there are."""
    with pytest.raises(InvalidValue, match=r"^hold: 0.5 .* a parameter of cosine: warmup, floor"):
        build("cosine", 0.1, {"hold": 0.5})


def test_a_parameter_outside_its_search_range_is_refused() -> None:
    """A family may hold more than a search may propose."""
    with pytest.raises(InvalidValue, match=r"^floor: 0.5 "):
        build("cosine", 0.1, {"floor": 0.5})
    assert FAMILIES["cosine"](0.1, floor=0.5).floor == 0.5


def test_defaults_of_a_table_cannot_be_changed() -> None:
    """The tables are read-only."""
    with pytest.raises(TypeError):
        PARAMETERS["floor"] = PARAMETERS["hold"]  # type: ignore[index] # read-only
