"""The workers that a caller sees, over HTTP and on their page."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.conftest import FakeClock
from tests.service.conftest import SMALL

PERSON = {"Accept": "text/html"}
ODD = "<script>alert(1)</script>"


def test_nobody_is_there(api: TestClient) -> None:
    """An empty list, and a page that says how to start one."""
    assert api.get("/v1/workers").json() == {"items": [], "queued": 0}
    page = api.get("/workers", headers=PERSON).text
    assert "No worker is there" in page
    assert "glideslope worker --url http://localhost" in page


def test_a_worker_is_told_with_what_it_trains(
    api: TestClient,
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
    clock: FakeClock,
) -> None:
    """State, offer and leases, and how many runs wait; the page says the same."""
    study = submit(label=ODD)["id"]
    plan()
    block = claim(lanes=2, worker=ODD, objectives=["realized_volatility"])
    assert block is not None
    claim(worker="idle", objectives=["other"])
    told = api.get("/v1/workers").json()
    training, idle = told["items"]
    assert (training["name"], training["state"], training["project"]) == (ODD, "training", None)
    assert training["objectives"] == ["realized_volatility"]
    assert {run["run"] for run in training["runs"]} == {run["run"] for run in block["runs"]}
    assert {(run["study"], run["label"]) for run in training["runs"]} == {(study, ODD)}
    assert all(run["lease_expires_at"] > run["started_at"] for run in training["runs"])
    assert (idle["name"], idle["state"], idle["runs"]) == ("idle", "waiting", [])
    assert told["queued"] > 0
    clock.advance(61)
    assert [one["state"] for one in api.get("/v1/workers").json()["items"]] == ["training", "away"]
    page = api.get("/workers", headers=PERSON).text
    assert "1 worker is there, 2 runs in training" in page
    assert ODD not in page
    assert f'href="/studies/{study}"' in page
    assert block["runs"][0]["run"] in page


def test_a_tenant_sees_only_what_is_trained_for_it(
    api: TestClient, holder: Callable[..., TestClient], plan: Callable[[], int]
) -> None:
    """Neither another's workers nor its studies, names or runs on a worker of all."""
    one, other = holder("a"), holder("b")
    study = other.post("/v1/studies", json={**SMALL, "label": "secret plan"}).json()["id"]
    plan()
    asked = {"worker": "box", "claim": "c", "lanes": 1}
    assert other.post("/v1/work:claim", json=asked).json()["block"] is not None
    assert api.post("/v1/work:claim", json={**asked, "worker": "all"}).json()["block"] is not None
    mine = one.get("/v1/workers").json()
    assert [(worker["name"], worker["runs"]) for worker in mine["items"]] == [("all", [])]
    assert mine["queued"] == 0
    theirs = other.get("/v1/workers").json()
    assert {worker["name"]: len(worker["runs"]) for worker in theirs["items"]} == {
        "all": 1,
        "box": 1,
    }
    everyone = api.get("/v1/workers").json()["items"]
    assert {run["project"] for worker in everyone for run in worker["runs"]} == {"b"}
    for words in ("secret plan", study, "box"):
        assert words not in one.get("/workers", headers=PERSON).text
        assert words in other.get("/workers", headers=PERSON).text
    assert holder("a", "work").get("/v1/workers").status_code == 403
