"""What trains blocks: the contract of all executors.

The one idea: a block goes in, its events come out, and a failure of the training code is one typed
error that says which block failed and nothing more: the executor is ready for the next one.
Not here: the executors themselves (`tuning.execution.EXECUTORS`).
"""

import traceback
from collections.abc import Iterator
from typing import Protocol

from tuning.execution.block import Block, Event

TRACEBACK_LINES = 100


class Executor(Protocol):
    """Trains one block at a time."""

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block`, yielding its events as they happen.

        Raises `TrainingCrashed` if the training code raises or its process dies; the next block
        is not affected. Its message is the reason in a line, its `trace` the traceback if there is
        one, and its `log_tail` the end of what the process printed.
        """
        ...

    def close(self) -> None:
        """Give back what the executor holds; it must not be used afterwards."""
        ...


def report(error: BaseException) -> tuple[str, str]:
    """What `error` is, in one line, and the tail of its traceback.

    >>> report(ValueError("no rows"))
    ('ValueError: no rows', 'ValueError: no rows')
    """
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    reason = traceback.format_exception_only(error)[-1].splitlines()[0]
    return reason, "\n".join(lines[-TRACEBACK_LINES:])
