"""`serve` as a process: whatever ends it, it ends whole and in order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

PATIENCE_SECONDS = 30.0


def serve(folder: Path, stdout: int) -> subprocess.Popen[bytes]:
    """Start the service with its worker on a free port."""
    database = f"sqlite:///{folder / 'served.db'}"
    command = ["serve", "--port", "0", "--database", database]
    return subprocess.Popen([sys.executable, "-m", "service.cli.main", *command], stdout=stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_server_and_worker(tmp_path: Path, number: signal.Signals) -> None:
    """Both are gone when the command returns, and its code says that all is well."""
    with serve(tmp_path, subprocess.PIPE) as server:
        assert server.stdout is not None
        assert b"listening on" in server.stdout.readline()
        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(number)
        assert server.wait(PATIENCE_SECONDS) == 0
    assert family
    assert not any(one.is_running() for one in family)


def test_a_server_nobody_listens_to_does_not_hang(tmp_path: Path) -> None:
    """An error after the server's thread was started ends that thread, too."""
    reader, writer = os.pipe()
    os.close(reader)
    server = serve(tmp_path, writer)
    os.close(writer)
    assert server.wait(PATIENCE_SECONDS) == 1
