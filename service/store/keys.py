"""API keys: made, listed, revoked, and what a server needs to check them.

The one idea: a token is shown by `create` and never again; a server holds `usable` in memory for a
second and checks against that.
Not here: what tokens look like (`tokens`), the check itself (`service.api.keyring`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

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
    """A key without its secret; `last_used` may be a minute behind."""

    project: str
    id: str
    label: str
    scopes: tuple[Scope, ...]
    all_projects: bool
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Lock:
    """What opens for a token: whose digest it must have, and what it then may."""

    project: str
    id: str
    digest: str
    scopes: frozenset[Scope]
    all_projects: bool


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
    live = select(func.count()).where(ApiKey.project == project, ApiKey.revoked.is_(None))
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
    return _to_key(row), token


def page(
    session: Session, project: str | None, *, cursor: str | None = None, limit: int = 50
) -> Page[Key]:
    """Keys of a project, of all if None, newest first; revoked ones too.

    Raises InvalidValue for a bad cursor or limit.
    """
    query = select(ApiKey).where(*_within(project))
    if cursor is not None:
        microseconds, last = read_cursor(cursor, int, str)
        created = models.EPOCH + timedelta(microseconds=int(microseconds))
        bound = tuple_(created, last, types=(models.UtcTime(), String()))
        query = query.where(tuple_(ApiKey.created, ApiKey.id) < bound)
    order = (ApiKey.created.desc(), ApiKey.id.desc())
    rows = session.scalars(query.order_by(*order).limit(check_limit(limit) + 1)).all()
    items = tuple(map(_to_key, rows[:limit]))
    return Page(items, _cursor(items[-1]) if len(rows) > limit else None)


def revoke(session: Session, project: str | None, key: str) -> Key:
    """Let a key of a project, of any if None, open nothing any more; once is as good as twice.

    Raises NotFound.
    """
    query = select(ApiKey).where(ApiKey.id == key, *_within(project)).with_for_update()
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound("key", key)
    row.revoked = row.revoked or now(session)
    session.flush()
    return _to_key(row)


def exist(session: Session) -> bool:
    """Whether a key was ever made, of whatever project."""
    return session.scalar(select(ApiKey.id).limit(1)) is not None


def usable(session: Session) -> list[Lock]:
    """All keys that open something now."""
    row = ApiKey
    query = select(row.project, row.id, row.hash, row.scopes, row.all_projects).where(
        row.revoked.is_(None), or_(row.expires.is_(None), row.expires > now(session))
    )
    return [
        Lock(project, name, kept, frozenset(map(Scope, scopes)), everywhere)
        for project, name, kept, scopes, everywhere in session.execute(query)
    ]


def note_used(session: Session, used: Collection[str]) -> None:
    """Note that keys were used just now, those of which it is not known already."""
    at = now(session)
    is_news = or_(
        ApiKey.last_used.is_(None), ApiKey.last_used < at - timedelta(seconds=USE_SECONDS)
    )
    session.execute(update(ApiKey).where(ApiKey.id.in_(used), is_news).values(last_used=at))


def _within(project: str | None) -> list[ColumnElement[bool]]:
    return [] if project is None else [ApiKey.project == project]


def _to_key(row: ApiKey) -> Key:
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
    )


def _cursor(key: Key) -> str:
    return write_cursor((key.created - models.EPOCH) // models.MICROSECOND, key.id)
