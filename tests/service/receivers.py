"""A real HTTP server on loopback that receives webhooks, and does with them what a test wants."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What was received: headers by lower-case name, and the body."""

    url: str = ""
    answer: Callable[[BaseHTTPRequestHandler, int], None] = field(
        default=lambda handler, _: reply(handler, 204)
    )
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """Ids in the order they came in."""
        return [headers["webhook-id"] for headers, _ in self.received]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Bodies in the order they came in."""
        return [json.loads(body) for _, body in self.received]


def reply(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    """Answer with a status and nothing else."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A server in a thread; `answer` is called with the handler and the number of the request."""
    receiver = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                receiver.received.append((headers, body))
                number = len(receiver.received)
            receiver.answer(self, number)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
