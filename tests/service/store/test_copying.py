"""Copies of a store between SQLite and PostgreSQL, each from and to both: all of it, or nothing."""

import itertools
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Connection, insert, inspect, select, text
from starlette.testclient import TestClient

from service.api.caller import DEFAULT_PROJECT
from service.app import create_app, open_store
from service.errors import ServiceError, StoreBusy
from service.settings import Settings
from service.store import events, migrations, models, projects, work
from service.store.copying import copy_store
from service.store.engine import Store, parse_url, writing_engine
from service.store.list_models import StudyWords
from service.store.models import Base
from tests.chaos.processes import environment
from tests.service.conftest import SMALL, plan_all, score
from tuning.errors import InvalidValue

STUDIES = "/v1/studies"
BARS = "date,open,high,low,close\n" + "".join(
    f"{2001 + day // 300}-{1 + day % 300 // 28:02}-{1 + day % 28:02},1,2,1,{1.1 + day % 7 / 10}\n"
    for day in range(600)
)
# Copies a store and says so once it is under way, then waits to be killed.
STUCK = """
import sys, time
from service.store.copying import copy_store
def wait(words, more):
    if words == "copying runs":
        print("under way", flush=True)
        time.sleep(600)
copy_store(*sys.argv[1:], progress=wait)
"""

# Whatever does not ask for the bits of a table is tried from each database to the other.
ACROSS = pytest.mark.parametrize(
    ("database_url", "empty_database_url"),
    [("sqlite", "postgresql"), ("postgresql", "sqlite")],
    indirect=True,
)
Client = Callable[[str], TestClient]
Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def serve(clock: Callable[[], datetime], tmp_path: Path) -> Iterator[Client]:
    """An application over another database, with the same clock and the same files."""
    with closing(_Served(clock, tmp_path)) as served:
        yield served.open


class _Served:
    def __init__(self, clock: Callable[[], datetime], folder: Path) -> None:
        self._clock, self._folder = clock, folder
        self._open: list[tuple[Store, TestClient]] = []

    def open(self, url: str) -> TestClient:
        store = Store(url, now=self._clock)
        folders = {"cache_folder": self._folder / "cache", "dataset_folder": self._folder / "sets"}
        client = TestClient(create_app(store, Settings(**folders)), base_url="http://localhost")
        self._open.append((store, client))
        return client

    def close(self) -> None:
        for store, client in self._open:
            client.app.state.context.keyring.close()
            client.close()
            store.close()


