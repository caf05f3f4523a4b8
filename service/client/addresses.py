"""Addresses: where a call goes, and the HTTP client that reaches the service there.

The one idea: what a user types as an id stays one segment of a path, and a service on this machine
is asked directly, whatever proxies the environment names.
Not here: the calls (`service.client.client`), how often they are tried (`exchange`).
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx2

from service.client.errors import Unreachable


def study_path(study: str) -> str:
    """The path of a study, whatever its id holds."""
    return "/v1/studies/" + quote(study, safe="")


def query(params: Mapping[str, object]) -> dict[str, str]:
    """Drop what was not asked for; booleans in JSON's spelling."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
        if value is not None
    }


def open_http(base_url: str, transport: httpx2.BaseTransport | None) -> httpx2.Client:
    """An HTTP client for the service at an address; raises Unreachable for no address at all."""
    try:
        return httpx2.Client(
            base_url=base_url,
            transport=transport,
            trust_env=not _is_loopback(base_url),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unreachable(base_url, error) from error


def _is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine, where a proxy of the environment would not find it."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
