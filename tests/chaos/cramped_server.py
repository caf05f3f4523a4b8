"""The program `glideslope`, of which the database file has no room while a file says so.

The one idea: SQLite itself is told the most pages that the file may have (`max_page_count`), in the
connection that writes; so it finds the disk full wherever it would have grown, and no sooner.
Not here: the limit that the system sets from outside, and what must hold (`test_disk_full`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

import service.app
from service.cli.main import run
from service.store.engine import Store

FULL = "CHAOS_FULL"  # variable of the environment: the file that says so by being there
MOST_PAGES = 4_294_967_294  # as SQLite has it


class CrampedStore(Store):
    """A store that asks before each transaction whether there is room."""

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction."""
        with super().write() as session:
            # Never less than there are: SQLite then takes the number that there are.
            pages = 1 if Path(os.environ[FULL]).exists() else MOST_PAGES
            session.execute(text(f"PRAGMA max_page_count = {pages}"))
            yield session


if __name__ == "__main__":
    service.app.Store = CrampedStore  # type: ignore[misc] # the one name by which it is opened
    run()
