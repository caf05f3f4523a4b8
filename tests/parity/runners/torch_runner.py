"""Runs torch's schedulers: the group's rate at every update, stepped after the optimiser."""

import torch
from torch.optim import lr_scheduler, swa_utils

from parity.case import Case, Kwargs

PACKAGES = ("torch",)
BASES = ("LRScheduler",)
CYCLING = ("OneCycleLR", "CyclicLR")
COMPOSITES = ("SequentialLR", "ChainedScheduler")


def public() -> list[str]:
    """The schedulers the library has."""
    return [name for name in (*lr_scheduler.__all__, "SWALR") if name not in BASES]


def optimizer_of(case: Case) -> torch.optim.Optimizer:
    """An optimiser with one parameter at rest."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    return torch.optim.SGD([parameter], lr=case.base_lr)


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates; fewer where the library refuses to go on."""
    optimizer = optimizer_of(case)
    scheduler = _make(optimizer, case.call, case.kwargs)
    return follow(optimizer, scheduler, updates)


def channels(case: Case, updates: int) -> dict[str, list[float]]:
    """What else a scheduler moves at the first updates."""
    if not _cycles(case.call, case.kwargs):
        return {}
    optimizer = optimizer_of(case)
    scheduler = _make(optimizer, case.call, case.kwargs)
    return {"momentum": follow(optimizer, scheduler, updates, "momentum")}


def follow(
    optimizer: torch.optim.Optimizer, scheduler: object, updates: int, what: str = "lr"
) -> list[float]:
    """The rates, or the momenta, while a scheduler is stepped after the optimiser."""
    values = [float(optimizer.param_groups[0][what])]
    for _ in range(updates - 1):
        optimizer.step()
        try:
            scheduler.step()
        except (ValueError, ZeroDivisionError):  # the library refuses to go on
            break
        values.append(float(optimizer.param_groups[0][what]))
    return values


def plateau(case: Case) -> list[float]:
    """The rates while the rule is told the metrics, one per epoch."""
    optimizer = optimizer_of(case)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **case.kwargs)
    return follow_metrics(optimizer, scheduler, case)


def follow_metrics(optimizer: torch.optim.Optimizer, scheduler: object, case: Case) -> list[float]:
    """The rates while a scheduler is told the metrics."""
    values = []
    for metric in case.metrics:
        values.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step(metric)
    return values


def _cycles(call: str, kwargs: Kwargs) -> bool:
    """Whether it moves the momentum, or one of its schedulers does."""
    children = kwargs.get("schedulers", ())
    is_cycle = call in CYCLING and kwargs.get("cycle_momentum", True)
    return is_cycle or any(_cycles(child["call"], child["kwargs"]) for child in children)


def _make(optimizer: torch.optim.Optimizer, call: str, kwargs: Kwargs) -> object:
    if call in COMPOSITES:
        return _compose(optimizer, call, kwargs)
    if call == "SWALR":
        return swa_utils.SWALR(optimizer, **kwargs)
    kind = getattr(lr_scheduler, call)
    if "lr_lambda" in kwargs:
        factors = kwargs["lr_lambda"]
        return kind(optimizer, lambda step: factors[min(step, len(factors) - 1)])
    return kind(optimizer, **kwargs)


def _compose(optimizer: torch.optim.Optimizer, call: str, kwargs: Kwargs) -> object:
    rest = {name: value for name, value in kwargs.items() if name != "schedulers"}
    children = [_make(optimizer, child["call"], child["kwargs"]) for child in kwargs["schedulers"]]
    if call == "SequentialLR":
        return lr_scheduler.SequentialLR(optimizer, schedulers=children, **rest)
    return lr_scheduler.ChainedScheduler(children, optimizer=optimizer, **rest)
