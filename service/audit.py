"""The audit log: who may ask for what, and since when.

The one idea: one line each, whatever else is logged, that names keys by their public ids alone.
"""

import logging
from datetime import datetime

from service.store.keys import Key

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def key_created(key: Key, *, by: str | None) -> None:
    """A key was made, by the holder of another one or without any."""
    logger.info(
        "key %s (%r) of project %s was created by %s: %s%s, expires %s",
        key.id,
        key.label,
        key.project,
        _holder(by),
        " ".join(key.scopes),
        " of all projects" if key.all_projects else "",
        "never" if key.expires is None else key.expires.isoformat(),
    )


def key_revoked(key: Key, *, by: str | None) -> None:
    """A key was revoked."""
    logger.info(
        "key %s (%r) of project %s was revoked by %s", key.id, key.label, key.project, _holder(by)
    )


def signed_in(session: Key, *, key: str) -> None:
    """A browser signed in with a key."""
    logger.info(
        "session %s of project %s was opened with key %s (%r), expires %s",
        session.id,
        session.project,
        key,
        session.label,
        "never" if session.expires is None else session.expires.isoformat(),
    )


def signed_out(session: str, project: str, *, key: str) -> None:
    """A browser signed out."""
    logger.info("session %s of project %s with key %s was ended", session, project, key)


def study_shared(study: str, project: str, end: datetime, *, by: str | None) -> None:
    """A link to a study was made."""
    logger.info(
        "study %s of project %s was shared by %s until %s",
        study,
        project,
        _holder(by),
        end.isoformat(),
    )


def study_unshared(study: str, project: str, *, by: str | None) -> None:
    """All links to a study were ended."""
    logger.info("links to study %s of project %s were ended by %s", study, project, _holder(by))


def _holder(key: str | None) -> str:
    return "nobody with a key" if key is None else f"key {key}"
