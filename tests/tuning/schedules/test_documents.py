"""The portable document: its shape, and every way it may be wrong."""

import copy
from typing import Any

import pytest

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules import Cosine, Schedule, Warmup, Wsd

SCHEDULE = Schedule(Wsd(0.0131, warmup=Warmup(74), hold=0.61), 3720)


@pytest.fixture
def document() -> dict[str, Any]:
    """A complete document, table included, free to be spoiled."""
    return copy.deepcopy(SCHEDULE.document(table=True))


def test_the_shape_of_a_document() -> None:
    """Every convention is written down, resolved updates beside what was asked for."""
    assert SCHEDULE.document() == {
        "format": "glideslope/schedule@1",
        "horizon": 3720,
        "family": "wsd",
        "peak": 0.0131,
        "warmup": {
            "steps": 74,
            "length": 74,
            "curve": "linear",
            "start": 0.0,
            "phase": [0, 0],
            "pinned": False,
        },
        "params": {"hold": 0.61, "cooldown": "1-sqrt", "floor": 0.0},
        "end": "after",
        "after_end": "hold",
        "identity": SCHEDULE.identity,
        "table": {"sha256": SCHEDULE.table_sha256},
    }


def test_a_document_by_hand_may_be_short() -> None:
    """What is left out has the family's defaults; a warmup in updates is enough."""
    short = {
        "format": "glideslope/schedule@1",
        "horizon": 100,
        "family": "cosine",
        "peak": 1,
        "warmup": {"steps": 10},
    }
    assert Schedule.from_document(short) == Schedule(Cosine(1.0, warmup=Warmup(10)), 100)


@pytest.mark.parametrize(
    ("path", "value", "blamed"),
    [
        (("format",), "glideslope/schedule@2", "format"),
        (("horizon",), 0, "horizon"),
        (("family",), "wsdd", "family"),
        (("family",), ["wsd"], "family"),
        (("peak",), -1.0, "peak"),
        (("peek",), 1.0, "peek"),
        (("end",), "never", "end"),
        (("warmup",), 74, "warmup"),
        (("warmup", "step"), 74, "warmup.step"),
        (("warmup", "steps"), 75, "warmup.steps"),
        (("warmup", "length"), -1, "warmup.length"),
        (("warmup", "length"), 5000, "warmup.length"),
        (("warmup", "phase"), [3, 3], "warmup.phase"),
        (("params", "hold"), 1.5, "params.hold"),
        (("params", "hold"), "long", "params.hold"),
        (("params", "holt"), 0.5, "params.holt"),
        (("params", "hold"), 0.62, "identity"),
        (("params",), [], "params"),
        (("identity",), "0" * 64, "identity"),
        (("table", "sha265"), "", "table.sha265"),
        (("table", "sha256"), "0" * 64, "table.sha256"),
        (("table", "values"), [1.0, 2.0], "table.values"),
        (("table", "values"), "many", "table.values"),
        (("table", "values", 5), 1.0, "table.values[5]"),
    ],
)
def test_a_spoiled_document_is_refused(
    document: dict[str, Any], path: tuple[str | int, ...], value: object, blamed: str
) -> None:
    """The error names the field, nested ones by their path."""
    target: Any = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(InvalidValue) as caught:
        Schedule.from_document(document)
    assert caught.value.field == blamed


@pytest.mark.parametrize("name", ["format", "horizon", "family", "peak"])
def test_what_is_needed_must_be_there(document: dict[str, Any], name: str) -> None:
    """A document without it is refused, naming it."""
    del document[name]
    with pytest.raises(InvalidValue, match=f"^{name}: None "):
        Schedule.from_document(document)


def test_an_unknown_field_lists_the_known_ones(document: dict[str, Any]) -> None:
    """A misspelled field is not silently ignored."""
    document["params"]["flor"] = 0.1
    with pytest.raises(UnknownName, match=r"^params\.flor: 0.1 .* one of cooldown, floor, hold$"):
        Schedule.from_document(document)


def test_a_table_of_another_machine_is_accepted(document: dict[str, Any]) -> None:
    """The last bit of a cosine may differ between machines; the schedule is the same."""
    document["table"]["values"] = [v * (1 + 2e-16) for v in document["table"]["values"]]
    del document["table"]["sha256"]
    assert Schedule.from_document(document) == SCHEDULE


@pytest.mark.parametrize("warmup", [{}, {"warmup": 10}, {"warmup": 0.1}])
def test_an_older_format_is_still_read(warmup: dict[str, float]) -> None:
    """Version 0 had no conventions but the present defaults, and a warmup was a mere length."""
    old = {
        "format": "glideslope/schedule@0",
        "horizon": 100,
        "family": "wsd",
        "peak": 0.1,
        "params": {"hold": 0.5},
        **warmup,
    }
    length = warmup.get("warmup", 0.0)
    assert Schedule.from_document(old) == Schedule(Wsd(0.1, warmup=Warmup(length), hold=0.5), 100)


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"format": "glideslope/schedule@-1"}, "format"),
        ({"format": ["glideslope/schedule@0"]}, "format"),
        ({"end": "last"}, "end"),
        ({"warmup": {"steps": 3}}, "warmup.length"),
        ({"peek": 1}, "peek"),
    ],
)
def test_an_older_format_has_its_own_fields_only(changes: dict[str, Any], blamed: str) -> None:
    """What version 0 did not know is refused in it."""
    old = {"format": "glideslope/schedule@0", "horizon": 100, "family": "wsd", "peak": 0.1}
    with pytest.raises(InvalidValue) as refused:
        Schedule.from_document({**old, **changes})
    assert refused.value.field == blamed


@pytest.mark.parametrize("value", [10**400, "0.1", None, True, [0.1], float("nan")])
def test_a_table_holds_finite_numbers_only(value: object) -> None:
    """Whatever JSON can carry, it is refused as a value of the table."""
    schedule = Schedule(Cosine(0.1), 3)
    document = schedule.document(table=True)
    document["table"]["values"][1] = value
    with pytest.raises(InvalidValue, match=r"table\.values"):
        Schedule.from_document(document)
