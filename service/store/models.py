"""Tables of the store.

The one idea: the project stands in every table, every unique key and every foreign key, so a row of
one tenant cannot point at, collide with, or be mistaken for a row of another. Rows never leave the
store: functions return frozen values. There are no relationships, hence no hidden queries.
Not here: how tables come to be (`alembic/versions`); a test compares both.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Document = dict[str, Any]  # JSON written and read by this package alone


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column type of this database."""
        is_sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(BigInteger() if is_sqlite else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 # as drivers want it
        """Write a moment; a naive one is refused, for nobody knows when it was."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        return (value - EPOCH) // MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | int | None,
        dialect: Dialect,  # noqa: ARG002 # the type of the value says it
    ) -> datetime | None:
        """Read a moment, always in UTC."""
        if value is None:
            return None
        moment = EPOCH + value * MICROSECOND if isinstance(value, int) else value
        return moment.astimezone(UTC)


class Base(DeclarativeBase):
    """What the tables share: names of constraints, and the types of columns."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 # SQLAlchemy reads it as a plain dict
        Document: JSON(none_as_null=True),
        bool: Boolean(),
        datetime: UtcTime(),
        float: Double(),
        int: Integer(),
        str: String(),
    }


def table_of(kind: type[Base]) -> Table:
    """The table of such rows, for what is asked or written too often to make objects of it."""
    return Base.metadata.tables[kind.__tablename__]


def _few(name: str, *columns: str, where: str) -> Index:
    """An index of those rows alone; a query that is to use it says the same, in words."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Project(Base):
    """A tenant."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[datetime]
    quotas: Mapped[Document] = mapped_column(server_default="{}")  # its own, where not the usual


class Provenance(Base):
    """What runs were trained on and with; named by the hash of it."""

    __tablename__ = "provenances"

    project: Mapped[str]
    id: Mapped[str]
    data_hash: Mapped[str | None]
    versions: Mapped[Document]

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
    )


class Study(Base):
    """One search."""

    __tablename__ = "studies"

    id: Mapped[str]
    project: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    spec: Mapped[Document]
    objective: Mapped[str]
    is_external: Mapped[bool] = mapped_column(server_default=false())
    priority: Mapped[float] = mapped_column(Double, server_default="1")
    label: Mapped[str]
    next_generation: Mapped[int]
    trial_limit: Mapped[int] = mapped_column(server_default="0")  # that it may make, or has made
    stored_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")  # once it ended
    expected_runs: Mapped[int]
    finished_runs: Mapped[int]
    best_trial: Mapped[int | None]
    best_value: Mapped[float | None]
    leads: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")  # trial and value
    verdict: Mapped[Document | None]
    error: Mapped[str | None]
    eta: Mapped[datetime | None]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    claimed: Mapped[datetime | None]  # when one of its runs was last handed out
    search_steps: Mapped[int] = mapped_column(BigInteger, server_default="0")  # updates queued
    evidence_steps: Mapped[int] = mapped_column(BigInteger, server_default="0")  # likewise
    search_until: Mapped[datetime | None]  # while it searches, else there is `search_left`
    extensions: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    conditions: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    request: Mapped[Document | None]  # as its user wrote it
    labels: Mapped[Document] = mapped_column(server_default="{}")
    notes: Mapped[str] = mapped_column(server_default="")
    imported: Mapped[Document | None]  # from where, if it was
    deadline: Mapped[datetime | None]  # whatever its budget still allows
    search_left: Mapped[float | None]  # seconds
    closed_from: Mapped[int | None]
    closed_because: Mapped[str | None]
    paused: Mapped[datetime | None]  # since when it is
    idle_seconds: Mapped[float] = mapped_column(server_default="0")  # that it stood still before
    end_reason: Mapped[str | None]
    curves_purged_at: Mapped[datetime | None]
    curves_left: Mapped[str | None]  # see `retention`; None: all that it measured

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        # All that a list is chosen and sorted by: it is found without reading a study.
        Index(
            "ix_studies_list",
            "project",
            "created",
            "id",
            "state",
            "objective",
            "label",
            "finished",
            "best_value",
        ),
        Index("ix_studies_state", "state"),
    )


class Trial(Base):
    """One schedule proposed within a study."""

    __tablename__ = "trials"

    project: Mapped[str]
    study: Mapped[str]
    number: Mapped[int]
    generation: Mapped[int]
    phase: Mapped[str]
    state: Mapped[str]
    params: Mapped[Document]
    schedule: Mapped[Document]
    identity: Mapped[str]
    value: Mapped[float | None]
    pruned_in: Mapped[int | None]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "number"),
        ForeignKeyConstraint(["project", "study"], ["studies.project", "studies.id"]),
    )


