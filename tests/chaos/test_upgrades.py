"""R14: a server is replaced by a newer one, and is killed while it brings the tables up to date.

From every earlier version of the tables, with rows in all of them: whoever comes next finds them as
they were, or as they shall be, and finishes the work.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, event, table, update

from service.store import migrations
from service.store.engine import parse_url, writing_engine
from tests.campaign import Campaign
from tests.chaos import older_rows
from tests.chaos.processes import Server, ended

# Upgrades, and kills itself at a statement of it; the last one is the commit.
VICTIM = """
import os, signal
from sqlalchemy import event
from service.store import migrations
from service.store.engine import parse_url, writing_engine
engine = writing_engine(parse_url(url))
done = 0
def strike(*_):
    global done
    done += 1
    if done == at:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(engine, "before_cursor_execute", strike)
event.listen(engine, "commit", strike)
migrations.upgrade(engine)
"""
OLDER = tuple(one.revision for one in ScriptDirectory(str(migrations.scripts())).walk_revisions())[
    :0:-1
]
SHARE = (OLDER[0], OLDER[6], OLDER[-1])
START_SECONDS = 60


def by_version() -> list[object]:
    """Every earlier version; most of them in the whole programme alone."""
    return [one if one in SHARE else pytest.param(one, marks=pytest.mark.whole) for one in OLDER]


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine of a server that is about to start."""
    engine = writing_engine(parse_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", by_version())
def test_an_upgrade_that_is_killed_is_done_or_not(
    campaign: Campaign, empty_database_url: str, log: Path, version: str
) -> None:
    """The tables are never half of one version and half of the next, and no row is lost."""
    with opened(empty_database_url) as engine:
        migrations._run(engine, lambda config: migrations.command.upgrade(config, version))
        with engine.begin() as connection:
            rows = older_rows.fill(connection)
        with engine.connect() as connection:
            before = older_rows.shape(connection)
        statements = count_statements(engine)
    chance = campaign.random()
    for kill in range(campaign.dose(2, 10)):
        # Mostly in the middle; also at the commit, which is the last.
        at = statements if kill == 1 else chance.randint(1, statements)
        assert run_victim(empty_database_url, at) == -signal.SIGKILL
        campaign.fault()
        with opened(empty_database_url) as engine, engine.connect() as connection:
            if older_rows.shape(connection) != before:
                campaign.find([f"killed at {at} of {statements}: {version} is neither old nor new"])
            campaign.find(lost_rows(connection, rows))
    server = Server(empty_database_url, log)
    with ended(server):
        assert httpx2.get(f"{server.url}/readyz", timeout=START_SECONDS).status_code == 200
        assert server.stop() == 0
    with opened(empty_database_url) as engine, engine.connect() as connection:
        assert migrations.revisions(connection) == migrations.newest()
        campaign.find(lost_rows(connection, rows))
    campaign.measure("statements", statements)


def count_statements(engine: Engine) -> int:
    """How many statements the upgrade takes, the commit being one; nothing is left of it."""
    done: list[int] = []

    def note(*_: object) -> None:
        done.append(1)

    event.listen(engine, "before_cursor_execute", note)
    with suppress(LookupError), migrations.upgraded(engine):
        raise LookupError
    return len(done) + 1


def run_victim(url: str, at: int) -> int | None:
    """How a process ends that upgrades a database, and kills itself at some statement."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["service.store.engine", "service.store.models"])
    child = processes.Process(target=exec, args=(VICTIM, {"url": url, "at": at}))
    child.start()
    child.join(START_SECONDS)
    return child.exitcode


def lost_rows(connection: Connection, rows: dict[str, int]) -> list[str]:
    """The tables that had more rows."""
    now = older_rows.count(connection)
    return [
        f"{table}: {now.get(table, 0)} rows of {count}"
        for table, count in rows.items()
        if now.get(table, 0) < count
    ]


@pytest.mark.full
def test_tables_of_a_later_version_are_left_alone(
    campaign: Campaign, empty_database_url: str, log: Path
) -> None:
    """A server that is older than they are says so, ends, and changes nothing."""
    with opened(empty_database_url) as engine:
        migrations.upgrade(engine)
        with engine.begin() as connection:
            versions = table(migrations.VERSION_TABLE, column("version_num"))
            connection.execute(update(versions).values(version_num="9999"))
        with engine.connect() as connection:
            before = older_rows.shape(connection)
    campaign.case()
    with pytest.raises(AssertionError, match="the server ended with 2"):
        Server(empty_database_url, log)
    told = log.read_text()
    assert "9999" in told
    assert "newer" in told
    assert "Traceback" not in told
    with opened(empty_database_url) as engine, engine.connect() as connection:
        assert older_rows.shape(connection) == before
