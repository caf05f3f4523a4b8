"""Errors: one tree, and messages that never fail themselves."""

import pytest

from tuning import errors
from tuning.errors import IllegalMove, InvalidValue, TuningError, UnknownName


def test_every_error_is_in_the_tree_that_is_drawn() -> None:
    """A new class is drawn at the top of the module."""
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert all(issubclass(value, TuningError) for value in classes.values())
    assert {name for name in classes if name not in (errors.__doc__ or "")} == set()


def test_a_value_error_can_be_caught_as_such() -> None:
    """Pydantic and every Python programmer expect it."""
    assert issubclass(InvalidValue, ValueError)


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**5000, -(10**5000), list(range(10**5)), object()],
    ids=["text", "integer", "negative", "list", "object"],
)
def test_a_message_is_short_whatever_the_value(value: object) -> None:
    """Long values are cut, and integers that Python does not print are told in words."""
    message = str(InvalidValue("field", value, "something else"))
    assert message.startswith("field: ")
    assert message.endswith(" is not allowed; allowed: something else")
    assert len(message) < 300


def test_an_error_may_be_seen_from_further_out() -> None:
    """The whole tells where its part stood; value and range stay."""
    inner = InvalidValue("peak", -1, "above 0")
    outer = inner.under("space").under("study")
    assert (outer.field, outer.value, outer.allowed) == ("study.space.peak", -1, "above 0")


def test_an_unknown_name_lists_the_known_ones() -> None:
    """Sorted, as the allowed range."""
    assert UnknownName("family", "x", {"b", "a"}).allowed == "one of a, b"


def test_an_illegal_move_names_both_states() -> None:
    """And what would move."""
    error = IllegalMove("run", "completed", "queued")
    assert str(error) == "run cannot go from completed to queued"
