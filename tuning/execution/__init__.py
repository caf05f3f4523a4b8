"""Execution: trains blocks: here, in a process that may crash, on Ray, or on a virtual clock."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tuning.execution.block import Block, Ended, Event, Lane, Measured
from tuning.execution.cluster import Cluster
from tuning.execution.executor import Executor
from tuning.execution.inline import Inline
from tuning.execution.isolation import Network
from tuning.execution.process import Process
from tuning.execution.remote import Remote, on_ray
from tuning.execution.simulated import Chances, Simulated
from tuning.execution.watch import UNLIMITED, Allowance
from tuning.objectives import Folders

__all__ = [
    "EXECUTORS",
    "UNLIMITED",
    "Allowance",
    "Block",
    "Chances",
    "Cluster",
    "Ended",
    "Event",
    "Executor",
    "Inline",
    "Lane",
    "Measured",
    "Network",
    "Process",
    "Remote",
    "Simulated",
]

EXECUTORS: Mapping[str, Callable[[Folders, Sequence[str]], Executor]] = MappingProxyType(
    {
        "inline": Inline,
        "process": Process,
        "ray": on_ray,
        "simulated": Simulated,
    }
)
