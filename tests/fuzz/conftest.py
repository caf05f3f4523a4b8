"""What of the programme of hostile input the suites have: on SQLite by default, CI no more."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on both databases runs on PostgreSQL in `full`, for which CI has no time."""
    for item in items:
        if not item.path.is_relative_to(HERE):  # this is called with the tests of all folders
            continue
        if "[postgresql" in item.name:
            item.add_marker(pytest.mark.full)
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.long)
