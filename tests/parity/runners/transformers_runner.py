"""Runs transformers' schedulers, which are LambdaLR of torch."""

from types import FunctionType

import transformers
from transformers import optimization

from parity.case import Case
from parity.runners.torch_runner import follow, follow_metrics, optimizer_of

PACKAGES = ("transformers", "torch")


def public() -> list[str]:
    """The schedulers the library has."""
    names = [f"get_scheduler({name.value})" for name in transformers.SchedulerType]
    functions = [name for name in vars(optimization) if name.startswith("get_")]
    return names + [
        name for name in functions if isinstance(vars(optimization)[name], FunctionType)
    ]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates; fewer where the library refuses to go on."""
    optimizer = optimizer_of(case)
    make = getattr(optimization, case.call)
    return follow(optimizer, make(optimizer=optimizer, **case.kwargs), updates)


def plateau(case: Case) -> list[float]:
    """The rates while the rule is told the metrics, one per epoch."""
    optimizer = optimizer_of(case)
    scheduler = getattr(optimization, case.call)(optimizer=optimizer, **case.kwargs)
    return follow_metrics(optimizer, scheduler, case)
