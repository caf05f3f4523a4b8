"""`glideslope db ...`: the database itself, also while it is written to."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.app import open_store
from service.errors import ServiceError
from service.settings import Settings
from service.store import backup
from service.store.dataset_models import Dataset
from service.store.engine import Store
from service.store.models import Measurement, Run, Study, Trial
from service.store.projects import ensure
from tests.service.cli.conftest import Command
from tuning.documents import write_spec
from tuning.study import specify


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with its tables."""
    file = tmp_path / "store.db"
    open_store(Settings(database_url=f"sqlite:///{file}")).close()
    return file


def test_an_upgrade_makes_the_tables_and_may_be_repeated(
    glideslope: Command, tmp_path: Path
) -> None:
    """As `serve` would."""
    file = tmp_path / "new" / "store.db"
    for _ in range(2):
        ended = glideslope("db", "upgrade", "--database", f"sqlite:///{file}", "--json")
        assert (ended.code, json.loads(ended.out)) == (0, {"upgraded": True})
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM projects").fetchone() == (1,)


def test_a_database_that_is_served_is_not_upgraded(glideslope: Command, file: Path) -> None:
    """The server did it when it started."""
    store = open_store(Settings(database_url=f"sqlite:///{file}"))
    ended = glideslope("db", "upgrade", "--database", f"sqlite:///{file}")
    store.close()
    assert (ended.code, "another server has" in ended.err) == (1, True)


