"""Constraints: a small grammar, bounds that hold for every schedule, and nothing evaluated."""

import pytest

from tuning.constraints import describe, parse
from tuning.errors import InvalidValue, UnknownName
from tuning.search.space import allows, lay_out, narrow

PEAKS = (1e-3, 1e-1)


@pytest.mark.parametrize(
    "text",
    ["final_lr <= 1e-5", "warmup>=0.1", " peak <= .5 ", "cycles >= 2", "first_lr >= -1"],
)
def test_a_constraint_is_written_as_it_was_read(text: str) -> None:
    """Up to spaces and the spelling of the number."""
    (one,) = parse([text])
    assert parse([describe(one)]) == (one,)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("final_lr < 1e-5", InvalidValue),
        ("1e-5 >= final_lr", InvalidValue),
        ("final_lr <= peak", InvalidValue),
        ("final_lr <= 1e-5; import os", InvalidValue),
        ("final_lr <= ..", InvalidValue),
        ("final_lr <= 1e999", InvalidValue),
        ("__class__ <= 1", UnknownName),
        ("cooldown <= 1", UnknownName),
        ("peak <= 1" + " " * 500, InvalidValue),
        ("", InvalidValue),
    ],
)
def test_anything_else_is_refused_by_its_place(text: str, error: type[Exception]) -> None:
    """A name, a comparison, a number."""
    with pytest.raises(error) as refusal:
        parse(["peak <= 1", text])
    assert refusal.value.field == "constraints[1]"  # type: ignore[attr-defined] # both have it


def test_a_bound_on_a_parameter_narrows_its_range() -> None:
    """So that a sampler never proposes what would be thrown away; integers stay integers."""
    bounds = parse(["warmup <= 0.05", "peak <= 0.01", "cycles >= 2.5"])
    space = narrow(("cosine", "sgdr"), PEAKS, {}, {}, bounds)
    assert space.parameters["warmup"].high == 0.05
    assert (space.parameters["peak"].low, space.parameters["peak"].high) == (1e-3, 0.01)
    assert space.parameters["cycles"].low == 3


def test_a_bound_that_leaves_nothing_is_refused() -> None:
    """Also against a value that was fixed."""
    with pytest.raises(InvalidValue) as refusal:
        narrow(("cosine",), PEAKS, {}, {}, parse(["peak <= 1e-4"]))
    assert refusal.value.field == "constraints[0]"
    with pytest.raises(InvalidValue):
        narrow(("cosine",), PEAKS, {}, {"warmup": 0.1}, parse(["warmup <= 0.05"]))


def test_a_bound_on_a_rate_looks_at_the_schedule() -> None:
    """The last update of a line from 0.1 to 0 over 10 updates is at 0.01."""
    params = {"family": "linear", "peak": 0.1, "warmup": 0.0, "floor": 0.0}
    assert float(lay_out(params, 10)(9)) == pytest.approx(0.01)
    for text, is_allowed in (
        ("final_lr <= 0.02", True),
        ("final_lr <= 0.005", False),
        ("final_lr >= 0.02", False),
        ("first_lr >= 0.1", True),
    ):
        space = narrow(("linear",), PEAKS, {}, {}, parse([text]))
        assert allows(space, params, 10) is is_allowed


def test_families_without_the_parameter_are_not_bound() -> None:
    """A constant has no cycles to count."""
    space = narrow(("constant", "sgdr"), PEAKS, {}, {}, parse(["cycles >= 3"]))
    assert allows(space, {"family": "constant", "peak": 0.1, "warmup": 0.0}, 10)
