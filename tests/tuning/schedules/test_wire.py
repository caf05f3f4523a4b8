"""The wire follows the core: a tagged union of the table, without a second set of schemas."""

from typing import Annotated, Any, Union

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from tuning.errors import InvalidValue
from tuning.schedules import FAMILIES, Family, Warmup, Wsd

WIRE: TypeAdapter[Family] = TypeAdapter(
    Annotated[Union[tuple(FAMILIES.values())], Field(discriminator="kind")]  # noqa: UP007 # computed
)


def test_a_valid_family_parses() -> None:
    """JSON becomes the frozen value, fractions and updates told apart."""
    text = '{"kind": "wsd", "peak": 0.1, "hold": 0.5, "warmup": {"length": 74, "phase": [1, 0]}}'
    expected = Wsd(0.1, hold=0.5, warmup=Warmup(74, phase=(1, 0)))
    parsed = WIRE.validate_json(text)
    assert parsed == expected
    assert isinstance(parsed.warmup.length, int)


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_goes_there_and_back(kind: str) -> None:
    """Whatever the table holds can be sent and received."""
    family = FAMILIES[kind](0.1)
    assert WIRE.validate_json(WIRE.dump_json(family)) == family


@pytest.mark.parametrize(
    ("document", "location", "field"),
    [
        ({"kind": "wsd", "peak": 0.1, "hold": 1.5}, ("wsd",), "hold"),
        ({"kind": "wsd", "peak": -1}, ("wsd",), "peak"),
        ({"kind": "cosine", "peak": 1, "warmup": {"length": -1}}, ("cosine", "warmup"), "length"),
    ],
)
def test_a_value_outside_its_range_is_located(
    document: dict[str, Any], location: tuple[str, ...], field: str
) -> None:
    """The place in the document and our own error, which names the field, are both there."""
    with pytest.raises(ValidationError) as caught:
        WIRE.validate_python(document)
    (error,) = caught.value.errors()
    cause = error["ctx"]["error"]
    assert error["loc"] == location
    assert isinstance(cause, InvalidValue)
    assert cause.field == field


def test_an_unknown_kind_lists_the_families() -> None:
    """A family that does not exist is refused by its tag."""
    with pytest.raises(ValidationError, match="'constant', 'linear', 'cosine'"):
        WIRE.validate_python({"kind": "cosinus", "peak": 0.1})


def test_every_family_is_in_the_json_schema() -> None:
    """The one line in the table also reaches OpenAPI."""
    assert set(WIRE.json_schema()["discriminator"]["mapping"]) == set(FAMILIES)