def test_a_backup_is_one_moment_of_a_database_that_is_written_to(
    glideslope: Command, file: Path, tmp_path: Path
) -> None:
    """Whole transactions only: pairs of rows that are written together are in it together."""
    store = open_store(Settings(database_url=f"sqlite:///{file}"))
    is_over = threading.Event()

    def write() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            with store.write() as session:
                ensure(session, f"a{number}")
                ensure(session, f"b{number}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(5):
            copy = tmp_path / f"copy{turn}.db"
            ended = glideslope("db", "backup", str(copy), "--database", f"sqlite:///{file}")
            assert (ended.code, ended.err) == (0, "")
            assert "checked" in ended.out
            check(copy)
    finally:
        is_over.set()
        writer.join()
        store.close()
    assert {one.name for one in tmp_path.iterdir() if "copy" in one.name} == {
        f"copy{turn}.db" for turn in range(5)
    }


def check(copy: Path) -> None:
    """One file, nobody else's business, whole, and pairs are complete."""
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = {row[0] for row in connection.execute("SELECT id FROM projects")}
    pairs = names - {"default"}
    assert len(pairs) % 2 == 0
    assert {name[1:] for name in pairs if name[0] == "a"} == {
        name[1:] for name in pairs if name[0] == "b"
    }


def test_a_backup_can_be_served(glideslope: Command, file: Path, tmp_path: Path) -> None:
    """To restore is to put the file in its place."""
    copy = tmp_path / "copy.db"
    told = glideslope("db", "backup", str(copy), "--database", f"sqlite:///{file}", "--json")
    assert json.loads(told.out) == {"file": str(copy), "bytes": copy.stat().st_size}
    open_store(Settings(database_url=f"sqlite:///{copy}")).close()


def test_a_file_is_replaced_only_if_that_is_said(
    glideslope: Command, file: Path, tmp_path: Path
) -> None:
    """In one step: there is never half a backup of that name."""
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    words = ("db", "backup", str(copy), "--database", f"sqlite:///{file}")
    refused = glideslope(*words)
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert copy.read_text() == "precious"
    assert glideslope(*words, "--overwrite").code == 0
    check(copy)


def test_a_damaged_copy_is_never_a_backup(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the check finds wrong is told, and no file is left."""
    damage = backup._copy

    def copy_badly(source: Path, draft: Path) -> None:
        damage(source, draft)
        with draft.open("r+b") as broken:
            broken.seek(4096)
            broken.write(b"\xff" * 8192)

    monkeypatch.setattr(backup, "_copy", copy_badly)
    copy = tmp_path / "copy.db"
    with pytest.raises(ServiceError, match=r"damaged|malformed"):
        backup.back_up(f"sqlite:///{file}", copy)
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///FOLDER/missing.db", "a database that exists"),
        ("sqlite:///FOLDER/text.db", "a database of this program"),
        ("sqlite:///FOLDER/other.db", "a database of this program"),
        (
            "postgresql://me:secret@host:5/data",
            (
                "PGOPTIONS='-c glideslope.project=*' pg_dump --enable-row-security --format=custom "
                "--file=FILE 'postgresql://me@host:5/data'"
            ),
        ),
        ("nonsense", "sqlite:///path/to/file.db"),
    ],
)
def test_what_cannot_be_copied_is_named(
    glideslope: Command, tmp_path: Path, url: str, told: str
) -> None:
    """No password is shown, and nothing is left behind."""
    (tmp_path / "text.db").write_text("this is no database, but a text that is long enough" * 20)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    copy = tmp_path / "copy.db"
    ended = glideslope(
        "db", "backup", str(copy), "--database", url.replace("FOLDER", str(tmp_path))
    )
    assert ended.code == 2
    assert told in ended.err
    assert "secret" not in ended.err
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []


def test_a_folder_that_is_not_there_is_named(
    glideslope: Command, file: Path, tmp_path: Path
) -> None:
    """Before anything is copied."""
    away = tmp_path / "away" / "copy.db"
    ended = glideslope("db", "backup", str(away), "--database", f"sqlite:///{file}")
    assert (ended.code, "FILE" in ended.err) == (2, True)


def test_a_store_is_copied_and_the_user_told_what_follows(
    glideslope: Command, file: Path, empty_database_url: str, tmp_path: Path
) -> None:
    """Table by table, the same on both sides; what goes on, and what is not in a database."""
    store = open_store(Settings(database_url=f"sqlite:///{file}"))  # it may be served
    with store.write() as session:
        study = {"project": "default", "id": "st_1", "revision": 1, "state": "running", "spec": {}}
        more = {"objective": "o", "label": "", "next_generation": 0, "expected_runs": 1}
        session.add(Study(**study, **more, finished_runs=0, created=datetime.now(UTC)))
        data = {"project": "default", "id": "ds_1", "name": "x", "kind": "ohlcv", "sha256": ""}
        span = {"begin": datetime.now(UTC), "end": datetime.now(UTC), "created": datetime.now(UTC)}
        session.add(Dataset(**data, **span, size=2**20, rows=1, survey={}))
    told = glideslope("db", "copy", f"sqlite:///{file}", empty_database_url)
    assert (told.code, told.err) == (0, "")
    for words in ("studies", "1 studies had not ended, 0 runs", "1 datasets (1.0 MiB)"):
        assert words in told.out
    target = f"sqlite:///{tmp_path / 'again.db'}"
    again = glideslope("db", "copy", empty_database_url, target, "--json")
    store.close()
    document = json.loads(again.out)
    assert (document["studies"], document["datasets"]) == (1, 1)
    rows = {one["name"]: (one["rows"], one["digest"]) for one in document["tables"]}
    assert rows["studies"][0] == rows["projects"][0] == 1
    for name, (count, digest) in rows.items():
        assert re.search(rf"^ *{name} +{count} +{digest[:32]}", told.out, re.MULTILINE)
    refused = glideslope("db", "copy", f"sqlite:///{file}", target)
    assert (refused.code, "1 studies" in refused.err, "1 datasets" in refused.err) == (
        2,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("source", "target", "told", "code"),
    [
        ("sqlite:///FOLDER/missing.db", "postgresql://me:secret@h/x", "a database that exists", 2),
        ("sqlite:///FOLDER/store.db", "postgresql://me:secret@127.0.0.1:1/x", "did not answer", 1),
        ("postgresql://me:secret@127.0.0.1:1/x", "sqlite:///FOLDER/y.db", "did not answer", 1),
        ("postgresql://me:secret@h/x", "postgresql://me:secret@h/x", "another database", 2),
        ("mysql://me:secret@h/x", "sqlite:///FOLDER/y.db", "postgresql://user@host", 2),
    ],
)
def test_what_cannot_be_copied_from_or_to_is_named(
    glideslope: Command,
    file: Path,
    tmp_path: Path,
    source: str,
    target: str,
    told: str,
    code: int,
) -> None:
    """In a sentence, and without the password."""
    folder = str(tmp_path)
    ended = glideslope(
        "db", "copy", source.replace("FOLDER", folder), target.replace("FOLDER", folder)
    )
    assert (ended.code, told in ended.err) == (code, True), ended.err
    assert "secret" not in ended.err + ended.out
    assert "Traceback" not in ended.err


def test_a_purge_says_what_goes_before_it_does(
    glideslope: Command, file: Path, tmp_path: Path
) -> None:
    """A dry run counts and changes nothing; a real one archives before."""
    url, folder = f"sqlite:///{file}", tmp_path / "old"
    store = Store(url)
    long_ago = datetime.now(UTC) - timedelta(days=100)
    with store.write() as session:
        spec = write_spec(specify("noisy_quadratic"))
        study = {"project": "default", "id": "st_1", "revision": 1, "state": "cancelled"}
        more = {"objective": "o", "label": "", "next_generation": 1, "expected_runs": 1}
        moments = {"created": long_ago, "finished": long_ago}
        session.add(Study(**study, **more, **moments, spec=spec, finished_runs=0))
        session.flush()
        place = {"project": "default", "study": "st_1", "generation": 0, "phase": "search"}
        session.add(
            Trial(**place, number=0, state="cancelled", params={}, schedule={}, identity="")
        )
        session.flush()
        run = {"id": "st_1.0.0", "index": 0, "trial": 0, "seed": 1, "horizon": 9, "splits": []}
        left = {"state": "cancelled", "attempt": 0, "lease": 1, "isolation": "none"}
        session.add(Run(**place, **run, **left))
        session.flush()
        data = {"steps": [1], "values": {"loss": [1.0]}}
        for seq in range(5):
            kept = {"project": "default", "study": "st_1", "run": "st_1.0.0", "lease": 1}
            session.add(Measurement(**kept, seq=seq, data=data))
    words = ("db", "purge", "--database", url, "--archive", str(folder))
    served = glideslope(*words, "--curves-older-than", "90d")
    store.close()
    assert (served.code, "another server has" in served.err) == (1, True)
    young = glideslope(*words, "--curves-older-than", "101d", "--json")
    assert json.loads(young.out)["studies"] == []
    dry = glideslope(*words, "--curves-older-than", "90d", "--dry-run")
    assert (dry.code, "would remove 5 reports" in dry.out) == (0, True)
    assert not folder.exists()
    done = glideslope(*words, "--curves-older-than", "90d", "--batch", "2", "--json")
    told = json.loads(done.out)
    assert told.pop("bytes") > 100
    assert told == {
        "studies": ["st_1"],
        "reports": 5,
        "archive": str(folder),
        "is_dry_run": False,
    }
    assert len(list(folder.iterdir())) == 1
    again = glideslope(*words, "--curves-older-than", "90d")
    assert "removed 0 reports" in again.out


@pytest.mark.parametrize("age", ["0d", "90", "d", "-1d", "1.5d", "36501d", "٣d"])
def test_an_age_that_is_none_is_named(glideslope: Command, file: Path, age: str) -> None:
    """Days, from one on."""
    ended = glideslope(
        "db", "purge", f"--curves-older-than={age}", "--database", f"sqlite:///{file}"
    )
    assert (ended.code, "1d to 36500d" in ended.err) == (2, True)


def test_a_driver_that_is_not_there_is_named() -> None:
    """PostgreSQL's is an extra, which whoever began with SQLite may lack."""
    program = (
        "import sys; sys.modules['psycopg'] = None; from service.cli.main import run; "
        "sys.argv = ['glideslope', 'db', 'upgrade', '--database', 'postgresql://me:secret@h/x']; "
        "run()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "glideslope[postgres]" in ended.stderr) == (2, True), ended.stderr
    assert "secret" not in ended.stderr
