"""Migrations, on SQLite and PostgreSQL: from nothing, there and back, by many at once."""

import multiprocessing
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from service.store import list_models, migrations, models, reads
from service.store.engine import parse_url, writing_engine
from service.store.models import Base

UPGRADE = """
from service.store import migrations
from service.store.engine import parse_url, writing_engine
engine = writing_engine(parse_url(url))
together.wait(30)
migrations.upgrade(engine)
"""

RUNS_OF_0001 = """
INSERT INTO runs (project, study, generation, trial, phase, seed, horizon, splits, state, attempt,
                  lease, id, "index", alone)
VALUES ('a', 's', 0, 0, 'search', 1, 5, '[]', 'queued', 0, 0, 's.0.0', 0, true),
       ('a', 's', 0, 0, 'search', 1, 5, '[]', 'queued', 0, 0, 's.0.1', 1, false)
"""

KEY_OF_0011 = """
INSERT INTO api_keys (project, id, label, hash, scopes, all_projects, created)
VALUES ('a', 'key', '', '', '[]', false, MOMENT)
"""
SESSION_OF_0019 = """
INSERT INTO api_keys (project, id, label, hash, scopes, all_projects, created, parent)
VALUES ('a', 'session', '', '', '[]', false, MOMENT, 'key')
"""

STUDIES_OF_0019 = (
    """
INSERT INTO studies (project, id, revision, state, spec, objective, label, labels, notes,
                     next_generation, expected_runs, finished_runs, created)
VALUES ('a', 'down', 1, 'completed', '{"metric": {"direction": "minimize"},
         "config": {"dataset": "ds_abababababababababababababababab"}}', 'o', 'Über',
        '{"team": "Rates", "desk": "x"}', 'Notes', 2, 1, 1, MOMENT),
       ('a', 'up', 1, 'completed', '{"metric": {"direction": "maximize"},
         "config": {"dataset": "mine"}}', 'o', '', '{}', '',
        2, 1, 1, MOMENT),
       ('b', 'none', 1, 'running', '{"metric": {"direction": "minimize"}, "config": {}}', 'o',
        '', '{}', '', 2, 1, 1, MOMENT)
""",
    """
INSERT INTO trials (project, study, number, generation, phase, state, params, schedule, identity,
                    value)
VALUES ('a', 'down', 2, 0, 'search', 'completed', '{}', '{}', '', 1),
       ('a', 'down', 0, 0, 'search', 'completed', '{}', '{}', '', 3),
       ('a', 'down', 1, 0, 'search', 'diverged', '{}', '{}', '', NULL),
       ('a', 'down', 3, 0, 'search', 'completed', '{}', '{}', '', 1),
       ('a', 'up', 0, 0, 'search', 'completed', '{}', '{}', '', 1),
       ('a', 'up', 1, 0, 'search', 'completed', '{}', '{}', '', 2)
""",
)

# Studies by what their confirmation told of the test split: all, all, nothing, a figure, no such.
STUDIES_OF_0005 = (
    """
INSERT INTO projects (id, created) VALUES ('a', MOMENT), ('b', MOMENT)
""",
    """
INSERT INTO studies (project, id, revision, state, spec, objective, label, next_generation,
                     expected_runs, finished_runs, created)
VALUES ('a', 'done', 1, 'completed',
        '{"label": "mine", "objective": "o", "config": {"x": 1}, "seed": 1}',
        'o', 'mine', 2, 1, 1, MOMENT),
       ('a', 'cancelled', 1, 'cancelled', '{"label": "", "objective": "o", "config": {}}',
        'o', '', 2, 1, 1, MOMENT),
       ('a', 'searched', 1, 'cancelled', '{"label": "", "objective": "o", "config": {}}',
        'o', '', 2, 1, 1, MOMENT),
       ('b', 'diverged', 1, 'failed', '{"label": "", "objective": "o", "config": {}}',
        'o', '', 2, 1, 1, MOMENT),
       ('b', 'crashed', 1, 'failed', '{"label": "", "objective": "o", "config": {}}',
        'o', '', 2, 1, 1, MOMENT)
""",
    """
INSERT INTO runs (project, study, generation, trial, phase, seed, horizon, splits, state, attempt,
                  lease, id, "index", isolation, finished, result)
VALUES ('a', 'done', 0, 0, 'confirm', 1, 5, '[]', 'completed', 0, 0, 'd.0', 0, 'none', MOMENT,
        '{"metrics": {"validation": {"mse": 1}, "test": {"mse": 1}}, "blocks": {}}'),
       ('a', 'cancelled', 0, 0, 'confirm', 1, 5, '[]', 'completed', 0, 0, 'c.0', 0, 'none', MOMENT,
        '{"metrics": {"validation": {"mse": 1}, "test": {"mse": 1}}, "blocks": {}}'),
       ('a', 'searched', 0, 0, 'confirm', 1, 5, '[]', 'completed', 0, 0, 's.0', 0, 'none', MOMENT,
        '{"metrics": {"validation": {"mse": 1}}, "blocks": {}}'),
       ('b', 'diverged', 0, 0, 'confirm', 1, 5, '[]', 'diverged', 0, 0, 'v.0', 0, 'none', MOMENT,
        '{"metrics": {"test": {"mse": null}}, "blocks": {}}'),
       ('b', 'crashed', 0, 0, 'confirm', 1, 5, '[]', 'cancelled', 0, 0, 'x.0', 0, 'none', MOMENT,
        NULL)
""",
)


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """An engine on a database without any table."""
    engine = writing_engine(parse_url(empty_database_url))
    yield engine
    engine.dispose()


