"""What tests of several objectives share: real data, and schedules compared as a study does.

Real data are no part of the project: `GLIDESLOPE_TEST_DATA_FOLDER` names a folder of the user's
own (the README says with which files), or the tests are skipped.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tuning.objectives import TEST, VALIDATION, Problem
from tuning.objectives.base import Floats

Schedules = Mapping[str, Sequence[Floats]]


@pytest.fixture
def real_file() -> Callable[[str], Path]:
    """Find a file of real data: `real_file("btc_usd_hourly_2018_2022.csv.gz")`."""

    def find(name: str) -> Path:
        folder = os.environ.get("GLIDESLOPE_TEST_DATA_FOLDER")
        if not folder:
            pytest.skip("GLIDESLOPE_TEST_DATA_FOLDER names no folder of real data")
        path = Path(folder, name)
        if not path.is_file():
            pytest.skip(f"GLIDESLOPE_TEST_DATA_FOLDER holds no {name}")
        return path

    return find


@pytest.fixture
def errors_when_tuned() -> Callable[[Problem, Schedules], Mapping[str, Floats]]:
    """Errors on the test split of each schedule's best candidate, chosen on other seeds."""

    def score(problem: Problem, lrs: Floats, seeds: Sequence[int], split: str) -> Floats:
        trainer = problem.trainer(seeds, len(lrs), (split,))
        trainer.train(np.tile(lrs, (len(seeds), 1)))
        return trainer.evaluate(split)["rmse_bp"]

    def compare(problem: Problem, schedules: Schedules) -> Mapping[str, Floats]:
        ends = {}
        for name, candidates in schedules.items():
            errors = [score(problem, lrs, (11, 12), VALIDATION).mean() for lrs in candidates]
            ends[name] = score(problem, candidates[np.argmin(errors)], (1, 2, 3), TEST)
        return ends

    return compare
