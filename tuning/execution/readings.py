"""Readings: what a trainer says of its lanes, checked.

The one idea: a trainer is somebody else's code, so what it returns is looked at once, here, and a
wrong name or shape is told as such instead of surfacing as an odd number or an odd error later.
Not here: whether a value is finite; that is divergence (`tuning.execution.training`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tuning.errors import BrokenObjective, show
from tuning.objectives import Trainer
from tuning.objectives.base import Floats
from tuning.records import Metric


def read_metrics(
    trainer: Trainer, split: str, metrics: Sequence[Metric], lanes: int
) -> Mapping[str, Floats]:
    """Every metric on `split`, each of shape (lanes,).

    Raises `BrokenObjective` if one is missing, unknown or of another shape.

    >>> class Wordy:
    ...     def evaluate(self, split):
    ...         return {"loss": [0.5], "accuracy": [0.9]}
    >>> read_metrics(Wordy(), "validation", [Metric("loss")], lanes=1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tuning.errors.BrokenObjective: evaluate('validation') returned loss, accuracy; ...
    """
    found = trainer.evaluate(split)
    expected = [metric.name for metric in metrics]
    if set(found) != set(expected):
        raise BrokenObjective(
            f"evaluate({split!r}) returned {', '.join(map(str, found)) or 'nothing'}; "
            f"the objective's metrics are {', '.join(expected)}"
        )
    return {
        name: _floats(f"{name} of evaluate({split!r})", found[name], (lanes,)) for name in expected
    }


def read_losses(trainer: Trainer, split: str, lanes: int, blocks: int) -> Floats:
    """The compared metric on every block of `split`, of shape (lanes, blocks).

    Raises `BrokenObjective` if it is of another shape.

    >>> class Whole:
    ...     def block_losses(self, split):
    ...         return [[0.5, 0.25]]
    >>> read_losses(Whole(), "validation", lanes=1, blocks=2)
    array([[0.5 , 0.25]])
    """
    return _floats(f"block_losses({split!r})", trainer.block_losses(split), (lanes, blocks))


def _floats(what: str, value: object, shape: tuple[int, ...]) -> Floats:
    try:
        floats = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BrokenObjective(f"{what} is {show(value)}; it should be numbers") from error
    if floats.shape != shape:
        raise BrokenObjective(f"{what} is of shape {floats.shape}; it should be {shape}")
    return floats
