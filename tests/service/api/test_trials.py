"""Trials, curves, evidence per family and importances as the API tells them."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

STUDIES = "/v1/studies"
Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]


@pytest.fixture
def path(submit: Submit, play: Callable[[], None]) -> str:
    """Where a study is that was played to its verdict."""
    place = f"{STUDIES}/{submit(budget={'trials': 24})['id']}"
    play()
    return place


def test_trials_are_filtered_and_sorted(api: TestClient, path: str) -> None:
    """By state, family, phase and any figure, in pages that follow the cursor."""
    everything = api.get(f"{path}/trials").json()["items"]
    ranked = [one for one in everything if one["value"] is not None]
    assert len(ranked) == 24
    order = sorted(ranked, key=lambda one: (-one["value"], one["number"]))
    wanted = {"sort": "-value", "phase": ["baseline", "search"], "limit": 7}
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(f"{path}/trials", params={**wanted, **cursor}).json()
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == order
    # Leaders were trained on more seeds than their score is of.
    means = [(one["metrics"]["validation"]["mse"], one["value"]) for one in ranked]
    assert sum(mean == value for mean, value in means) >= 16
    assert all(mean == pytest.approx(value, rel=1e-3) for mean, value in means)
    best = api.get(f"{path}/verdict").json()["arms"][0]
    tested = api.get(f"{path}/trials?sort=test.mse&where=test.mse>=0&family=constant").json()
    assert {one["params"]["family"] for one in tested["items"]} == {"constant"}
    one = api.get(f"{path}/trials/{best['trial']}").json()
    assert one["metrics"]["test"]["mse"] == pytest.approx(best["test"])
    assert one == next(row for row in everything if row["number"] == best["trial"])
    limits = {"where": ["value <= 1.5", "peak >= 0.005"], "state": "completed"}
    narrowed = api.get(f"{path}/trials", params=limits).json()["items"]
    assert narrowed
    assert all(row["value"] <= 1.5 and row["params"]["peak"] >= 0.005 for row in narrowed)
    assert not api.get(f"{path}/trials?state=cancelled").json()["items"]


def test_evidence_is_told_per_family(api: TestClient, path: str) -> None:
    """Every family with its trials and its leader; with a verdict P(best) and its arm."""
    found = api.get(f"{path}/families").json()
    verdict = api.get(f"{path}/verdict").json()
    assert (found["verdict"], found["metric"]) == (1, "mse")
    assert found == api.get(f"{path}/families?number=1").json()
    items = {one["family"]: one for one in found["items"]}
    assert items.keys() == {"constant", "cosine", "linear"}
    assert sum(sum(one["trials"].values()) for one in items.values()) == 24
    assert {name: one["chance"] for name, one in items.items()} == {
        name: verdict["chances"].get(name) for name in items
    }
    chances = [one["chance"] or 0.0 for one in found["items"]]
    assert chances == sorted(chances, reverse=True)
    assert [name for name, one in items.items() if one["is_winner"]] == [verdict["winner"]]
    arms = {arm["family"]: arm for arm in verdict["arms"][::-1]}
    for name, one in items.items():
        trials = api.get(f"{path}/trials?family={name}&sort=value&phase=search&phase=baseline")
        first = trials.json()["items"][0]
        assert one["best"] == {
            "trial": first["number"],
            "peak": first["params"]["peak"],
            "value": first["value"],
        }
        arm = arms.get(name)
        assert (one["confirmed"] is None) == (arm is None)
        if arm is not None:
            assert one["confirmed"]["validation"] == arm["validation"]
            assert one["is_tie"] == (one["is_winner"] or name in verdict["tie_with"])
    spent = sum(one["search_steps"] + one["evidence_steps"] for one in items.values())
    progress = api.get(path).json()["progress"]
    assert spent == progress["search_steps"] + progress["evidence_steps"]


def test_families_without_a_verdict_have_no_chance(
    api: TestClient, submit: Submit, plan: Callable[[], int]
) -> None:
    """Nothing is made up before anything is known."""
    place = f"{STUDIES}/{submit()['id']}"
    assert api.get(f"{place}/families").json()["items"] == []
    plan()
    found = api.get(f"{place}/families").json()
    assert found["verdict"] is None
    assert {one["chance"] for one in found["items"]} == {None}
    assert {one["best"] for one in found["items"]} == {None}


def test_importances_wait_for_enough_trials(api: TestClient, path: str, submit: Submit) -> None:
    """Of what made the score up, the peak; of few trials nothing, which is said."""
    found = api.get(f"{path}/importances").json()
    assert (found["trials"], found["note"]) == (24, "")
    assert found["items"][0]["name"] == "peak"
    assert sum(one["importance"] for one in found["items"]) == pytest.approx(1.0)
    few = f"{STUDIES}/{submit()['id']}"
    told = api.get(f"{few}/importances").json()
    assert (told["items"], told["trials"]) == ([], 0)
    assert "too few trials" in told["note"]


def test_curves_are_thinned_and_narrowed(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Few points with both ends and every extreme; the metrics and trials that are asked for."""
    place = f"{STUDIES}/{submit()['id']}/curves"
    plan()
    assert api.get(place).json() == {"items": [], "next": None, "purged_at": None}
    block = claim(lanes=3)
    assert block is not None
    steps = list(range(1000))
    mse: list[float | None] = [100.0 - step / 10 for step in steps]
    mse[500], mse[700] = 1e6, None
    for run in block["runs"]:
        one = {"run": run["run"], "token": run["token"], "seq": 0, "steps": steps}
        report = {**one, "values": {"mse": mse, "lr": [0.1] * 1000}}
        api.post("/v1/runs:report", json={"worker": "w", "reports": [report]})
    items = api.get(place, params={"max_points": 50}).json()["items"]
    assert [one["run"] for one in items] == [run["run"] for run in block["runs"]]
    series = items[0]["series"]
    assert series.keys() == {"mse", "lr"}
    curve = series["mse"]
    assert (curve["measured"], len(curve["steps"]) <= 50) == (1000, True)
    assert {0, 500, 700, 999} <= set(curve["steps"])
    assert curve["values"] == [mse[step] for step in curve["steps"]]
    whole = api.get(f"{place}?max_points=1000&metric=lr&limit=1").json()
    assert whole["items"][0]["series"].keys() == {"lr"}
    assert whole["items"][0]["series"]["lr"]["steps"] == steps
    rest = api.get(place, params={"limit": 2, "cursor": whole["next"]}).json()
    assert [one["run"] for one in rest["items"]] == [run["run"] for run in block["runs"][1:]]
    assert rest["next"] is None
    only = api.get(place, params={"run": items[1]["run"], "trial": items[1]["trial"]}).json()
    assert [one["run"] for one in only["items"]] == [items[1]["run"]]
    assert api.get(place, params={"phase": "confirm"}).json()["items"] == []
