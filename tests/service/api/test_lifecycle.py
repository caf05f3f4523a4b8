"""The life of a study over HTTP: moved, told where it may go instead, and the same trials."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import SMALL, score

STUDIES = "/v1/studies"
Submit = Callable[..., dict[str, Any]]
Play = Callable[[], None]
Claim = Callable[..., dict[str, Any] | None]


@pytest.fixture
def move(api: TestClient) -> Callable[[str, str], Any]:
    """Ask something of a study: `move(study, "pause")`."""
    return lambda study, call: api.post(f"{STUDIES}/{study}:{call}")


def trials(api: TestClient, study: str) -> list[dict[str, Any]]:
    """All trials of a study."""
    found: list[dict[str, Any]] = api.get(f"{STUDIES}/{study}/trials").json()["items"]
    return found


def test_a_paused_study_gives_the_same_trials_and_verdict(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
    play: Play,
    move: Callable[[str, str], Any],
) -> None:
    """Paused at every step, with runs told meanwhile, it ends exactly like one that never was."""
    straight = submit()["id"]
    play()
    paused = submit()["id"]
    while plan() >= 0 and api.get(f"{STUDIES}/{paused}").json()["state"] != "completed":
        block = claim(lanes=3)
        assert move(paused, "pause").json()["state"] == "paused"
        assert plan() == 0
        assert claim() is None
        for run in [] if block is None else block["runs"]:
            metrics = {split: {"mse": score(run)} for split in block["splits"]} if block else {}
            assert tell(run, metrics=metrics).status_code == 200
        assert move(paused, "resume").json()["state"] in {"running", "confirming"}
    assert trials(api, paused) == trials(api, straight)
    verdicts = [api.get(f"{STUDIES}/{one}/verdict").json() for one in (paused, straight)]
    assert verdicts[0] == verdicts[1]


def test_a_stopped_study_is_judged_by_what_it_knows(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
    play: Play,
    move: Callable[[str, str], Any],
) -> None:
    """Fewer trials than the budget allows, a verdict, and the reason why the search ended."""
    study = submit(batch=2)["id"]
    plan()
    block = claim(lanes=4)
    assert block is not None
    for run in block["runs"]:
        tell(run, score(run))
    plan()
    stopped = move(study, "stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "running")
    assert move(study, "stop").json() == stopped.json()
    play()
    view = api.get(f"{STUDIES}/{study}").json()
    assert (view["state"], view["search_ended"]) == ("completed", "the search was stopped")
    states = [one["state"] for one in trials(api, study) if one["phase"] != "confirm"]
    assert len(states) <= 4
    assert set(states) == {"completed", "cancelled"}
    assert api.get(f"{STUDIES}/{study}/verdict").status_code == 200
    assert move(study, "stop").json() == view


def test_a_stopped_study_without_a_result_fails_and_says_why(
    api: TestClient, submit: Submit, plan: Callable[[], int], move: Callable[[str, str], Any]
) -> None:
    """There is nothing to confirm."""
    study = submit()["id"]
    plan()
    move(study, "stop")
    plan()
    view = api.get(f"{STUDIES}/{study}").json()
    assert view["state"] == "failed"
    assert view["error"].startswith("the search was stopped, and no trial completed")


@pytest.mark.parametrize("call", ["pause", "resume", "stop", "cancel"])
def test_an_ended_study_is_not_moved(
    api: TestClient, submit: Submit, play: Play, move: Callable[[str, str], Any], call: str
) -> None:
    """409 with the state and what it allows; the study stays as it is."""
    study = submit()["id"]
    play()
    before = api.get(f"{STUDIES}/{study}").json()
    refused = move(study, call)
    assert (refused.status_code, refused.json()["type"].split(":")[-1]) == (409, "illegal-move")
    assert refused.json()["detail"] == f"{call}: the study is completed; allowed: extend, delete"
    assert api.get(f"{STUDIES}/{study}").json() == before


def test_an_extended_study_is_judged_again_on_new_seeds(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """The search goes on; the first verdict stays and the second warns; best stays confirmed."""
    path = f"{STUDIES}/{submit()['id']}"
    play()
    first, best = api.get(f"{path}/verdict").json(), api.get(f"{path}/best").json()
    assert (first["number"], first["test_reads"]) == (1, 1)
    wish = {"budget": {"trials": 10}}
    extended = api.post(f"{path}:extend", json=wish).json()
    assert (extended["state"], extended["verdicts"], extended["search_ended"]) == (
        "running",
        1,
        None,
    )
    assert extended["spec"]["budget"]["trials"] == 10
    assert extended["progress"]["expected_runs"] > extended["progress"]["finished_runs"]
    assert extended["best"]["stage"] == "confirmed"
    assert api.post(f"{path}:extend", json=wish).json() == extended
    assert api.get(f"{path}/verdict").json() == first
    assert api.get(f"{path}/best").json() == {**best, "state": "running"}
    assert api.get(f"{path}/report").status_code == 200
    play()
    done = api.get(path).json()
    assert (done["state"], done["verdicts"]) == ("completed", 2)
    assert done["progress"]["finished_runs"] == done["progress"]["expected_runs"]
    searched = [one for one in trials(api, done["id"]) if one["phase"] != "confirm"]
    assert len(searched) == 10
    second = api.get(f"{path}/verdict").json()
    assert (second["number"], second["test_reads"]) == (2, 2)
    assert "test_reused" in {one["code"] for one in second["warnings"]}
    assert api.get(f"{path}/verdict", params={"number": 1}).json() == first
    assert api.get(f"{path}/verdict", params={"number": 2}).json() == second
    assert api.get(f"{path}/verdict", params={"number": 3}).status_code == 404
    assert api.post(f"{path}:extend", json=wish).json() == done
    assert api.get(f"{path}/report").status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"budget": {"trials": 5}}, "/budget/trials"),
        ({"budget": {"trials": 6}}, "/budget"),
        ({}, "/budget"),
        ({"budget": {"steps": 10}}, "/budget/steps"),
        ({"evidence_budget": 0}, "/evidence_budget"),
        ({"budget": {"trials": "7"}}, "/budget/trials"),
        ({"budget": {"horizon": 7}}, "/budget/horizon"),
    ],
)
def test_a_budget_that_does_not_grow_is_refused(
    api: TestClient, submit: Submit, play: Play, body: dict[str, Any], pointer: str
) -> None:
    """422 naming the field; the study stays completed."""
    path = f"{STUDIES}/{submit()['id']}"
    play()
    refused = api.post(f"{path}:extend", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert api.get(path).json()["state"] == "completed"


def test_only_a_completed_study_is_extended(api: TestClient, submit: Submit) -> None:
    """409 with what is allowed."""
    refused = api.post(f"{STUDIES}/{submit()['id']}:extend", json={"budget": {"trials": 10}})
    assert refused.status_code == 409
    assert refused.json()["detail"] == (
        "extend: the study is running; allowed: pause, stop, cancel, suggest"
    )


def test_a_goal_ends_a_study(api: TestClient, submit: Submit, play: Play) -> None:
    """The reason is told with the study and in its conditions."""
    path = f"{STUDIES}/{submit(goal=10.0)['id']}"
    play()
    view = api.get(path).json()
    assert view["state"] == "completed"
    assert view["search_ended"].endswith("and the goal is 10")
    (condition,) = [one for one in view["conditions"] if one["status"]]
    assert (condition["type"], condition["message"]) == ("Completed", view["search_ended"])
    assert "and the goal is 10" in api.get(f"{path}/report").text


@pytest.mark.parametrize(
    "deadline", ["2001-01-01T00:00:00Z", "2040-01-01T00:00:00", "tomorrow", "", "9" * 20]
)
def test_a_deadline_is_a_moment_to_come(api: TestClient, submit: Submit, deadline: str) -> None:
    """With its time zone; it is shown as it is kept, in UTC."""
    shown = submit(deadline="2040-01-01T02:00:00+02:00")["deadline"]
    assert shown == "2040-01-01T00:00:00+00:00"
    refused = api.post(STUDIES, json={"objective": "realized_volatility", "deadline": deadline})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/deadline"


def test_a_clone_is_a_study_with_the_same_request_but_for_the_changes(
    api: TestClient, submit: Submit
) -> None:
    """Objects are merged, `null` takes back, defaults follow anew; a key makes one clone."""
    first = submit(label="a", labels={"team": "x"}, notes="why", budget={"trials": 6})
    path = f"{STUDIES}/{first['id']}:clone"
    same = api.post(path, json={})
    assert same.status_code == 202
    assert same.headers["location"] == f"{STUDIES}/{same.json()['id']}"
    assert (same.json()["spec"], same.json()["labels"]) == (first["spec"], {"team": "x"})
    assert same.json()["id"] != first["id"]
    changes = {"budget": {"trials": 12}, "space": {"peak": [0.001, 0.1]}, "confirm_seeds": None}
    key = {"Idempotency-Key": "clone"}
    clone = api.post(path, json={**changes, "label": "b"}, headers=key).json()
    assert api.post(path, json={**changes, "label": "b"}, headers=key).json() == clone
    spec = clone["spec"]
    assert (spec["budget"]["trials"], spec["confirm_seeds"], spec["label"]) == (12, 10, "b")
    assert spec["space"]["families"] == first["spec"]["space"]["families"]
    assert spec["space"]["parameters"]["peak"]["high"] == 0.1
    assert spec["seed"] == first["spec"]["seed"]
    assert api.post(f"{STUDIES}/{clone['id']}:clone", json={}).json()["spec"] == spec


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"budget": {"trials": "x"}}, "/budget/trials"),
        ({"budget": {"trials": 0}}, "/budget/trials"),
        ({"objective": None}, "/objective"),
        ({"horizons": 7}, "/horizons"),
    ],
)
def test_a_clone_is_checked_like_any_study(
    api: TestClient, submit: Submit, changes: dict[str, Any], pointer: str
) -> None:
    """422 naming the field; nothing is stored."""
    study = submit()["id"]
    refused = api.post(f"{STUDIES}/{study}:clone", json=changes)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert len(api.get(STUDIES).json()["items"]) == 1
    assert api.post(f"{STUDIES}/st_unknown:clone", json={}).status_code == 404


def test_words_about_a_study_are_changed_in_any_state(api: TestClient, submit: Submit) -> None:
    """What is left out stays; the same words again change nothing."""
    path = f"{STUDIES}/{submit(label='a', labels={'team': 'x'}, notes='why')['id']}"
    api.post(f"{path}:cancel")
    changed = api.patch(path, json={"label": "b", "labels": {"desk": "y"}}).json()
    words = (changed["label"], changed["labels"], changed["notes"])
    assert words == ("b", {"desk": "y"}, "why")
    assert api.patch(path, json={"label": "b"}).json() == changed
    assert api.get(STUDIES, params={"label": "b"}).json()["items"] == [changed]
    assert api.patch(path, json={"labels": {}, "notes": ""}).json()["labels"] == {}
    assert api.patch(path, json={"state": "running"}).status_code == 422
    assert api.patch(path, json={"label": "x" * 129}).status_code == 422
    assert api.patch(f"{STUDIES}/st_unknown", json={"label": "b"}).status_code == 404


def test_a_deleted_study_is_gone(api: TestClient, submit: Submit) -> None:
    """409 while it runs, 204 once it ended, then 404."""
    path = f"{STUDIES}/{submit()['id']}"
    assert api.delete(path).status_code == 409
    api.post(f"{path}:cancel")
    gone = api.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert [api.delete(path).status_code, api.get(path).status_code] == [404, 404]
    assert api.get(STUDIES).json()["items"] == []


def test_a_study_goes_on_without_a_cancelled_trial(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
    play: Play,
) -> None:
    """What its trainer tells is answered `cancelled`; the study ends with a verdict without it."""
    path = f"{STUDIES}/{submit()['id']}"
    plan()
    block = claim(lanes=1)
    assert block is not None
    cancelled = api.post(f"{path}/trials/0:cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    late = tell(block["runs"][0])
    assert (late.status_code, "cancelled" in late.json()["detail"]) == (409, True)
    play()
    assert api.get(path).json()["state"] == "completed"
    assert api.get(f"{path}/verdict").json()["trial"] != 0
    assert api.get(f"{path}/trials").json()["items"][0]["state"] == "cancelled"
    ended = api.post(f"{path}/trials/1:cancel")
    assert ended.status_code == 409
    assert api.post(f"{path}/trials/99:cancel").status_code == 404


@pytest.mark.parametrize("call", ["pause", "resume", "stop", "cancel"])
@pytest.mark.parametrize("study", ["st_unknown", "%C3%BC", "x" * 200])
def test_what_is_not_there_is_not_moved(
    api: TestClient, move: Callable[[str, str], Any], study: str, call: str
) -> None:
    """404, whatever the name."""
    assert move(study, call).status_code == 404


@pytest.mark.parametrize("way", ["create", "clone", "import"])
def test_a_key_whose_study_was_deleted_makes_no_other(
    api: TestClient, submit: Submit, way: str
) -> None:
    """Neither is told of what is gone: whoever repeats the request learns that it was deleted."""
    first = submit()["id"]
    api.post(f"{STUDIES}/{first}:cancel")
    path, body = {
        "create": (STUDIES, SMALL),
        "clone": (f"{STUDIES}/{first}:clone", {"seed": 8}),
        "import": (f"{STUDIES}:import", api.get(f"{STUDIES}/{first}/export").json()),
    }[way]
    headers = {"Idempotency-Key": "mine"}
    made = api.post(path, json=body, headers=headers)
    study = made.json()["id"]
    assert api.post(path, json=body, headers=headers).json()["id"] == study
    api.post(f"{STUDIES}/{study}:cancel")
    assert api.delete(f"{STUDIES}/{study}").status_code == 204
    again = api.post(path, json=body, headers=headers)
    assert again.status_code == 409
    assert f"study {study}, which this key made, was deleted" in again.json()["detail"]
    assert [one["id"] for one in api.get(STUDIES).json()["items"]] == [first]
