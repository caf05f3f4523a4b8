"""API keys: made, listed, revoked, and what a server needs to check them.

The one idea: a token is shown by `create` and never again; a server holds `usable` in memory for a
second and checks against that.
Not here: what tokens look like (`tokens`), the check itself (`service.api.keyring`), how sessions
begin and end (`sessions`); they are keys as well, and open as long as the key they were made from.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    String,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased

from service.errors import Conflict, NotFound
from service.schemas.keys import Scope
from service.store import models
from service.store.clock import now
from service.store.identity_models import ApiKey
from service.store.locks import hold_name
from service.store.paging import Page, check_limit, read_cursor, write_cursor
from service.store.tokens import digest, make_token
from tuning.errors import InvalidValue

MOST_KEYS = 1_000  # of a project that are not revoked
USE_SECONDS = 60.0  # how exactly it is known when a key was last used


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; `last_used` may be a minute behind.

    `sessions` counts those that were made from it and have not ended.
    """

    project: str
    id: str
    label: str
    scopes: tuple[Scope, ...]
    all_projects: bool
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None
    sessions: int = 0

    def is_live(self, at: datetime) -> bool:
        """Whether it opens something at a moment."""
        return self.revoked is None and (self.expires is None or self.expires > at)


@dataclass(frozen=True, slots=True)
class Lock:
    """What opens for a token: whose digest it must have, and what it then may.

    That of a session names the `parent` it was made from.
    """

    project: str
    id: str
    digest: str
    scopes: frozenset[Scope]
    all_projects: bool
    label: str = ""
    expires: datetime | None = None
    parent: str | None = None


def create(
    session: Session,
    project: str,
    *,
    label: str,
    scopes: Collection[Scope],
    expires: datetime | None = None,
    all_projects: bool = False,
) -> tuple[Key, str]:
    """Make a key; returns it and its token, which nobody can find out again.

    Raises NotFound if there is no such project, InvalidValue without any scope or if it would have
    expired already, Conflict if the project has too many keys.
    """
    if session.get(models.Project, project) is None:
        raise NotFound("project", project)
    at = now(session)
    if not scopes:
        raise InvalidValue("scopes", [], "at least one of " + ", ".join(Scope))
    if expires is not None and expires <= at:
        raise InvalidValue("expires", expires.isoformat(), f"later than {at.isoformat()}")
    hold_name(session, "keys", project)
    live = select(func.count()).where(
        ApiKey.project == project, ApiKey.parent.is_(None), ApiKey.revoked.is_(None)
    )
    if (session.scalar(live) or 0) >= MOST_KEYS:
        raise Conflict(f"project {project} has {MOST_KEYS:,} keys: revoke some first")
    name, token = make_token()
    row = ApiKey(
        project=project,
        id=name,
        label=label,
        hash=digest(token),
        scopes=sorted(scopes),
        all_projects=all_projects,
        created=at,
        expires=expires,
    )
    session.add(row)
    session.flush()
    return to_key(row), token


def page(
    session: Session, project: str | None, *, cursor: str | None = None, limit: int = 50
) -> Page[Key]:
    """Keys of a project, of all if None, newest first; revoked ones too, sessions not.

    Raises InvalidValue for a bad cursor or limit.
    """
    query = select(ApiKey, _sessions(session)).where(*_within(project))
    if cursor is not None:
        microseconds, last = read_cursor(cursor, int, str)
        created = models.EPOCH + timedelta(microseconds=int(microseconds))
        bound = tuple_(created, last, types=(models.UtcTime(), String()))
        query = query.where(tuple_(ApiKey.created, ApiKey.id) < bound)
    order = (ApiKey.created.desc(), ApiKey.id.desc())
    rows = session.execute(query.order_by(*order).limit(check_limit(limit) + 1)).all()
    items = tuple(to_key(row, sessions) for row, sessions in rows[:limit])
    return Page(items, _cursor(items[-1]) if len(rows) > limit else None)


def revoke(session: Session, project: str | None, key: str) -> Key:
    """Let a key of a project, of any if None, open nothing any more, and end its sessions.

    Once is as good as twice. Raises NotFound.
    """
    query = select(ApiKey).where(ApiKey.id == key, *_within(project)).with_for_update()
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound("key", key)
    row.revoked = row.revoked or now(session)
    session.flush()
    session.execute(delete(ApiKey).where(ApiKey.project == row.project, ApiKey.parent == row.id))
    return to_key(row)


def exist(session: Session) -> bool:
    """Whether a key was ever made, of whatever project."""
    return session.scalar(select(ApiKey.id).limit(1)) is not None


def usable(session: Session) -> list[Lock]:
    """All keys that open something now; a session does as long as the key it was made from."""
    row, parent, at = ApiKey, aliased(ApiKey), now(session)
    lives = select(parent.id).where(
        parent.project == row.project, parent.id == row.parent, *opens(parent, at)
    )
    query = select(row).where(*opens(row, at), or_(row.parent.is_(None), lives.exists()))
    return [
        Lock(
            project=one.project,
            id=one.id,
            digest=one.hash,
            scopes=frozenset(map(Scope, one.scopes)),
            all_projects=one.all_projects,
            label=one.label,
            expires=one.expires,
            parent=one.parent,
        )
        for one in session.scalars(query)
    ]


def opens(row: type[ApiKey], at: datetime) -> tuple[ColumnElement[bool], ...]:
    """What is true of a key that was neither revoked nor has expired."""
    return row.revoked.is_(None), or_(row.expires.is_(None), row.expires > at)


def note_used(session: Session, used: Collection[str]) -> None:
    """Note that keys were used just now, those of which it is not known already."""
    at = now(session)
    is_news = or_(
        ApiKey.last_used.is_(None), ApiKey.last_used < at - timedelta(seconds=USE_SECONDS)
    )
    session.execute(update(ApiKey).where(ApiKey.id.in_(used), is_news).values(last_used=at))


def to_key(row: ApiKey, sessions: int = 0) -> Key:
    """A row as it is told."""
    return Key(
        project=row.project,
        id=row.id,
        label=row.label,
        scopes=tuple(map(Scope, row.scopes)),
        all_projects=row.all_projects,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        last_used=row.last_used,
        sessions=sessions,
    )


def _within(project: str | None) -> list[ColumnElement[bool]]:
    """Which rows are keys, of a project or of any."""
    of_project = [] if project is None else [ApiKey.project == project]
    return [ApiKey.parent.is_(None), *of_project]


def _sessions(session: Session) -> ScalarSelect[int]:
    """How many sessions of a key have not ended."""
    child = aliased(ApiKey)
    mine = (child.project == ApiKey.project, child.parent == ApiKey.id)
    counted = select(func.count()).where(*mine, *opens(child, now(session)))
    return counted.correlate(ApiKey).scalar_subquery()


def _cursor(key: Key) -> str:
    return write_cursor((key.created - models.EPOCH) // models.MICROSECOND, key.id)
