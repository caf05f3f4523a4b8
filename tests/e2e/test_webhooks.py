"""Webhooks of a real server that is killed while it tells: everything arrives, at least once."""

import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from service.client import Client
from tests.chaos.processes import Server
from tests.service.receivers import receiving, reply

pytestmark = [pytest.mark.full, pytest.mark.long, pytest.mark.timeout(180)]


def test_a_killed_server_loses_nothing(empty_database_url: str, tmp_path: Path) -> None:
    """Killed in the middle of an answer, it tells the same event again, under the same id."""
    asked = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, _: int) -> None:
        asked.set()
        time.sleep(3)
        reply(handler, 200)

    variables = {"GLIDESLOPE_WEBHOOKS": "127.0.0.1", "GLIDESLOPE_WEBHOOK_RETRY_SECONDS": "0.5"}
    with receiving() as receiver:
        receiver.answer = hang
        server = Server(empty_database_url, tmp_path / "log", variables=variables)
        try:
            with Client(server.url) as client:
                hook = client.webhooks.create(receiver.url)
                study = client.studies.create({"objective": "noisy_quadratic"})
                client.studies.pause(study.id)
                client.studies.resume(study.id)
                assert asked.wait(30)
            server.kill()
            receiver.answer = lambda handler, _: reply(handler, 200)
            before = len(receiver.received)
            server.restart()
            with Client(server.url) as client:
                client.studies.cancel(study.id)
                deadline = time.monotonic() + 100
                while time.monotonic() < deadline:
                    log = list(client.webhooks.deliveries(hook.id))
                    if {one.state for one in log} == {"delivered"}:
                        break
                    time.sleep(0.5)
            kinds = [one.kind for one in log][::-1]
            assert kinds == ["created", "paused", "resumed", "cancelled"]
            assert {one.event for one in log} == set(receiver.events)
            again = set(receiver.events[:before]) & set(receiver.events[before:])
            assert again  # what the killed server was telling
        finally:
            server.stop()
