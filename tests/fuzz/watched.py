"""Watched: what this process opens and connects to, as the interpreter itself tells it.

The one idea: an audit hook hears of every file that is opened and of every connection that is
begun, whoever in the process does it; so "nothing was opened" is counted and not assumed. A hook
cannot be taken away again; this one is deaf outside of its block.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """What happened: files by name, and addresses."""

    opened: list[str] = field(default_factory=list)
    connected: list[Any] = field(default_factory=list)
    is_offline: bool = False


_watching: list[Seen] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    seen = _watching[-1]
    if event == "open" and isinstance(arguments[0], str | bytes):
        name = arguments[0]
        seen.opened.append(name if isinstance(name, str) else name.decode("utf-8", "replace"))
    elif event == "socket.connect":
        seen.connected.append(arguments[1])
        if seen.is_offline:
            raise ConnectionRefusedError("this test connects to nobody")


_is_heard = False


@contextmanager
def watched(*, offline: bool = False) -> Iterator[Seen]:
    """What happens in this process during the block; if `offline`, connections do not come about.

    They are noted and refused then before a packet is sent.
    """
    global _is_heard  # noqa: PLW0603 # a hook is the interpreter's, there is one
    if not _is_heard:
        sys.addaudithook(_hear)
        _is_heard = True
    seen = Seen(is_offline=offline)
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
