"""Delivery to a real server on loopback: signed, bounded, and again until it is answered."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from service.addresses import Allowed
from service.planner import delivery
from service.planner.delivery import MOST_ATTEMPTS, Books, Postman, Told, post, retry_pause
from tests.service.receivers import Receiver, receiving, reply

HERE = Allowed.parse("127.0.0.1")
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@dataclass(frozen=True)
class Letter:
    """Something to be told."""

    url: str
    event: str = "st_x.1"
    secret: str = SECRET
    body: dict[str, Any] = field(default_factory=lambda: {"type": "study.completed", "ü": 1})
    attempt: int = 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who listens."""
    with receiving() as one:
        yield one


def test_what_is_told_is_signed(receiver: Receiver) -> None:
    """Whoever knows the secret can tell that it is ours, of now, and whole."""
    told = post(Letter(receiver.url), HERE)
    assert (told.status, told.error) == (204, None)
    ((headers, body),) = receiver.received
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.url.split("/")[2]
    stamp = headers["webhook-timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    content = f"{headers['webhook-id']}.{stamp}.".encode() + body
    digest = base64.b64encode(hmac.new(b"k" * 32, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert receiver.bodies == [{"type": "study.completed", "ü": 1}]


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    """It could lead inside."""
    receiver.answer = lambda handler, _: reply(handler, 307, Location=receiver.url + "2")
    assert post(Letter(receiver.url), HERE).status == 307
    assert len(receiver.received) == 1


def test_a_slow_answer_is_cut_off(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though every byte of it came in time."""
    monkeypatch.setattr(delivery, "TOTAL_SECONDS", 0.5)

    def drip(handler: BaseHTTPRequestHandler, _: int) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 50:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.05)

    receiver.answer = drip
    began = time.monotonic()
    told = post(Letter(receiver.url), HERE)
    assert told.status is None
    assert told.error
    assert time.monotonic() - began < 5
    assert told.milliseconds >= 400


def test_an_endless_answer_is_not_read(receiver: Receiver) -> None:
    """The status is enough."""

    def pour(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    receiver.answer = pour
    assert post(Letter(receiver.url), HERE).status == 200


def test_nobody_there_is_an_attempt_with_a_reason(receiver: Receiver) -> None:
    """So is an address that is no longer allowed, and an answer that is no HTTP."""
    assert "ConnectionRefusedError" in str(post(Letter("http://127.0.0.1:9/"), HERE).error)
    told = post(Letter(receiver.url), Allowed.parse("public"))
    assert told.status is None
    assert "https" in str(told.error)
    assert receiver.received == []
    receiver.answer = lambda handler, _: handler.wfile.write(b"garbage\r\n\r\n") and None
    assert post(Letter(receiver.url), HERE).status is None


def test_pauses_grow_and_end() -> None:
    """Twice as long each time, at least half of that, never longer than some hours."""
    for attempt in range(1, 40):
        whole = min(6 * 3600.0, 5.0 * 2 ** (attempt - 1))
        for _ in range(20):
            assert whole / 2 <= retry_pause(attempt, 5.0) <= whole


def test_a_round_delivers_until_nothing_is_due(receiver: Receiver) -> None:
    """The last attempt has no other after it."""
    letters = [
        Letter(receiver.url, f"st_x.{n}", attempt=MOST_ATTEMPTS if n == 2 else 1) for n in range(20)
    ]
    settled: dict[str, tuple[Told, float | None]] = {}
    forgotten: list[None] = []

    def take(limit: int, _seconds: float) -> list[Letter]:
        taken, letters[:] = letters[:limit], letters[limit:]
        return taken

    def settle(letter: Letter, told: Told, pause: float | None) -> None:
        settled[letter.event] = (told, pause)

    receiver.answer = lambda handler, number: reply(handler, 500 if number % 2 else 200)
    postman = Postman(Books(take, settle, lambda: forgotten.append(None)), HERE, 5.0)
    postman.round()
    assert sorted(receiver.events) == sorted(settled)
    assert len(settled) == 20
    assert settled["st_x.2"][1] is None
    assert all(
        2.5 <= (pause or 0) <= 5.0 for event, (_, pause) in settled.items() if event != "st_x.2"
    )
    assert len(forgotten) == 3
    letters.append(Letter(receiver.url, "st_x.99"))
    postman.interrupt()
    postman.round()
    assert letters
    postman.close()
