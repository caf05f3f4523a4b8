"""Every built-in objective passes the inspection that users' own must pass."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contracts.test_objectives import CASES
from tuning.execution.inspection import inspect_objective
from tuning.objectives import OBJECTIVES, Folders

QUICK = "realized_volatility"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        pytest.param(
            name,
            config,
            id=f"{name} {dict(config)}",
            marks=() if (name, config) == (QUICK, {}) else pytest.mark.full,
        )
        for name, config in CASES
    ],
)
def test_built_in_objectives_keep_their_promises(
    name: str, config: Mapping[str, object], tmp_path: Path
) -> None:
    """With a small config, and each in words."""
    checks = list(inspect_objective(OBJECTIVES[name], config, Folders(cache=tmp_path)))
    assert [one for one in checks if one.passed is False] == []
    assert all(one.words for one in checks)
    assert len({one.name for one in checks}) == len(checks) == 11
