"""An external objective over HTTP: declared, claimed by name, reported, told, and judged."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.schemas.external import EXAMPLE
from tuning.schedules import Schedule

Claim = Callable[..., dict[str, Any] | None]
Tell = Callable[..., Any]

NAME = "my_net"
DECLARED = {
    "metrics": [{"name": "loss"}, {"name": "accuracy", "direction": "maximize"}],
    "horizon": 200,
    "peak": [0.001, 4.0],
    "rungs": [0.5],
    "applies_to": {"optimizer": "sgd"},
}
REQUEST = {
    "objective": NAME,
    "external": DECLARED,
    "config": {"width": [8, 16], "data": "mine"},
    "space": {"families": ["cosine", "linear"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 2,
    "leaders": 0,
    "confirm_seeds": 2,
    "priority": 2,
}


@pytest.fixture
def study(api: TestClient) -> dict[str, Any]:
    """A study of it."""
    response = api.post("/v1/studies", json=REQUEST)
    assert response.status_code == 202, response.text
    view: dict[str, Any] = response.json()
    return view


@pytest.fixture
def block(study: dict[str, Any], plan: Callable[[], int], claim: Claim) -> dict[str, Any]:
    """Two leased runs of it, with their learning rates."""
    plan()
    found = claim(lanes=2, objectives=[NAME], table=True)
    assert found is not None
    assert found["study"] == study["id"]
    return found


def train(run: dict[str, Any], updates: int) -> dict[str, float] | None:
    """What somebody might do elsewhere; None if it diverges."""
    x = 5.0
    for lr in run["schedule"]["table"]["values"][:updates]:
        x -= lr * (x + run["seed"] % 11 * 1e-3)
    loss = 0.5 * x * x
    return {"loss": loss, "accuracy": 1 / (1 + loss)} if loss < 1e6 else None


def test_a_study_runs_to_its_verdict(
    api: TestClient, study: dict[str, Any], plan: Callable[[], int], claim: Claim, tell: Tell
) -> None:
    """With range test, rungs, baselines and confirmation, by nothing but the protocol."""
    seen = set()
    while True:
        moved = plan()
        block = claim(lanes=8, objectives=[NAME], table=True)
        if block is None and not moved:
            break
        for run in [] if block is None else block["runs"]:
            seen.add((block["phase"], block["horizon"], tuple(block["splits"])))
            assert len(run["schedule"]["table"]["values"]) == block["horizon"]
            told = train(run, block["updates"])
            end: dict[str, Any] = {"outcome": "diverged", "metrics": {}, "reason": "up"}
            if told is not None:
                end = {"metrics": dict.fromkeys(block["splits"], told), "data_hash": "d1"}
            assert tell(run, **end).status_code == 200
    shown = api.get(f"/v1/studies/{study['id']}").json()
    assert shown["state"] == "completed", shown
    assert {phase for phase, _, _ in seen} == {"probe", "baseline", "search", "confirm"}
    assert {horizon for _, horizon, _ in seen} == {10, 100, 200}
    assert {phase for phase, _, splits in seen if "test" in splits} == {"confirm"}
    verdict = api.get(f"/v1/studies/{study['id']}/verdict").json()
    assert verdict["applies_to"]["optimizer"] == "sgd"
    assert verdict["test_reads"] == 1
    best = api.get(f"/v1/studies/{study['id']}/best").json()
    assert best["metric"]["test"] is not None
    assert best["applies_to"] == {
        "optimizer": "sgd",
        "config": REQUEST["config"],
        "data_hash": "d1",
    }
    assert api.get(f"/v1/studies/{study['id']}/report").status_code == 200


def test_a_study_shows_what_it_declares(api: TestClient, study: dict[str, Any]) -> None:
    """In its spec; it is listed by its objective, and its clone declares the same."""
    assert study["spec"]["external"]["metrics"][1]["direction"] == "maximize"
    assert study["metric"]["name"] == "loss"
    listed = api.get("/v1/studies", params={"objective": NAME}).json()["items"]
    assert [one["id"] for one in listed] == [study["id"]]
    clone = api.post(f"/v1/studies/{study['id']}:clone", json={"external": {"horizon": 400}})
    assert clone.json()["spec"]["horizon"] == 400
    assert clone.json()["spec"]["external"]["peak"] == DECLARED["peak"]


def test_nobody_else_gets_its_runs(block: dict[str, Any], claim: Claim) -> None:
    """Not a worker that says nothing, nor one that can train what the service knows."""
    assert claim(lanes=8) is None
    assert claim(lanes=8, objectives=["realized_volatility", "noisy_quadratic"]) is None
    assert claim(lanes=8, objectives=[NAME]) is not None


def test_a_repeated_claim_brings_the_same_learning_rates(
    api: TestClient, study: dict[str, Any], plan: Callable[[], int]
) -> None:
    """Same runs, same tokens, same numbers; without being asked for them, none."""
    plan()
    body = {"worker": "w", "claim": "same", "lanes": 2, "objectives": [NAME], "table": True}
    first = api.post("/v1/work:claim", json=body)
    assert api.post("/v1/work:claim", json=body).json() == first.json()
    bare = api.post("/v1/work:claim", json={**body, "table": False}).json()["block"]
    for run, one in zip(first.json()["block"]["runs"], bare["runs"], strict=True):
        assert run["token"] == one["token"]
        table = run["schedule"]["table"]
        assert table["sha256"] == Schedule.from_document(one["schedule"]).table_sha256
        assert "values" not in one["schedule"].get("table", {})


ENDS: list[tuple[dict[str, Any], str]] = [
    ({"metrics": {"validation": {"loss": 1.0}}}, "metrics/validation/accuracy"),
    ({"metrics": {"validation": {"loss": 1, "accuracy": 1, "f1": 1}}}, "metrics/validation/f1"),
    ({"metrics": {"validation": {"accuracy": 1.0}}}, "metrics/validation/loss"),
    ({"metrics": {"test": {"loss": 1.0}}}, "metrics/test"),
    ({"outcome": "diverged", "metrics": {}, "step": 10_000}, "step"),
]


def test_an_end_that_does_not_fit_is_refused_by_name(block: dict[str, Any], tell: Tell) -> None:
    """The field, and what would be allowed; then the right one is taken."""
    run = block["runs"][0]
    for change, pointer in ENDS:
        refused = tell(run, **change)
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["pointer"]) == (422, f"/results/0/{pointer}")
        assert error["allowed"]
    taken = tell(run, metrics={"validation": {"loss": 1.0, "accuracy": 0.5}})
    assert taken.json()["replies"][0]["status"] == "ok"


def test_what_is_no_number_is_refused_by_name(api: TestClient, block: dict[str, Any]) -> None:
    """As Python's `json.dumps` writes it; `null` stands for what is not finite."""
    run = block["runs"][0]
    end = {"run": run["run"], "token": run["token"], "outcome": "completed"}
    body = json.dumps({"worker": "w", "results": [{**end, "metrics": {"validation": {"loss": 0}}}]})
    for value in ("NaN", "Infinity", "-Infinity", "1e999", '"1"', "true"):
        sent = body.replace('"loss": 0', f'"loss": {value}')
        headers = {"Content-Type": "application/json"}
        refused = api.post("/v1/runs:tell", content=sent, headers=headers)
        assert refused.status_code == 422, value
        pointer = refused.json()["errors"][0]["pointer"]
        assert pointer.startswith("/results/0/metrics/validation/loss"), value


