"""Delivery: what is in the outbox is told to webhooks, signed, and again until it is answered.

The one idea: telling is one POST to one checked address, in so many seconds and no more, and no
redirect is followed; whatever happens is an attempt with an end, and the next one comes later and
later. A delivery that nobody ends, for this process died, is taken up by the next.
The headers are those of Standard Webhooks: `webhook-id` (the event, the same in every attempt),
`webhook-timestamp`, and `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256, under the
secret, of id, timestamp and body joined by dots.
Not here: what is to be told (`service.store.outbox`), where one may go (`service.addresses`).
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult

from service.addresses import Allowed, Refused
from tuning.errors import InvalidValue

TOTAL_SECONDS = 10.0  # for a whole attempt but the name's resolution
MOST_ATTEMPTS = 12
LONGEST_PAUSE = 6 * 3600.0  # seconds between two attempts
TAKEN_SECONDS = 30.0  # after which a delivery that nobody ended is due again
AT_ONCE = 8
ANSWER_BYTES = 4096  # of an answer that are read: it only has a status
PREFIX = "whsec_"


class Parcel(Protocol):
    """What is to be told: `service.store.outbox.Parcel`."""

    @property
    def event(self) -> str:
        """Its id, the same in every attempt."""

    @property
    def url(self) -> str:
        """Where to."""

    @property
    def secret(self) -> str:
        """What signs it."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What is said."""

    @property
    def attempt(self) -> int:
        """Which one this is, from 1 on."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of an attempt: the status of the answer, or why there was none."""

    status: int | None
    error: str | None
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Books:
    """What delivery may do to the outbox.

    Args:
        take: up to so many deliveries that are due, for so many seconds.
        settle: an attempt and the pause before the next one; None: there is none.
        forget: what was settled long ago.
    """

    take: Callable[[int, float], Sequence[Any]]
    settle: Callable[[Any, Told, float | None], None]
    forget: Callable[[], None]


class Postman:
    """Delivers, a few at once, what is due.

    Args:
        books: the outbox.
        allowed: where one may go.
        retry_seconds: pause after the first attempt; it doubles with each.
    """

    def __init__(self, books: Books, allowed: Allowed, retry_seconds: float) -> None:
        self._books = books
        self._allowed = allowed
        self._retry_seconds = retry_seconds
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="postman")
        self._is_interrupted = False

    def round(self) -> None:
        """Deliver until nothing is due."""
        while not self._is_interrupted:
            parcels = self._books.take(AT_ONCE, TAKEN_SECONDS)
            if not parcels:
                return
            list(self._pool.map(self._deliver, parcels))
            self._books.forget()

    def interrupt(self) -> None:
        """Let a round end after the attempts under way."""
        self._is_interrupted = True

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _deliver(self, parcel: Parcel) -> None:
        told = post(parcel, self._allowed)
        is_last = parcel.attempt >= MOST_ATTEMPTS
        pause = None if is_last else retry_pause(parcel.attempt, self._retry_seconds)
        self._books.settle(parcel, told, pause)


def retry_pause(attempt: int, first: float) -> float:
    """Seconds until the next attempt: twice as long after each, half of it drawn at random."""
    longest = min(LONGEST_PAUSE, first * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 # spreads load, keeps no secret


def post(parcel: Parcel, allowed: Allowed) -> Told:
    """Make one attempt."""
    began = time.monotonic()

    def told(status: int | None, error: str | None = None) -> Told:
        return Told(status, error, int((time.monotonic() - began) * 1000))

    try:
        parts = allowed.check(parcel.url)
        address, port = allowed.resolve(parts)
        body = json.dumps(dict(parcel.body), separators=(",", ":")).encode()
        headers = signed(parcel.event, body, parcel.secret, int(time.time()))
        return told(_send(parts, address, port, body, headers))
    except (Refused, InvalidValue) as error:
        return told(None, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return told(None, f"{type(error).__name__}: {error}"[:500])


def signed(event: str, body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """The headers of an attempt; `timestamp` is in seconds since 1970.

    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> body = b'{"test": 2432232314}'
    >>> headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", body, secret, 1614265330)
    >>> headers["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{event}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": event,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _send(
    parts: SplitResult, address: str, port: int, body: bytes, headers: Mapping[str, str]
) -> int:
    """POST to an address under the name of the URL; returns the status of the answer."""
    deadline = time.monotonic() + TOTAL_SECONDS
    with (
        socket.create_connection((address, port), timeout=TOTAL_SECONDS) as plain,
        plain.dup() as guard,  # TLS takes the other one over
    ):
        # Each read has its own timeout; who answers drop by drop is cut off all the same.
        watch = threading.Timer(deadline - time.monotonic(), _cut, (guard,))
        watch.daemon = True
        watch.start()
        try:
            host = parts.hostname or ""
            if parts.scheme == "https":
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=host) as secure:
                    return _ask(secure, parts, port, body, headers)
            return _ask(plain, parts, port, body, headers)
        finally:
            watch.cancel()


def _ask(
    connected: socket.socket,
    parts: SplitResult,
    port: int,
    body: bytes,
    headers: Mapping[str, str],
) -> int:
    connection = http.client.HTTPConnection(parts.hostname or "", port)
    connection.sock = connected
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    more = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "glideslope"}
    connection.request("POST", path, body, {**headers, **more, "Connection": "close"})
    answer = connection.getresponse()
    with contextlib.suppress(OSError, http.client.HTTPException):
        answer.read(ANSWER_BYTES)
    answer.close()
    return answer.status


def _cut(plain: socket.socket) -> None:
    with contextlib.suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)
