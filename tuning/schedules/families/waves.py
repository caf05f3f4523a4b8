"""Waves: the cyclic policies, as waveforms times envelopes.

The one idea: nine forms, a factor per cycle and a factor over all make every cyclic policy of
LRBench (Wu et al., 2019, arXiv:1908.06477), PyTorch's CyclicLR and what lies between.
Not here: cycles whose lengths grow (`tuning.schedules.families.cycles`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, final

from tuning.schedules.combine import Combine
from tuning.schedules.compose import Affine, Node, Ramp
from tuning.schedules.curves import CURVES
from tuning.schedules.families.base import Family
from tuning.schedules.limits import Among, Fraction, Number, PositiveFraction
from tuning.schedules.waves import Wave as WaveNode

FORMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "triangle": {"curve": CURVES["linear"]},
        "falling_triangle": {"curve": CURVES["linear"], "offset": 0.5},
        "sine": {"curve": CURVES["sine"]},
        "falling_sine": {"curve": CURVES["sine"], "offset": 0.5},
        "cosine": {"curve": CURVES["cosine"], "offset": 0.5},
        "rising_cosine": {"curve": CURVES["cosine"]},
        "saw": {"curve": CURVES["linear"], "rise": 0.0, "late": True},
        "sine_saw": {"curve": CURVES["sine"], "rise": 0.0, "late": True},
        "cosine_saw": {"curve": CURVES["cosine"], "rise": 0.0, "late": True},
    }
)


@final
@dataclass(frozen=True, kw_only=True)
class Wave(Family):
    """A waveform under an envelope.

    P (m + (1 - m) w(nu) d^floor(nu) r^u) with m the `floor`, w the `form` over one cycle, n the
    number of cycles `waves` (any number above 0), d the `cycle_decay` per cycle and r the `decay`
    that the whole wave comes down to. Forms that begin half-way through their cycle count it as
    begun; the saws start at the bottom, on the last update of a cycle that is not there, and jump
    to the top on the next.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Wave(1.0, waves=2, cycle_decay=0.5, floor=0.0), 8)(range(8))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = ("cycle_decay", "floor")
    reaches_peak: ClassVar[bool] = False

    form: Annotated[str, Among(FORMS)] = "triangle"
    waves: Annotated[float, Number(0.0, 1e7, above=True)] = 4.0
    cycle_decay: PositiveFraction = 1.0
    decay: PositiveFraction = 1.0
    floor: Fraction = 0.25
    kind: Literal["wave"] = "wave"

    def body(self, length: int) -> Node:
        """The wave, and its envelope above the floor."""
        period = max(1, length) / self.waves
        wave: Node = WaveNode(length, period, decay=self.cycle_decay, **FORMS[self.form])
        if self.decay < 1.0:
            wave = Combine("product", (wave, Ramp(length, 1.0, self.decay, order=0.0)))
        return Affine(wave, self.floor, 1.0)
