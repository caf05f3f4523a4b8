"""Loopback: whether an address can be reached from this machine alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine and nobody else's.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
