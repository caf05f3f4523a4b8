"""Schedule: a family laid out over a horizon (its mathematics follows in the next commit)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A family over a horizon of updates."""

    family: object
    horizon: int
