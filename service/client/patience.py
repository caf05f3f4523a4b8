"""Patience: how long a call may take, and how it waits between tries.

The one idea: exponential backoff with full jitter, so that a thousand workers whose server came
back do not all knock at once. The waiting itself is an argument: a program that must stop passes
an event's `wait`, which ends the patience the moment the event is set.
Not here: which errors are worth another try (`service.client.flows`).
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

TEMPORARY = frozenset({408, 429, 502, 503, 504})
"""Statuses that say "not now", or, 408, that a request did not arrive in time."""


def sleep(seconds: float) -> bool:
    """Wait; never asks to give up."""
    time.sleep(seconds)
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try one call.

    Args:
        seconds: no new try starts later than this after the first one; 0 means one try.
        answer_seconds: how long one try may wait for the network, at each of its steps.
        statuses: HTTP statuses that are worth another try.
        pause: waits that many seconds; returns True to give up at once. The asynchronous client
            has a pause of its own, which it awaits.
        clock: monotonic seconds.
    """

    seconds: float = 10.0
    answer_seconds: float = 30.0
    statuses: frozenset[int] = TEMPORARY
    pause: Callable[[float], bool] = sleep
    clock: Callable[[], float] = time.monotonic

    def bounds(self) -> Iterator[float]:
        """The longest pause after each try, in seconds: doubling up to a limit, for ever.

        >>> from itertools import islice
        >>> list(islice(Patience().bounds(), 8))
        [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        """
        bound = FIRST_PAUSE_SECONDS
        while True:
            yield min(bound, LONGEST_PAUSE_SECONDS)
            bound = min(2 * bound, LONGEST_PAUSE_SECONDS)

    def draw(self, bound: float, at_least: float) -> float:
        """Seconds to pause: a random share of `bound`, and at least so long.

        Args:
            bound: the longest jitter in seconds.
            at_least: what the server asked for in `Retry-After`, in seconds.
        """
        jitter = random.uniform(0, bound)  # noqa: S311 - jitter is no secret
        return max(jitter, at_least)
