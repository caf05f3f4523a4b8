"""Footprint: how much memory the engine takes to train small networks, known without JAX.

The one idea: lanes are held in full groups, each with weights and both moments, so what a block
takes grows by groups and not by lanes. An upper bound that is meant to be within a factor of
four: it decides how many lanes are trained at once, and what is refused.
Not here: the engine (`tuning.objectives.scan`), what is free (`tuning.execution.memory`).
"""

from collections.abc import Sequence
from itertools import pairwise

# Lanes and updates per call: enough to hide the call, few enough to pad a small block cheaply.
WIDTH = 8
BUCKET = 32

FLOAT32_BYTES = 4
RUNTIME_BYTES = 4 * 2**20  # what JAX itself was seen to take on top, whatever is trained


def network_bytes(widths: Sequence[int], lanes: int, *, batch: int, scored: int) -> int:
    """Bytes that so many networks take in training, beside the data.

    Args:
        widths: of the network's layers, inputs and outputs included.
        lanes: networks side by side.
        batch: rows per update.
        scored: rows that one evaluation scores.

    >>> network_bytes((5, 30, 30, 30, 88), 1, batch=32, scored=500) // 2**20
    6
    """
    weights = sum((before + 1) * after for before, after in pairwise(widths))
    groups = -(-lanes // WIDTH)
    # Weights and two moments of every group, once more while a group is replaced; and of every lane
    # where the block begins, is cut or saved.
    held = weights * (3 * WIDTH * (groups + 1) + 6 * lanes)
    passed = scored * (sum(widths) + 3 * widths[-1]) + batch * WIDTH * (BUCKET + sum(widths))
    return FLOAT32_BYTES * (held + passed) + RUNTIME_BYTES
