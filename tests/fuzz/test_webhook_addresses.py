"""Webhooks that lead inside (S7): whatever a user writes as an address, nothing inside is reached.

The one idea: a real listener counts who connects, on every address of this machine, and the
interpreter tells of every connection that is begun to any other; both must stay at none. The
resolver is ours where a name is to change its mind.
Not here: what addresses are public (`tests.service.test_addresses`).
"""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.addresses import Allowed, is_public
from service.planner.delivery import post
from service.store.webhooks import MOST
from tests.campaign import Campaign
from tests.fuzz.doors import Keys, copied, serving
from tests.fuzz.tenants import submit, wait_for
from tests.fuzz.watched import watched
from tests.service.planner.test_delivery import Letter
from tests.service.receivers import receiving, reply
from tests.service.test_addresses import INSIDE

pytestmark = pytest.mark.timeout(300)

OPEN = Allowed.parse("public")
NAMED = "hooks.example"
PUBLIC_ADDRESS = "93.184.216.34"
# Where one would like to be led: this machine, private networks, metadata of clouds.
WANTED = ("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.5.4", "192.168.0.1", "169.254.169.254")
LOCAL_NAMES = ("localhost", "localhost.", "LOCALHOST", "ip6-localhost", "localhost.localdomain")


@dataclass
class Listener:
    """Counts connections to a port of this machine, whichever address they came by."""

    port: int
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener on all addresses of both families."""
    server = socket.create_server(
        ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
    )
    one = Listener(server.getsockname()[1])

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            connection.close()
            if one.closed.is_set():
                return
            one.connections += 1

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield one
    finally:
        one.closed.set()
        socket.create_connection(("127.0.0.1", one.port)).close()  # the last one, not counted
        thread.join()
        server.close()


def spelled(address: str) -> Iterator[str]:
    """A host as libraries, shells and browsers take it for this address of IPv4."""
    number = int(IPv4Address(address))
    a, b, c, d = address.split(".")
    yield address
    yield f"{address}."
    yield str(number)
    yield hex(number)
    yield f"0{number:o}"
    yield ".".join(f"0x{int(part):x}" for part in (a, b, c, d))
    yield ".".join(f"0{int(part):o}" for part in (a, b, c, d))
    yield ".".join(f"{int(part):03d}" for part in (a, b, c, d))
    yield f"0x{int(a):x}.{int(b)}.{c}.0{int(d):o}"
    yield f"{a}.{(int(b) << 16) + (int(c) << 8) + int(d)}"
    yield f"{a}.{b}.{(int(c) << 8) + int(d)}"
    yield f"{number + 2**32}"
    yield address.replace(".", "%2e")
    yield address.replace(".", "\u3002")
    yield "".join(chr(0x2460 + int(one) - 1) if one in "123456789" else one for one in address)
    high, low = number >> 16, number & 0xFFFF
    yield f"[::ffff:{address}]"
    yield f"[::ffff:{high:x}:{low:x}]"
    yield f"[0:0:0:0:0:ffff:{high:x}:{low:x}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[64:ff9b:1::{address}]"
    yield f"[2002:{high:x}:{low:x}::1]"
    yield f"[2001:0:{high:x}:{low:x}::{0xFFFF - high:x}:{0xFFFF - low:x}]"
    yield f"[::ffff:{address}%25lo]"


def tricks(port: int) -> Iterator[str]:
    """Addresses whose readers disagree on where they lead, and other schemes."""
    inner = f"127.0.0.1:{port}"
    for outer in ("hooks.org", PUBLIC_ADDRESS):
        yield f"https://{outer}@{inner}/"
        yield f"https://{inner}@{outer}/"
        yield f"https://{outer}:443@{inner}/"
        yield f"https://{inner}#@{outer}/"
        yield f"https://{outer}#@{inner}/"
        yield f"https://{inner}?@{outer}/"
        yield f"https://{inner}\\@{outer}/"
        yield f"https://{outer}\\@{inner}/"
        yield f"https://{inner}%00.{outer}/"
        yield f"https://{inner}\t.{outer}/"
        yield f"https://{inner}%20{outer}/"
        yield f"https:/{inner}/{outer}/"
        yield f"https://\\{inner}/{outer}/"
        yield f"https://{outer}:80:{port}/"
        yield f"https://{outer}\r\nHost: {inner}/"
        yield f" https://{inner}/"
        yield f"https://{inner} .{outer}/"
    schemes = ("http", "file", "gopher", "ftp", "dict", "ldap", "tftp", "jar:https", "data", "unix")
    for scheme in (
        *schemes,
        "HTTP",
        "https:https",
        "javascript",
        "netdoc",
        "php",
        "ssh",
        "ws",
        "s3",
    ):
        yield f"{scheme}://{inner}/"
        yield f"{scheme}:///etc/passwd"
        yield f"{scheme}:{inner}"
    yield f"//{inner}/"
    yield inner
    yield "https://"
    yield f"https://:{port}/"
    yield f"https://[{inner}]/"
    yield "https://[::1/"
    yield f"https://127.0.0.1:{port + 2**16}/"


def urls(port: int) -> list[str]:
    """All of them, each once."""
    hosts = [
        *itertools.chain.from_iterable(map(spelled, WANTED)),
        *LOCAL_NAMES,
        "0",
        "[::]",
        "[::1]",
    ]
    hosts += [f"[{one}]" if ":" in one else one for one in INSIDE]
    hosts += [f"[{one}%25lo]" for one in ("fe80::1", "::1", "fd00::1")]
    plain = (f"https://{host}:{port}/x" for host in hosts)
    return list(dict.fromkeys((*plain, *tricks(port))))


def test_no_address_leads_inside(campaign: Campaign) -> None:
    """Refused before a connection is begun, whoever resolves it; so it is if it was stored once."""
    with listening() as listener, watched(offline=True) as seen:
        for url in urls(listener.port):
            campaign.case()
            began = len(seen.connected)
            told = post(Letter(url), OPEN)
            for address, *_ in seen.connected[began:]:
                if not is_public(ip_address(address)):
                    campaign.find([f"{url!r} connects to {address}"])
            if told.status is not None:
                campaign.find([f"{url!r} was answered {told.status}"])
    campaign.find([f"{listener.connections} connections"] if listener.connections else [])
    campaign.measure("connections", listener.connections)


@pytest.mark.parametrize("first", ["public first", "inside first", "mixed"])
def test_a_name_that_changes_its_mind_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, campaign: Campaign, first: str
) -> None:
    """What was checked is what is connected to, whatever the name says a moment later."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:  # noqa: ANN401
        asked.append(host)
        answers = {
            "public first": [PUBLIC_ADDRESS] if len(asked) == 1 else [inside],
            "inside first": [inside] if len(asked) == 1 else [PUBLIC_ADDRESS],
            "mixed": [PUBLIC_ADDRESS, inside],
        }[first]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers]

    with listening() as listener, watched(offline=True) as seen:
        monkeypatch.setattr(socket, "getaddrinfo", _unless_literal(resolve))
        for inside in INSIDE:
            campaign.case()
            asked.clear()
            seen.connected.clear()
            told = post(Letter(f"https://hooks.org:{listener.port}/"), OPEN)
            where = [address for address, *_ in seen.connected]
            allowed = [PUBLIC_ADDRESS] if first == "public first" else []
            if where != allowed or len(asked) != 1 or told.status is not None:
                campaign.find([f"{inside}: {len(asked)} questions, connected to {where}"])
        monkeypatch.undo()
    campaign.find([f"{listener.connections} connections"] if listener.connections else [])
    campaign.measure("connections", listener.connections)


