"""Mistakes of the user: exit code 2, one clear line, no traceback, and nothing begun."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.cli.conftest import Command

NOWHERE = "http://127.0.0.1:9"  # the discard port; nothing listens there


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("GLIDESLOPE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that are not what they should be."""
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "half.json").write_text("{")
    (tmp_path / "tower.json").write_text("[" * 100_000)
    (tmp_path / "digits.json").write_text('{"seed": ' + "9" * 5000 + "}")
    (tmp_path / "budget.json").write_text(json.dumps({"budget": 5}))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "text.db").write_text("this is no database, but a text that is long enough" * 20)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nonsense", "No such command"),
        ("study", "Usage"),
        ("study create x --trials many", "--trials"),
        ("study create x --peak 1", "--peak"),
        ("study create x --peak 1 x", "--peak"),
        ("study create x --set batch", "--set: 'batch'"),
        ("study create x --set =1", "--set: '=1'"),
        ("study create --file FOLDER/missing.json", "missing.json"),
        ("study create --file FOLDER", "--file"),
        ("study create --file FOLDER/list.json", "a JSON object"),
        ("study create --file FOLDER/half.json", "a readable JSON file"),
        ("study create --file FOLDER/tower.json", "a readable JSON file"),
        ("study create --file FOLDER/digits.json", "a readable JSON file"),
        ("study create --file FOLDER/bytes.json", "a readable JSON file"),
        ("study create --file FOLDER/budget.json --trials 3", "budget of --file: 5"),
        ("study show", "STUDY"),
        ("study list --limit", "--limit"),
        ("worker --processes 0", "--processes"),
        ("worker --engine spark", "--engine"),
        ("worker --address 10.0.0.1:6379", "none but with --engine ray"),
        ("worker --url http://127.0.0.1:9 --name ", "--name: ''"),
        ("demo --trials few", "--trials"),
        ("demo --folder FOLDER/list.json/demo", "--folder"),
        ("serve --port x", "--port"),
        ("serve --port 70000", "port: '70000' is not allowed; allowed: at most 65535"),
        ("serve --port -1", "port: '-1' is not allowed; allowed: at least 0"),
        ("serve --host ", "host: ''"),
        ("serve --host 256.1.1.1 --port 0", "host: '256.1.1.1'"),
        ("serve --data-folder FOLDER/missing --port 0", "a folder that exists"),
        ("serve --data-folder FOLDER/list.json --port 0", "a folder that exists"),
        ("serve --port 0 --database mysql://x/y", "database: 'mysql://x/y'"),
        ("serve --port 0 --database nonsense", "sqlite:///path/to/file.db"),
        ("serve --port 0 --database sqlite://", "sqlite:///path/to/file.db"),
        ("serve --port 0 --database sqlite:///FOLDER/list.json/x.db", "a folder that can be"),
        ("serve --port 0 --database sqlite:///FOLDER/text.db", "a database of this program"),
    ],
)
def test_a_mistake_is_named(glideslope: Command, folder: Path, words: str, told: str) -> None:
    """On standard error, and on nothing else."""
    ended = glideslope(*words.replace("FOLDER", str(folder)).split(" "))
    assert ended.code == 2, ended.err
    assert told in ended.err + ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LOG_LEVEL", "loud", "one of debug, error, info, warning"),
        ("PORT", "x", "port: 'x'"),
        ("LANES", "0", "lanes: '0' is not allowed; allowed: at least 1"),
        ("LEASE_SECONDS", "inf", "at most 86400"),
        ("LEASE_SECONDS", "nan", "lease_seconds: 'nan'"),
        ("LEASE_SECONDS", "5", "less than lease_seconds"),
        ("MAX_ATTEMPTS", "-1", "max_attempts: '-1'"),
        ("DATABASE_URL", "postgres", "sqlite:///path/to/file.db"),
    ],
)
def test_a_bad_setting_is_named(
    glideslope: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """The server does not start with it."""
    monkeypatch.setenv(f"GLIDESLOPE_{name}", value)
    ended = glideslope("serve", *(() if name == "PORT" else ("--port", "0")))
    assert ended.code == 2, ended.err
    assert told in ended.err


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that someone listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named(glideslope: Command, taken_port: int) -> None:
    """Before anything is opened."""
    ended = glideslope("serve", "--port", str(taken_port))
    assert ended.code == 2
    assert f"port: {taken_port} is not allowed; allowed: a free port" in ended.err


@pytest.mark.full
def test_a_service_out_of_reach_is_no_mistake(glideslope: Command) -> None:
    """Exit code 3 after ten seconds of patience, and the address that was tried."""
    ended = glideslope("study", "list", "--url", NOWHERE)
    assert ended.code == 3
    assert f"no answer from {NOWHERE}" in ended.err


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://[::1"])
def test_an_address_that_is_none_is_named(glideslope: Command, url: str) -> None:
    """At once, as a service that cannot be reached."""
    ended = glideslope("study", "list", "--url", url)
    assert ended.code == 3
    assert f"no answer from {url}" in ended.err


def test_a_file_that_cannot_be_written_is_no_traceback() -> None:
    """The last resort, in a process of its own: the system's words, exit code 1."""
    program = (
        "import sys; from service.cli import demo, main\n"
        "def full(**_): raise OSError(28, 'No space left on device', 'best.json')\n"
        "demo.run = full; sys.argv = ['glideslope', 'demo']; main.run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "error: best.json: No space left on device"
