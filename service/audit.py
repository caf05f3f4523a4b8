"""The audit log: who may ask for what, since when, and who was refused.

The one idea: one line each, whatever else is logged, that names keys by their public ids alone and
of what a stranger wrote holds a short piece, written out. What anybody can bring about as often as
they like (refusals, signing in and out) is sparing: see `service.floods`; what became of keys and
links is always told.
"""

import logging
from datetime import datetime

from service.floods import Sparing
from service.store.keys import Key

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)
logger.addFilter(Sparing(logger))

REFUSALS = frozenset({401, 403, 429})  # statuses of answers that are told here
LONGEST_TEXT = 256  # characters, of somebody else's words


def refused(
    status: int,
    kind: str,
    reason: str,
    *,
    method: str,
    route: str,
    client: str | None,
    key: str | None,
) -> None:
    """A request was refused: nobody known, nobody allowed to, or too much.

    Args:
        status: of the answer.
        kind: of its problem.
        reason: in words.
        method: of the request.
        route: its template; none if the request did not get so far.
        client: the address it came from.
        key: the public id of the key that was shown, usable or not; None if there was none.
    """
    logger.info(
        "%s %s was refused to %s with %s: %d, %s",
        method,
        route,
        "somebody" if client is None else quoted(client),
        "no key" if key is None else f"key {key}",
        status,
        quoted(reason),
        extra={"kind": kind},
    )


def key_created(key: Key, *, by: str | None) -> None:
    """A key was made, by the holder of another one or without any."""
    logger.info(
        "key %s (%s) of project %s was created by %s: %s%s, expires %s",
        key.id,
        quoted(key.label),
        key.project,
        _holder(by),
        " ".join(key.scopes),
        " of all projects" if key.all_projects else "",
        "never" if key.expires is None else key.expires.isoformat(),
    )


def key_revoked(key: Key, *, by: str | None) -> None:
    """A key was revoked."""
    logger.info(
        "key %s (%s) of project %s was revoked by %s",
        key.id,
        quoted(key.label),
        key.project,
        _holder(by),
    )


def signed_in(session: Key, *, key: str) -> None:
    """A browser signed in with a key."""
    logger.info(
        "session %s of project %s was opened with key %s (%s), expires %s",
        session.id,
        session.project,
        key,
        quoted(session.label),
        "never" if session.expires is None else session.expires.isoformat(),
        extra={"kind": "sign-in"},
    )


def signed_out(session: str, project: str, *, key: str) -> None:
    """A browser signed out."""
    logger.info(
        "session %s of project %s with key %s was ended",
        session,
        project,
        key,
        extra={"kind": "sign-out"},
    )


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


def quoted(text: str) -> str:
    r"""Somebody else's words as one line, in quotes, and not too many of them.

    >>> quoted("mine\n2026-11-26 INFO: all is well")
    "'mine\\n2026-11-26 INFO: all is well'"
    >>> len(quoted("x" * 1000))
    256
    """
    shown = repr(text[:LONGEST_TEXT])
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 1]}…"


def _holder(key: str | None) -> str:
    return "nobody with a key" if key is None else f"key {key}"
