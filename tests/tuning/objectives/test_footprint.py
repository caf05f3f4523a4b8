"""Footprints: what an objective says its training takes, beside what the kernel counts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tuning.objectives import OBJECTIVES
from tuning.objectives.footprint import WIDTH, network_bytes

MEBIBYTE = 2**20
SLACK_BYTES = 8 * MEBIBYTE  # what a runtime takes or leaves, whatever is trained
FACTOR = 4  # an estimate may be this much too high: it decides how many lanes fit
CHILD = """
import ctypes, gc, json, sys
from pathlib import Path
import numpy as np
from tuning.execution.inspection import _forget_peak, _peak_bytes
from tuning.objectives import OBJECTIVES, Folders, configure

name, config, horizon, lanes, cache = json.loads(sys.argv[1])
objective = OBJECTIVES[name]
problem = objective.open(configure(objective, config), Folders(cache=Path(cache)))

def train(lanes, updates):
    trainer = problem.trainer(tuple(range(lanes)), horizon, ("validation",))
    trainer.evaluate("validation")
    chunk = max(1, horizon // objective.measurements)
    for begin in range(0, updates, chunk):
        trainer.train(np.full((lanes, min(chunk, updates - begin)), 1e-4))
        trainer.evaluate("validation")
    trainer.block_losses("validation")

train(2, min(horizon, 64))
gc.collect()
ctypes.CDLL(None).malloc_trim(0)
before = _forget_peak()
train(lanes, horizon)
print(json.dumps([_peak_bytes() - before, objective.training_bytes(problem, lanes, horizon)]))
"""
LIGHT: list[tuple[str, dict[str, Any], int, int]] = [
    ("regime_rugged", {"replicas": 2_000}, 200, 8),
    ("noisy_quadratic", {"mode": "sampled", "replicas": 500}, 40, 4),
]
HEAVY: list[tuple[str, dict[str, Any], int, int]] = [
    ("realized_volatility", {}, 20, 64),
    ("realized_volatility", {"model": "mlp", "hidden": 512}, 40, 8),
    ("realized_volatility", {"model": "mlp", "hidden": 512}, 40, 64),
    ("realized_volatility", {}, 60, 256),
    ("heston_surface", {}, 200, 1),
    ("heston_surface", {}, 200, 64),
    ("heston_surface", {"width": 300}, 20, 1),
    ("heston_surface", {"width": 300}, 40, 16),
    ("regime_finetune", {}, 60, 32),
    ("online_surface", {"snapshots": 20, "width": 256}, 240, 8),
    ("online_surface", {"snapshots": 40, "width": 256}, 480, 32),
    ("regime_rugged", {"replicas": 5_000}, 100, 2),
    ("regime_rugged", {"replicas": 5_000, "jumps": 30}, 400, 16),
    ("noisy_quadratic", {"mode": "sampled", "replicas": 1_000}, 10, 2),
    ("noisy_quadratic", {"mode": "sampled", "replicas": 1_000}, 20, 16),
    ("noisy_quadratic", {"mode": "sampled", "replicas": 200, "problem": "N5"}, 20, 4),
    ("noisy_quadratic", {}, 100, 3_000),
]


def check(name: str, config: dict[str, Any], horizon: int, lanes: int, cache: Path) -> None:
    """The estimate covers the growth of the process, and not by far more."""
    # Freed memory goes back at once, so that what grows is what is held.
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "65536",
    }
    told = json.dumps([name, config, horizon, lanes, str(cache)])
    found = subprocess.run(
        [sys.executable, "-c", CHILD, told],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    grown, estimated = json.loads(found.stdout)
    words = f"{grown / MEBIBYTE:.1f} MiB, estimated {estimated / MEBIBYTE:.1f}"
    assert grown <= estimated + SLACK_BYTES, words
    assert estimated <= FACTOR * grown + SLACK_BYTES, words


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(("name", "config", "horizon", "lanes"), LIGHT)
def test_an_estimate_is_near_what_is_taken(
    name: str, config: dict[str, Any], horizon: int, lanes: int, tmp_path: Path
) -> None:
    """In a process that trains nothing else."""
    check(name, config, horizon, lanes, tmp_path)


@pytest.mark.full
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(("name", "config", "horizon", "lanes"), HEAVY)
def test_an_estimate_is_near_what_is_taken_by_more(
    name: str,
    config: dict[str, Any],
    horizon: int,
    lanes: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Wide networks, many lanes, long horizons."""
    check(name, config, horizon, lanes, tmp_path_factory.getbasetemp() / "cache")


def test_every_built_in_objective_says_what_it_takes() -> None:
    """None is left to chance."""
    assert all(objective.training_bytes is not None for objective in OBJECTIVES.values())


def test_lanes_are_held_in_groups() -> None:
    """Within a group a lane costs little; the next group costs as much as the first."""
    one, full, more = (
        network_bytes((10, 1_000, 1), lanes, batch=1, scored=1) for lanes in (1, WIDTH, WIDTH + 1)
    )
    assert (more - full) > 3 * (full - one) / (WIDTH - 1)
