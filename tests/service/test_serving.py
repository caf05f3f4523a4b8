"""`serve` as a process: whatever ends it, it ends whole and in order."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest
from fastapi import FastAPI, Request

from service.cli.serving import MOST_UNSENT_BYTES, _check_keys, _listen, _server
from service.settings import Settings
from service.store.engine import Store
from tuning.errors import InvalidValue

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


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system has no such limit")
def test_little_is_kept_for_a_client_that_does_not_read() -> None:
    """The system takes some hundred KiB for it, no megabytes; the server is held up then."""
    taken = 0
    with (
        _listen(Settings(port=0)) as listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as connection,
    ):
        connection.settimeout(0)
        while select.select([], [connection], [], 0.5)[1]:  # it may take more, for half a second
            with suppress(BlockingIOError):
                taken += connection.send(b"x" * 2**14)
    assert MOST_UNSENT_BYTES <= taken <= 8 * MOST_UNSENT_BYTES


@pytest.mark.parametrize(
    ("proxies", "peer", "told"),
    [
        (None, "10.1.2.3", ["http", "10.1.2.3"]),
        ("10.0.0.0/8", "10.1.2.3", ["https", "192.0.2.1"]),
        ("10.0.0.0/8", "11.1.2.3", ["http", "11.1.2.3"]),
        ("10.0.0.0/8", "127.0.0.1", ["https", "192.0.2.1"]),
    ],
)
def test_a_proxy_is_believed_if_it_is_one_of_ours(
    proxies: str | None, peer: str, told: list[str]
) -> None:
    """Who asks, and whether over TLS; anybody else may write what they like."""
    app = FastAPI()

    @app.get("/")
    def tell(request: Request) -> list[str]:
        assert request.client is not None
        return [request.url.scheme, request.client.host]

    config = _server(app, Settings(proxies=proxies)).config
    config.load()
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}

    async def ask() -> list[str]:
        transport = httpx2.ASGITransport(app=config.loaded_app, client=(peer, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
            answer: list[str] = (await client.get("/", headers=headers)).json()
            return answer

    assert asyncio.run(ask()) == told


def test_others_are_served_once_keys_are_needed(tmp_path: Path) -> None:
    """Not before there is one, unless they are required anyway: then nobody is let in before."""
    store = Store(f"sqlite:///{tmp_path / 'keys.db'}")
    store.upgrade()
    everywhere = "0.0.0.0"  # noqa: S104 # nothing listens
    _check_keys(store, Settings(host=everywhere, require_keys=True))
    _check_keys(store, Settings(host="127.0.0.1"))
    with pytest.raises(InvalidValue, match="glideslope key create"):
        _check_keys(store, Settings(host=everywhere))
    store.close()
