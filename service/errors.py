"""Errors of the service: one tree, drawn here, raised by store, client and worker.

    ServiceError
    ├── NotFound        no such thing in this project; another project's are not there either
    ├── Conflict        the request contradicts what is stored
    │   └── StaleBatch  no item of a batch counts any more; says of each why
    ├── Outdated        the study is another by now than the one that was to be moved
    ├── KeyReused       an idempotency key came back with another body
    ├── Unidentified    whoever asks shows no key that opens anything
    ├── Forbidden       whoever asks may not do this
    ├── Foreign         the request came by way of another site
    ├── HeadersTooLarge the address and headers of a request are too long
    ├── QuotaExceeded   the project would use up more than it may
    ├── ServerEnds      this server begins nothing new any more
    └── StoreBusy       the database cannot answer now; the whole transaction may be tried again
        └── Interrupted it would probably pass if it were tried again at once

The core's own tree is `tuning.errors`. Not here: HTTP statuses; one table of the API maps both
trees to problem documents.
"""

from collections.abc import Mapping, Sequence


class ServiceError(Exception):
    """Something in the service is not as it should be."""


class NotFound(ServiceError):
    """There is no such thing in this project.

    >>> raise NotFound("study", "st_x")
    Traceback (most recent call last):
    service.errors.NotFound: there is no study 'st_x'
    """

    def __init__(self, kind: str, name: str) -> None:
        """Say what kind of thing is missing, and the name it was asked for by."""
        self.kind = kind
        self.name = name
        super().__init__(f"there is no {kind} {name!r}")


class Conflict(ServiceError):
    """The request contradicts what is stored."""


class StaleBatch(Conflict):
    """No item of a batch counts any more; `replies` says of each run why to stop training it."""

    def __init__(self, replies: Sequence[Mapping[str, str | None]]) -> None:
        """Take the replies as they would have been answered."""
        self.replies = replies
        told = ", ".join(f"{one['run']}: {one['stop'] or one['status']}" for one in replies)
        super().__init__(f"every run of this batch is stale ({told})")


class Outdated(ServiceError):
    """The study is another by now than the one that was to be moved.

    >>> raise Outdated("st_x", 9)
    Traceback (most recent call last):
    service.errors.Outdated: study st_x is at revision 9, which If-Match does not name
    """

    def __init__(self, study: str, revision: int) -> None:
        """Name the study, and its revision now."""
        self.revision = revision
        super().__init__(f"study {study} is at revision {revision}, which If-Match does not name")


class KeyReused(ServiceError):
    """An idempotency key came back with another body."""

    def __init__(self, key: str) -> None:
        """Name the key."""
        self.key = key
        super().__init__(f"the idempotency key {key!r} was used before with another body")


class Unidentified(ServiceError):
    """Whoever asks shows no key that opens anything; it is not said why a key does not.

    `key` is its public id, for the log.
    """

    def __init__(self, *, is_shown: bool, key: str | None = None) -> None:
        """Say whether a key was shown at all, and which."""
        self.is_shown = is_shown
        self.key = key
        super().__init__(
            "this key opens nothing: it is unknown, expired or revoked"
            if is_shown
            else "an API key is needed: Authorization: Bearer gs_…"
        )


class Foreign(ServiceError):
    """The request came by way of another site; without keys only this machine is served.

    A page of another site could otherwise drive the service through its reader's browser.
    """


class HeadersTooLarge(ServiceError):
    """The address and headers of a request are too long."""

    def __init__(self, limit: int) -> None:
        """Tell the limit in bytes."""
        self.limit = limit
        super().__init__(f"address and headers together have at most {limit:,} bytes")


class QuotaExceeded(ServiceError):
    """The project would use up more than it may.

    `estimate` is what a refused study would cost, if it is one.

    >>> raise QuotaExceeded("trials", used=90, limit=100, asked=60, retry_after=60)
    Traceback (most recent call last):
    service.errors.QuotaExceeded: quota trials: 90 of 100 are used, and 60 more were asked for
    """

    def __init__(self, quota: str, *, used: int, limit: int, asked: int, retry_after: int) -> None:
        """Name the quota, what is used of it, its limit, and when asking again may help."""
        self.quota = quota
        self.used = used
        self.limit = limit
        self.asked = asked
        self.retry_after = retry_after
        self.estimate: Mapping[str, float] | None = None
        super().__init__(
            f"quota {quota}: {used:,} of {limit:,} are used, and {asked:,} more were asked for"
        )


class Forbidden(ServiceError):
    """Whoever asks may not do this.

    >>> raise Forbidden("studies:write")
    Traceback (most recent call last):
    service.errors.Forbidden: this needs the scope 'studies:write'
    """

    def __init__(self, scope: str, *, of_all: bool = False) -> None:
        """Name the scope that is missing, and whether it must be one of all projects."""
        self.scope = scope
        # As a plain text, also if it is a member of an enum.
        super().__init__(f"this needs the scope '{scope}'" + " of all projects" * of_all)


class ServerEnds(ServiceError):
    """This server begins nothing new any more; the next one, or another, will."""

    def __init__(self) -> None:
        """There is nothing more to say."""
        super().__init__("the server is about to end and begins nothing new; ask again soon")


class StoreBusy(ServiceError):
    """The database cannot answer now; the whole transaction may be tried again."""


class Interrupted(StoreBusy):
    """The transaction would probably pass if it were tried again at once.

    Others were in its way, or the connection was lost. `is_undone` says that the database told so,
    and nothing of it is stored; else that depends on whether it was to be committed already.
    """

    def __init__(self, words: str, *, is_undone: bool) -> None:
        """Take what happened, and whether it surely left nothing."""
        self.is_undone = is_undone
        super().__init__(words)
