"""Imports against what the libraries themselves answered (`stored/`, written by `make parity`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules.interop import FRAMEWORKS, Imported, read_call

STORED = Path(__file__).parent / "stored"
ACCURACY = {"keras": 2e-6}  # of the largest value; Keras computes in float32
TABLES = {"csv", "json"}  # formats of ours: no library to compare with


def stored(name: str) -> dict[str, Any]:
    """What was stored for a framework, or for the rules that listen to a metric."""
    content: dict[str, Any] = json.loads((STORED / f"{name}.json").read_text())
    return content


def cases(part: str) -> list[Any]:
    """The cases of all frameworks that can be read, each with its framework."""
    return [
        pytest.param(framework, case, id=f"{framework}-{case['row']}-{number}")
        for framework in FRAMEWORKS
        if framework not in TABLES
        for number, case in enumerate(stored(framework)[part])
    ]


def imported(framework: str, case: dict[str, Any]) -> Imported:
    """A stored case, read."""
    setting = {"base_lr": case["base_lr"], "horizon": case["horizon"]}
    return read_call(framework, case["call"], case["kwargs"], **setting)


@pytest.mark.parametrize(("framework", "case"), cases("cases"))
def test_has_the_values_of_the_library(framework: str, case: dict[str, Any]) -> None:
    """The table is the library's at every update, and beyond the end unless a note says not."""
    found = imported(framework, case)
    values = np.array(case["values"])
    limit = ACCURACY.get(framework, 1e-12) * np.abs(values).max()
    differences = np.abs(found.schedule.table() - values[: case["horizon"]])
    decided = np.delete(differences, case.get("undecided", []))  # elsewhere it contradicts itself
    assert decided.max(initial=0.0) <= limit

    beyond = np.arange(case["horizon"], values.size)
    assert found.schedule.channels.keys() == case.get("channels", {}).keys()
    for name, answered in case.get("channels", {}).items():
        moved = found.schedule.channel(name).table()
        assert np.abs(moved - answered[: case["horizon"]]).max() <= 1e-12 * np.abs(answered).max()

    ends = found.schedule.family.after_end == "error"
    if not ends and "past_end" not in {note.code for note in found.notes}:
        assert np.abs(found.schedule(beyond) - values[case["horizon"] :]).max(initial=0) <= limit


@pytest.mark.parametrize(("framework", "case"), cases("refused"))
def test_refuses_what_the_library_refuses(framework: str, case: dict[str, Any]) -> None:
    """A call that raises in the library is refused, naming what is wrong with it."""
    with pytest.raises(InvalidValue) as caught:
        imported(framework, case)
    assert caught.value.field.startswith(("from.", "base_lr", "horizon"))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case['row']}-{number}")
        for number, case in enumerate(stored("feedback")["cases"])
    ],
)
def test_moves_with_the_metrics_as_the_library_does(case: dict[str, Any]) -> None:
    """After each metric the rate is the library's: the base times the gains of the rule."""
    schedule = imported(case["framework"], case).schedule
    values = np.array(case["values"])
    family: Any = schedule.family
    gains = [getattr(family, "first_gain", 1.0), *family.gains(case["metrics"])]
    rates = schedule(np.arange(values.size)) * np.array(gains)[: values.size]
    limit = ACCURACY.get(case["framework"], 1e-12) * values.max()
    assert np.abs(rates - values).max() <= limit
