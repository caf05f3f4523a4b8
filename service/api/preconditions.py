"""Preconditions: a study is moved only if it still is what the client saw (RFC 9110, If-Match).

The one idea: the ETag of a study is its revision, and who moves it may say which one that was; it
is compared under the lock of the study, in the transaction that moves it, so nothing comes between.
Tags are compared strongly: one that a proxy has weakened names nothing. It does where it only
spares an answer (If-None-Match).
Not here: what is answered then (`service.api.studies`).
"""

import re
from typing import Annotated, Any

from fastapi import Header

from service.errors import Outdated
from service.store import studies

LONGEST = 1024  # characters
_TAG = re.compile(r'(W/)?"([^"]*)"')

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=LONGEST)]


def etag(revision: int) -> str:
    """The ETag of a study at a revision."""
    return f'"{revision}"'


def check_match(session: Any, project: str, study: str, header: str | None) -> None:  # noqa: ANN401 # the store's own
    """Let nothing happen to a study that is none of those that an If-Match header names.

    The study is locked from then on. Raises Outdated, and NotFound.
    """
    if header is None:
        return
    revision = studies.hold(session, project, study)
    if not names(header, etag(revision)):
        raise Outdated(study, revision)


def names(header: str, tag: str, *, takes_weak: bool = False) -> bool:
    """Whether an If-Match or If-None-Match header names an ETag, which is a strong one.

    Args:
        header: one tag, several, or `*`.
        tag: the ETag of the study as it is.
        takes_weak: whether one that a proxy has weakened counts as well.

    >>> names('"6", "7"', '"7"'), names("*", '"7"'), names('W/"7"', '"7"'), names("7", '"7"')
    (True, True, False, False)
    >>> names('W/"7"', '"7"', takes_weak=True)
    True
    """
    if header.strip() == "*":
        return True
    tags = _TAG.findall(header)
    return any(f'"{text}"' == tag for weak, text in tags if takes_weak or not weak)
