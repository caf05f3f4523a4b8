"""The application put together: its loops run as long as it does, and need no one to push them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app, open_store
from service.settings import Settings
from tests.service.conftest import SMALL


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A running application on SQLite whose leases are short."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'app.db'}",
        lease_seconds=0.2,
        heartbeat_seconds=0.05,
        sweep_seconds=0.05,
    )
    store = open_store(settings)
    with TestClient(create_app(store, settings), base_url="http://localhost") as client:
        yield client
    store.close()


def claim(client: TestClient, name: str) -> dict[str, object]:
    """Claim one run, waiting for it."""
    body = {"worker": "w", "claim": name, "wait_seconds": 20}
    block = client.post("/v1/work:claim", json=body).json()["block"]
    assert block is not None
    run: dict[str, object] = block["runs"][0]
    return run


def test_a_study_starts_by_itself_and_a_lost_run_comes_back(client: TestClient) -> None:
    """Created, it is planned; claimed and forgotten, its run is handed out again as an attempt."""
    assert client.get("/readyz").json() == {"status": "ok"}
    client.post("/v1/studies", json=SMALL)
    first = claim(client, "first")
    claims = (claim(client, f"later-{number}") for number in range(100))
    again = next(run for run in claims if run["run"] == first["run"])
    assert again["token"] != first["token"]
    assert again["attempt"] == 1


def test_a_study_that_is_cancelled_is_not_planned_further(client: TestClient) -> None:
    """Its queue stays empty."""
    study = client.post("/v1/studies", json=SMALL).json()["id"]
    client.post(f"/v1/studies/{study}:cancel")
    body = {"worker": "w", "claim": "c", "wait_seconds": 0.3}
    assert client.post("/v1/work:claim", json=body).json()["block"] is None


def test_the_loops_end_with_the_application(tmp_path: Path) -> None:
    """Leaving is quick, also while the planner's child computes."""
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'app.db'}")
    store = open_store(settings)
    with TestClient(create_app(store, settings), base_url="http://localhost") as client:
        client.post("/v1/studies", json=SMALL)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    store.close()


def test_a_second_server_may_not_open_the_same_file(tmp_path: Path) -> None:
    """It is told so, and the first goes on."""
    from service.errors import StoreBusy

    settings = Settings(database_url=f"sqlite:///{tmp_path / 'app.db'}")
    store = open_store(settings)
    with pytest.raises(StoreBusy, match="another server"):
        open_store(settings)
    store.close()
    open_store(settings).close()
