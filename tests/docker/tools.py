"""Programs that come with the slower tests' packages."""

import shutil
import sys
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """Where a program of this environment is; skips where the slower tests' are not set up."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{name} is not installed: `make test-full` does it")
    return path
