"""CSV and JSON: tables that need no library."""

import json

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules import FAMILIES, Constant, Cosine, Schedule, Warmup
from tuning.schedules.interop import Imported, read_call, write_code

FIVE = "step,lr\n0,0.1\n1,0.2\n2,0.4\n3,0.2\n4,0.1\n"


def read_csv(text: object, horizon: int = 5, lr: float = 0.4) -> Imported:
    """A CSV text, read."""
    return read_call("csv", "table", {"text": text}, base_lr=lr, horizon=horizon)


@pytest.mark.parametrize("kind", FAMILIES)
def test_csv_brings_back_every_bit(kind: str) -> None:
    """Written and read, the rates are the same, to the last bit but one."""
    schedule = Schedule(FAMILIES[kind](0.1), 50)
    exported = write_code(schedule, "csv")
    assert exported.is_native
    found = read_csv(exported.code, 50, 0.1).schedule.table()
    assert found == pytest.approx(schedule.table(), rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("kind", FAMILIES)
def test_json_brings_back_the_schedule(kind: str) -> None:
    """The portable document is the schedule, its conventions included."""
    schedule = Schedule(FAMILIES[kind](0.1), 50)
    document = json.loads(write_code(schedule, "json").code)
    found = read_call("json", "schedule", {"document": document}, base_lr=0.1, horizon=50)
    assert found.schedule == schedule
    assert found.notes == ()


def test_a_document_is_laid_out_over_the_horizon_asked_for() -> None:
    """Its shape is kept, and a note says so."""
    schedule = Schedule(Cosine(0.1, warmup=Warmup(0.1)), 50)
    kwargs = {"document": schedule.document()}
    found = read_call("json", "schedule", kwargs, base_lr=0.1, horizon=100)
    assert found.schedule == schedule.at(100)
    assert [note.code for note in found.notes] == ["horizon"]


def test_a_list_of_rates_is_a_table() -> None:
    """The values are the rates; base_lr plays no part."""
    kwargs = {"values": [0.1, 0.3, 0.2]}
    found = read_call("json", "table", kwargs, base_lr=1.0, horizon=3)
    assert found.schedule.table() == pytest.approx([0.1, 0.3, 0.2])
    assert [note.code for note in found.notes] == ["absolute_rate"]


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [(3, [0.1, 0.2, 0.4]), (7, [0.1, 0.2, 0.4, 0.2, 0.1, 0.1, 0.1])],
)
def test_a_table_is_cut_or_held(horizon: int, expected: list[float]) -> None:
    """A shorter horizon cuts it, over a longer one the last value is held; a note says which."""
    found = read_csv(FIVE, horizon)
    assert found.schedule.table() == pytest.approx(expected)
    assert "horizon" in {note.code for note in found.notes}


def test_between_given_steps_are_straight_lines() -> None:
    """A file need not have every step."""
    found = read_csv("step,lr\n0,0.4\n4,0.0\n")
    assert found.schedule.table() == pytest.approx(np.linspace(0.4, 0.0, 5))
    assert [note.code for note in found.notes] == ["interpolated"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (7, "from.kwargs.text"),
        ("", "from.kwargs.text"),
        ("t,lr\n0,1\n", "from.kwargs.text"),
        ("step,lr\n", "from.kwargs.text"),
        ("step,lr\n1,0.1\n", "from.kwargs.text line 2"),
        ("step,lr\n0,0.1\n0,0.2\n", "from.kwargs.text line 3"),
        ("step,lr\n0,nan\n", "from.kwargs.text line 2"),
        ("step,lr\n0\n", "from.kwargs.text line 2"),
        ("step,lr\n0,0.1\nx,0.2\n", "from.kwargs.text line 3"),
        ("step,lr\n0,0.1\n99999999999,0.2\n", "from.kwargs.text line 3"),
    ],
)
def test_names_the_line_that_is_wrong(text: object, field: str) -> None:
    """Steps out of order, rates that are no numbers, a header that is another."""
    with pytest.raises(InvalidValue) as caught:
        read_csv(text)
    assert caught.value.field == field


@pytest.mark.parametrize("document", [None, [1], {"format": "glideslope/schedule@1"}])
def test_refuses_what_is_no_document(document: object) -> None:
    """Naming the document, or the field of it."""
    with pytest.raises(InvalidValue, match=r"from\.kwargs\.document"):
        read_call("json", "schedule", {"document": document}, base_lr=0.1, horizon=9)


CHANNELLED = Schedule(
    Cosine(0.1),
    50,
    channels={"momentum": Cosine(0.9, floor=0.5), "weight_decay": Constant(0.1)},
    groups={"head": 2.0},
)


def test_csv_has_a_column_per_channel() -> None:
    """Which reads back; the reason says that groups have none."""
    exported = write_code(CHANNELLED, "csv")
    assert exported.code.splitlines()[0] == "step,lr,momentum,weight_decay"
    assert exported.why.endswith("Not carried: groups.")
    found = read_csv(exported.code, 50, 0.1).schedule
    assert found.table() == pytest.approx(CHANNELLED.table(), rel=1e-15, abs=1e-300)
    for name in CHANNELLED.channels:
        expected = CHANNELLED.channel(name).table()
        assert found.channel(name).table() == pytest.approx(expected, rel=1e-15)


def test_channels_of_a_csv_are_interpolated_cut_and_held_with_the_rate() -> None:
    """By the same steps."""
    text = "step,lr,weight_decay\n0,0.1,0.0\n2,0.3,0.2\n"
    decay = read_csv(text, 4).schedule.channel("weight_decay")
    assert decay.table() == pytest.approx([0.0, 0.1, 0.2, 0.2])
    assert read_csv(text, 2).schedule.channel("weight_decay").table() == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize(
    "text",
    [
        "step,lr,beta2\n0,0.1,0.9\n",
        "step,lr,momentum,momentum\n0,0.1,0.9,0.9\n",
        "step,lr,momentum\n0,0.1\n",
        "step,lr,momentum\n0,0.1,nan\n",
        "step,lr\n0,0.1,0.9\n",
    ],
)
def test_a_csv_with_other_columns_is_refused(text: str) -> None:
    """Naming the text."""
    with pytest.raises(InvalidValue, match="text"):
        read_csv(text)


def test_json_carries_channels_and_groups() -> None:
    """As they are."""
    document = json.loads(write_code(CHANNELLED, "json").code)
    found = read_call("json", "schedule", {"document": document}, base_lr=0.1, horizon=50)
    assert found.schedule == CHANNELLED
