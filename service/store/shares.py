"""Shares: links that let whoever has them read one study, until they expire.

The one idea: a link is signed with a secret of its study, so it needs no row of its own and cannot
be changed; taking the secret away ends all links of the study at once.
Not here: what a link lets its holder read (`service.api.caller`).
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.errors import Conflict
from service.store.clock import now
from service.store.identity_models import SharedStudy
from service.store.locks import hold_name
from service.store.studies import check_exists

PREFIX = "gss_"
SECRET_BYTES = 32
MOST_SHARED = 1_000  # studies of a project

_SHAPE = re.compile(r"gss_([a-z2-7]{20})_([0-9]{1,11})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Share:
    """A study that is shared; `secret` signs its links."""

    project: str
    study: str
    secret: str = field(repr=False)

    @property
    def name(self) -> str:
        """Tells this secret from the study's next one, without telling it."""
        return "share_" + hashlib.sha256(self.secret.encode()).hexdigest()[:12]

    def token(self, ends: int) -> str:
        """What a link holds that ends so many seconds after 1970."""
        told = f"{self.project}\n{self.study}\n{ends}"
        signature = hmac.new(self.secret.encode(), told.encode(), hashlib.sha256).hexdigest()
        return f"{PREFIX}{self.study.removeprefix('st_')}_{ends}_{signature}"


def read_token(token: str) -> tuple[str, int] | None:
    """The study and the end that a token names, whether or not it is signed; None if it is none.

    >>> read_token("gss_" + "a" * 20 + "_1800000000_" + "0" * 64)
    ('st_aaaaaaaaaaaaaaaaaaaa', 1800000000)
    """
    shape = _SHAPE.fullmatch(token)
    return None if shape is None else (f"st_{shape[1]}", int(shape[2]))


def share(session: Session, project: str, study: str) -> Share:
    """Share a study, or find it shared; raises NotFound, and Conflict if too many are."""
    hold_name(session, "shares", project)
    check_exists(session, project, study)
    row = session.get(SharedStudy, (project, study))
    if row is None:
        query = select(func.count()).where(SharedStudy.project == project)
        if (session.scalar(query) or 0) >= MOST_SHARED:
            raise Conflict(f"project {project} shares {MOST_SHARED:,} studies: unshare some first")
        secret = secrets.token_hex(SECRET_BYTES)
        row = SharedStudy(project=project, study=study, secret=secret, created=now(session))
        session.add(row)
        session.flush()
    return Share(project, study, row.secret)


def unshare(session: Session, project: str, study: str) -> None:
    """End all links of a study, if there are any; raises NotFound."""
    hold_name(session, "shares", project)
    check_exists(session, project, study)
    row = session.get(SharedStudy, (project, study))
    if row is not None:
        session.delete(row)
        session.flush()


def everyone(session: Session) -> list[Share]:
    """All studies that are shared, of every project."""
    row = SharedStudy
    found = session.execute(select(row.project, row.study, row.secret))
    return [Share(project, study, secret) for project, study, secret in found]


def moment(session: Session) -> datetime:
    """Now, by which links end."""
    return now(session)
