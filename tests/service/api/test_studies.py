"""Studies over HTTP: created once, read as they stand, listed in pages, cancelled."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store import projects, studies
from service.store.engine import Store
from tests.service.conftest import SMALL
from tuning.objectives import OBJECTIVES, configure
from tuning.study import specify

STUDIES = "/v1/studies"
Submit = Callable[..., dict[str, Any]]
Count = Callable[[], dict[str, int]]


def test_a_study_is_accepted_and_stored(api: TestClient, count_rows: Count) -> None:
    """202 with the address of the study, which answers with the same."""
    response = api.post(STUDIES, json=SMALL)
    assert response.status_code == 202
    view = response.json()
    assert response.headers["location"] == f"{STUDIES}/{view['id']}"
    assert api.get(response.headers["location"]).json() == view
    assert (view["state"], view["revision"], view["best"]) == ("running", 1, None)
    # 6 trials on 2 seeds, 2 leaders on 2 more, and 2 arms on 2 confirmation seeds
    assert view["progress"] == {
        "finished_runs": 0,
        "expected_runs": 20,
        "eta": None,
        "search_steps": 0,
        "evidence_steps": 0,
        "fte": 0.0,
    }
    assert view["search_ended"] is None
    assert count_rows()["studies"] == 1


def test_only_the_objective_is_needed(api: TestClient) -> None:
    """Everything else has a default, and the answer shows the complete spec."""
    view = api.post(STUDIES, json={"objective": "realized_volatility"}).json()
    spec = view["spec"]
    assert spec["budget"] == {"trials": 60, "steps": None, "seconds": None}
    assert (spec["seeds"], spec["batch"], spec["leaders"], spec["leader_seeds"]) == (2, 4, 7, 8)
    assert (spec["sampler"], spec["horizon"], spec["worthwhile"]) == ("curve", 300, 0.01)
    assert spec["max_failures"] == 12
    assert spec["config"] == asdict(configure(OBJECTIVES["realized_volatility"], {}))


def test_the_spec_is_the_one_a_notebook_gets(submit: Submit, store: Store) -> None:
    """The API adds nothing to `tuning.study.specify` and drops nothing of the request."""
    space = {"families": ["sgdr"], "peak": [0.001, 0.1], "fixed": {"floor": 0}}
    view = submit(space={**space, "ranges": {"cycles": [1, 4]}}, label="ü 日本")
    with store.read() as session:
        spec = studies.get(session, "default", view["id"]).spec
    assert spec == specify(
        "realized_volatility",
        horizon=20,
        families=("sgdr",),
        peak=(0.001, 0.1),
        ranges={"cycles": (1, 4)},
        fixed={"floor": 0},
        baselines=("constant",),
        budget=spec.budget,
        seeds=2,
        confirm_seeds=2,
        seed=7,
        label="ü 日本",
    )


def test_an_idempotency_key_makes_one_study(api: TestClient, count_rows: Count) -> None:
    """The same request under the same key gets the same answer, however it is spelled."""
    key = {"Idempotency-Key": "once"}
    first = api.post(STUDIES, json=SMALL, headers=key)
    again = api.post(STUDIES, json={"label": "", **dict(reversed(SMALL.items()))}, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert count_rows()["studies"] == 1
    assert api.post(STUDIES, json=SMALL).json()["id"] != first.json()["id"]
    other = api.post(STUDIES, json=SMALL, headers={"Idempotency-Key": "twice"})
    assert other.json()["id"] != first.json()["id"]


def test_a_key_is_not_reused_for_another_study(api: TestClient, count_rows: Count) -> None:
    """Another body under the same key is refused and stores nothing."""
    key = {"Idempotency-Key": "once"}
    api.post(STUDIES, json=SMALL, headers=key)
    refused = api.post(STUDIES, json={**SMALL, "seed": 8}, headers=key)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:glideslope:problem:key-reused"
    assert count_rows()["studies"] == 1


def test_the_first_answer_is_repeated_after_the_study_went_on(
    api: TestClient, play: Callable[[], None]
) -> None:
    """A repetition answers what the creation answered, even days later."""
    key = {"Idempotency-Key": "once"}
    first = api.post(STUDIES, json=SMALL, headers=key).json()
    play()
    assert api.post(STUDIES, json=SMALL, headers=key).json() == first


def test_a_known_revision_is_not_sent_again(api: TestClient, submit: Submit) -> None:
    """304 while nothing changed, also for weak tags and lists of tags; then the new state."""
    path = f"{STUDIES}/{submit()['id']}"
    etag = api.get(path).headers["etag"]
    for known in (etag, f"W/{etag}", f'"0", {etag}', "*"):
        response = api.get(path, headers={"If-None-Match": known})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag
    api.post(f"{path}:cancel")
    changed = api.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["state"]) == (200, "cancelled")
    assert changed.headers["etag"] != etag


def test_studies_are_listed_in_pages_newest_first(
    api: TestClient, submit: Submit, advance: Callable[[float], None]
) -> None:
    """Every study is on one page, also if another one is created between two pages."""
    made = []
    for number in range(5):
        made.append(submit(label=str(number))["id"])
        advance(1.0)
    first = api.get(STUDIES, params={"limit": 2}).json()
    submit(label="late")
    seen = [one["id"] for one in first["items"]]
    cursor = first["next"]
    while cursor:
        page = api.get(STUDIES, params={"limit": 2, "cursor": cursor}).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ({"q": "FIRST"}, ["the first"]),
        ({"q": "ünders"}, ["the second"]),
        ({"q": "e", "labels": "team=rates"}, ["the second"]),
        ({"labels": ["team=rates", "desk=1=2"]}, ["the second"]),
        ({"sort": "name"}, ["the first", "the second", "the third"]),
        ({"sort": "oldest", "q": ""}, ["the third", "the first", "the second"]),
    ],
)
def test_lists_are_searched_and_sorted(
    api: TestClient,
    submit: Submit,
    advance: Callable[[float], None],
    query: dict[str, Any],
    labels: list[str],
) -> None:
    """By any part of the user's own words, by whole labels, in the order that is asked for."""
    for label, more in (
        ("the third", {}),
        ("the first", {"labels": {"team": "Rates"}}),
        ("the second", {"labels": {"team": "rates", "desk": "1=2"}, "notes": "Understood\nÜNDERS"}),
    ):
        submit(label=label, **more)
        advance(1)
    found = api.get(STUDIES, params=query)
    assert [one["label"] for one in found.json()["items"]] == labels


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sort": "best"}, "sort"),
        ({"labels": "team"}, "labels[0]"),
        ({"labels": ["team=x", "=x"]}, "labels[1]"),
        ({"labels": ["a=b"] * 17}, "labels"),
        ({"q": "x" * 129}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"sort": "name", "cursor": "WzFd"}, "cursor"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    api: TestClient, query: dict[str, Any], field: str
) -> None:
    """422 that names the field."""
    refused = api.get(STUDIES, params=query)
    assert refused.status_code == 422
    assert field.partition("[")[0] in refused.text


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ({}, ["b", "a"]),
        ({"label": "a"}, ["a"]),
        ({"label": "c"}, []),
        ({"state": "cancelled"}, ["b"]),
        ({"state": "running"}, ["a"]),
        ({"objective": "realized_volatility", "label": "b"}, ["b"]),
        ({"objective": "other"}, []),
    ],
)
def test_lists_are_filtered(
    api: TestClient,
    submit: Submit,
    advance: Callable[[float], None],
    query: dict[str, str],
    labels: list[str],
) -> None:
    """By state, objective and label, together or alone."""
    submit(label="a")
    advance(1.0)
    api.post(f"{STUDIES}/{submit(label='b')['id']}:cancel")
    found = api.get(STUDIES, params=query).json()
    assert [one["label"] for one in found["items"]] == labels
    assert found["next"] is None


