"""Connections are cut off whose request does not end, in time or in size."""

import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.api.bodies import BodyLimit
from service.api.connections import MOST_HEAD_BYTES, Punctual

HEAD = b"POST /read HTTP/1.1\r\nHost: a\r\n"


class Hasty(Punctual):
    """One that waits for half a second only."""

    head_seconds = 0.5


async def read(request: Request) -> PlainTextResponse:
    """Tell how long a body was."""
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A server that takes its time neither for heads nor for bodies."""
    app = BodyLimit(Starlette(routes=[Route("/read", read, methods=["POST"])]), seconds=0.5)
    config = uvicorn.Config(app, http=Hasty, log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[:2]
        server.should_exit = True
        thread.join()


def answer(connection: socket.socket) -> str:
    """Everything that is answered until the server hangs up."""
    connection.settimeout(30)
    told = b""
    while piece := connection.recv(65_536):
        told += piece
    return told.decode()


def exchange(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer on a connection that is kept."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


@pytest.mark.parametrize("begin", [b"", b"POST /re", HEAD, HEAD + b"Slow: "])
def test_a_head_that_does_not_end_is_cut_off(address: tuple[str, int], begin: bytes) -> None:
    """Whether it began or not, and however much of it came."""
    with socket.create_connection(address) as connection:
        connection.sendall(begin)
        told = answer(connection)
    assert told.startswith("HTTP/1.1 408 ")
    assert "urn:glideslope:problem:request-timeout" in told


def test_bytes_now_and_then_are_no_excuse(address: tuple[str, int]) -> None:
    """The time is that of the whole head."""
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD + b"Slow: ")
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 20:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            return
        pytest.fail("it is still there")


def test_headers_without_end_are_cut_off(address: tuple[str, int]) -> None:
    """After so many bytes, whatever is still to come."""
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD + b"Long: " + b"x" * (MOST_HEAD_BYTES + 65_536))
        assert connection.recv(64).startswith(b"HTTP/1.1 431 ")


def test_a_second_request_has_its_own_time(address: tuple[str, int]) -> None:
    """A connection that is kept is served again, and cut off only in the middle of a head."""
    whole = HEAD + b"Content-Length: 2\r\n\r\nok"
    with socket.create_connection(address) as connection:
        for _ in range(3):
            connection.sendall(whole)
            assert exchange(connection) == (200, b"2")
            time.sleep(0.3)
        connection.sendall(HEAD)
        assert "408" in answer(connection)


def test_a_body_that_does_not_end_is_cut_off(address: tuple[str, int]) -> None:
    """With a length or without."""
    for begin in (b"Content-Length: 10\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"):
        with socket.create_connection(address) as connection:
            connection.sendall(HEAD + begin)
            assert answer(connection).startswith("HTTP/1.1 408 ")


def test_a_body_of_many_pieces_is_no_head(address: tuple[str, int]) -> None:
    """It may be longer than any head, and what comes after an early answer is passed over."""
    body = b"x" * (4 * MOST_HEAD_BYTES)
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(address) as connection:
        for path, status in ((b"/read", 200), (b"/none", 404), (b"/read", 200)):
            connection.sendall(HEAD.replace(b"/read", path) + length)
            for place in range(0, len(body), 50_000):
                connection.sendall(body[place : place + 50_000])
            assert exchange(connection)[0] == status
