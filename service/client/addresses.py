"""Addresses: the HTTP clients, blocking and asynchronous, that reach the service.

The one idea: a service on this machine is asked directly, whatever proxies the environment names.
Not here: what is asked (`service.client.calls`), how often it is tried (`service.client.flows`).
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import httpx2

from service.client.errors import Unreachable


def open_http(base_url: str, transport: httpx2.BaseTransport | None) -> httpx2.Client:
    """An HTTP client for the service at an address; raises Unreachable for no address at all."""
    try:
        return httpx2.Client(base_url=base_url, transport=transport, **_options(base_url))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unreachable(base_url, error) from error


def open_async_http(
    base_url: str, transport: httpx2.AsyncBaseTransport | None
) -> httpx2.AsyncClient:
    """The same for asynchronous programs."""
    try:
        return httpx2.AsyncClient(base_url=base_url, transport=transport, **_options(base_url))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unreachable(base_url, error) from error


def _options(base_url: str) -> dict[str, Any]:
    return {
        "trust_env": not _is_loopback(base_url),
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=100),
    }


def _is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine, where a proxy of the environment would not find it."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