def fill(url: str) -> None:
    """Rows with values that do not survive careless copying, without a server."""
    store = Store(url)
    moment = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    with store.write() as session:
        projects.ensure(session, "a")
        study = {
            "project": "a",
            "revision": 2**62,
            "state": "running",
            "spec": {"é": [1e-320, 0.1 + 0.2, -0.0, None], "s": "\\N \t\n\x7f \U0001f600 \u0000"},
            "objective": "o",
            "label": 'tab\tback\\slash \\. "x" \u2028',
            "next_generation": 0,
            "expected_runs": 2**31 - 1,
            "finished_runs": 0,
            "created": moment,
        }
        session.execute(
            insert(models.Study),
            [
                {**study, "id": "st_1", "best_value": 5e-324, "verdict": None},
                {**study, "id": "st_2", "best_value": -0.0, "verdict": {}},
                {**study, "id": "st_3", "best_value": -1.7976931348623157e308, "verdict": None},
            ],
        )
        trial = {
            "project": "a",
            "study": "st_1",
            "generation": 0,
            "phase": "search",
            "state": "completed",
            "params": {},
            "schedule": {},
            "identity": "",
        }
        session.execute(
            insert(models.Trial), [{**trial, "number": one, "value": one / 7} for one in range(700)]
        )
        run = {
            "project": "a",
            "study": "st_1",
            "generation": 0,
            "trial": 0,
            "phase": "search",
            "seed": 2**63 - 1,
            "horizon": 1,
            "splits": [],
            "state": "queued",
            "attempt": 0,
            "lease": 0,
            "isolation": "none",
        }
        session.execute(
            insert(models.Run), [{**run, "id": f"st_1.0.{i}", "index": i} for i in range(3)]
        )
    store.close()


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as the database itself has it, documents as their text."""
    engine = writing_engine(parse_url(url))
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            columns = ", ".join(_told(connection, one) for one in table.columns)
            rows = connection.execute(text(f'SELECT {columns} FROM "{name}"')).all()  # noqa: S608
            found[name] = sorted((tuple(map(_plain, row)) for row in rows), key=repr)
    engine.dispose()
    return found


def _told(connection: Connection, column: Any) -> str:  # noqa: ANN401
    """A column, such that it looks the same on both."""
    quoted = f'"{column.name}"'
    is_moment = isinstance(column.type, models.UtcTime)
    if connection.dialect.name == "sqlite":
        return quoted
    if is_moment:
        return f"(extract(epoch FROM {quoted}) * 1000000)::bigint"
    return f"{quoted}::text" if isinstance(column.type, JSON) else quoted


def _plain(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def tables(url: str) -> set[str]:
    """The tables that a database has."""
    engine = writing_engine(parse_url(url))
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_every_bit_arrives(database_url: str, empty_database_url: str) -> None:
    """Numbers, moments, texts and documents, in every table, from each database to each."""
    fill(database_url)
    before = everything(database_url)
    told = copy_store(database_url, empty_database_url)
    assert everything(empty_database_url) == before == everything(database_url)
    assert {one.name: one.rows for one in told.tables} == {
        name: len(rows) for name, rows in before.items()
    }
    assert tables(empty_database_url) == {*Base.metadata.tables, migrations.VERSION_TABLE}
    with pytest.raises(InvalidValue, match=r"it has .*3 studies, 700 trials, 3 runs"):
        copy_store(database_url, empty_database_url)
    assert everything(empty_database_url) == before


@pytest.fixture
def busy(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    play: Callable[[], None],
    claim: Callable[..., dict[str, Any] | None],
    tell: Callable[..., Any],
) -> list[str]:
    """A service with something of everything; studies, the last of which goes on."""
    bars = api.post("/v1/datasets?kind=ohlcv&name=ü", content=BARS.encode())
    assert bars.status_code == 201, bars.text
    wish = {**SMALL, "label": "ü", "notes": "x"}
    assert api.post(STUDIES, json=wish, headers={"Idempotency-Key": "k"}).status_code == 202
    play()
    extended = submit(labels={"team": "x"}, seed=3)["id"]
    play()
    api.post(f"{STUDIES}/{extended}:extend", json={"budget": {"trials": 8}})
    play()
    cancelled, gone, paused = (submit()["id"] for _ in range(3))
    for name in (cancelled, gone):
        api.post(f"{STUDIES}/{name}:cancel")
    api.delete(f"{STUDIES}/{gone}")
    api.post(f"{STUDIES}/{paused}:pause")
    api.post(f"{STUDIES}/{extended}:share", json={})
    going = submit(label="goes on", seed=11)["id"]
    plan()
    block = claim(lanes=1)
    assert block is not None
    crash = {"outcome": "crashed", "metrics": {}, "traceback": "Traceback\n  ü", "log_tail": "x"}
    assert tell(block["runs"][0], **crash).status_code == 200
    for is_over in (True, False, False):
        block = claim(lanes=1)
        assert block is not None
        (run,) = block["runs"]
        one = {"run": run["run"], "token": run["token"], "seq": 0, "steps": [1, 2]}
        report = {**one, "values": {"mse": [1.0, None], "lr": [0.1, 2e-300]}}
        api.post("/v1/runs:report", json={"worker": "w", "reports": [report]})
        if is_over:
            assert tell(run, score(run)).status_code == 200
    return [one["id"] for one in api.get(STUDIES).json()["items"] if one["id"] != going] + [going]


def answers(client: TestClient, studies: list[str]) -> dict[str, tuple[int, str | None, str]]:
    """What is answered to every question about these studies: status, ETag, body."""
    parts = (
        *("", "/best", "/best?table=true&format=csv", "/verdict", "/verdict?number=1", "/families"),
        *("/importances", "/trials?sort=-value", "/trials/0", "/trials/0/runs", "/curves"),
        *("/export?format=csv", "/report"),
    )
    paths = [f"{STUDIES}/{name}{part}" for name in studies for part in parts]
    paths += [STUDIES, "/v1/datasets", "/v1/webhooks", "/v1/workers", "/v1/keys"]
    found = {}
    for path in paths:
        answer = client.get(path, headers={"X-Request-Id": "of-both"})  # problems name it
        found[path] = (answer.status_code, answer.headers.get("etag"), answer.text)
    return found


def happened(client: TestClient, study: str) -> list[events.Event]:
    """The events of a study."""
    with client.app.state.context.store.read() as session:
        return events.after(session, DEFAULT_PROJECT, study, 0, limit=200)


def finish(client: TestClient) -> None:
    """Take leases back, then plan and tell made-up results until nothing is left to do."""
    store, ids = client.app.state.context.store, itertools.count()
    with store.write() as session:
        work.sweep(session, max_attempts=3)
    while True:
        moved = plan_all(store)
        asked = {"worker": "w", "claim": f"late{next(ids)}", "lanes": 8}
        block = client.post("/v1/work:claim", json=asked).json()["block"]
        if block is None and not moved:
            return
        for run in block["runs"] if block else []:
            end = {"run": run["run"], "token": run["token"], "outcome": "completed"}
            metrics = {split: {"mse": score(run)} for split in block["splits"]}
            told = {"worker": "w", "results": [{**end, "metrics": metrics}]}
            assert client.post("/v1/runs:tell", json=told).status_code == 200


@pytest.mark.full
@ACROSS
def test_a_server_on_the_copy_answers_the_same_and_goes_on(
    api: TestClient,
    busy: list[str],
    database_url: str,
    empty_database_url: str,
    serve: Client,
    advance: Callable[[float], None],
) -> None:
    """Body for body and ETag for ETag; what was under way ends with the same verdict on both."""
    told = copy_store(database_url, empty_database_url)
    assert (told.studies, told.leased_runs, told.datasets) == (2, 2, 1)
    copy, going = serve(empty_database_url), busy[-1]
    mine, theirs = answers(copy, busy), answers(api, busy)
    assert mine == theirs
    assert [happened(copy, name) for name in busy] == [happened(api, name) for name in busy]
    advance(60)  # the leases are over
    for client in (api, copy):
        finish(client)
        assert client.get(f"{STUDIES}/{going}").json()["state"] == "completed"
    for part in ("best", "verdict", "trials?limit=200", "families", "importances"):
        one, other = (client.get(f"{STUDIES}/{going}/{part}").text for client in (api, copy))
        assert one == other


@ACROSS
def test_what_a_service_left_that_served_nothing_makes_room(
    database_url: str, empty_database_url: str
) -> None:
    """A database that was only set up, or whose workers found nothing to do."""
    fill(database_url)
    open_store(Settings(database_url=empty_database_url)).close()
    store = Store(empty_database_url)
    with store.write() as session:
        session.add(
            models.Worker(
                project=DEFAULT_PROJECT, name="w", objectives=None, seen=datetime.now(UTC)
            )
        )
    store.close()
    copy_store(database_url, empty_database_url)
    assert everything(empty_database_url) == everything(database_url)


@ACROSS
@pytest.mark.parametrize("stage", ["copying trials", "checking runs"])
def test_a_copy_that_is_interrupted_leaves_the_target_as_it_was(
    database_url: str, empty_database_url: str, stage: str
) -> None:
    """Without even the tables; the next one begins anew."""
    fill(database_url)

    def interrupt(words: str, _more: int) -> None:
        if words == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_store(database_url, empty_database_url, progress=interrupt)
    assert tables(empty_database_url) == set()
    copy_store(database_url, empty_database_url)
    assert everything(empty_database_url) == everything(database_url)


@pytest.mark.full
@ACROSS
def test_a_copy_that_is_killed_leaves_the_target_as_it_was(
    database_url: str, empty_database_url: str
) -> None:
    """The database sees its writer go."""
    fill(database_url)
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, database_url, empty_database_url],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "under way\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert tables(empty_database_url) == set()
    copy_store(database_url, empty_database_url)


SPOIL = {
    "sqlite": [
        """CREATE TRIGGER spoil AFTER INSERT ON trials WHEN NEW.number = 650
        BEGIN UPDATE trials SET value = 0 WHERE number = 650; END"""
    ],
    "postgresql": [
        """CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.number = 650 THEN NEW.value = 0; END IF; RETURN NEW; END'""",
        "CREATE TRIGGER spoil BEFORE INSERT ON trials FOR EACH ROW EXECUTE FUNCTION spoil()",
    ],
}


