"""Faults: what the error of a database driver means for whoever asked.

The one idea: "the database cannot answer" is `StoreBusy`, whatever the driver calls it. If it would
probably answer a moment later (a deadlock, another transaction that came first, a connection that
was lost) it is `Interrupted`, and the whole transaction is worth another try. Everything else is a
mistake of ours and passes as it is.
Not here: who tries again (`Store.attempt`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import Interrupted, StoreBusy

# Codes of PostgreSQL, https://www.postgresql.org/docs/current/errcodes-appendix.html
UNDONE = frozenset({"40001", "40P01"})  # others came first, deadlock: nothing of it is stored
AWAY = frozenset({"53300", "57P01", "57P02", "57P03"})  # too many connections, ends, starts
LOST = "08"  # the class of what may befall a connection
NO_CODE = "none"  # of errors that are not PostgreSQL's; None is an answer that never came


@contextmanager
def translated() -> Iterator[None]:
    """Turn "the database cannot answer" of every driver into `StoreBusy`."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise _busy(error) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise _busy(error) from error


def in_words(error: object) -> str:
    """That the database did not answer, with the first line of why."""
    return "the database did not answer: " + (str(error).strip().splitlines() or ["no reason"])[0]


def _busy(error: DBAPIError | PoolTimeout) -> StoreBusy:
    cause = error.orig if isinstance(error, DBAPIError) else error
    words, code = in_words(cause), getattr(cause, "sqlstate", NO_CODE)
    if code in UNDONE:
        return Interrupted(words, is_undone=True)
    if code is None or code in AWAY or code.startswith(LOST):
        return Interrupted(words, is_undone=False)
    return StoreBusy(words)
