"""Execution: trains blocks of lanes, here or in a process that may crash."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tuning.execution.block import Block, Ended, Event, Lane, Measured
from tuning.execution.executor import Executor
from tuning.execution.inline import Inline
from tuning.execution.process import Process
from tuning.execution.watch import UNLIMITED, Allowance
from tuning.objectives import Folders

__all__ = [
    "EXECUTORS",
    "UNLIMITED",
    "Allowance",
    "Block",
    "Ended",
    "Event",
    "Executor",
    "Inline",
    "Lane",
    "Measured",
    "Process",
]

EXECUTORS: Mapping[str, Callable[[Folders, Sequence[str]], Executor]] = MappingProxyType(
    {
        "inline": Inline,
        "process": Process,
    }
)
