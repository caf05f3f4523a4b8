"""Where webhooks may go: public addresses, or hosts that are named, and never inside."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from service.addresses import Allowed, Refused, is_public
from tuning.errors import InvalidValue

INSIDE = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 # listens nowhere
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # carrier-grade NAT
    "169.254.169.254",  # metadata of clouds
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",  # NAT64 of metadata
    "64:ff9b:1::1",
    "2002:7f00:1::",  # 6to4 of loopback
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata, too
    "ff02::1",
    "2001:db8::1",
)
OUTSIDE = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808", "::ffff:8.8.8.8")
OPEN = Allowed.parse("public")
NAMED = Allowed.parse("hooks.example, 127.0.0.1")


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_is_public(address: str) -> None:
    """However it is written, as a literal or as what a name resolves to."""
    assert not is_public(ip_address(address))
    url = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    with pytest.raises(InvalidValue):
        OPEN.check(url)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_public(address: str) -> None:
    """In both families."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "http://hooks.org/x",
        "ftp://hooks.org/x",
        "file:///etc/passwd",
        "https:///x",
        "https://user:word@hooks.org/",
        "https://hooks.org/#part",
        "https://hooks.org/a b",
        "https://hööks.org/",
        "https://hooks.org:99999/",
        "https://[::1/",
        "https://hooks.org/\r\nX: y",
    ],
)
def test_what_is_no_address_of_the_internet_is_refused(url: str) -> None:
    """Before anything is stored."""
    with pytest.raises(InvalidValue, match="url"):
        OPEN.check(url)


def test_a_host_that_is_named_may_be_anywhere() -> None:
    """And needs no TLS; another host may not, unless any public one may."""
    assert NAMED.check("http://127.0.0.1:8080/x?y=1").port == 8080
    assert NAMED.resolve(NAMED.check("http://127.0.0.1:8080/")) == ("127.0.0.1", 8080)
    for url in ("https://hooks.org/", "http://127.0.0.2/", "https://sub.hooks.example/"):
        with pytest.raises(InvalidValue):
            NAMED.check(url)
    assert not Allowed.parse(None)
    assert not Allowed.parse(" , ")
    with pytest.raises(InvalidValue, match="webhooks are off"):
        Allowed().check("https://hooks.org/")


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name has these addresses."""

    def resolve(_host: str, port: int, **_options: Any) -> list[Any]:  # noqa: ANN401
        kind = socket.SOCK_STREAM
        return [
            (socket.AF_INET6, kind, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, kind, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Even if only one of its addresses does."""
    parts = OPEN.check("https://hooks.org/")
    resolving(monkeypatch, "8.8.8.8", address)
    with pytest.raises(Refused):
        OPEN.resolve(parts)


def test_a_public_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the address that is then connected to."""
    resolving(monkeypatch, "8.8.8.8", "2606:2800:220:1::1")
    assert OPEN.resolve(OPEN.check("https://hooks.org/")) == ("8.8.8.8", 443)
    resolving(monkeypatch)
    with pytest.raises(Refused):
        OPEN.resolve(OPEN.check("https://hooks.org/"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_odd_spellings_of_this_machine_lead_inside(host: str) -> None:
    """The system reads them as addresses, and so does the check."""
    with pytest.raises(Refused):
        OPEN.resolve(OPEN.check(f"https://{host}/"))
