"""A gate with one turn, as a cluster has one, that opens again when a test says so."""

import threading
from dataclasses import dataclass, field


@dataclass
class NarrowTurn:
    """A turn that its gate sees the end of."""

    gate: "Narrow"
    objectives: tuple[str, ...] = ("odd",)

    def end(self) -> None:
        """Let the next one in."""
        self.gate.leave(self)


@dataclass
class Narrow:
    """One turn at a time; the first one whose block is trained keeps it until `open`."""

    error: Exception | None = None
    refused: threading.Event = field(default_factory=threading.Event)
    most: int = 0
    _free: threading.Condition = field(default_factory=threading.Condition)
    _turns: list[NarrowTurn] = field(default_factory=list)

    def take(self, seconds: float) -> NarrowTurn | None:
        """A turn, if it is free in time."""
        if self.error is not None:
            raise self.error
        with self._free:
            if not self._free.wait_for(lambda: not self._turns, seconds):
                self.refused.set()
                return None
            self._turns.append(NarrowTurn(self))
            self.most = max(self.most, len(self._turns))
            return self._turns[-1]

    def open(self) -> None:
        """End whatever turn there is."""
        with self._free:
            self._turns.clear()
            self._free.notify_all()

    def leave(self, turn: NarrowTurn) -> None:
        """End a turn."""
        with self._free:
            if turn in self._turns:
                self._turns.remove(turn)
                self._free.notify_all()