@ACROSS
def test_a_copy_that_is_not_the_same_is_none(database_url: str, empty_database_url: str) -> None:
    """What is read back is compared; a table that differs by one number is named."""
    fill(database_url)
    open_store(Settings(database_url=empty_database_url)).close()
    before = everything(empty_database_url)
    engine = writing_engine(parse_url(empty_database_url))
    with engine.begin() as connection:
        for statement in SPOIL[connection.dialect.name]:
            connection.execute(text(statement))
    engine.dispose()
    with pytest.raises(ServiceError, match="table trials is not the same"):
        copy_store(database_url, empty_database_url)
    assert everything(empty_database_url) == before


def test_what_the_other_database_cannot_hold_is_named(
    sqlite_template: Path, empty_database_url: str, tmp_path: Path
) -> None:
    """A text with a NUL, which PostgreSQL refuses, and infinity, which no store keeps."""
    source = tmp_path / "source.db"
    source.write_bytes(sqlite_template.read_bytes())
    fill(f"sqlite:///{source}")
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE trials SET identity = 'a' || char(0) WHERE number = 699")
    if empty_database_url.startswith("postgresql"):
        with pytest.raises(ServiceError, match=r"table trials cannot be copied: .*(NUL|0x00)"):
            copy_store(f"sqlite:///{source}", empty_database_url)
        assert tables(empty_database_url) == set()
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE trials SET identity = '', value = 9e999 WHERE number = 699")
    with pytest.raises(ServiceError, match=r"trials.value of the source holds inf"):
        copy_store(f"sqlite:///{source}", empty_database_url)
    assert tables(empty_database_url) == set()


