"""What the workbench knows by itself: every family has a card and a form, whatever its fields."""

import itertools
import json
import math
from typing import Any

import pytest

from service.ui.controls import common_controls, family_controls, warmup_controls
from service.ui.workbench import bench, family_groups
from tuning.schedules import FAMILIES, Schedule
from tuning.schedules.interop import FRAMEWORKS

KINDS = {"number", "integer", "length", "choice", "flag", "numbers", "lengths", "tree"}
EVERY = [(name, one) for name in FAMILIES for one in family_controls(name)]
EVERY += [("constant", one) for one in (*warmup_controls(), *common_controls())]


def test_every_family_is_on_a_card_once() -> None:
    """In some group, with its picture."""
    cards = [card for cards in family_groups().values() for card in cards]
    assert sorted(card.name for card in cards) == sorted(FAMILIES)
    assert all(card.path.startswith("M0.0 ") and card.line for card in cards)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_defaults_of_a_form_are_those_of_the_family(name: str) -> None:
    """As a document they are the family as it is made without arguments."""
    params = {one["name"]: one["value"] for one in family_controls(name)}
    document: dict[str, Any] = json.loads(
        json.dumps(
            {
                "format": "glideslope/schedule@1",
                "family": name,
                "horizon": 100,
                "peak": 1.0,
                "params": params,
                "warmup": {one["name"]: one["value"] for one in warmup_controls()},
                **{one["name"]: one["value"] for one in common_controls()},
            }
        )
    )
    assert Schedule.from_document(document) == Schedule(FAMILIES[name](1.0), 100)


@pytest.mark.parametrize(("name", "one"), EVERY, ids=lambda value: str(value)[:40])
def test_a_slider_stays_where_values_are_allowed(name: str, one: dict[str, Any]) -> None:
    """Its ends are in order and within the limit; on a log scale above zero."""
    assert one["kind"] in KINDS, name
    if "low" not in one:
        return
    assert one["low"] < one["high"]
    assert all(map(math.isfinite, (one["low"], one["high"])))
    if one["log"]:
        assert one["low"] > 0.0
    if one["kind"] in {"number", "integer"}:
        assert one["min"] <= one["low"]
        assert one["max"] is None or one["high"] <= one["max"]


def test_looks_repeat_late() -> None:
    """Twelve colours, and neighbours differ in their dashes too."""
    looks = bench()["looks"]
    assert len({one["token"] for one in looks}) == len(looks)
    assert all(a["dash"] != b["dash"] for a, b in itertools.pairwise(looks))


def test_every_library_has_a_tab() -> None:
    """Those of the core's table, under names that people know."""
    frameworks = bench()["frameworks"]
    assert {one["name"] for one in frameworks} == set(FRAMEWORKS)
    assert [one["title"] for one in frameworks][:2] == ["JSON", "PyTorch"]