def test_measurements_that_do_not_fit_are_refused_by_name(
    api: TestClient, block: dict[str, Any]
) -> None:
    """Likewise."""
    run = block["runs"][0]
    misfits: list[tuple[list[int], dict[str, list[float]], str]] = [
        ([1, 10_000], {"loss": [1.0, 1.0]}, "steps/1"),
        ([2, 1], {"loss": [1.0, 1.0]}, "steps/1"),
        ([1, 2], {"f1": [1.0, 1.0]}, "values/f1"),
        ([1, 2], {"loss": [1.0]}, "values/loss"),
    ]
    for steps, values, pointer in misfits:
        one = {"run": run["run"], "token": run["token"], "seq": 0, "steps": steps, "values": values}
        refused = api.post("/v1/runs:report", json={"worker": "w", "reports": [one]})
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["pointer"]) == (422, f"/reports/0/{pointer}")


DECLARATIONS: list[tuple[dict[str, Any], str]] = [
    ({"external": {**DECLARED, "metrics": []}}, "/external/metrics"),
    ({"external": {**DECLARED, "metrics": [{"name": "lr"}]}}, "/external/metrics"),
    (
        {"external": {**DECLARED, "metrics": [{"name": "x", "direction": "up"}]}},
        "/external/metrics/0/direction",
    ),
    ({"external": {**DECLARED, "peak": [1.0]}}, "/external/peak"),
    ({"external": {**DECLARED, "peak": [1.0, 0.1]}}, "/external/peak"),
    ({"external": {**DECLARED, "horizon": 0}}, "/external/horizon"),
    ({"external": {**DECLARED, "rungs": [2.0]}}, "/external/rungs"),
    ({"external": {**DECLARED, "code": "x"}}, "/external/code"),
    ({"objective": "noisy_quadratic"}, "/objective"),
    ({"space": {"families": ["plateau"]}}, "/space/families/0"),
    ({"baselines": ["plateau"]}, "/baselines/0"),
    ({"external": None}, "/objective"),
    ({"priority": 0}, "/priority"),
]


