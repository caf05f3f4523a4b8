"""Addresses: the HTTP clients, blocking and asynchronous, that reach the service.

The one idea: a service on this machine is asked directly, whatever proxies the environment names.
Not here: what is asked (`service.client.calls`), how often it is tried (`service.client.flows`).
"""

import os
from typing import Any
from urllib.parse import urlsplit

import httpx2

from service.client.errors import Unreachable
from service.loopback import is_loopback

API_KEY = "GLIDESLOPE_API_KEY"  # of the environment


def open_http(
    base_url: str, transport: httpx2.BaseTransport | None, key: str | None = None
) -> httpx2.Client:
    """An HTTP client for the service at an address, which shows an API key with every request.

    The key is the environment's if None. Raises Unreachable for no address at all.
    """
    try:
        return httpx2.Client(base_url=base_url, transport=transport, **_options(base_url, key))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unreachable(base_url, error) from error


def open_async_http(
    base_url: str, transport: httpx2.AsyncBaseTransport | None, key: str | None = None
) -> httpx2.AsyncClient:
    """The same for asynchronous programs."""
    try:
        return httpx2.AsyncClient(base_url=base_url, transport=transport, **_options(base_url, key))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unreachable(base_url, error) from error


def _options(base_url: str, key: str | None) -> dict[str, Any]:
    shown = key or os.environ.get(API_KEY)
    return {
        "headers": {"Authorization": f"Bearer {shown}"} if shown else {},
        "trust_env": not is_loopback(urlsplit(base_url).hostname or ""),
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=100),
    }
