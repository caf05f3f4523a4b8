"""Metrics: what Prometheus reads is well-formed, true, short and cheap."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from sqlalchemy import event
from starlette.testclient import TestClient

from service.api.metrics import FRESH_SECONDS, Metrics
from service.app import create_app
from service.errors import StoreBusy
from service.settings import Settings
from service.store.engine import Store

Look = Callable[..., float | None]


def samples(text: str) -> list[Sample]:
    """Every sample of a text."""
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


@pytest.fixture
def look(api: TestClient) -> Look:
    """The value of one sample, None if there is none: `look("glideslope_runs", state="queued")`."""

    def find(name: str, **labels: str) -> float | None:
        answer = api.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        values = [
            one.value for one in samples(answer.text) if (one.name, one.labels) == (name, labels)
        ]
        assert len(values) <= 1
        return values[0] if values else None

    return find


@pytest.fixture
def refresh(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of the store is never told again."""
    monkeypatch.setattr("service.api.metrics.FRESH_SECONDS", 0.0)


@pytest.mark.usefixtures("refresh")
def test_what_there_is_to_do_is_told(
    api: TestClient,
    look: Look,
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
    tell: Callable[..., Any],
    advance: Callable[[float], None],
) -> None:
    """Studies by state, runs that wait and are with workers, how long nobody came, who is there."""
    assert look("glideslope_studies", state="running") == 0
    submit()
    submit()
    assert look("glideslope_queue_age_seconds") == 0, "nothing is queued yet"
    plan()
    advance(40)
    assert look("glideslope_studies", state="running") == 2
    assert look("glideslope_studies", state="failed") == 0
    queued = look("glideslope_runs", state="queued")
    assert queued
    assert look("glideslope_queue_age_seconds") == 40
    assert look("glideslope_workers") == 0
    block = claim(lanes=2)
    assert block is not None
    assert look("glideslope_runs", state="leased") == 2
    assert look("glideslope_runs", state="queued") == queued - 2
    assert look("glideslope_workers") == 1
    assert look("glideslope_queue_age_seconds") == 40, "the other study still waits"
    claim(objectives=["nothing"])
    measured = {key: block["runs"][0][key] for key in ("run", "token")}
    report = {**measured, "seq": 0, "steps": [1], "values": {"mse": [0.5]}}
    end = {**measured, "outcome": "completed", "metrics": {"validation": {"mse": 0.5}}}
    body = {"worker": "w", "reports": [report], "results": [end]}
    assert api.post("/v1/runs:tell", json=body).status_code == 200
    assert api.post("/v1/runs:tell", json=body).status_code == 200
    tell(block["runs"][1], outcome="diverged", metrics={})
    assert look("glideslope_claims_total", answer="runs") == 1
    assert look("glideslope_claims_total", answer="empty") == 1
    assert look("glideslope_claimed_runs_total") == 2
    assert look("glideslope_told_runs_total", outcome="completed", status="ok") == 1
    assert look("glideslope_told_runs_total", outcome="completed", status="duplicate") == 1
    assert look("glideslope_told_runs_total", outcome="diverged", status="ok") == 1


def test_whoever_waits_for_a_turn_to_write_is_timed(store: Store) -> None:
    """On SQLite a second writer waits while the first one holds the turn, and both are timed."""
    metrics = Metrics(store)
    waits = threading.Thread(target=write, args=(store,))
    with store.write():
        waits.start()
        waits.join(0.2)
    waits.join()
    told = {
        (one.name.removeprefix("glideslope_write_seconds_"), one.labels.get("step")): one.value
        for one in samples(metrics.text().decode())
        if one.name.startswith("glideslope_write_seconds")
    }
    assert told["count", "wait"] == told["count", "hold"] == 2
    if store.is_local:
        assert told["sum", "hold"] >= 0.2
        assert told["sum", "wait"] >= 0.1


def write(store: Store) -> None:
    """One transaction."""
    with store.write():
        pass


def test_requests_are_timed_by_template(api: TestClient, look: Look) -> None:
    """However many studies are asked for, and whatever method or address, labels stay few."""
    for number in range(5):
        api.get(f"/v1/studies/st_{number}?secret={number}")
        api.get(f"/nothing/{number}")
        api.request(f"ODD{number}", "/v1/studies")
    count = "glideslope_request_seconds_count"
    assert look(count, method="GET", route="/v1/studies/{study}", status="404") == 5
    assert look(count, method="GET", route="none", status="404") == 5
    assert look(count, method="OTHER", route="/v1/studies", status="405") == 5
    told = {str(one.labels) for one in samples(api.get("/metrics").text)}
    assert not any("st_1" in labels or "secret" in labels or "ODD" in labels for labels in told)


def test_the_store_is_read_once_in_a_while(store: Store) -> None:
    """Many scrapes at once cost as much as one; the age of what is told is bounded."""
    seconds, asked = [0.0], []
    metrics = Metrics(store, lambda: seconds[0])
    event.listen(store._reader, "begin", lambda _: asked.append(1))
    threads = [threading.Thread(target=metrics.text) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    seconds[0] = FRESH_SECONDS
    metrics.text()
    assert len(asked) == 2


def test_a_store_that_is_away_is_told(store: Store) -> None:
    """The figures of this server are there all the same."""

    class Away:
        """A store whose database does not answer."""

        def read(self) -> Any:  # noqa: ANN401 - it never returns
            """Not now."""
            raise StoreBusy("the database did not answer")

        def connections_in_use(self) -> dict[str, int]:
            """None."""
            return {}

        def time_writes(self, timer: Any) -> None:  # noqa: ANN401 - it is never called
            """Nobody writes."""

    metrics = Metrics(Away())  # type: ignore[arg-type] # as much of a store as is needed
    metrics.observe_planning("propose", 0.3)
    found = {one.name: one.value for one in samples(metrics.text().decode())}
    assert found["glideslope_store_up"] == 0
    assert "glideslope_workers" not in found
    assert found["glideslope_planning_seconds_sum"] == 0.3
    up = {one.name: one.value for one in samples(Metrics(store).text().decode())}
    assert up["glideslope_store_up"] == 1


def test_only_who_administers_everything_reads_them(
    api: TestClient, holder: Callable[..., TestClient]
) -> None:
    """They are the figures of all projects."""
    assert holder("default").get("/metrics").status_code == 403, "it administers one project"
    assert holder("default", "studies:read").get("/metrics").status_code == 403
    assert api.get("/metrics").status_code == 200


def test_they_may_be_open_to_whoever_watches(store: Store) -> None:
    """By a setting, where the rest needs a key; by default they need one, too."""
    for is_open, status in ((True, 200), (False, 401)):
        settings = Settings(require_keys=True, metrics_open=is_open)
        client = TestClient(create_app(store, settings), base_url="http://127.0.0.1")
        assert client.get("/v1/studies").status_code == 401
        assert client.get("/metrics").status_code == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_open_ones_are_not_open_to_the_world(store: Store, header: str) -> None:
    """What a proxy passes on is somebody else's question, who needs a key."""
    settings = Settings(require_keys=True, metrics_open=True)
    client = TestClient(create_app(store, settings), base_url="http://127.0.0.1")
    assert client.get("/metrics", headers={header: "192.0.2.1"}).status_code == 401
    assert client.get("/metrics").status_code == 200