@ACROSS
def test_a_source_of_another_version_is_refused(database_url: str, empty_database_url: str) -> None:
    """It is not changed, and no target is made of it."""
    engine = writing_engine(parse_url(database_url))
    claim = text("UPDATE glideslope_version SET version_num = :version")
    try:
        for version in ("0021", "9999"):
            with engine.begin() as connection:
                connection.execute(claim, {"version": version})
            with pytest.raises(InvalidValue, match=rf"not {version}: .*db upgrade"):
                copy_store(database_url, empty_database_url)
        assert tables(empty_database_url) == set()
    finally:
        with engine.begin() as connection:
            connection.execute(claim, {"version": migrations.newest()[0]})
        engine.dispose()


def test_a_database_that_is_none_of_ours_is_refused(
    empty_database_url: str, tmp_path: Path
) -> None:
    """Empty ones, files of something else, files that are not there, and the source itself."""
    (tmp_path / "text.db").write_text("this is no database, but a text that is long enough" * 20)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    sources = [f"sqlite:///{tmp_path}/{name}.db" for name in ("text", "other", "missing")]
    if empty_database_url.startswith("postgresql"):
        sources.append(empty_database_url)
    for source in sources:
        with pytest.raises(InvalidValue, match="SOURCE_URL"):
            copy_store(source, f"sqlite:///{tmp_path / 'target.db'}")
    with pytest.raises(InvalidValue, match="another database than the source"):
        copy_store(sources[0], sources[0].replace("text", "../" + tmp_path.name + "/text"))
    assert not (tmp_path / "target.db").exists()
    assert not (tmp_path / "missing.db").exists()


def test_a_target_that_is_served_is_refused(sqlite_template: Path, tmp_path: Path) -> None:
    """A server has its file to itself."""
    target = f"sqlite:///{tmp_path / 'target.db'}"
    store = open_store(Settings(database_url=target))
    with pytest.raises(StoreBusy, match="another server has"):
        copy_store(f"sqlite:///{sqlite_template}", target)
    store.close()


def test_no_table_counts_by_itself(postgres_database: str) -> None:
    """Else a copy would have to set the counters: whoever adds one learns it here."""
    engine = writing_engine(parse_url(postgres_database))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM pg_sequences")).all() == []
    engine.dispose()


def test_a_source_is_left_as_it_is(sqlite_template: Path, tmp_path: Path) -> None:
    """The file of a store that nobody serves keeps every byte."""
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    source.write_bytes(sqlite_template.read_bytes())
    fill(f"sqlite:///{source}")
    before = source.read_bytes()
    copy_store(f"sqlite:///{source}", f"sqlite:///{target}")
    assert source.read_bytes() == before
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@ACROSS
def test_words_are_found_in_the_copy(database_url: str, empty_database_url: str) -> None:
    """Whatever the language of the server: the order of names is that of code points."""
    fill(database_url)
    store = Store(database_url)
    names = ["Ä", "a", "B", "ß", "_"]
    with store.write() as session:
        for place, name in enumerate(names[:3], 1):
            session.add(
                StudyWords(project="a", study=f"st_{place}", name=name, labels="\n", words=name)
            )
    store.close()
    copy_store(database_url, empty_database_url)
    copy = Store(empty_database_url)
    with copy.read() as session:
        found = session.scalars(select(StudyWords.name).order_by(StudyWords.name)).all()
    copy.close()
    assert found == ["B", "a", "Ä"]
    assert json.dumps(found)