def test_cancelling_twice_is_cancelling_once(api: TestClient, submit: Submit) -> None:
    """A cancelled study stays as it is."""
    path = f"{STUDIES}/{submit()['id']}:cancel"
    first, second = api.post(path), api.post(path)
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert second.json() == first.json()


def test_an_ended_study_cannot_be_cancelled(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """409, and the verdict stays."""
    study = submit()["id"]
    play()
    refused = api.post(f"{STUDIES}/{study}:cancel")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:glideslope:problem:illegal-move"
    assert api.get(f"{STUDIES}/{study}").json()["state"] == "completed"


def test_another_project_is_out_of_sight(api: TestClient, store: Store) -> None:
    """Neither read nor cancelled nor listed: it is not there."""
    with store.write() as session:
        projects.ensure(session, "other")
        spec = specify("realized_volatility")
        study = studies.create(session, "other", spec, expected_runs=1).id
    for path in ("", "/best", "/verdict", "/trials", "/report"):
        assert api.get(f"{STUDIES}/{study}{path}").status_code == 404
    assert api.post(f"{STUDIES}/{study}:cancel").status_code == 404
    assert api.get(STUDIES).json()["items"] == []


def test_validating_stores_nothing_and_tells_spec_and_cost(
    api: TestClient, count_rows: Count
) -> None:
    """The spec is the one a study would get; what is doubtful is told."""
    answer = api.post(f"{STUDIES}:validate", json=SMALL)
    assert answer.status_code == 200
    checked = answer.json()
    assert count_rows()["studies"] == 0
    created = api.post(STUDIES, json=SMALL).json()
    assert checked["spec"] == created["spec"]
    assert checked["estimate"]["runs"] == created["progress"]["expected_runs"]
    assert checked["estimate"]["fte"] * 20 == pytest.approx(checked["estimate"]["search_steps"])
    assert {one["code"] for one in checked["warnings"]} >= {"small_budget"}
    refused = api.post(f"{STUDIES}:validate", json={**SMALL, "batch": 0})
    assert refused.status_code == 422


def test_a_study_starts_from_an_earlier_one(api: TestClient) -> None:
    """One that is not there, or of another objective, is named."""
    first = api.post(STUDIES, json=SMALL).json()["id"]
    answer = api.post(STUDIES, json={**SMALL, "warm_start": [first]})
    assert answer.status_code == 202
    assert answer.json()["spec"]["starts"] == []  # nothing is known of it yet
    assert api.post(STUDIES, json={**SMALL, "warm_start": ["st_none"]}).status_code == 404
    other = {"objective": "noisy_quadratic", "warm_start": [first]}
    refused = api.post(STUDIES, json=other)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/warm_start/0"


def test_what_an_earlier_study_found_is_tried_first(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """Its scored schedules, best first, with the seeds their scores rest on.

    Those of families that are only a baseline are left to the baselines.
    """
    first = submit()["id"]
    play()
    scored = api.get(f"{STUDIES}/{first}/trials").json()["items"]
    tuned = {repr(one["params"]) for one in scored if one["phase"] != "confirm"}
    second = submit(warm_start=[first], seed=8)
    starts = second["spec"]["starts"]
    assert {repr(one["params"]) for one in starts} == tuned
    assert len(starts) == len(tuned) == 6
    by_seeds = [(-one["seeds"], one["value"]) for one in starts]
    assert by_seeds == sorted(by_seeds)
    play()
    fresh = api.get(f"{STUDIES}/{second['id']}/trials").json()["items"]
    searched = next(one for one in fresh if one["phase"] == "search")
    families = SMALL["space"]["families"]
    known = [one["params"] for one in starts if one["params"]["family"] in families]
    assert searched["params"] == known[0]


def test_pruning_on_prefixes_is_an_opt_in_that_warns(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """Before the study, on it, in its verdict, with the number of trials, and in its report."""
    body = {**SMALL, "horizon": 80, "budget": {"trials": 14}, "pruning": "median"}
    checked = api.post(f"{STUDIES}:validate", json=body).json()
    (warned,) = [one for one in checked["warnings"] if one["code"] == "prefix_pruning"]
    assert warned["message"].startswith("trials are pruned by `median` after 0.25, 0.5 of")
    assert "0.71 and 0.82" in warned["message"]
    assert (checked["spec"]["pruning"], checked["spec"]["rungs"]) == ("median", [0.25, 0.5])
    study = submit(**body)
    assert warned in study["warnings"]
    page = api.get(f"{STUDIES}/{study['id']}/report").text
    assert "0 trials were pruned by `median`" in page
    play()
    trials = api.get(f"{STUDIES}/{study['id']}/trials").json()["items"]
    count = sum(one["state"] == "pruned" for one in trials)
    verdict = api.get(f"{STUDIES}/{study['id']}/verdict").json()
    (told,) = [one for one in verdict["warnings"] if one["code"] == "prefix_pruning"]
    assert count > 0
    assert told["message"].startswith(f"{count} trials were pruned by `median`")
    assert told["message"] in verdict["words"]
    page = api.get(f"{STUDIES}/{study['id']}/report").text
    assert f"{count} trials were pruned by `median`" in page
    assert f"{count} pruned on a prefix (median)" in page
    pruned = next(one["number"] for one in trials if one["state"] == "pruned")
    runs = api.get(f"{STUDIES}/{study['id']}/trials/{pruned}/runs").json()["items"]
    assert {(run["horizon"], run["updates"]) for run in runs} <= {(80, 20), (80, 40)}
    assert api.post(f"{STUDIES}:validate", json=SMALL).json()["spec"]["pruning"] == "none"


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"pruning": "hyperband"}, "/pruning", "median"),
        ({"pruning": "asha", "rungs": []}, "/rungs", "at least one fraction"),
        ({"pruning": "asha", "horizon": 30}, "/rungs", "at least one fraction"),
        (
            {"pruning": "asha", "objective": "online_surface", "horizon": None, "rungs": [0.1]},
            "/rungs",
            "where the segment begins",
        ),
    ],
)
def test_a_prefix_that_makes_no_sense_is_refused(
    api: TestClient, changes: dict[str, Any], field: str, told: str
) -> None:
    """Unknown rules, no prefix that is long enough, one on which nothing is scored yet."""
    answer = api.post(STUDIES, json={**SMALL, **changes})
    assert answer.status_code == 422
    assert field in answer.text
    assert told in answer.text
    assert api.get(STUDIES).json()["items"] == []


def test_every_part_of_the_policy_can_be_asked_for(api: TestClient) -> None:
    """And stands in the spec as it was asked."""
    body = {
        "objective": "noisy_quadratic",
        "horizon": 100,
        "space": {"constraints": ["final_lr <= 0.01", "warmup <= 0.05"]},
        "budget": {"trials": 40, "steps": 100_000, "seconds": 60},
        "rungs": [0.5],
        "promote": 0.5,
        "leaders": 3,
        "leader_seeds": 4,
        "evidence_budget": 50_000,
        "early_stop": False,
    }
    spec = api.post(STUDIES, json=body).json()["spec"]
    assert spec["space"]["constraints"] == [
        {"name": "final_lr", "comparator": "<=", "value": 0.01},
        {"name": "warmup", "comparator": "<=", "value": 0.05},
    ]
    assert spec["budget"] == {"trials": 40, "steps": 100_000, "seconds": 60}
    assert (spec["rungs"], spec["promote"], spec["cap"]) == ([0.5], 0.5, "hard")
    assert (spec["leaders"], spec["leader_seeds"], spec["early_stop"]) == (3, 4, False)
    assert spec["evidence_budget"] == 50_000