def test_a_declaration_that_does_not_fit_is_refused_by_name(api: TestClient) -> None:
    """And nothing is stored."""
    for change, pointer in DECLARATIONS:
        refused = api.post("/v1/studies", json={**REQUEST, **change})
        assert refused.status_code == 422, change
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert api.get("/v1/studies").json()["items"] == []


def test_a_metric_may_be_called_anything(
    api: TestClient, plan: Callable[[], int], claim: Claim, tell: Tell
) -> None:
    """As loggers do; what is wrong is still named as it was sent."""
    names = ["val.loss", "eval/acc [1]", '"x"']
    declared = {**DECLARED, "metrics": [{"name": name} for name in names]}
    created = api.post("/v1/studies", json={**REQUEST, "external": declared})
    assert created.status_code == 202
    plan()
    block = claim(objectives=[NAME])
    assert block is not None
    values = dict.fromkeys(names, 1.0)
    for name in names:
        told = {other: 1.0 for other in names if other != name}
        (error,) = tell(block["runs"][0], metrics={"validation": told}).json()["errors"]
        assert error["pointer"] == "/results/0/metrics/validation/" + name.replace("/", "~1")
    (reply,) = tell(block["runs"][0], metrics={"validation": values}).json()["replies"]
    assert reply["status"] == "ok"


def test_the_example_of_the_schema_is_accepted(api: TestClient) -> None:
    """It stands in OpenAPI."""
    request = {"objective": NAME, "external": EXAMPLE}
    assert api.post("/v1/studies:validate", json=request).status_code == 200


def test_a_priority_is_shown_listed_and_changed(api: TestClient, study: dict[str, Any]) -> None:
    """Set when it is created, and later without touching the words."""
    assert study["priority"] == 2.0
    path = f"/v1/studies/{study['id']}"
    changed = api.patch(path, json={"priority": 0.5})
    assert (changed.status_code, changed.json()["priority"]) == (200, 0.5)
    assert api.get("/v1/studies").json()["items"][0]["priority"] == 0.5
    assert api.patch(path, json={"notes": "x"}).json()["priority"] == 0.5
    refused = api.patch(path, json={"priority": 1000})
    assert refused.json()["errors"][0]["pointer"] == "/priority"
    assert api.post(f"{path}:clone", json={}).json()["priority"] == 2.0
