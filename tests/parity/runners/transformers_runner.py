"""Runs transformers' schedulers, which are LambdaLR of torch."""

import transformers

from parity.case import Case
from parity.runners.torch_runner import follow, follow_metrics, optimizer_of

PACKAGES = ("transformers", "torch")


def rates(case: Case, updates: int) -> list[float]:
    optimizer = optimizer_of(case)
    return follow(
        optimizer, transformers.get_scheduler(optimizer=optimizer, **case.kwargs), updates
    )


def plateau(case: Case) -> list[float]:
    optimizer = optimizer_of(case)
    scheduler = transformers.get_scheduler(optimizer=optimizer, **case.kwargs)
    return follow_metrics(optimizer, scheduler, case)
