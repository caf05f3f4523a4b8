"""Where the end-to-end tests run: on SQLite by default, on PostgreSQL as well in `full`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The default suite has SQLite alone."""
    for item in items:
        if item.path.is_relative_to(HERE) and "[postgresql" in item.name:
            item.add_marker(pytest.mark.full)
