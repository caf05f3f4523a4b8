"""API keys on the wire.

Not here: how a key is made and checked (`service.store.keys`).
"""

from enum import StrEnum


class Scope(StrEnum):
    """What the holder of a key may do within its project."""

    READ = "studies:read"
    WRITE = "studies:write"
    WORK = "work"
    ADMIN = "admin"
