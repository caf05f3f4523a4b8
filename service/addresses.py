"""Addresses that the server may send something to, though a user chose them.

The one idea: a name is resolved once, every address it has is checked, and the connection goes to
one of those; so no name can point elsewhere a moment later. Nothing inside is reached: neither this
machine nor a private network nor a cloud's metadata, however the address is written.
Not here: what is sent (`service.planner.delivery`).
"""

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from tuning.errors import InvalidValue

PUBLIC = "public"  # in place of names: any address of the public internet
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
HIDING = (  # networks whose addresses hide one of IPv4, or lead who knows where
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2001::/32"),
)
SPECIAL = (  # assigned for protocols and relays; a cloud has its metadata at 192.0.0.192
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
)
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """Nothing is sent there."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where webhooks may go.

    Args:
        hosts: names and addresses, as they stand in a URL, that may be anywhere and need no TLS.
        is_public: whether they may go to any public address over TLS.
    """

    hosts: Collection[str] = ()
    is_public: bool = False

    @classmethod
    def parse(cls, text: str | None) -> "Allowed":
        """From a setting: names separated by commas, of which one may be `public`.

        >>> Allowed.parse("public, hooks.example").is_public
        True
        """
        words = {word.strip().lower() for word in (text or "").split(",")} - {""}
        return cls(frozenset(words - {PUBLIC}), PUBLIC in words)

    def __bool__(self) -> bool:
        """Whether they may go anywhere at all."""
        return bool(self.hosts) or self.is_public

    def check(self, url: str) -> SplitResult:
        """The parts of a URL that something may be sent to, as far as the URL itself says.

        Raises InvalidValue for any other.
        """
        try:
            parts = urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise InvalidValue("url", url, f"a URL ({error})") from error
        is_named = host in self.hosts
        if parts.scheme not in (("http", "https") if is_named else ("https",)) or not host:
            raise InvalidValue("url", url, "https://HOST/...")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise InvalidValue("url", url, "a URL without user, password and fragment")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidValue("url", url, "a URL as it is sent: ASCII without spaces")
        if not is_named and not self.is_public:
            known = ", ".join(sorted(self.hosts)) or "nowhere: webhooks are off here"
            raise InvalidValue("url", url, f"a URL of {known}")
        literal = _literal(host)
        if not is_named and literal is not None and not is_public(literal):
            raise InvalidValue("url", url, "a public address")
        return parts

    def resolve(self, parts: SplitResult) -> tuple[str, int]:
        """The address and port to connect to; raises Refused if the name leads inside."""
        host = (parts.hostname or "").lower()
        port = parts.port or PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Refused(f"{host} cannot be resolved: {error}") from error
        addresses = [str(place[0]) for *_, place in found]
        if host not in self.hosts:
            inside = [one for one in addresses if not is_public(ipaddress.ip_address(one))]
            if inside or not addresses:
                raise Refused(f"{host} is no public address")
        return addresses[0], port


def is_public(address: IpAddress) -> bool:
    """Whether an address is of the public internet, and hides none that is not.

    >>> is_public(ipaddress.ip_address("::ffff:169.254.169.254"))
    False
    """
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(hidden)
        if address.scope_id is not None or address.is_site_local:
            return False
        if any(address in network for network in HIDING):
            return False
    elif any(address in network for network in SPECIAL):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
    )


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
