"""Needs: what one training takes of a machine, said beforehand.

The one idea: whoever places trainings on many machines must know what one takes before it opens any
data, so an objective declares it, as three plain numbers. They bind nobody: what a training takes
in fact is watched where it runs.
Not here: how many lanes fit (`tuning.execution.memory`), placing (`tuning.execution.cluster`).
"""

from dataclasses import dataclass
from typing import final

from tuning.errors import InvalidValue
from tuning.records import check_integer

MOST_CPUS = 1024
MOST_GPUS = 64
MOST_MEBIBYTES = 2**24  # 16 TiB


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one training process takes.

    Args:
        cpus: cores, which are also the threads that numerical libraries start.
        gpus: a whole number of GPUs, or the share of one, below 1.
        memory_mib: memory; None if nobody knows.

    >>> Needs(gpus=1.5)
    Traceback (most recent call last):
    tuning.errors.InvalidValue: needs.gpus: 1.5 is not allowed; allowed: a share of one, from 0 \
to below 1, or a whole number up to 64
    """

    cpus: int = 1
    gpus: float = 0.0
    memory_mib: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no machine has, naming the field."""
        check_integer("needs.cpus", self.cpus, 1, MOST_CPUS)
        if self.memory_mib is not None:
            check_integer("needs.memory_mib", self.memory_mib, 1, MOST_MEBIBYTES)
        gpus: object = self.gpus  # of somebody else's objective, typed or not
        is_number = isinstance(gpus, int | float) and not isinstance(gpus, bool)
        if not is_number or not (0 <= self.gpus < 1 or self.gpus in range(1, MOST_GPUS + 1)):
            allowed = f"a share of one, from 0 to below 1, or a whole number up to {MOST_GPUS}"
            raise InvalidValue("needs.gpus", gpus, allowed)
        object.__setattr__(self, "gpus", float(self.gpus))


ONE_CORE = Needs()
