"""What of the programme of hostile input the default suite has its share of: that on SQLite."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on both databases runs on PostgreSQL in `full`."""
    for item in items:
        if item.path.is_relative_to(HERE) and "[postgresql" in item.name:
            item.add_marker(pytest.mark.full)