def _tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_makes_every_table_from_nothing(empty: Engine) -> None:
    """The tables are ours, and the version table does not collide with other users of Alembic."""
    migrations.upgrade(empty)
    assert _tables(empty) == {*Base.metadata.tables, "glideslope_version"}


def test_goes_up_down_and_up(empty: Engine) -> None:
    """Every migration can be undone and done again; doing it twice does nothing."""
    migrations.upgrade(empty)
    migrations.downgrade(empty)
    assert _tables(empty) == {"glideslope_version"}
    migrations.upgrade(empty)
    migrations.upgrade(empty)
    assert _tables(empty) == {*Base.metadata.tables, "glideslope_version"}


def test_runs_that_were_alone_get_a_worker_for_themselves_and_back(empty: Engine) -> None:
    """Revision 0002: what was written before it keeps its meaning."""
    alone, isolation = (sa.table("runs", sa.column(name)) for name in ("alone", "isolation"))
    _move(empty, "upgrade", "0001")
    _insert_alone(empty, RUNS_OF_0001)
    _move(empty, "upgrade", "0002")
    with empty.connect() as connection:
        assert set(connection.scalars(sa.select(isolation))) == {"worker", "none"}
    _move(empty, "downgrade", "0001")
    with empty.connect() as connection:
        assert {bool(one) for one in connection.scalars(sa.select(alone))} == {True, False}


def test_of_runs_that_were_there_nobody_told_what_they_were_trained_on(empty: Engine) -> None:
    """Revision 0005: they stay as they are, there and back."""
    run = sa.table("runs", sa.column("id"), sa.column("provenance"))
    _move(empty, "upgrade", "0001")
    _insert_alone(empty, RUNS_OF_0001)
    _move(empty, "upgrade", "0005")
    with empty.connect() as connection:
        told = dict(connection.execute(sa.select(run.c.id, run.c.provenance)).all())
    assert told == {"s.0.0": None, "s.0.1": None}
    _move(empty, "downgrade", "0004")
    with empty.connect() as connection:
        assert len(connection.scalars(sa.select(run.c.id)).all()) == 2
    assert "provenances" not in _tables(empty)


def test_runs_of_before_end_with_their_horizon(empty: Engine) -> None:
    """Revision 0006: whoever was queued or trained then is trained to the end."""
    _move(empty, "upgrade", "0001")
    _insert_alone(empty, RUNS_OF_0001)
    _move(empty, "upgrade", "0005")
    _move(empty, "upgrade", "0006")
    updates = sa.table("runs", sa.column("updates"))
    with empty.connect() as connection:
        assert connection.scalars(sa.select(updates)).all() == [5, 5]
    _move(empty, "downgrade", "0005")
    assert "updates" not in {one["name"] for one in inspect(empty).get_columns("runs")}


def test_what_studies_had_read_of_their_test_split_still_counts(empty: Engine) -> None:
    """Revision 0007: whoever told a figure of it, with a verdict or without, and nobody else."""
    _move(empty, "upgrade", "0005")
    for statement in STUDIES_OF_0005:
        _insert_alone(empty, statement)
    _move(empty, "upgrade", "0007")
    with empty.connect() as connection:
        found = connection.execute(sa.select(models.TestRead.__table__)).mappings().all()
    assert {(row["project"], row["study"]) for row in found} == {
        ("a", "done"),
        ("a", "cancelled"),
        ("b", "diverged"),
    }
    assert {(row["verdict"], row["split"], row["data_hash"]) for row in found} == {(1, "test", "")}
    assert {row["at"].isoformat() for row in found} == {"2026-01-01T00:00:00+00:00"}
    by_study = {row["study"]: row for row in found}
    study = models.Study(
        objective="o", spec={"objective": "o", "config": {"x": 1}, "label": "", "seed": 1}
    )
    assert by_study["done"]["config_hash"] == reads._config_hash(study)
    assert by_study["done"]["question"] == reads._question(study)  # whatever its label
    assert by_study["cancelled"]["config_hash"] != by_study["done"]["config_hash"]
    _move(empty, "downgrade", "0006")
    assert "test_reads" not in _tables(empty)


def test_sessions_never_become_keys(empty: Engine) -> None:
    """Revision 0019: on the way back they go with the column that tells them apart; keys stay."""
    key = sa.table("api_keys", sa.column("id"))
    _move(empty, "upgrade", "0018")
    _insert_alone(empty, KEY_OF_0011)
    _move(empty, "upgrade", "0019")
    _insert_alone(empty, SESSION_OF_0019)
    _move(empty, "downgrade", "0018")
    with empty.connect() as connection:
        assert connection.scalars(sa.select(key.c.id)).all() == ["key"]


