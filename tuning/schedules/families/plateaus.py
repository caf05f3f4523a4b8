"""Plateaus: families that stay at the peak for most of the time and cool down late."""

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from tuning.schedules.compose import Node, Ramp, Sequence, hold
from tuning.schedules.curves import CURVES, CurveName
from tuning.schedules.families.base import Family
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import Fraction, Length


@final
@dataclass(frozen=True, kw_only=True)
class Wsd(Family):
    """Warmup, stable, decay: hold the peak, then cool down to the floor.

    P for `hold` (a fraction of the updates after warmup, or updates), then P (m + (1 - m) c(u))
    with c the `cooldown`, a name in `CURVES`, and m the `floor` (Hu et al., 2024,
    arXiv:2404.06395; the 1-sqrt cooldown over a fifth: Hägele et al., 2024, arXiv:2405.18392).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Wsd(1.0, hold=0.5, cooldown="linear"), 4)(range(5))
    array([1. , 1. , 1. , 0.5, 0. ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold", "cooldown", "floor")

    hold: Length = 0.8
    cooldown: CurveName = "1-sqrt"
    floor: Fraction = 0.0
    kind: Literal["wsd"] = "wsd"

    def body(self, length: int) -> Node:
        """The plateau, then the cooldown."""
        held = resolve("hold", self.hold, length)
        cooling = Ramp(length - held, 1.0, self.floor, CURVES[self.cooldown])
        return Sequence((hold(held), cooling))
