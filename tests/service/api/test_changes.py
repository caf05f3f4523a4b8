"""The live stream of a project: which of its studies changed, on SQLite and PostgreSQL."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.bell import Bell
from service.store import quotas
from service.store.engine import Store
from tests.conftest import FakeClock
from tests.service.conftest import SMALL

EVENTS = "/v1/events"
Submit = Callable[..., dict[str, Any]]
Told = list[dict[str, Any]]


def messages(text: str) -> Iterator[tuple[int, Told]]:
    """Id and studies of every message of a stream."""
    for frame in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.splitlines() if line[:1] != ":")
        if "data" in fields:
            assert fields["event"] == "changes"
            yield int(fields["id"]), json.loads(fields["data"])["studies"]


@pytest.fixture
def listen(api: TestClient) -> Callable[..., list[tuple[int, Told]]]:
    """What the stream tells until something is over and the server ends: `listen(act)`."""

    def hear(
        act: Callable[[], object] = lambda: None,
        client: TestClient = api,
        headers: dict[str, str] | None = None,
    ) -> list[tuple[int, Told]]:
        # A bell of its own: each answer of the test client has an event loop of its own.
        state, bell = api.app.state, Bell()  # type: ignore[attr-defined] # the application's
        state.context = replace(state.context, bell=bell)

        figures = state.context.metrics.registry

        def run() -> None:
            deadline = time.monotonic() + 20
            while not figures.get_sample_value("glideslope_open_streams"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.3)  # for the first look
            act()
            time.sleep(1.8)  # a message may be held back for a second
            bell.close()

        acting = threading.Thread(target=run)
        acting.start()
        answer = client.get(EVENTS, headers=headers or {})
        acting.join()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.endswith("retry: 3000\n\n")  # the server asks to come again
        return list(messages(answer.text))

    return hear


def test_a_change_is_told_as_the_study_stands(
    api: TestClient, submit: Submit, listen: Callable[..., list[tuple[int, Told]]]
) -> None:
    """Study, revision and state, once, whoever changed it; it begins with what is new."""
    study = submit()["id"]

    def act() -> None:
        assert api.post(f"/v1/studies/{study}:pause").status_code == 200

    heard = [one for _, some in listen(act) for one in some]
    told = [(one["study"], one["revision"], one["state"]) for one in heard]
    assert told == [(study, 1, "running"), (study, 2, "paused")]


def test_many_changes_are_few_messages(
    api: TestClient, submit: Submit, listen: Callable[..., list[tuple[int, Told]]]
) -> None:
    """Each names a study once; the last one names it as it is in the end."""
    studies = [submit()["id"] for _ in range(3)]

    def act() -> None:
        for _ in range(5):
            for study in studies:
                api.post(f"/v1/studies/{study}:pause")
                api.post(f"/v1/studies/{study}:resume")

    told = [some for _, some in listen(act)]
    assert len(told) <= 6
    for some in told:
        assert len({one["study"] for one in some}) == len(some)
    last = {one["study"]: one["revision"] for some in told for one in some}
    assert last == dict.fromkeys(studies, 11)


def test_a_deleted_study_is_told(
    api: TestClient, submit: Submit, listen: Callable[..., list[tuple[int, Told]]]
) -> None:
    """It has no revision any more."""
    study = submit()["id"]
    api.post(f"/v1/studies/{study}:cancel")
    told = listen(lambda: api.delete(f"/v1/studies/{study}"))
    (last,) = told[-1][1]
    assert (last["study"], last["revision"], last["state"]) == (study, None, "deleted")


def test_who_comes_back_misses_nothing(
    api: TestClient,
    submit: Submit,
    clock: FakeClock,
    listen: Callable[..., list[tuple[int, Told]]],
) -> None:
    """What changed since the last message, however long ago; without one nothing old is told."""
    old = submit()["id"]
    clock.advance(60)
    first = submit()["id"]
    ((number, _),) = listen()
    clock.advance(3600)
    api.post(f"/v1/studies/{old}:pause")
    clock.advance(3600)
    assert listen() == []
    told = [
        one["study"] for _, some in listen(headers={"Last-Event-ID": str(number)}) for one in some
    ]
    assert told == [first, old]


def test_a_clock_that_is_set_back_hides_no_change(
    api: TestClient,
    submit: Submit,
    clock: FakeClock,
    listen: Callable[..., list[tuple[int, Told]]],
) -> None:
    """What changes after it is told, though its moment is before what was told last."""
    study = submit()["id"]

    def act() -> None:
        clock.advance(-3600)
        time.sleep(0.8)  # for a look
        assert api.post(f"/v1/studies/{study}:pause").status_code == 200

    told = [one["state"] for _, some in listen(act) for one in some]
    assert told[-1] == "paused"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", str(2**53), ""])
def test_an_id_that_is_no_moment_is_refused(api: TestClient, last: str) -> None:
    """422 that names the header."""
    refused = api.get(EVENTS, headers={"Last-Event-ID": last})
    assert refused.status_code == 422
    assert "last-event-id" in refused.text.lower()


def test_a_tenant_hears_of_its_own(
    holder: Callable[..., TestClient], listen: Callable[..., list[tuple[int, Told]]]
) -> None:
    """Another's studies do not wake it."""
    one, other = holder("a"), holder("b")
    mine = one.post("/v1/studies", json=SMALL).json()["id"]
    told = listen(lambda: other.post("/v1/studies", json=SMALL), client=one)
    assert [[study["study"] for study in some] for _, some in told] == [[mine]]


def test_a_stream_ends_with_its_key(api: TestClient, holder: Callable[..., TestClient]) -> None:
    """As soon as it is revoked."""
    reader = holder("a", "studies:read")
    (key,) = [one["id"] for one in api.get("/v1/keys").json()["items"] if one["project"] == "a"]
    end = threading.Timer(0.5, lambda: api.delete(f"/v1/keys/{key}"))
    end.start()
    assert "event:" not in reader.get(EVENTS).text
    end.join()


def test_a_stream_too_many_is_refused(
    api: TestClient, store: Store, holder: Callable[..., TestClient]
) -> None:
    """It counts as the streams of single studies do, and whoever may not read gets none."""
    client, worker = holder("small"), holder("small", "work")
    with store.write() as session:
        quotas.set_own(session, "small", {"streams": 0})
    api.app.state.context.keyring.forget()  # type: ignore[attr-defined] # the application's
    assert client.get(EVENTS).status_code == 429
    assert worker.get(EVENTS).status_code == 403
