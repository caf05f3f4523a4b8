"""Tokens: what the holder of an API key shows.

The one idea: a token says which key it is (a public id), proves it (256 random bits) and ends with
a checksum, so a mistyped one is refused, and a leaked one found, without asking anybody.
Only `digest` of it is kept. Not here: whose it is (`keys`).
"""

import base64
import hashlib
import re
import secrets
import zlib

PREFIX = "gs_"
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 12  # 60 random bits
SECRET_BYTES = 32
CHECKSUM_LENGTH = 7

_SHAPE = re.compile(r"gs_([a-z2-7]{12})_[a-z2-7]{52}([a-z2-7]{7})")


def make_token() -> tuple[str, str]:
    """A new public id, and the token that proves it."""
    name = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
    body = f"{PREFIX}{name}_{_base32(secrets.token_bytes(SECRET_BYTES))}"
    return name, body + _checksum(body)


def read_id(token: str) -> str | None:
    """The public id in a token; None if it is no token at all, or has been mistyped.

    >>> name, token = make_token()
    >>> read_id(token) == name, read_id(token[:-1]), read_id("gs_x")
    (True, None, None)
    """
    shape = _SHAPE.fullmatch(token)
    if shape is None or _checksum(token[:-CHECKSUM_LENGTH]) != shape[2]:
        return None
    return shape[1]


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base32(zlib.crc32(body.encode()).to_bytes(4, "big"))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
