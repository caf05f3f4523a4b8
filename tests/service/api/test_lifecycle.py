"""The life of a study over HTTP: moved, told where it may go instead, and the same trials."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.api.conftest import score

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
    while api.get(f"{STUDIES}/{paused}").json()["state"] != "completed":
        plan()
        block = claim(lanes=3)
        assert move(paused, "pause").json()["state"] == "paused"
        assert plan() == 0
        assert claim() is None
        for run in [] if block is None else block["runs"]:
            metrics = {split: {"mse": score(run)} for split in block["splits"]} if block else {}
            assert tell(run, metrics=metrics).status_code == 200
        assert move(paused, "resume").json()["state"] in {"running", "confirming"}
        if block is None and plan() == 0:
            break
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
    assert len([one for one in trials(api, study) if one["state"] == "completed"]) == 2
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
    assert refused.json()["detail"] == f"{call}: the study is completed; allowed: delete"
    assert api.get(f"{STUDIES}/{study}").json() == before


@pytest.mark.parametrize("call", ["pause", "resume", "stop", "cancel"])
@pytest.mark.parametrize("study", ["st_unknown", "%C3%BC", "x" * 200])
def test_what_is_not_there_is_not_moved(
    api: TestClient, move: Callable[[str, str], Any], study: str, call: str
) -> None:
    """404, whatever the name."""
    assert move(study, call).status_code == 404
