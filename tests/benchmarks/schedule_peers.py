"""The peers of `schedules.py`: tables of Optax (compiled, float32) and PyTorch (step by step).

Runs in the environment of `make parity`; prints milliseconds of CPU as JSON.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import torch

# PyTorch takes a step at a time: fewer repeats, and of a part of the updates.
PARTS = 20


def milliseconds(make: Callable[[], object], repeats: int) -> list[float]:
    """CPU time of each repeat."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        make()
        spent.append(1e3 * (time.process_time() - begin))
    return spent


def optax_tables(updates: int) -> dict[str, list[float]]:
    """The schedules that Optax has, evaluated at all updates in one compiled call."""
    schedules: dict[str, Callable[[Any], Any]] = {
        "constant": optax.constant_schedule(0.1),
        "linear": optax.linear_schedule(0.1, 0.0, updates),
        "cosine": optax.cosine_decay_schedule(0.1, updates),
        "exponential": optax.exponential_decay(0.1, updates, 0.01),
        "polynomial": optax.polynomial_schedule(0.1, 0.0, 2.0, updates),
        "one_cycle": optax.cosine_onecycle_schedule(updates, 0.1),
        "piecewise_constant": optax.piecewise_constant_schedule(
            0.1, {updates // 2: 0.1, 3 * updates // 4: 0.1}
        ),
    }
    steps = np.arange(updates)
    found = {}
    for kind, schedule in schedules.items():
        compiled = jax.jit(jax.vmap(schedule))
        found[kind] = milliseconds(lambda c=compiled: np.asarray(c(steps)), 8)[1:]
    return found


def torch_tables(updates: int) -> dict[str, list[float]]:
    """The schedules that PyTorch has, stepped as a training would, scaled up from a part."""
    makers: dict[str, Callable[[Any], Any]] = {
        "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, updates),
        "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, updates),
        "polynomial": lambda o: torch.optim.lr_scheduler.PolynomialLR(o, updates, 2.0),
        "one_cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, updates),
    }
    return {
        kind: [PARTS * spent for spent in milliseconds(lambda m=m: stepped(m, updates // PARTS), 2)]
        for kind, m in makers.items()
    }


def stepped(make: Callable[[Any], Any], updates: int) -> list[float]:
    """The rates of so many updates."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return rates


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # PyTorch wants an optimizer step before each of ours
    count = int(sys.argv[1])
    sys.stdout.write(json.dumps({"optax": optax_tables(count), "torch": torch_tables(count)}))