def test_studies_of_before_are_found_and_know_their_leads(empty: Engine) -> None:
    """Revisions 0020, 0021: by words in small letters, by dataset; by trials in their order."""
    _move(empty, "upgrade", "0019")
    for statement in STUDIES_OF_0019:
        _insert_alone(empty, statement)
    _move(empty, "upgrade", "0021")
    words = list_models.StudyWords.__table__
    leads = models.Study.__table__
    with empty.connect() as connection:
        told = {row["study"]: row for row in connection.execute(sa.select(words)).mappings()}
        found = dict(connection.execute(sa.select(leads.c.id, leads.c.leads)).all())
    dataset = "ds_" + "ab" * 16
    assert (told["down"]["name"], told["up"]["name"]) == ("über", "up")
    assert told["down"]["words"] == f"down\nüber\ndesk=x\nteam=rates\nnotes\n{dataset}"
    assert told["down"]["labels"] == "\ndesk=x\nteam=Rates\n"
    assert told["up"]["labels"] == "\n"
    assert {study: row["dataset"] for study, row in told.items()} == {
        "down": dataset,
        "up": None,
        "none": None,
    }
    assert found == {"down": [[0, 3.0], [2, 1.0]], "up": [[0, 1.0], [1, 2.0]], "none": []}
    _move(empty, "downgrade", "0019")
    assert not {"study_words", "deleted_studies"} & _tables(empty)


def _insert_alone(engine: Engine, statement: str) -> None:
    """Insert rows without what they refer to; MOMENT is one."""
    moment = {"postgresql": "'2026-01-01T00:00:00Z'"}.get(engine.dialect.name, "1767225600000000")
    off = {"postgresql": "SET session_replication_role = replica"}
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute(off.get(engine.dialect.name, "PRAGMA foreign_keys = OFF"))
    cursor.execute(statement.replace("MOMENT", moment))
    raw.commit()
    raw.detach()
    raw.close()


ANSWERS_OF_0021 = """
INSERT INTO idempotency_keys (project, route, key, body_hash, status, response, at)
VALUES ('a', 'POST', 'there', '', 202, '{"id": "up", "notes": "x"}', MOMENT),
       ('a', 'POST', 'gone', '', 202, '{"id": "st_gone", "notes": "secret"}', MOMENT)
"""


def test_answers_of_studies_that_were_deleted_before_are_emptied(empty: Engine) -> None:
    """Revision 0022: the others are known by their study; there and back."""
    answer = models.IdempotencyKey.__table__
    _move(empty, "upgrade", "0019")
    _insert_alone(empty, STUDIES_OF_0005[0])
    _insert_alone(empty, STUDIES_OF_0019[0])
    _move(empty, "upgrade", "0021")
    _insert_alone(empty, ANSWERS_OF_0021)
    _move(empty, "upgrade", "0022")
    with empty.connect() as connection:
        query = sa.select(answer.c.key, answer.c.study, answer.c.response)
        found = {row.key: (row.study, row.response) for row in connection.execute(query)}
    assert found == {"there": ("up", {"id": "up", "notes": "x"}), "gone": ("st_gone", {})}
    _move(empty, "downgrade", "0021")
    with empty.connect() as connection:
        assert connection.scalars(sa.select(sa.column("key")).select_from(answer)).all() == [
            "there"
        ]


def _move(engine: Engine, way: str, revision: str) -> None:
    migrations._run(engine, lambda config: getattr(migrations.command, way)(config, revision))


def test_models_and_migrations_do_not_differ(empty: Engine) -> None:
    """Alembic finds nothing to migrate between what is migrated and what the code declares."""
    migrations.upgrade(empty)
    with empty.connect() as connection:
        options = {"version_table": migrations.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_every_unique_key_and_reference_names_the_project(empty: Engine) -> None:
    """No row can collide with, or point at, another project's."""
    migrations.upgrade(empty)
    found = inspect(empty)
    for table in Base.metadata.tables.keys() - {"projects"}:
        keys = [found.get_pk_constraint(table)["constrained_columns"]]
        keys += [unique["column_names"] for unique in found.get_unique_constraints(table)]
        keys += [key["constrained_columns"] for key in found.get_foreign_keys(table)]
        assert len(keys) > 1, table
        assert all("project" in key for key in keys), table


def test_a_failed_migration_leaves_nothing(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a migration is none: the schema is as before, and the next upgrade succeeds."""

    def fail(*_: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        migrations._run(empty, lambda config: (migrations.command.upgrade(config, "head"), fail()))
    assert _tables(empty) == set()
    migrations.upgrade(empty)


def test_eight_processes_start_on_an_empty_database(empty_database_url: str) -> None:
    """One of them migrates, the others wait; all succeed."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["service.store.engine", "service.store.models"])
    together = processes.Barrier(8)
    children = [
        processes.Process(
            target=exec, args=(UPGRADE, {"url": empty_database_url, "together": together})
        )
        for _ in range(8)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 8
    engine = writing_engine(parse_url(empty_database_url))
    assert _tables(engine) == {*Base.metadata.tables, "glideslope_version"}
    engine.dispose()
