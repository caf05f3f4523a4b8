"""A training that takes one second and no processor: what remains of a study is overhead."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuning.objectives import TEST, VALIDATION, Folders, Objective, Trainer
from tuning.objectives.base import Floats
from tuning.objectives.lanes import OneByOne
from tuning.records import Metric

SECONDS = 1.0
HORIZON = 20


class Sleeper:
    """A model whose loss is the distance of its mean learning rate from 0.1."""

    def __init__(self) -> None:
        self._sum, self._made = 0.0, 0

    def train(self, lrs: Floats) -> None:
        """Sleep for the updates' share of the second."""
        time.sleep(SECONDS * len(lrs) / HORIZON)
        self._sum += float(lrs.sum())
        self._made += len(lrs)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The distance, on every split."""
        del split
        return {"loss": abs(self._sum / max(1, self._made) - 0.1) + 0.01}

    def block_losses(self, split: str) -> Sequence[float]:
        """The distance as one block."""
        return [self.evaluate(split)["loss"]]


@dataclass(frozen=True)
class Second:
    """No data."""

    data_hash: str = "none"

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """One block per split."""
        return {VALIDATION: ("all",), TEST: ("all",)}

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One sleeper per seed."""
        del horizon, splits
        return OneByOne([Sleeper() for _ in seeds])


def _open(_config: object, _folders: Folders) -> Second:
    return Second()


OBJECTIVES = {
    "second": Objective(
        name="second",
        title="A second",
        help="Sleeps.",
        metrics=(Metric("loss"),),
        default_horizon=HORIZON,
        peak=(1e-3, 1.0),
        measurements=4,
        optimizer={"optimizer": "none"},
        open=_open,
    )
}
