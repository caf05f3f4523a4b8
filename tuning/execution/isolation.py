"""Isolation: how far a child is kept apart from the processes around it.

The one idea: whatever holds for a child before its first line of code is told here, as a value: its
namespaces, its user, and a fresh folder to stand in, which goes when it goes.
Not here: what this machine allows (`tuning.execution.isolating`), the namespaces themselves
(`tuning.execution.wall`), limits that a child takes on itself (`tuning.execution.limits`).
"""

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypedDict, final

logger = logging.getLogger(__name__)

WALL = str(Path(__file__).with_name("wall.py"))
# Processes that were killed a moment ago may still write what they had begun.
CLEARING_PAUSES_SECONDS = (0.0, 0.02, 0.1, 0.5)


class Network(StrEnum):
    """The network of a training process."""

    NONE = "none"
    AUTO = "auto"  # none, where the kernel allows it
    SHARED = "shared"  # that of its parent


class Account(NamedTuple):
    """A user of this machine, by numbers."""

    user: int
    group: int


class Identity(TypedDict, total=False):
    """Keywords of `subprocess.Popen`: who the child is."""

    user: int
    group: int
    extra_groups: list[int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """How one child is kept apart.

    Args:
        is_walled: whether it has a user namespace of its own, and thus no way into other processes.
        has_network: whether it has its parent's network; only a wall can take it.
        account: who it is; None: the parent's user.
    """

    is_walled: bool
    has_network: bool = True
    account: Account | None = None

    def command(self, module: str, arguments: Sequence[str] = ()) -> list[str]:
        """What starts `python -m module arguments…` so."""
        # -P: a file in the working directory must not stand in for a module.
        start = [sys.executable, "-P"]
        if not self.is_walled:
            return [*start, "-m", module, *arguments]
        network = Network.SHARED if self.has_network else Network.NONE
        return [*start, WALL, network, module, *arguments]

    def identity(self) -> Identity:
        """Who the child is; empty for its parent's user."""
        if self.account is None:
            return {}
        return {"user": self.account.user, "group": self.account.group, "extra_groups": []}

    def make_room(self) -> str:
        """A fresh folder, the child's own; whoever asks for it removes it, by `clear_room`."""
        room = tempfile.mkdtemp(prefix="glideslope-run-")
        if self.account is not None:
            os.chown(room, *self.account)
        return room

    def variables(self, room: str) -> dict[str, str]:
        """What the child's environment says of its room: files that nobody removes go with it."""
        home = {} if self.account is None else {"HOME": room}  # the parent's is not to be read
        return {"TMPDIR": room, **home}


def clear_room(room: str) -> None:
    """Remove a folder with all that is in it, once nobody uses it any more."""
    waiting = threading.Event()
    for pause in CLEARING_PAUSES_SECONDS:
        waiting.wait(pause)
        shutil.rmtree(room, ignore_errors=True)
        if not os.path.lexists(room):
            return
    logger.warning("%s, left by a training process, could not be removed", room)
