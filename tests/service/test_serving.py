"""`serve` as a process: whatever ends it, it ends whole and in order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from service.cli.serving import _listen
from service.settings import Settings

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


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Connections to the server have Nagle's algorithm off: an answer is sent at once."""
    delays: list[int] = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        delays.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def connect() -> None:
        with _listen(Settings(port=0)) as listener:
            server = await asyncio.start_server(note, sock=listener)
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            await reader.read()
            writer.close()
            server.close()

    asyncio.run(connect())
    assert delays == [1]
