"""Candidates on the wire: handed over with a study, or to one that searches."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import ledger
from service.planner.messages import answer, read_answer
from service.store import history
from service.store import studies as stored_studies
from service.store.engine import Store
from tests.service.conftest import SMALL
from tests.tuning.search.worlds import tried
from tuning.documents import BEGINNING, read_history, read_spec
from tuning.evidence.score import RANKED
from tuning.given import is_candidate
from tuning.rounds import rewind
from tuning.schedules import Cosine, Knots, Linear, Schedule, Step, Table
from tuning.search.policy import Generation, decide

STUDIES = "/v1/studies"
ODD = Schedule(Table.of([0.001, 0.01, 0.002]), 50)
PLAIN = Schedule(Cosine(0.02, floor=0.1), 1000)
Submit = Callable[..., dict[str, Any]]
Plan = Callable[[], int]


def trials(api: TestClient, study: str) -> list[dict[str, Any]]:
    """All trials of a study."""
    items: list[dict[str, Any]] = api.get(f"{STUDIES}/{study}/trials?limit=100").json()["items"]
    return items


def candidates(api: TestClient, study: str) -> dict[str, dict[str, Any]]:
    """The trials that are candidates, by what stands for their family."""
    found = {one["params"]["family"]: one for one in trials(api, study)}
    return {name: one for name, one in found.items() if name.startswith("candidate_")}


def test_a_study_tries_its_candidates(api: TestClient, submit: Submit, plan: Plan) -> None:
    """Over its own horizon, within its budget; its spec and a check of it tell them."""
    body = {"candidates": [ODD.document(), PLAIN.document(table=True)]}
    study = submit(**body)
    plan()
    plan()
    found = candidates(api, study["id"])
    assert Schedule.from_document(found["candidate_1"]["schedule"]) == ODD.at(20)
    assert Schedule.from_document(found["candidate_2"]["schedule"]) == PLAIN.at(20)
    assert {one["phase"] for one in found.values()} == {"search"}
    told = [one["schedule"]["identity"] for one in study["spec"]["candidates"]]
    assert told == [ODD.at(20).identity, PLAIN.at(20).identity]
    check = api.post(f"{STUDIES}:validate", json={**SMALL, **body}).json()
    assert check["spec"]["candidates"] == study["spec"]["candidates"]
    assert check["estimate"]["trials"] == SMALL["budget"]["trials"]  # type: ignore[index] # a dict
    page = api.get(f"{STUDIES}/{study['id']}/trials?family=candidate_1").json()
    assert len(page["items"]) == 1


DOCUMENT = PLAIN.document()


@pytest.mark.parametrize(
    ("wish", "pointer", "told"),
    [
        ([DOCUMENT, {"family": "cosine"}], "/candidates/1/format", "every schedule document"),
        ([{**DOCUMENT, "peak": 0}], "/candidates/0/peak", "a finite number above 0"),
        ([{**DOCUMENT, "peak": 5000.0, "identity": None}], "/candidates/0/identity", "identity"),
        ([Schedule(Cosine(9.0), 9).document()], "/candidates/0/peak", "the cap of the study"),
        (
            [Schedule(Cosine(0.1), 9, {"momentum": Linear(0.9)}).document()],
            "/candidates/0/channels",
            "the learning rate alone",
        ),
        ([Schedule(Table.of([0.1, -0.1]), 2).document()], "/candidates/0", "rates from 0"),
        ([Schedule(Knots(0.1 - at / 1000), 9).document() for at in range(33)], "/candidates", "32"),
        (
            [Schedule(Knots(0.1 - at / 1000), 9).document() for at in range(9)],
            "/budget/trials",
            "9",
        ),
    ],
)
def test_what_a_study_cannot_try_is_refused(
    api: TestClient, wish: list[Any], pointer: str, told: str
) -> None:
    """By its place in the request."""
    body = {**SMALL, "space": {"families": ["cosine", "linear"], "peak": [0.001, 1.0]}}
    refused = api.post(STUDIES, json={**body, "candidates": wish})
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert told in refused.json()["detail"]


def test_a_schedule_is_suggested_to_a_study_that_searches(
    api: TestClient, submit: Submit, plan: Plan, play: Callable[[], None]
) -> None:
    """It is tried in the generation after the next; once, however often it is suggested."""
    study = submit(budget={"trials": 12})["id"]
    plan()
    path = f"{STUDIES}/{study}:suggest"
    handed = api.post(path, json={"schedule": ODD.document()}).json()
    assert [one["generation"] for one in handed["spec"]["candidates"]] == [2]
    assert api.post(path, json={"schedule": ODD.document()}).json() == handed
    assert candidates(api, study) == {}
    play()
    (found,) = candidates(api, study).values()
    assert found["generation"] == 2
    assert found["state"] == "completed"
    assert Schedule.from_document(found["schedule"]) == ODD.at(20)
    refused = api.post(path, json={"schedule": PLAIN.document()})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "suggest: the study is completed; allowed: extend, delete"


def test_a_study_with_a_suggestion_is_told_and_kept(
    api: TestClient, submit: Submit, plan: Plan, play: Callable[[], None]
) -> None:
    """By an event, and through an export, which is judged and continued as it was."""
    study = submit()["id"]
    plan()
    api.post(f"{STUDIES}/{study}:suggest", json={"schedule": PLAIN.document()})
    play()
    exported = api.get(f"{STUDIES}/{study}/export").json()
    again = api.post(f"{STUDIES}:import", json=exported)
    assert again.status_code == 201, again.text
    (given,) = exported["study"]["spec"]["candidates"]
    assert given["generation"] == 2
    for wrong in ({**given, "generation": -1}, {"generation": 0}, "x", {**given, "schedule": {}}):
        spec = {**exported["study"]["spec"], "candidates": [wrong]}
        other = {**exported, "study": {**exported["study"], "spec": spec}}
        refused = api.post(f"{STUDIES}:import", json=other)
        assert refused.status_code == 422, refused.text
    assert again.json()["spec"]["candidates"] == [given]
    assert candidates(api, again.json()["id"]).keys() == candidates(api, study).keys()


def test_a_planner_that_knew_nothing_of_a_suggestion_decides_the_same(
    api: TestClient, submit: Submit, plan: Plan, play: Callable[[], None], store: Store
) -> None:
    """What it worked out meanwhile counts, and every generation can be worked out again."""
    study = submit(budget={"trials": 12}, baseline_peaks=2)["id"]
    plan()
    books = ledger(store)
    (place,) = books.places()
    spec_known, history_known = books.load(place, BEGINNING)
    early = answer(read_spec(spec_known), read_history(history_known))
    api.post(f"{STUDIES}/{study}:suggest", json={"schedule": ODD.document()})
    books.commit(place, read_answer(early))
    play()
    with store.read() as session:
        spec = stored_studies.get(session, "default", study).spec
        whole = history.load(session, "default", study)
    assert next(one.generation for one in whole.trials if is_candidate(one.params)) == 2
    for number in range(1 + max(one.generation for one in tried(whole))):
        before, view = rewind(spec, whole, number)
        step = decide(before, replace(view, results=whole.results))
        assert isinstance(step, Generation)
        made = [one for one in whole.trials if one.generation == number]
        assert [one for one in step.trials if one.phase in RANKED] == [
            one for one in made if one.phase in RANKED
        ]


def test_a_suggestion_needs_room_in_the_budget(api: TestClient, submit: Submit, plan: Plan) -> None:
    """What is kept for baselines and for other candidates is none."""
    study = submit(budget={"trials": 6}, baseline_peaks=2)["id"]
    plan()
    path = f"{STUDIES}/{study}:suggest"
    assert api.post(path, json={"schedule": ODD.document()}).status_code == 200
    refused = api.post(path, json={"schedule": PLAIN.document()})
    assert refused.json()["errors"][0]["pointer"] == "/budget/trials"
    allowed = "at least 7 (2 peaks of baselines, 3 searched, 1 candidates that wait, and this one)"
    assert refused.json()["errors"][0]["allowed"] == allowed


def test_what_is_suspicious_about_a_candidate_is_foreseen(api: TestClient) -> None:
    """As a warning of the check, not as a refusal."""
    body = {**SMALL, "candidates": [Schedule(Step(0.1, drop_factor=0.001), 50).document()]}
    warnings = api.post(f"{STUDIES}:validate", json=body).json()["warnings"]
    (one,) = [one for one in warnings if one["code"] == "candidate"]
    assert one["message"].startswith("candidate 1: from update")


def test_a_suggestion_that_cannot_be_tried_is_refused(api: TestClient, submit: Submit) -> None:
    """By its own fields; and to a study whose search was stopped."""
    study = submit()["id"]
    path = f"{STUDIES}/{study}:suggest"
    document = Schedule(Cosine(9.0), 9).document()
    refused = api.post(path, json={"schedule": {**document, "params": {"floor": 2}}})
    assert refused.json()["errors"][0]["pointer"] == "/schedule/params/floor"
    channels = Schedule(Cosine(0.1), 9, {"momentum": Linear(0.9)}).document()
    refused = api.post(path, json={"schedule": channels})
    assert refused.json()["errors"][0]["pointer"] == "/schedule/channels"
    assert api.post(f"{STUDIES}/st_none:suggest", json={"schedule": document}).status_code == 404
    api.post(f"{STUDIES}/{study}:stop")
    refused = api.post(path, json={"schedule": PLAIN.document()})
    assert refused.status_code == 409
    assert "confirming" in refused.json()["detail"]
