"""If-Match: a study is moved only if it still is what the client saw."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.client import Client, Outdated
from tuning.schedules import Schedule, build

STUDIES = "/v1/studies"
FLAT = Schedule(build("constant", 0.1, {}), 10)
MOVES: dict[str, tuple[str, str, Any]] = {
    "pause": ("POST", ":pause", None),
    "resume": ("POST", ":resume", None),
    "stop": ("POST", ":stop", None),
    "cancel": ("POST", ":cancel", None),
    "extend": ("POST", ":extend", {"budget": {"trials": 99}}),
    "suggest": ("POST", ":suggest", {"schedule": FLAT.document()}),
    "describe": ("PATCH", "", {"label": "other"}),
    "delete": ("DELETE", "", None),
    "cancel a trial": ("POST", "/trials/{trial}:cancel", None),
}

Submit = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("move", MOVES)
def test_another_revision_is_refused_before_anything_else(
    api: TestClient, submit: Submit, move: str
) -> None:
    """Even where the state would not allow the move, and nothing of the study changes."""
    study = submit()
    method, suffix, body = MOVES[move]
    path = f"{STUDIES}/{study['id']}"
    suffix = suffix.format(trial=0)
    stale = {"If-Match": f'"{study["revision"] + 1}"'}
    refused = api.request(method, path + suffix, json=body, headers=stale)
    assert refused.status_code == 412, refused.text
    problem = refused.json()
    assert problem["type"] == "urn:glideslope:problem:outdated"
    assert f"at revision {study['revision']}" in problem["detail"]
    assert api.get(path).json() == study
    missing = api.request(method, f"{STUDIES}/st_x{suffix}", json=body, headers={"If-Match": "*"})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{tag}", 200),
        ('"0", {tag} , "x"', 200),
        (" * ", 200),
        ("W/{tag}", 412),
        ('W/{tag}, "0"', 412),
        ('"0"', 412),
        ('"", "*"', 412),
        ("{bare}", 412),
        ('"a,{bare}"', 412),
    ],
)
def test_tags_are_read_as_the_standard_has_it(
    api: TestClient, submit: Submit, header: str, status: int
) -> None:
    """Lists and `*` match, weak and malformed tags do not; the ETag that was answered does."""
    study = submit()["id"]
    tag = api.get(f"{STUDIES}/{study}").headers["ETag"]
    told = {"If-Match": header.format(tag=tag, bare=tag.strip('"'))}
    answer = api.post(f"{STUDIES}/{study}:pause", headers=told)
    assert answer.status_code == status, answer.text
    assert api.post(f"{STUDIES}/{study}:pause").status_code == 200  # without it, as ever


def test_the_client_moves_what_it_has_seen(api: TestClient, submit: Submit) -> None:
    """And hears of it if somebody else was there in between."""
    study = submit()["id"]
    with Client("http://localhost", http=api) as client:
        seen = client.studies.get(study)
        paused = client.studies.pause(study, if_match=seen.revision)
        assert paused.state == "paused"
        for act in (client.studies.resume, client.studies.cancel, client.studies.delete):
            with pytest.raises(Outdated, match="If-Match does not name"):
                act(study, if_match=seen.revision)
        with pytest.raises(Outdated):
            client.studies.describe(study, label="x", if_match=seen.revision)
        with pytest.raises(Outdated):
            client.studies.extend(study, trials=99, if_match=seen.revision)
        assert client.studies.cancel(study, if_match=paused.revision).state == "cancelled"


def test_the_answer_to_a_move_has_the_tag_of_the_next(api: TestClient, submit: Submit) -> None:
    """Of the study, at the address of the study; with it the next move needs no other question."""
    path = f"{STUDIES}/{submit()['id']}"
    tag = api.get(path).headers["ETag"]
    for move in ("pause", "resume", "describe", "cancel"):
        method, suffix, body = MOVES[move]
        moved = api.request(method, path + suffix, json=body, headers={"If-Match": tag})
        assert (moved.status_code, moved.headers["Content-Location"]) == (200, path), moved.text
        assert moved.headers["ETag"] not in {tag, ""}
        tag = moved.headers["ETag"]
        assert tag == f'"{moved.json()["revision"]}"'
    assert api.get(path).headers["ETag"] == tag
    assert api.get(path, headers={"If-None-Match": f'"0", W/{tag}'}).status_code == 304


def test_every_move_tells_of_it(api: TestClient) -> None:
    """In the description of the API: the header and its refusal."""
    paths = api.get("/openapi.json").json()["paths"]
    for method, suffix, _ in MOVES.values():
        path = f"/v1/studies/{{study}}{suffix.format(trial='{number}')}"
        told = paths[path][method.lower()]
        assert "If-Match" in {one["name"] for one in told["parameters"]}, suffix
        assert "application/problem+json" in told["responses"]["412"]["content"], suffix
