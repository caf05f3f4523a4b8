"""What came of a study: best schedule, trials, verdict and report, while it runs and after."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from service.worker.translate import block_of, lease_of, report_of, tell_of
from tuning.execution import Ended, Inline, Measured
from tuning.records import Budget
from tuning.schedules import Schedule
from tuning.study import run_study, specify

STUDIES = "/v1/studies"
Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]


def test_the_best_so_far_is_served_while_the_study_runs(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
) -> None:
    """409 until a trial has all its seeds; then the lowest mean of the search, marked as such."""
    path = f"{STUDIES}/{submit()['id']}"
    plan()
    block = claim(lanes=2)
    assert block is not None
    first, second = block["runs"]
    tell(first, 0.5)
    early = api.get(f"{path}/best")
    assert (early.status_code, early.json()["type"].rpartition(":")[2]) == (409, "conflict")
    tell(second, 0.7)
    best = api.get(f"{path}/best").json()
    assert best["state"] == "running"
    assert (best["metric"]["validation"], best["metric"]["stage"]) == (0.6, "search")
    assert (best["metric"]["test"], best["verdict"]) == (None, None)
    assert "values" not in best["schedule"]["table"]
    view = api.get(path).json()
    assert (view["best"]["value"], view["best"]["stage"]) == (0.6, "search")
    assert view["progress"]["finished_runs"] == 2
    assert view["progress"]["eta"] is not None
    assert api.get(f"{path}/verdict").status_code == 409


def test_a_finished_study_has_a_confirmed_best(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """The winner with its figures on fresh seeds, the verdict in figures and in words."""
    path = f"{STUDIES}/{submit()['id']}"
    play()
    view = api.get(path).json()
    assert (view["state"], view["error"]) == ("completed", None)
    best = api.get(f"{path}/best?table=true").json()
    verdict = api.get(f"{path}/verdict").json()
    assert best["verdict"] == verdict
    # Six trials on two seeds and a race; then first set, second set and variants of the winner.
    runs, spent = view["progress"], verdict["spent"]
    made = (spent["tuning"] + spent["evidence"]) // view["spec"]["horizon"]
    assert runs["finished_runs"] == runs["expected_runs"] == made
    assert made >= 12 + 2 * len(verdict["arms"])
    assert best["metric"]["stage"] == view["best"]["stage"] == "confirmed"
    assert best["metric"]["seeds"] == 2
    assert best["metric"]["test"] == best["metric"]["validation"] == view["best"]["value"]
    assert best["schedule"]["family"] == verdict["winner"] == view["best"]["family"]
    assert verdict["winner"] in verdict["words"]
    assert verdict["test_reads"] == 1
    schedule = Schedule.from_document(best["schedule"])
    assert np.array_equal(schedule.table(), best["schedule"]["table"]["values"])
    assert best["applies_to"]["optimizer"] == "sgd"
    assert "data_hash" not in best["applies_to"]  # nobody told
    assert set(best["provenance"]["versions"]) >= {"glideslope", "optuna", "python"}


def test_the_recommended_schedule_can_be_asked_for(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """With its own figures: of a tie the simplest, which need not have won."""
    path = f"{STUDIES}/{submit(baselines=['cosine', 'constant'])['id']}"
    assert api.get(f"{path}/best?pick=recommended").status_code == 409
    play()
    verdict = api.get(f"{path}/verdict").json()
    wanted = verdict["recommended"]
    (arm,) = (one for one in verdict["arms"] if one["trial"] == wanted["trial"])
    best = api.get(f"{path}/best?pick=recommended").json()
    assert best["provenance"]["trial"] == wanted["trial"]
    assert (best["schedule"]["family"], best["schedule"]["peak"]) == (arm["family"], arm["peak"])
    assert best["metric"]["validation"] == arm["validation"]
    assert best["metric"]["stage"] == "confirmed"
    plain = api.get(f"{path}/best").json()
    assert plain["provenance"]["trial"] == verdict["trial"] != wanted["trial"]
    assert plain == api.get(f"{path}/best?pick=winner").json()
    assert "constant" in api.get(f"{path}/best?pick=recommended&format=torch").text.lower()
    assert api.get(f"{path}/best?pick=simplest").status_code == 422


def test_trials_come_in_order_and_in_pages(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """All trials, each with its schedule and its score."""
    path = f"{STUDIES}/{submit()['id']}/trials"
    assert api.get(path).json() == {"items": [], "next": None}
    play()
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = api.get(path, params={"limit": 4} | ({"cursor": cursor} if cursor else {})).json()
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["items"]) == 4
    assert items == api.get(path, params={"limit": 100}).json()["items"]
    assert [one["number"] for one in items] == list(range(len(items)))
    assert len(items) > 6
    assert {one["state"] for one in items} == {"completed"}
    assert {one["phase"] for one in items[:6]} == {"baseline", "search"}
    assert {one["phase"] for one in items[6:]} == {"confirm"}  # variants of the winner
    assert all(one["schedule"]["peak"] == one["params"]["peak"] for one in items)


def test_a_study_where_everything_diverges_fails_saying_why(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
) -> None:
    """No best, no verdict; the first reason is told."""
    path = f"{STUDIES}/{submit()['id']}"
    while plan():
        while (block := claim(lanes=8)) is not None:
            for run in block["runs"]:
                tell(run, outcome="diverged", metrics={}, reason="loss was nan after update 3")
    view = api.get(path).json()
    assert view["state"] == "failed"
    assert "6 diverged" in view["error"]
    assert "loss was nan after update 3" in view["error"]
    assert api.get(f"{path}/best").status_code == 409
    assert api.get(f"{path}/report").status_code == 200


def test_the_report_is_one_page_at_any_time(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """HTML before anything was planned, and after the verdict, whose words it holds."""
    study = submit(label="<b>mine</b>")["id"]
    early = api.get(f"{STUDIES}/{study}/report")
    assert early.headers["content-type"].startswith("text/html")
    assert "<b>mine</b>" not in early.text
    assert "&lt;b&gt;mine&lt;/b&gt;" in early.text
    play()
    words = api.get(f"{STUDIES}/{study}/verdict").json()["words"].partition(".")[0]
    assert words in api.get(f"{STUDIES}/{study}/report").text


def test_a_trained_study_comes_out_as_in_a_notebook(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Planned, trained and judged over HTTP: the verdict of `run_study`, bit for bit."""
    path = f"{STUDIES}/{submit()['id']}"
    executor = Inline()
    while plan():
        while (block := claim(lanes=8)) is not None:
            _train(api, executor, block)
    served = api.get(f"{path}/verdict").json()
    spec = specify(
        "realized_volatility",
        horizon=20,
        families=("cosine", "linear"),
        baselines=("constant",),
        budget=Budget(trials=6),
        seeds=2,
        confirm_seeds=2,
        seed=7,
    )
    outcome = run_study(spec, Inline())
    assert outcome.verdict is not None
    alone = json.loads(json.dumps(outcome.verdict.document()))
    assert {name: served[name] for name in alone} == alone
    best = api.get(f"{path}/best").json()
    assert len(best["applies_to"]["data_hash"]) == 64
    assert best["applies_to"] == served["applies_to"] == alone["applies_to"]
    versions = best["provenance"]["versions"]
    assert versions == {**served["planner_versions"], **served["versions"]}
    assert versions.keys() >= {"glideslope", "jax", "optuna", "python", "scikit-learn"}
    (run, *_) = api.get(f"{path}/trials/0/runs").json()["items"]
    assert (run["data_hash"], run["versions"]) == (
        served["applies_to"]["data_hash"],
        served["versions"],
    )
    report = api.get(f"{path}/report").text
    assert "mse" in report


