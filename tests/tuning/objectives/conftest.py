"""Real data that are no part of the project: a folder of the user's own, or the tests are skipped.

`GLIDESLOPE_TEST_DATA_FOLDER` names it; the README says which files the tests look for.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


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
