"""The page of objectives: every one of them, with its settings, whoever registered it."""

from collections.abc import Callable
from dataclasses import replace
from html import unescape

from starlette.testclient import TestClient

from tuning.objectives import OBJECTIVES

PERSON = {"Accept": "text/html"}


def test_every_objective_has_its_entry(api: TestClient) -> None:
    """With its metrics, settings, limits, and a way to a new study of it."""
    page = unescape(api.get("/objectives", headers=PERSON).text).replace("<wbr>", "")
    told = api.get("/v1/objectives").json()["items"]
    assert {one["name"] for one in told} == set(OBJECTIVES)
    for one in told:
        assert f'id="{one["name"]}"' in page
        assert f'href="#{one["name"]}"' in page
        assert f"/studies/new?objective={one['name']}" in page
        assert f"{one['default_horizon']:,}" in page
        for metric in one["metrics"]:
            assert f"<code>{metric['name']}</code>" in page
        for setting in one["config_schema"]["properties"]:
            assert f"<code>{setting}</code>" in page
    assert "1 to 4,096" in page
    assert "averaged over the folds" in page


def test_words_of_a_users_objective_are_text(api: TestClient) -> None:
    """Title, help and metrics may hold anything."""
    state = api.app.state  # type: ignore[attr-defined] # the application's
    odd = "<script>alert(1)</script>"
    known = next(iter(OBJECTIVES.values()))
    metrics = tuple(replace(one, help=odd, unit=odd) for one in known.metrics)
    hostile = replace(known, name="mine", title=odd, help=odd, metrics=metrics)
    state.context = replace(state.context, objectives={"mine": hostile})
    page = api.get("/objectives", headers=PERSON)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert 'id="mine"' in page.text


def test_who_may_only_look_is_offered_no_study(holder: Callable[..., TestClient]) -> None:
    """It is read by whoever may read studies."""
    assert "/studies/new" not in holder("a", "studies:read").get("/objectives").text
    assert holder("a", "work").get("/objectives").status_code == 403