def _unless_literal(resolve: Any) -> Any:  # noqa: ANN401 # as the socket module has it
    """A resolver that is asked about names only: to connect, Python asks for addresses, too."""
    real = socket.getaddrinfo

    def look(host: str, port: int, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            ip_address(host)
        except ValueError:
            return resolve(host, port, **named)
        return real(host, port, *rest, **named)

    return look


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(campaign: Campaign, status: int) -> None:
    """Of whatever kind, to wherever; the answer is an answer."""
    here = Allowed.parse("127.0.0.1")
    with receiving() as receiver, listening() as listener:
        for target in urls(listener.port):
            if not target.isprintable() or not target.isascii():
                continue

            def redirect(handler: BaseHTTPRequestHandler, _: int, location: str = target) -> None:
                reply(handler, status, Location=location, Refresh=f"0; url={location}")

            receiver.answer = redirect
            campaign.case()
            told = post(Letter(receiver.url), here)
            if told.status != status:
                campaign.find([f"{target!r}: {told}"])
    campaign.find([f"{listener.connections} connections"] if listener.connections else [])
    campaign.measure("connections", listener.connections)


def test_a_name_that_is_allowed_allows_no_other(campaign: Campaign) -> None:
    """Neither what begins or ends like it, nor what holds it."""
    named = Allowed.parse(NAMED)
    with listening() as listener, watched(offline=True) as seen:
        inner = f"127.0.0.1:{listener.port}"
        for url in (
            *(f"http://{NAMED}.evil.example/", f"http://evil-{NAMED}/", f"http://{NAMED}@{inner}/"),
            *(f"http://{inner}#{NAMED}", f"http://{inner}/{NAMED}", f"http://{inner}?{NAMED}"),
            *(
                f"http://{NAMED}\\@{inner}/",
                f"http://{inner}\\.{NAMED}/",
                f"http://{NAMED}:x@{inner}",
            ),
            *(f"http://{NAMED}%40{inner}/", f"http://{NAMED}%23{inner}/", f"http://x.{NAMED}/"),
            *(
                f"http://{NAMED}./",
                f"http://{NAMED}%2e/",
                f"http://.{NAMED}/",
                f"http://{NAMED}\t/",
            ),
        ):
            campaign.case()
            told = post(Letter(url), named)
            if told.status is not None or seen.connected:
                campaign.find([f"{url!r}: {told}, connected to {seen.connected}"])
                seen.connected.clear()
    campaign.find([f"{listener.connections} connections"] if listener.connections else [])


def test_a_listener_counts_who_is_let_through(campaign: Campaign) -> None:
    """Else no connection would ever be found: an allowed address is connected to."""
    with listening() as listener, watched() as seen:
        campaign.case()
        post(Letter(f"http://127.0.0.1:{listener.port}/"), Allowed.parse("127.0.0.1"))
    assert listener.connections == 1
    assert seen.connected[0] == ("127.0.0.1", listener.port)


@pytest.mark.full
def test_a_server_refuses_or_does_not_deliver(
    sqlite_template: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Through the API of a real server that may send anywhere public: made or not, none arrives."""
    allowed = {"GLIDESLOPE_WEBHOOKS": "public", "GLIDESLOPE_WEBHOOK_RETRY_SECONDS": "3600"}
    made = 0
    with (
        listening() as listener,
        serving(copied(sqlite_template, tmp_path), tmp_path, allowed) as server,
        Keys.of(server.url) as keys,
    ):
        every = urls(listener.port)
        for begin in range(0, len(every), MOST):  # a project may have so many
            with keys.holder(f"p{begin}") as client:
                for url in every[begin : begin + MOST]:
                    campaign.case()
                    answer = client.post("/v1/webhooks", json={"url": url, "events": ["created"]})
                    if answer.status_code not in {201, 422}:
                        campaign.find([f"{url!r}: {answer.status_code} {answer.text[:200]}"])
                submit(client)
                for hook in client.get("/v1/webhooks").json()["items"]:
                    made += 1
                    tried = first_try(client, hook["id"])
                    if tried["status"] is not None:
                        campaign.find([f"{hook['url']!r} was answered {tried['status']}"])
    assert made, "names that lead inside can be told only when they are resolved"
    campaign.find([f"{listener.connections} connections"] if listener.connections else [])
    campaign.measure("made", made)
    campaign.measure("connections", listener.connections)


def first_try(client: httpx2.Client, hook: str) -> dict[str, Any]:
    """What came of the first delivery to a webhook, once there was one."""

    def look() -> list[dict[str, Any]]:
        items = client.get(f"/v1/webhooks/{hook}/deliveries").json()["items"]
        return items[0]["tries"] if items else []

    found: dict[str, Any] = wait_for(look)[0]
    return found
