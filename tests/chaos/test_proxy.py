"""The proxy harms an exchange as it was told to, and nothing else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.proxy import Fault, Kind, Proxy

PATIENCE_SECONDS = 10.0
ANSWER = b"answer to "


class Echo:
    """A server that answers each message with its words, and remembers what came."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[bytes] = []
        self.left = threading.Semaphore(0)  # one more for each connection that ended
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1000):
                    self.heard.append(data)
                    connection.sendall(ANSWER + data)
            except OSError:
                pass
        self.left.release()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """The server behind the proxy."""
    with closing(Echo()) as server:
        yield server


def through(proxy: Proxy) -> socket.socket:
    """A connection to the proxy."""
    host, port = proxy.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), PATIENCE_SECONDS)


def ask(connection: socket.socket, words: bytes) -> bytes:
    """What is answered; nothing if the connection was closed."""
    connection.sendall(words)
    return connection.recv(1000)


def test_what_is_not_harmed_passes_over_one_connection(echo: Echo) -> None:
    """Each message after an answer is an exchange, for which the plan is asked."""
    with Proxy(echo.url, lambda: None) as proxy, through(proxy) as connection:
        assert [ask(connection, b"one"), ask(connection, b"two")] == [
            b"answer to one",
            b"answer to two",
        ]
        assert proxy.exchanges == 2
        assert not proxy.bitten


def test_a_delayed_request_arrives_late_but_whole(echo: Echo) -> None:
    """The second exchange is late, the first is not."""
    faults = iter([None, Fault(Kind.DELAY, seconds=0.3)])
    with Proxy(echo.url, lambda: next(faults)) as proxy, through(proxy) as connection:
        assert ask(connection, b"one") == b"answer to one"
        begun = time.monotonic()
        assert ask(connection, b"two") == b"answer to two"
        assert time.monotonic() - begun >= 0.3
        assert proxy.bitten == {Kind.DELAY: 1}


def test_a_reset_is_one_and_the_server_hears_nothing(echo: Echo) -> None:
    """Not a mere end: the client gets an error."""
    with Proxy(echo.url, lambda: Fault(Kind.RESET)) as proxy, through(proxy) as connection:
        with pytest.raises(ConnectionResetError):
            ask(connection, b"one")
        assert echo.left.acquire(timeout=PATIENCE_SECONDS)
        assert echo.heard == []
        assert proxy.bitten == {Kind.RESET: 1}


def test_a_half_open_connection_says_nothing(echo: Echo) -> None:
    """The client waits as long as it likes, and what it says meanwhile does not arrive either."""
    with Proxy(echo.url, lambda: Fault(Kind.HALF_OPEN)) as proxy, through(proxy) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ask(connection, b"one")
        with pytest.raises(TimeoutError):
            ask(connection, b"two")
        assert echo.heard == []
        assert proxy.bitten == {Kind.HALF_OPEN: 1}


def test_a_request_is_cut_after_some_bytes(echo: Echo) -> None:
    """The server hears the beginning, the client nothing."""
    fault = Fault(Kind.CUT_REQUEST, after=2)
    with Proxy(echo.url, lambda: fault) as proxy, through(proxy) as connection:
        assert ask(connection, b"one") == b""
        assert echo.left.acquire(timeout=PATIENCE_SECONDS)
        assert echo.heard in ([b"on"], [])
        assert proxy.bitten == {Kind.CUT_REQUEST: 1}


def test_an_answer_is_cut_after_some_bytes(echo: Echo) -> None:
    """The client hears the beginning; a fault larger than the answer does not bite."""
    faults = iter([Fault(Kind.CUT_ANSWER, after=1000), Fault(Kind.CUT_ANSWER, after=4)])
    with Proxy(echo.url, lambda: next(faults)) as proxy, through(proxy) as connection:
        assert ask(connection, b"one") == b"answer to one"
        assert ask(connection, b"two") == b"answ"
        assert connection.recv(1000) == b""
        assert proxy.bitten == {Kind.CUT_ANSWER: 1}


def test_a_lost_answer_was_given(echo: Echo) -> None:
    """The server heard and answered, and the client hears nothing."""
    fault = Fault(Kind.LOST_ANSWER)
    with Proxy(echo.url, lambda: fault) as proxy, through(proxy) as connection:
        assert ask(connection, b"one") == b""
        assert echo.heard == [b"one"]
        assert proxy.bitten == {Kind.LOST_ANSWER: 1}


def test_a_server_that_is_not_there_is_no_connection() -> None:
    """The client is cut off at once."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # a port that nobody else gets, and at which nobody listens
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Proxy(url, lambda: None) as proxy, through(proxy) as connection:
            assert connection.recv(1000) == b""
