"""Links into the workbench: they hold the whole schedule, and nothing else."""

import base64
import json
from typing import Any

import pytest

from service.ui.links import workbench_link
from tuning.schedules import FAMILIES, Cosine, Linear, Schedule, Warmup


def state_of(link: str) -> dict[str, Any]:
    """What a link tells the workbench."""
    path, _, text = link.partition("#")
    assert path == "/workbench"
    state: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return state


@pytest.mark.parametrize("name", FAMILIES)
def test_a_link_holds_the_whole_schedule(name: str) -> None:
    """Read again it is the same, channels and groups included."""
    family = FAMILIES[name](0.1, warmup=Warmup(0.1), end="last")
    momentum = {"momentum": Linear(0.9, warmup=Warmup(3))}
    schedule = Schedule(family, 100, momentum, {"head": 2.0})
    (one,) = state_of(workbench_link(("mine", schedule.document(table=True))))["schedules"]
    assert one["name"] == "mine"
    assert "table" not in json.dumps(one["schedule"]).replace('"family": "table"', "")
    document = {"format": "glideslope/schedule@1", **one["schedule"]}
    assert Schedule.from_document(document) == schedule


def test_a_link_may_hold_several_schedules_with_any_name() -> None:
    """In their order, in letters that need no escape in HTML."""
    document = Schedule(Cosine(0.1), 10).document()
    link = workbench_link(('<b>"ä"', document), ("b", document))
    assert [one["name"] for one in state_of(link)["schedules"]] == ['<b>"ä"', "b"]
    assert set(link) <= set(
        "/workbench#ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )
