"""Chances: how probable it is that each family's confirmed member is as good as the best.

The one idea: the same seeds (and blocks) are redrawn for all arms at once, 10,000 times, so that
what is common to the arms cancels; an arm is as good as the best where its redrawn mean is within
`worthwhile` of the lowest. Not here: intervals (`tuning.evidence.paired`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tuning.evidence.arms import blocks_of, second_set, values_of
from tuning.evidence.blocks import LEAST_BLOCKS, joined
from tuning.evidence.score import sign_of
from tuning.records import History, StudySpec, Trial
from tuning.seeds import derive

DRAWS = 10_000
Floats = NDArray[np.float64]


def chances_of_best(spec: StudySpec, history: History, arms: Sequence[Trial]) -> dict[str, float]:
    """P(best) by family; the family's better member counts where it has two.

    Only arms that lost no seed of the second set take part; the others have no chance. Empty with
    fewer than two common seeds.
    """
    ends = second_set(history)
    values = {t.number: values_of(spec, ends.get(t.number, {})) for t in arms}
    most = max(map(len, values.values()), default=0)
    whole = [trial for trial in arms if len(values[trial.number]) == most]
    common = sorted(set.intersection(*(set(values[t.number]) for t in whole))) if whole else []
    if len(common) < 2:
        return {}
    table = np.array([[values[t.number][seed] for t in whole] for seed in common])
    blocks = _profiles([blocks_of(ends[trial.number]) for trial in whole])
    means = redrawn(table, blocks, derive(spec.seed, "chances"))
    is_best = near_best(sign_of(spec.metric.direction) * means, spec.worthwhile)
    chances = {str(trial.params["family"]): 0.0 for trial in arms}
    for family in chances:
        members = [i for i, trial in enumerate(whole) if trial.params["family"] == family]
        if members:
            chances[family] = float(is_best[:, members].any(axis=1).mean())
    return chances


def redrawn(values: Floats, blocks: Floats | None, seed: int) -> Floats:
    """Means of shape (draws, arms) over redrawn seeds and blocks.

    A bootstrap of n seeds is too narrow by sqrt((n - 1) / n), so draws are spread by its inverse.
    Blocks are drawn among neighbours, pair by pair: what drifts along them is no luck.

    Args:
        values: per seed and arm.
        blocks: per block and arm, the block's loss over the arm's mean; None: blocks are not drawn.
        seed: of the draws.

    >>> means = redrawn(np.array([[1.0, 2.0], [3.0, 4.0]]), None, 0)
    >>> bool(np.ptp(means[:, 1] - means[:, 0]) < 1e-9)  # the arms share the seeds that are drawn
    True
    """
    random = np.random.default_rng(seed)
    means = _spread(random, values)
    if blocks is not None:
        pairs = np.array_split(blocks, len(blocks) // 2)
        shares = [len(pair) / len(blocks) for pair in pairs]
        means = means * sum(
            share * _spread(random, pair) for share, pair in zip(shares, pairs, strict=True)
        )
    return means


def near_best(losses: Floats, worthwhile: float) -> NDArray[np.bool_]:
    """Which losses, of shape (draws, arms), are within `worthwhile` of the draw's lowest."""
    best = losses.min(axis=1, keepdims=True)
    near: NDArray[np.bool_] = losses <= best + worthwhile * np.abs(best)
    return near


def _spread(random: np.random.Generator, rows: Floats) -> Floats:
    count = len(rows)
    weights = random.multinomial(count, np.full(count, 1.0 / count), size=DRAWS) / count
    middle = rows.mean(axis=0)
    means: Floats = middle + np.sqrt(count / (count - 1)) * (weights @ rows - middle)
    return means


def _profiles(found: Sequence[Mapping[int, Sequence[float]]]) -> Floats | None:
    """Per block and arm the mean loss over the arm's own mean; None without enough blocks."""
    lengths = {len(losses) for one in found for losses in one.values()}
    if len(lengths) != 1 or not all(found):
        return None
    table = np.array([np.mean(list(one.values()), axis=0) for one in found])
    table = table[:, np.isfinite(table).all(axis=0)]
    if table.shape[1] < LEAST_BLOCKS or np.any(table.mean(axis=1) == 0.0):
        return None
    profiles: Floats = (joined(table) / table.mean(axis=1, keepdims=True)).T
    return profiles
