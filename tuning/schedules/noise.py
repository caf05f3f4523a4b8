"""Noise: a node that is random in law and a pure function in fact.

The one idea: the number at update t is a hash of (seed, t), so that it is the same whenever and in
whatever order it is asked for.
Not here: the families that add noise (`tuning.schedules.families.annealing`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats

Bits: TypeAlias = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0; below them are those of its fraction
LAYERS = 256
EDGE, AREA = 3.6541528853610088, 0.00492867323399  # of 256 layers (Marsaglia & Tsang, 2000)


def _widths() -> Floats:
    """How far each layer reaches, from the lowest, which stands for the tail as well, to none."""
    widths = [AREA / math.exp(-0.5 * EDGE**2), EDGE]
    while len(widths) < LAYERS:
        height = math.exp(-0.5 * widths[-1] ** 2) + AREA / widths[-1]
        widths.append(math.sqrt(-2.0 * math.log(height)))
    return np.array([*widths, 0.0])


WIDTHS = _widths()
SPANS = 2.0 * WIDTHS
WITHIN = WIDTHS[1:].copy()  # up to here a layer lies below the bell curve
HEIGHTS = np.exp(-0.5 * WIDTHS**2)


def _mixed(bits: Bits) -> Bits:
    """Steele, Lea & Flood's SplitMix64 (2014)."""
    mixed = bits ^ (bits >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _hash(seed: int, steps: Steps) -> Bits:
    """A number per update; the seed is mixed first, so that no two streams are one shifted."""
    start = _mixed(np.array([seed], dtype=np.uint64) * GOLDEN)
    return _mixed(start + (steps.astype(np.uint64) + np.uint64(1)) * GOLDEN)


def _from_one_to_two(bits: Bits) -> Floats:
    """The upper 52 bits as the fraction of a number in [1, 2)."""
    return ((bits >> np.uint64(12)) | ONE).view(np.float64)


def _normal(bits: Bits) -> Floats:
    """Normal numbers by the ziggurat of Marsaglia & Tsang (2000), each of its 64 bits alone.

    Under the bell curve lie layers of equal area: one is chosen, and a place in it. 98.8 % of the
    places are below the curve for sure, so that most numbers cost no logarithm and no cosine.
    """
    layers = (bits & np.uint64(LAYERS - 1)).view(np.int64)
    values = _from_one_to_two(bits)
    values -= 1.5
    values *= SPANS[layers]
    doubtful = np.flatnonzero(np.abs(values) >= WITHIN[layers])
    if doubtful.size:
        values[doubtful] = _decided(bits[doubtful], layers[doubtful], values[doubtful])
    return values


def _decided(bits: Bits, layers: NDArray[np.int64], values: Floats) -> Floats:
    """Kept below the curve, drawn anew above it, and from the tail in the lowest layer."""
    bits = _mixed(bits + GOLDEN)
    place = _from_one_to_two(bits) - 1.0
    low, high = HEIGHTS[layers], HEIGHTS[layers + 1]
    is_below = low + place * (high - low) < np.exp(-0.5 * values**2)
    # Box & Muller (1958): exact at once, where another layer might have to be drawn again.
    angle, depth = (_from_one_to_two(_mixed(bits + salt)) for salt in (GOLDEN, ONE))
    anew = np.sqrt(-2.0 * np.log(2.0 - depth)) * np.cos(2.0 * np.pi * angle)
    tails = np.flatnonzero(layers == 0)
    result = np.where(is_below, values, anew)
    result[tails] = np.copysign(_tail(bits[tails]), values[tails])
    return result


def _tail(bits: Bits) -> Floats:
    """Normal numbers given that they are beyond the last edge (Marsaglia, 1964)."""
    far = np.sqrt(EDGE**2 - 2.0 * np.log(2.0 - _from_one_to_two(bits)))
    bits = _mixed(bits + GOLDEN)
    missed = np.flatnonzero((_from_one_to_two(bits) - 1.0) * far >= EDGE)
    if missed.size:
        far[missed] = _tail(_mixed(bits[missed] + GOLDEN))
    return far


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
            normal = _normal(_hash(self.seed, at))
        # A third faster than a power, and the base is far from where that would lose digits.
        normal *= np.exp(-0.5 * self.decay * np.log(1.0 + at))
        normal *= math.sqrt(self.variance)
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
