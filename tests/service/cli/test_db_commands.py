"""`glideslope db ...`: the database itself, also while it is written to."""

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from service.app import open_store
from service.errors import ServiceError
from service.settings import Settings
from service.store import backup
from service.store.projects import ensure
from tests.service.cli.conftest import Command


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
            "pg_dump --format=custom --file=FILE 'postgresql://me@host:5/data'",
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
