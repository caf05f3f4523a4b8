"""The worker protocol over HTTP: leases, measurements, ends, each counted once."""

import json
import threading
from collections.abc import Callable
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from service.schemas.studies import PruningName
from service.schemas.work import (
    CauseName,
    ClaimReply,
    ClaimRequest,
    HeartbeatRequest,
    Replies,
    ReportRequest,
    TellRequest,
)
from service.store import work as stored_work
from service.store.engine import Store
from tuning.records import Cause, Pruning
from tuning.schedules import Schedule

Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]
Tell = Callable[..., Any]


@pytest.fixture
def block(submit: Submit, plan: Callable[[], int], claim: Claim) -> dict[str, Any]:
    """Two leased runs of a fresh study."""
    submit()
    plan()
    found = claim(lanes=2)
    assert found is not None
    return found


def beat(api: TestClient, *runs: dict[str, Any]) -> Any:  # noqa: ANN401
    """Send one heartbeat for some runs."""
    beats = [{"run": run["run"], "token": run["token"]} for run in runs]
    return api.post("/v1/runs:heartbeat", json={"worker": "w", "runs": beats})


def report(api: TestClient, run: dict[str, Any], seq: int = 0) -> Any:  # noqa: ANN401
    """Report one measurement."""
    one = {"run": run["run"], "token": run["token"], "seq": seq}
    one |= {"steps": [5, 10], "values": {"mse": [1.0, None], "lr": [0.1, 0.05]}}
    return api.post("/v1/runs:report", json={"worker": "w", "reports": [one]})


def test_a_claim_is_a_block_that_can_be_trained(block: dict[str, Any]) -> None:
    """Study, objective, config, horizon, splits, and per run a seed and a schedule."""
    assert block["objective"] == "realized_volatility"
    assert (block["horizon"], block["splits"]) == (20, ["validation"])
    assert len({run["token"] for run in block["runs"]}) == 2
    for run in block["runs"]:
        assert run["run"].startswith(block["study"])
        assert Schedule.from_document(run["schedule"]).horizon == 20


def test_a_repeated_claim_gets_the_same_runs(
    api: TestClient, submit: Submit, plan: Callable[[], int]
) -> None:
    """A lost answer is asked for again."""
    submit()
    plan()
    body = {"worker": "w", "claim": "same", "lanes": 2}
    first = api.post("/v1/work:claim", json=body)
    again = api.post("/v1/work:claim", json=body)
    assert first.json() == again.json()
    assert len(first.json()["block"]["runs"]) == 2
    assert (first.json()["lease_seconds"], first.json()["heartbeat_seconds"]) == (30.0, 10.0)


def test_there_is_nothing_to_claim_without_a_study(api: TestClient, claim: Claim) -> None:
    """An empty block, also after waiting, and for a worker that trains other things."""
    assert claim() is None
    assert claim(wait_seconds=0.1) is None


