"""Waits: of requests with the same claim that wait for work, only the last one counts.

The one idea: whoever asks again got no answer to the earlier request, or wants none any more. So
that one ends without a run: what is handed out must not go to a connection that may be dead.
Not here: the waiting itself (`service.api.work`); other servers, which do not know of it.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from service.api.bell import Bell


class Waits:
    """The requests of claims that are being answered; used by the event loop alone."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._latest: dict[Hashable, object] = {}

    @contextmanager
    def begin(self, claim: Hashable) -> Iterator[Callable[[], bool]]:
        """Be the last request of a claim; what is yielded tells whether that is still so."""
        mine, is_repeated = object(), claim in self._latest
        self._latest[claim] = mine
        if is_repeated:
            self._bell.ring()  # so that the earlier one learns of it
        try:
            yield lambda: self._latest.get(claim) is mine
        finally:
            if self._latest.get(claim) is mine:
                del self._latest[claim]
