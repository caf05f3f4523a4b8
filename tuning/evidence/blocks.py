"""Blocks: how much of a difference is owed to the days, snapshots or folds it was measured on.

The one idea: with d[s, b] the difference of two arms at seed s on block b, seeds and blocks are two
crossed samples, d = m + a_s + c_b + e_sb. More seeds shrink what the seeds contribute to the error
of the mean, never what the blocks do. Blocks stand in an order, of time mostly, and what drifts
along it (a schedule that has cooled down at the end) is no luck of the draw: so blocks are compared
with their neighbours.
Not here: the interval (`tuning.evidence.paired`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_BLOCKS = 5  # fewer are told, but no sample to generalise from
MOST_BLOCKS = 20  # more are joined with their neighbours in time, which resemble each other

Blocks = Mapping[int, Sequence[float]]  # losses per block, by seed


def block_variance(arm: Blocks, reference: Blocks) -> tuple[float, int]:
    """Relative variance that the choice of blocks gives the mean difference, and its blocks.

    With S seeds, B blocks and c_b the mean of block b, MS_c = S sum (c_b+1 - c_b)^2 / (2 (B - 1)),
    from successive differences (von Neumann, 1941), and MS_e the mean square of what seed and block
    leave, the blocks' part of the variance of the mean is max(0, MS_c - MS_e) / (S B), here over
    the squared mean of the reference.

    Args:
        arm: losses of the arm per block, by seed; only seeds in both count.
        reference: likewise.

    Returns:
        The variance, and how many blocks (joined to at most 20) it rests on; zero variance if
        there are fewer than 5 of them, and no blocks with fewer than two seeds or no scale.

    >>> steady = {1: [1.0, 2.0, 3.0, 4.0, 5.0], 2: [1.1, 2.1, 3.1, 4.1, 5.1]}
    >>> block_variance(steady, {seed: [2.0 * x for x in steady[seed]] for seed in steady})
    (0.0026..., 5)
    """
    table, scale = difference_table(arm, reference)
    seeds, blocks = table.shape
    if seeds < 2 or scale == 0.0:
        return 0.0, 0
    if blocks < LEAST_BLOCKS:
        return 0.0, blocks
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    middle = table.mean()
    of_blocks = seeds * np.sum(np.diff(columns[0]) ** 2) / (2 * (blocks - 1))
    of_rest = np.sum((table - rows - columns + middle) ** 2) / ((seeds - 1) * (blocks - 1))
    part = max(0.0, of_blocks - of_rest) / (seeds * blocks)
    return float(part / scale**2), blocks


def block_freedom(blocks: int) -> float:
    """Degrees of freedom of a variance from successive differences of so many normal values.

    >>> block_freedom(2), round(block_freedom(20), 2)
    (1.0, 12.89)
    """
    return 2.0 * (blocks - 1) ** 2 / (3 * blocks - 4)


def difference_table(arm: Blocks, reference: Blocks) -> tuple[NDArray[np.float64], float]:
    """Differences of shape (seeds, blocks) over common seeds, and the reference's mean magnitude.

    A block on which a loss is not finite is left out.
    """
    common = sorted(arm.keys() & reference.keys())
    lengths = {len(losses[seed]) for seed in common for losses in (arm, reference)}
    if len(lengths) != 1 or 0 in lengths:
        return np.empty((0, 0)), 0.0
    ours = np.array([arm[seed] for seed in common])
    theirs = np.array([reference[seed] for seed in common])
    known = np.isfinite(ours).all(axis=0) & np.isfinite(theirs).all(axis=0)
    ours, theirs = ours[:, known], theirs[:, known]
    if not known.any():
        return np.empty((0, 0)), 0.0
    return joined(ours - theirs), float(abs(theirs.mean()))


def joined(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns averaged over neighbours until at most 20 are left.

    >>> joined(np.arange(40.0).reshape(1, 40))[0, :3]
    array([0.5, 2.5, 4.5])
    """
    count = min(MOST_BLOCKS, table.shape[1])
    parts = np.array_split(table, count, axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)