class Run(Base):
    """One training of one trial: the unit that is leased.

    `attempt` counts trainings that ended badly (crashed alone, lease expired); `lease` counts how
    often it was handed out, so that measurements of two leases never mix. `told_token` and
    `body_hash` remember the last accepted tell, whose repetition is answered and not counted.
    """

    __tablename__ = "runs"

    id: Mapped[str]
    project: Mapped[str]
    study: Mapped[str]
    generation: Mapped[int]
    index: Mapped[int]
    trial: Mapped[int]
    phase: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    horizon: Mapped[int]
    updates: Mapped[int] = mapped_column(server_default="0")  # 0: all of the horizon
    peak_factor: Mapped[float] = mapped_column(Double, server_default="1")
    splits: Mapped[list[str]] = mapped_column(JSON)
    state: Mapped[str]
    attempt: Mapped[int]
    lease: Mapped[int]
    isolation: Mapped[str]
    token: Mapped[str | None]
    worker: Mapped[str | None]
    claim: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    told_token: Mapped[str | None]
    body_hash: Mapped[str | None]
    result: Mapped[Document | None]
    # No foreign key: SQLite cannot add one to a table, and a provenance is never deleted.
    provenance: Mapped[str | None]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]

    __table_args__ = (
        # The id leads: workers name a run without knowing whose it is; the token proves the rest.
        PrimaryKeyConstraint("id", "project"),
        UniqueConstraint("project", "study", "generation", "index"),
        ForeignKeyConstraint(
            ["project", "study", "trial"], ["trials.project", "trials.study", "trials.number"]
        ),
        Index("ix_runs_queue", "project", "study", "state", "generation", "index"),
        Index("ix_runs_trial", "project", "study", "trial", "generation", "index"),
        Index("ix_runs_claim", "worker", "claim"),
        # With what is always the same in front, since SQLite takes the index of most columns.
        _few("ix_runs_leases", "state", "lease_until", where="state = 'leased'"),
        _few("ix_runs_leased", "state", "project", "study", where="state = 'leased'"),
        _few("ix_runs_company", "worker", "isolation", where="state = 'leased'"),
        _few(
            "ix_runs_suspected",
            *("project", "study", "state", "isolation"),
            where="isolation = 'worker'",
        ),
    )


class TestRead(Base):
    """That a verdict of a study read a split of some data; outlives the study.

    `data_hash` is empty if nobody told it, and `config_hash` of objective and config then stands
    for it; `question` is the hash of the spec, by which a replay is known.
    """

    __tablename__ = "test_reads"

    project: Mapped[str]
    study: Mapped[str]
    verdict: Mapped[int]
    split: Mapped[str]
    data_hash: Mapped[str]
    config_hash: Mapped[str]
    question: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "verdict", "split", "data_hash"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        Index("ix_test_reads_data", "project", "data_hash"),
        Index("ix_test_reads_config", "project", "config_hash"),
    )


class Measurement(Base):
    """One report of a run: metric values at some steps, in one row."""

    __tablename__ = "measurements"

    project: Mapped[str]
    study: Mapped[str]
    run: Mapped[str]
    lease: Mapped[int]
    seq: Mapped[int]
    data: Mapped[Document]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "run", "lease", "seq"),
        ForeignKeyConstraint(["run", "project"], ["runs.id", "runs.project"]),
    )


class Verdict(Base):
    """A verdict of a study that was extended afterwards; the last one stands with the study."""

    __tablename__ = "verdicts"

    project: Mapped[str]
    study: Mapped[str]
    number: Mapped[int]
    document: Mapped[Document]
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "number"),
        ForeignKeyConstraint(["project", "study"], ["studies.project", "studies.id"]),
    )


class Worker(Base):
    """A worker that asked for work, when it last did, and what it can train; null for anything.

    It trains for its project, or for `all_projects`.
    """

    __tablename__ = "workers"

    project: Mapped[str]
    name: Mapped[str]
    objectives: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    all_projects: Mapped[bool] = mapped_column(server_default=true())
    seen: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "name"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
    )


class Event(Base):
    """One change of a study; its number is the study's revision after the change."""

    __tablename__ = "events"

    project: Mapped[str]
    study: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    data: Mapped[Document]
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "revision"),
        ForeignKeyConstraint(["project", "study"], ["studies.project", "studies.id"]),
        Index("ix_events_at", "project", "at", "study"),
    )


class IdempotencyKey(Base):
    """An answer remembered by the key its request carried; empty once its study was deleted."""

    __tablename__ = "idempotency_keys"

    project: Mapped[str]
    route: Mapped[str]
    key: Mapped[str]
    body_hash: Mapped[str]
    status: Mapped[int]
    response: Mapped[Document]
    study: Mapped[str | None]
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "route", "key"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        Index("ix_idempotency_keys_at", "at"),
        Index("ix_idempotency_keys_study", "project", "study"),
    )
