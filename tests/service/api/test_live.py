"""The live stream of a study, and answers that wait until a study changes."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

STUDIES = "/v1/studies"
Submit = Callable[..., dict[str, Any]]
Play = Callable[[], None]
Claim = Callable[..., dict[str, Any] | None]


def read(text: str) -> list[tuple[int | None, str, dict[str, Any]]]:
    """Events of a stream: id, kind, data."""
    found = []
    for frame in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.splitlines() if line[0] != ":")
        if "data" in fields:
            number = fields.get("id")
            told = json.loads(fields["data"])
            found.append((None if number is None else int(number), fields["event"], told))
    return found


def test_the_stream_of_an_ended_study_tells_every_revision_once(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """Ids from 1 to the study's revision without a gap; the first is its creation."""
    study = submit()["id"]
    play()
    answer = api.get(f"{STUDIES}/{study}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = read(answer.text)
    revision = api.get(f"{STUDIES}/{study}").json()["revision"]
    assert [number for number, _, _ in told] == list(range(1, revision + 1))
    assert (told[0][1], told[-1][1]) == ("created", "completed")
    assert {one["study"] for _, _, one in told} == {study}
    assert [one["revision"] for _, _, one in told] == [number for number, _, _ in told]


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_reader_that_comes_back_gets_what_it_has_not_seen(
    api: TestClient, submit: Submit, play: Play, how: str
) -> None:
    """From the event after the last one, and 204 once there is none to come."""
    study = submit()["id"]
    play()
    whole = read(api.get(f"{STUDIES}/{study}/events").text)

    def again(seen: int) -> Any:  # noqa: ANN401 # the test client's answer
        if how == "header":
            headers = {"Last-Event-ID": str(seen)}
            return api.get(f"{STUDIES}/{study}/events?after=0", headers=headers)
        return api.get(f"{STUDIES}/{study}/events", params={"after": seen})

    for seen in range(0, len(whole), 5):
        assert read(again(seen).text) == whole[seen:]
    assert again(len(whole)).status_code == 204


def test_a_reader_that_knows_more_than_there_is_hears_what_comes(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """The store was restored from a copy that is older than what the reader has seen."""
    study = submit()["id"]
    acting = threading.Timer(0.5, play)
    acting.start()
    told = read(api.get(f"{STUDIES}/{study}/events", headers={"Last-Event-ID": "1000000"}).text)
    acting.join()
    revision = api.get(f"{STUDIES}/{study}").json()["revision"]
    assert [number for number, _, _ in told] == list(range(2, revision + 1))


@pytest.mark.parametrize("last", ["x", "-1", "1.5", str(2**63), ""])
def test_a_last_event_id_that_is_no_revision_is_refused(
    api: TestClient, submit: Submit, last: str
) -> None:
    """422 that names the header."""
    study = submit()["id"]
    refused = api.get(f"{STUDIES}/{study}/events", headers={"Last-Event-ID": last})
    assert refused.status_code == 422
    assert "last-event-id" in refused.text.lower()


def test_the_stream_of_an_unknown_study_is_not_found(api: TestClient) -> None:
    """A problem document, not a stream."""
    refused = api.get(f"{STUDIES}/st_unknown/events")
    assert (refused.status_code, refused.headers["content-type"]) == (
        404,
        "application/problem+json",
    )


def test_the_stream_tells_what_runs_in_training_measured_last(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim
) -> None:
    """Without an id, the last step of every run under lease; the stream ends with the study."""
    study = submit()["id"]
    plan()
    block = claim(lanes=2)
    assert block is not None
    for seq, step in enumerate((5, 10)):
        reports = [
            {
                "run": run["run"],
                "token": run["token"],
                "seq": seq,
                "steps": [step - 1, step],
                "values": {"val_mse": [0.5, 1.0 / step], "lr": [None, 0.1]},
            }
            for run in block["runs"]
        ]
        body = {"worker": "w", "reports": reports}
        assert api.post("/v1/runs:report", json=body).status_code == 200
    end = threading.Timer(2.5, lambda: api.post(f"{STUDIES}/{study}:cancel"))
    end.start()
    told = read(api.get(f"{STUDIES}/{study}/events?measurements=true").text)
    end.join()
    measured = [one["data"]["runs"] for number, kind, one in told if kind == "measurements"]
    assert len(measured) == 1  # what did not change is not told again
    assert [one["run"] for one in measured[0]] == [run["run"] for run in block["runs"]]
    assert {one["step"] for one in measured[0]} == {10}
    assert measured[0][0]["values"] == {"val_mse": 0.1, "lr": 0.1}
    assert all(number is None for number, kind, _ in told if kind == "measurements")
    assert told[-1][1] == "cancelled"


def test_an_answer_waits_until_the_study_changes(api: TestClient, submit: Submit) -> None:
    """The change itself ends the waiting, long before its time is up."""
    study = submit()["id"]
    etag = api.get(f"{STUDIES}/{study}").headers["ETag"]
    change = threading.Timer(0.3, lambda: api.post(f"{STUDIES}/{study}:pause"))
    change.start()
    begin = time.monotonic()
    answer = api.get(f"{STUDIES}/{study}?wait=30", headers={"If-None-Match": etag})
    change.join()
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    assert time.monotonic() - begin < 20


def test_an_answer_that_waited_in_vain_is_304(api: TestClient, submit: Submit) -> None:
    """After the time that was asked for, with the tag that is still right."""
    study = submit()["id"]
    etag = api.get(f"{STUDIES}/{study}").headers["ETag"]
    begin = time.monotonic()
    answer = api.get(f"{STUDIES}/{study}?wait=0.7", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.headers["ETag"]) == (304, etag)
    assert time.monotonic() - begin >= 0.7


def test_nobody_waits_who_knows_nothing(api: TestClient, submit: Submit) -> None:
    """Without a tag the study is told at once."""
    study = submit()["id"]
    begin = time.monotonic()
    assert api.get(f"{STUDIES}/{study}?wait=30").status_code == 200
    assert time.monotonic() - begin < 20


def test_an_answer_waits_until_the_study_has_ended(api: TestClient, submit: Submit) -> None:
    """A change on the way does not end the waiting; the end does, and is told at once then."""
    study = submit()["id"]
    changes = [
        threading.Timer(seconds, api.post, [f"{STUDIES}/{study}:{verb}"])
        for seconds, verb in ((0.2, "pause"), (0.6, "cancel"))
    ]
    for change in changes:
        change.start()
    begin = time.monotonic()
    answer = api.get(f"{STUDIES}/{study}?wait=30&until=final")
    for change in changes:
        change.join()
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert api.get(f"{STUDIES}/{study}?wait=30&until=final").json() == answer.json()
    assert time.monotonic() - begin < 20


def test_an_end_that_does_not_come_is_not_waited_for_longer(
    api: TestClient, submit: Submit
) -> None:
    """After the time that was asked for the study is told as it stands."""
    study = submit()["id"]
    begin = time.monotonic()
    answer = api.get(f"{STUDIES}/{study}?wait=0.7&until=final")
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert time.monotonic() - begin >= 0.7


@pytest.mark.parametrize("wait", ["-1", "31", "nan", "x"])
def test_a_wait_beyond_its_range_is_refused(api: TestClient, submit: Submit, wait: str) -> None:
    """422, naming the parameter."""
    refused = api.get(f"{STUDIES}/{submit()['id']}?wait={wait}")
    assert refused.status_code == 422
    assert "wait" in refused.text


def test_a_stream_ends_with_its_key(
    api: TestClient, submit: Submit, holder: Callable[..., TestClient]
) -> None:
    """As soon as it is revoked, though nothing happens to the study."""
    study = submit()["id"]
    reader = holder("default", "studies:read")
    keys = api.get("/v1/keys").json()["items"]
    (key,) = [one["id"] for one in keys if one["scopes"] == ["studies:read"]]
    end = threading.Timer(0.5, lambda: api.delete(f"/v1/keys/{key}"))
    end.start()
    told = read(reader.get(f"{STUDIES}/{study}/events").text)
    end.join()
    assert [kind for _, kind, _ in told] == ["created"]
