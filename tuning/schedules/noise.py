"""Noise: a node that is random in law and a pure function in fact.

The one idea: the number at update t is a hash of (seed, t), so that it is the same whenever and in
whatever order it is asked for.
Not here: the families that add noise (`tuning.schedules.families.annealing`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea & Flood's SplitMix64 (2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _hash(seed: int, steps: Steps) -> NDArray[np.uint64]:
    """A number per update; the seed is mixed first, so that no two streams are one shifted."""
    start = _mixed(np.array([seed], dtype=np.uint64) * GOLDEN)
    return _mixed(start + (steps.astype(np.uint64) + np.uint64(1)) * GOLDEN)


@final
@dataclass(frozen=True, slots=True)
class Noise:
    """Independent normal numbers of mean 0 and variance v / (1 + t)^d.

    Over another number of updates the law stays, the numbers do not move along.

    Args:
        length: updates it takes.
        seed: which numbers, from 0.
        variance: v, at the first update.
        decay: d, how fast the variance falls.
    """

    length: int
    seed: int = 0
    variance: float = 1.0
    decay: float = 0.55

    @property
    def first(self) -> float:
        """The mean."""
        return 0.0

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        at = np.minimum(steps, self.length)
        with np.errstate(over="ignore"):  # hashes wrap around
            bits = _hash(self.seed, at)
        # Box & Muller (1958), of the middles of 2^32 equal steps: never 0, never 1.
        one, other = (
            (half.astype(np.int64) + 0.5) * 2.0**-32
            for half in (bits >> np.uint64(32), bits & np.uint64(0xFFFFFFFF))
        )
        deviation = math.sqrt(self.variance) * np.exp(-0.5 * self.decay * np.log1p(at))
        normal: Floats = deviation * np.sqrt(-2.0 * np.log(one)) * np.cos(2.0 * np.pi * other)
        return normal

    def simplified(self) -> "Noise":
        """It is as simple as can be."""
        return self

    def landed(self) -> "Noise":
        """The same: noise has no end."""
        return self

    def fitted(self, length: int) -> "Noise":
        """The same law over another number of updates."""
        return replace(self, length=length)

    def document(self) -> dict[str, Any]:
        """The noise as JSON-able values."""
        return {
            "noise": {
                "length": self.length,
                "seed": self.seed,
                "variance": self.variance,
                "decay": self.decay,
            }
        }
