"""Gate: when a slot may claim, and what.

The one idea: a worker with processes of its own has one slot for each, so every slot may claim
whenever it is free; how many blocks a cluster has room for, only the cluster can tell, one by one.
Not here: that cluster (`tuning.execution.cluster`), the claims (`slot`).
"""

from dataclasses import dataclass
from typing import Protocol


class Turn(Protocol):
    """The right to claim a block."""

    @property
    def objectives(self) -> tuple[str, ...] | None:
        """What may be claimed; None for anything."""
        ...

    def end(self) -> None:
        """Let others claim; more than once does no harm."""
        ...


class Gate(Protocol):
    """Who gives out turns."""

    def take(self, seconds: float) -> Turn | None:
        """A turn, if there is one within so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """A gate that is always open, and its turns, which never end."""

    objectives: tuple[str, ...] | None = None

    def take(self, _seconds: float) -> "Open":
        """A turn, at once."""
        return self

    def end(self) -> None:
        """Nothing to do: nobody waits for it."""