def _train(api: TestClient, executor: Inline, document: dict[str, Any]) -> None:
    """Train a block and send what it says, as a worker does."""
    from service.schemas.work import ClaimedBlock

    claimed = ClaimedBlock.model_validate(document)
    leases = {run.run: lease_of(run) for run in claimed.runs}
    measured: dict[str, list[Measured]] = {}
    tells = []
    for event in executor.run(block_of(claimed)):
        if isinstance(event, Ended):
            tells.append(tell_of(leases[event.run], event.result, len(leases)))
        else:
            measured.setdefault(event.run, []).append(event)
    reports = [
        report_of(leases[run], 0, [event.measurement for event in events])
        for run, events in measured.items()
    ]
    for call, name, items in (
        ("report", "reports", reports),
        ("tell", "results", tells),
    ):
        body = {"worker": "w", name: [item.model_dump(mode="json") for item in items]}
        replies = api.post(f"/v1/runs:{call}", json=body).json()["replies"]
        assert {reply["status"] for reply in replies} == {"ok"}


def test_the_report_survives_measurements_of_any_size(
    api: TestClient,
    submit: Submit,
    play: Callable[[], None],
    plan: Callable[[], int],
    claim: Claim,
) -> None:
    """A loss may have been anything on its way; the page is still made, without a warning."""
    study = submit()["id"]
    plan()
    block = claim(lanes=2)
    assert block is not None
    for run in block["runs"]:
        one = {"run": run["run"], "token": run["token"], "seq": 0, "steps": [1, 2, 3, 4]}
        values = {"mse": [1e150, -1e150, None, 0.0], "lr": [0.0, 1e-300, None, 1e150]}
        body = {"worker": "w", "reports": [{**one, "values": {**values, "\u2028": [0.0] * 4}}]}
        assert api.post("/v1/runs:report", json=body).status_code == 200
        end = {"run": run["run"], "token": run["token"], "outcome": "completed"}
        end |= {"metrics": {"validation": {"mse": 0.01, "other": None}}}
        assert api.post("/v1/runs:tell", json={"worker": "w", "results": [end]}).status_code == 200
    assert api.get(f"{STUDIES}/{study}/report").status_code == 200
    play()
    assert api.get(f"{STUDIES}/{study}/report").status_code == 200
