"""Objectives that need other machines than most, and train in no time."""

from collections.abc import Mapping

from tuning.objectives import Needs
from tuning.objectives.base import Floats
from tuning.objectives.own import Assignment, model_objective


class Still:
    """Learns nothing."""

    def __init__(self, assignment: Assignment) -> None:
        del assignment

    def train(self, lrs: Floats) -> None:
        """Do nothing."""

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The same for ever."""
        del split
        return {"loss": 1.0}


OBJECTIVES = {
    name: model_objective(Still, name=name, horizon=10, peak=(1e-3, 1.0), needs=needs)
    for name, needs in (
        ("modest", Needs()),
        ("wide", Needs(cpus=8)),
        ("large", Needs(memory_mib=4096)),
        ("graphic", Needs(gpus=0.5)),
    )
}
