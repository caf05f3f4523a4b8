"""Sessions: what a browser holds instead of the key somebody signed in with.

The one idea: a session is a key made from a key, with the same project and scopes, that ends after
some hours and never outlives its parent; so whatever checks keys checks sessions. The key itself is
sent once, and a browser keeps only what ends by itself. A session that ended leaves no row.
Not here: the cookie (`service.api.browsers`), whether a session still opens (`keys.usable`).
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store.clock import now
from service.store.identity_models import ApiKey
from service.store.keys import Key, opens, to_key
from service.store.locks import hold_name
from service.store.tokens import digest, make_token

LONGEST = timedelta(hours=12)
MOST_SESSIONS = 20  # of a key at once; the next one ends the oldest


def begin(session: Session, project: str, key: str) -> tuple[Key, str]:
    """Make a session of a key; returns it and its token, which nobody can find out again.

    Raises NotFound if there is no such key, or it opens nothing; a session begins no other.
    """
    hold_name(session, "keys", project)
    at = now(session)
    query = select(ApiKey).where(
        ApiKey.project == project, ApiKey.id == key, ApiKey.parent.is_(None), *opens(ApiKey, at)
    )
    parent = session.scalars(query.with_for_update()).one_or_none()
    if parent is None:
        raise NotFound("key", key)
    _make_room(session, project, key, at)
    name, token = make_token()
    ends = at.replace(microsecond=0) + LONGEST  # whole seconds, as those of a cookie
    row = ApiKey(
        project=project,
        id=name,
        label=parent.label,
        hash=digest(token),
        scopes=parent.scopes,
        all_projects=parent.all_projects,
        created=at,
        expires=ends if parent.expires is None else min(ends, parent.expires),
        parent=key,
    )
    session.add(row)
    session.flush()
    return to_key(row), token


def end(session: Session, project: str, name: str) -> None:
    """End a session, if it has not ended yet; a key that was made by hand is none."""
    session.execute(
        delete(ApiKey).where(
            ApiKey.project == project, ApiKey.id == name, ApiKey.parent.is_not(None)
        )
    )


def forget(session: Session) -> None:
    """Remove the sessions that expired, of every project."""
    session.execute(
        delete(ApiKey).where(ApiKey.parent.is_not(None), ApiKey.expires <= now(session))
    )


def _make_room(session: Session, project: str, key: str, at: datetime) -> None:
    """Forget the sessions of a project that expired, and a key's oldest if it has too many."""
    session.execute(
        delete(ApiKey).where(
            ApiKey.project == project, ApiKey.parent.is_not(None), ApiKey.expires <= at
        )
    )
    oldest = (
        select(ApiKey.id)
        .where(ApiKey.project == project, ApiKey.parent == key)
        .order_by(ApiKey.created.desc(), ApiKey.id.desc())
        .offset(MOST_SESSIONS - 1)
    )
    names = session.scalars(oldest).all()
    session.execute(delete(ApiKey).where(ApiKey.project == project, ApiKey.id.in_(names)))