def test_a_worker_gets_only_what_it_can_train(
    submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Objectives that it does not name are for others."""
    submit()
    plan()
    assert claim(objectives=["other"]) is None
    assert claim(objectives=[]) is None
    assert claim(objectives=["other", "realized_volatility"]) is not None


def test_a_waiting_claim_is_answered_when_there_is_work(
    submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Long before its time is up."""
    found: list[dict[str, Any] | None] = []
    waiting = threading.Thread(target=lambda: found.append(claim(wait_seconds=20)))
    waiting.start()
    submit()
    plan()
    waiting.join(15)
    assert found
    assert found[0] is not None


def test_a_claim_asked_again_ends_the_wait_of_the_first(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Whoever asks again for nothing stops waiting; what comes then is for others."""
    body = {"worker": "w", "claim": "one", "wait_seconds": 20}
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: found.append(api.post("/v1/work:claim", json=body).json())
    )
    waiting.start()
    nothing = {**body, "objectives": [], "wait_seconds": 0}
    while waiting.is_alive():  # it may not have arrived yet
        assert api.post("/v1/work:claim", json=nothing).json()["block"] is None
        waiting.join(0.05)
    assert found[0]["block"] is None
    submit()
    plan()
    assert claim() is not None


def test_heartbeats_keep_a_lease(
    api: TestClient, store: Store, block: dict[str, Any], advance: Callable[[float], None]
) -> None:
    """A run that is heard of stays with its worker; one that is not is taken back."""
    kept, lost = block["runs"]
    for _ in range(3):
        advance(20.0)
        assert beat(api, kept).json()["replies"] == [
            {"run": kept["run"], "status": "ok", "stop": None}
        ]
        with store.write() as session:
            stored_work.sweep(session, max_attempts=3)
    replies = beat(api, kept, lost).json()["replies"]
    assert [reply["status"] for reply in replies] == ["ok", "stale"]
    assert replies[1]["stop"] == "expired"


def test_a_batch_of_stale_runs_is_a_conflict(
    api: TestClient,
    store: Store,
    block: dict[str, Any],
    tell: Tell,
    advance: Callable[[float], None],
) -> None:
    """All leases lost: 409 for heartbeat, report and tell alike, naming the runs."""
    run = block["runs"][0]
    advance(31.0)
    with store.write() as session:
        stored_work.sweep(session, max_attempts=3)
    for response in (beat(api, run), report(api, run), tell(run)):
        assert response.status_code == 409
        assert response.json()["type"] == "urn:glideslope:problem:conflict"
        assert f"{run['run']}: expired" in response.json()["detail"]


def test_a_cancelled_study_stops_its_runs(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """The next reply about its runs says so; another study's runs go on."""
    first = submit()
    plan()
    dropped = claim()
    submit()
    plan()
    api.post(f"/v1/studies/{first['id']}:cancel")
    kept = claim()
    assert dropped is not None
    assert kept is not None
    response = beat(api, dropped["runs"][0], kept["runs"][0])
    assert response.status_code == 200
    assert [reply["stop"] for reply in response.json()["replies"]] == ["cancelled", None]
    alone = report(api, dropped["runs"][0])
    assert alone.status_code == 409
    assert "cancelled" in alone.json()["detail"]
    (reply,) = alone.json()["replies"]
    run = dropped["runs"][0]["run"]
    assert reply == {"run": run, "status": "stale", "stop": "cancelled"}


def test_a_measurement_counts_once(api: TestClient, block: dict[str, Any]) -> None:
    """By run, token and number; the next number is another one."""
    run = block["runs"][0]
    statuses = [report(api, run, seq).json()["replies"][0]["status"] for seq in (0, 0, 1, 0, 1)]
    assert statuses == ["ok", "duplicate", "ok", "duplicate", "duplicate"]


def test_an_end_counts_once(api: TestClient, block: dict[str, Any], tell: Tell) -> None:
    """Repeated, it is a duplicate; another one under the same token is a conflict."""
    run = block["runs"][0]
    first, again, other = tell(run, 0.5), tell(run, 0.5), tell(run, 0.6)
    assert first.json()["replies"] == [{"run": run["run"], "status": "ok", "stop": None}]
    assert again.json()["replies"][0]["status"] == "duplicate"
    assert other.status_code == 409
    assert "told another result" in other.json()["detail"]
    progress = api.get(f"/v1/studies/{block['study']}").json()["progress"]
    assert progress["finished_runs"] == 1


def test_a_batch_is_taken_whole_or_not_at_all(
    api: TestClient, block: dict[str, Any], tell: Tell
) -> None:
    """One end that does not fit refuses its neighbours too, which may then be told again."""
    good, bad = (
        {"run": run["run"], "token": run["token"], "outcome": "completed"} for run in block["runs"]
    )
    good |= {"metrics": {"validation": {"mse": 0.5}}}
    response = api.post("/v1/runs:tell", json={"worker": "w", "results": [good, bad]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/results/1/metrics/validation/mse"
    assert tell(block["runs"][0]).json()["replies"][0]["status"] == "ok"


@pytest.mark.parametrize("outcome", ["crashed", "returned"])
def test_a_run_that_did_not_end_is_handed_out_again(
    api: TestClient, block: dict[str, Any], tell: Tell, claim: Claim, outcome: str
) -> None:
    """A run whose block crashed comes alone; neither a crash in company nor a return counts."""
    run = block["runs"][0]
    end = {"outcome": outcome, "metrics": {}, "lanes": 2, "reason": "exit code -9"}
    assert tell(run, **end).json()["replies"][0]["status"] == "ok"
    again = claim(lanes=8)
    assert again is not None
    assert again["runs"][0]["run"] == run["run"]
    assert again["runs"][0]["token"] != run["token"]
    assert again["runs"][0]["attempt"] == 0
    assert (len(again["runs"]) == 1) == (outcome == "crashed")
    assert tell(run, **end).json()["replies"][0]["status"] == "duplicate"
    assert tell(run).status_code == 409


def test_a_run_that_keeps_crashing_fails(
    api: TestClient, block: dict[str, Any], tell: Tell, claim: Claim
) -> None:
    """Three crashes alone, and the run has failed with the last reason."""
    run = block["runs"][0]
    tell(run, outcome="crashed", metrics={}, lanes=2, reason="exit code -9")
    for _ in range(3):
        again = claim(lanes=1)
        assert again is not None
        assert again["runs"][0]["run"] == run["run"]
        tell(again["runs"][0], outcome="crashed", metrics={}, reason="exit code -9")
    after = claim(lanes=1)
    assert after is None or after["runs"][0]["run"] != run["run"]
    assert api.get(f"/v1/studies/{block['study']}").json()["progress"]["finished_runs"] == 1


def test_why_a_run_failed_is_told(
    api: TestClient, block: dict[str, Any], tell: Tell, claim: Claim
) -> None:
    """Cause, reason and place travel from whoever trained to whoever asks."""
    first, second = block["runs"]
    assert first["run"].endswith(".0")
    end = {"metrics": {}, "cause": "timeout", "reason": "too long", "step": 5, "lr": 0.25}
    tell(first, outcome="crashed", lanes=2, **end)
    tell(second, outcome="diverged", metrics={}, cause="blew_up", step=7, lr=3.0, reason="up")
    again = claim(lanes=1)
    assert again is not None
    tell(again["runs"][0], outcome="crashed", **end)
    runs = api.get(f"/v1/studies/{block['study']}/trials/0/runs").json()["items"]
    shown = ("state", "attempt", "cause", "reason", "step", "lr")
    assert [[run[name] for name in shown] for run in runs] == [
        ["failed", 1, "timeout", "too long", 5, 0.25],
        ["diverged", 0, "blew_up", "up", 7, 3.0],
    ]
    assert api.get(f"/v1/studies/{block['study']}/trials/99/runs").status_code == 404


def test_what_a_failed_run_said_last_is_told(
    api: TestClient, block: dict[str, Any], tell: Tell
) -> None:
    """Traceback and log travel like its reason, each of them bounded."""
    run = block["runs"][0]
    words = {"traceback": "Traceback:\n  line 7\n", "log_tail": "epoch 1\n\x1b[31mred\t\u202e\n"}
    longer = {name: "x" * 10_000 + told for name, told in words.items()}
    for name in words:
        refused = tell(run, outcome="failed", metrics={}, **{name: "x" * 65_537})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"/results/0/{name}"
    end = {"outcome": "failed", "metrics": {}, "reason": "ValueError", **longer}
    assert tell(run, **end).json()["replies"][0]["status"] == "ok"
    assert tell(run, **end).json()["replies"][0]["status"] == "duplicate"
    first, second = api.get(f"/v1/studies/{block['study']}/trials/0/runs").json()["items"]
    for name, told in words.items():
        assert (len(first[name]), first[name][-len(told) :]) == (8192, told)
    assert (second["traceback"], second["log_tail"]) == (None, None)


def test_the_schedule_of_the_example_is_one() -> None:
    """With its own learning rates and their hash."""
    (shown,) = ClaimReply.model_json_schema()["examples"]
    document = shown["block"]["runs"][0]["schedule"]
    schedule = Schedule.from_document(document)
    assert list(schedule.table()) == document["table"]["values"]


def test_an_unknown_cause_is_refused(block: dict[str, Any], tell: Tell) -> None:
    """With the known ones listed; they are those of the core."""
    response = tell(block["runs"][0], outcome="failed", metrics={}, cause="fate")
    assert response.status_code == 422
    assert set(get_args(CauseName)) == {cause.value for cause in Cause}


def test_the_schema_names_every_rule_of_pruning() -> None:
    """Likewise."""
    assert set(get_args(PruningName)) == {rule.value for rule in Pruning}


@pytest.mark.parametrize(
    "schema", [ClaimRequest, ClaimReply, HeartbeatRequest, ReportRequest, TellRequest, Replies]
)
def test_the_examples_of_the_protocol_are_valid(schema: type[BaseModel]) -> None:
    """They stand in OpenAPI, where trainers in other languages are begun."""
    (shown,) = schema.model_json_schema()["examples"]
    schema.model_validate_json(json.dumps(shown))
