"""Runs timm's schedulers: `step_update(t + 1)` after update t."""

import importlib.util
import sys
import types
import warnings

import torch

from parity.case import Case
from parity.runners.torch_runner import optimizer_of

PACKAGES = ("timm", "torch")


def _without_models() -> types.ModuleType:
    """The package timm without its models, which need torchvision: schedulers do not."""
    package = types.ModuleType("timm")
    package.__path__ = importlib.util.find_spec("timm").submodule_search_locations
    sys.modules["timm"] = package
    return importlib.import_module("timm.scheduler")


scheduler = _without_models()


def public() -> list[str]:
    """The schedulers the library has."""
    names = [name for name in dir(scheduler) if name.endswith("LRScheduler")]
    return [*names, "create_scheduler_v2"]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates; fewer where the library refuses to go on."""
    optimizer = optimizer_of(case)
    made = _make(optimizer, case)
    values = []
    for update in range(updates):
        values.append(float(optimizer.param_groups[0]["lr"]))
        if made is not None:  # a scheduler called "none" is none
            made.step_update(update + 1)
    return values


def plateau(case: Case) -> list[float]:
    """The rates while the rule is told the metrics, one per epoch."""
    optimizer = optimizer_of(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, still called
        made = _make(optimizer, case)
    values = []
    for epoch, metric in enumerate(case.metrics):
        values.append(float(optimizer.param_groups[0]["lr"]))
        made.step(epoch + 1, metric)
    return values


def _make(optimizer: torch.optim.Optimizer, case: Case) -> scheduler.scheduler.Scheduler | None:
    made = getattr(scheduler, case.call)(optimizer, **case.kwargs)
    return made[0] if case.call == "create_scheduler_v2" else made
