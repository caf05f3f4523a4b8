"""timm: the noise it can add to the rates of single updates.

The one idea: timm seeds a generator of PyTorch's for every update, so that noise is a function of
the seed and the update; that generator is the Mersenne Twister, of which a few first words are
enough.
Not here: which updates have noise (`timm_calls`).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue
from tuning.schedules.compose import Steps
from tuning.schedules.curves import Floats
from tuning.schedules.limits import Number

Words: TypeAlias = NDArray[np.uint32]
Range: TypeAlias = tuple[float, float]

NEVER = 1e200  # an update that no training reaches
FEW, MOST = 16, 224  # words drawn for a seed at first, and if need be: the first twist has 227
# Of MT19937 (Matsumoto and Nishimura, 1998).
MULTIPLIER, TWIST, DISTANCE = np.uint32(1812433253), np.uint32(0x9908B0DF), 397
HIGH, LOW = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)


@dataclass(frozen=True, slots=True)
class NoiseRange:
    """A limit: nothing, the first update with noise, or it and the first without again."""

    def __call__(self, field: str, value: object) -> Range | None:
        """Return None, or both ends."""
        if value is None:
            return None
        ends = value if isinstance(value, list | tuple) else (value, NEVER)
        if len(ends) != 2:
            raise InvalidValue(field, value, "a number of updates, or two")
        first, last = (Number(0.0)(field, end) for end in ends)
        return first, last


def noise(steps: Steps, seed: int, limit: float, spread: float) -> Floats:
    """Normal numbers times `spread`, the first of each update's that is within `limit`.

    Args:
        steps: updates, >= 0.
        seed: that of update 0, from 0.
        limit: what the size of the noise stays below, > 0.
        spread: the standard deviation before that, >= 0.

    Raises `InvalidValue` naming `noise_pct` where a hundred numbers are beyond the limit.

    >>> noise(np.array([0, 1]), 42, 0.67, 1.0).round(4)
    array([ 0.3367, -0.6484])
    """
    found = np.full(steps.shape, np.nan)
    for count in (FEW, MOST):
        (left,) = np.nonzero(np.isnan(found))
        if not left.size:
            break
        drawn = _normal(_words(seed + steps[left], count)) * spread
        within = np.abs(drawn) < limit
        first = drawn[np.arange(left.size), within.argmax(axis=1)]
        found[left] = np.where(within.any(axis=1), first, np.nan)
    if np.isnan(found).any():
        raise InvalidValue("noise_pct", limit, f"not so far below the noise_std of {spread:g}")
    return found


def _words(seeds: NDArray[np.int64], count: int) -> Words:
    """The first outputs of the generator, a row for each seed."""
    state = (seeds % 2**32).astype(np.uint32)
    columns = [state]
    for place in range(1, DISTANCE + count):
        state = MULTIPLIER * (state ^ _right(state, 30)) + np.uint32(place)
        columns.append(state if place <= count or place >= DISTANCE else state[:0])
    return np.stack([_output(columns, place) for place in range(count)], axis=-1)


def _output(state: list[Words], place: int) -> Words:
    """The state's next word, twisted and tempered."""
    joined = (state[place] & HIGH) | (state[place + 1] & LOW)
    word: Words = state[place + DISTANCE] ^ _right(joined, 1) ^ ((joined & np.uint32(1)) * TWIST)
    word = word ^ _right(word, 11)
    word = word ^ (_left(word, 7) & np.uint32(0x9D2C5680))
    word = word ^ (_left(word, 15) & np.uint32(0xEFC60000))
    tempered: Words = word ^ _right(word, 18)
    return tempered


def _right(words: Words, bits: int) -> Words:
    moved: Words = words >> np.uint32(bits)
    return moved


def _left(words: Words, bits: int) -> Words:
    moved: Words = words << np.uint32(bits)
    return moved


def _normal(words: Words) -> Floats:
    """Normal numbers in pairs, as PyTorch makes them of four words, in float32."""
    high, low = words[:, 0::2].astype(np.uint64), words[:, 1::2].astype(np.uint64)
    uniform = ((high << np.uint64(32) | low) & np.uint64(2**53 - 1)) * 2.0**-53
    turn, radius = 2.0 * np.pi * uniform[:, 0::2], np.sqrt(-2.0 * np.log1p(-uniform[:, 1::2]))
    pairs = np.stack((radius * np.cos(turn), radius * np.sin(turn)), axis=-1)
    drawn: Floats = pairs.reshape(len(words), -1).astype(np.float32).astype(np.float64)
    return drawn
