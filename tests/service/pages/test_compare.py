"""The page that compares studies: what may be compared is, and what may not is said first."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.api.test_datasets import bars
from tests.service.conftest import SMALL

PERSON = {"Accept": "text/html"}
ODD = "<script>alert(1)</script>"
Submit = Callable[..., dict[str, Any]]
Play = Callable[[], None]


def compare(api: TestClient, *studies: str, path: str = "/compare") -> Any:  # noqa: ANN401 # a response
    """Ask for a comparison."""
    return api.get(path, params={"study": studies}, headers=PERSON)


def test_who_names_fewer_than_two_is_asked(api: TestClient, submit: Submit) -> None:
    """With the studies there are, the one that was named chosen."""
    study = submit(label="the one")["id"]
    submit(label="the other")
    for page in (compare(api), compare(api, ""), compare(api, study, study)):
        assert page.status_code == 200
        assert "Choose two studies" in page.text
        assert "the one" in page.text
        assert "the other" in page.text
    assert f'value="{study}" selected' in compare(api, study).text


def test_verdicts_and_figures_stand_side_by_side(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """In words, in figures, in two charts, and where the specs differ, nothing else."""
    one = submit(label="one")["id"]
    other = submit(label="other", seed=8, seeds=3)["id"]
    play()
    page = compare(api, one, other)
    assert page.status_code == 200
    text = unescape(page.text)
    for study in (one, other):
        words = api.get(f"/v1/studies/{study}/verdict").json()["words"]
        assert words.partition(". ")[0] in text
        assert f'href="/studies/{study}"' in text
    assert "Before you compare" not in text
    assert "beside the first" in text
    parts = text.partition("What was asked differently")[2]
    assert "<code>seed</code>" in parts
    assert "<code>seeds</code>" in parts
    assert "horizon" not in parts
    assert "label" not in parts.replace("aria-label", "").partition("</table>")[0]
    for name in ("schedules", "progress"):
        chart = compare(api, one, other, path=f"/compare/charts/{name}").json()
        assert [key["label"] for key in chart["keys"]] == ["one", "other"]
        assert len(chart["data"]) == 2
    assert compare(api, one, other, path="/compare/charts/other").status_code == 404


def test_a_small_difference_is_not_called_better(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """Within what is worthwhile neither of two is the better one; beyond it one is."""
    studies = [submit(seed=7)["id"], submit(seed=7, confirm_seeds=3)["id"]]
    play()
    page = unescape(compare(api, *studies).text)
    assert "too little to be worthwhile" in page or "the same" in page
    assert 'class="leads"' not in page


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"objective": "noisy_quadratic", "horizon": 500}, {"objective", "metric", "horizon"}),
        ({"horizon": 40}, {"horizon"}),
        ({"config": {"batch": 32}}, {"settings"}),
        ({"seed": 9}, set()),
    ],
)
def test_what_does_not_compare_is_said_first(
    api: TestClient, submit: Submit, changes: dict[str, Any], codes: set[str]
) -> None:
    """By name, and only what differs."""
    page = compare(api, submit()["id"], submit(**changes)["id"]).text
    told = {
        code
        for code in ("objective", "metric", "data", "settings", "horizon")
        if f"<code>other_{code}</code>" in page
    }
    assert told == codes
    assert ("Before you compare" in page) is bool(codes)


def test_other_data_are_told(api: TestClient, submit: Submit) -> None:
    """By the settings, as long as no run has told what it was trained on."""
    upload = api.post("/v1/datasets?kind=ohlcv&name=x", content=bars(4000)).json()["id"]
    page = compare(api, submit()["id"], submit(config={"dataset": upload})["id"]).text
    assert "<code>other_data</code>" in page
    assert "<code>other_settings</code>" not in page
    chart = compare(api, submit()["id"], submit()["id"], path="/compare/charts/progress").json()
    assert "No trial has completed" in chart["empty"]


def test_an_end_and_a_search_under_way_are_unlike(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """A figure of the search flatters; a page with one under way is live."""
    done = submit()["id"]
    play()
    page = compare(api, done, submit()["id"]).text
    assert "<code>unlike_stages</code>" in page
    assert 'data-live="/v1/events"' in page
    assert "data-live" not in compare(api, done, done + "").text


def test_labels_are_text(api: TestClient, submit: Submit) -> None:
    """On the page and in the charts' names."""
    page = compare(api, submit(label=ODD)["id"], submit(label=ODD + "2")["id"])
    assert page.status_code == 200
    assert ODD not in page.text


def test_others_studies_and_too_many_are_refused(
    api: TestClient, holder: Callable[..., TestClient]
) -> None:
    """As if they were not there."""
    one, other = holder("a"), holder("b")
    mine = one.post("/v1/studies", json=SMALL).json()["id"]
    theirs = other.post("/v1/studies", json={**SMALL, "label": "secret"}).json()["id"]
    for path in ("/compare", "/compare/charts/schedules", "/compare/charts/progress"):
        assert compare(one, mine, theirs, path=path).status_code == 404
        assert compare(one, mine, "st_none", path=path).status_code == 404
    assert "secret" not in compare(one, mine).text
    assert compare(one, *(f"st_{number}" for number in range(5))).status_code == 422
    assert compare(one, "x" * 65).status_code in {404, 422}
    assert api.get("/compare").status_code == 200
