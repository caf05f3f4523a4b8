"""The loops beside the server: planning, and taking back expired leases.

The one idea: a loop is a thread that calls functions it was given, at a steady beat or when its
bell rings, and outlives any error by trying again at the next beat. What it calls is handed in by
`service.app`, so nothing here knows the store.
"""

import logging
import threading
from collections.abc import Callable

from service.errors import ServiceError

logger = logging.getLogger(__name__)


class Loop:
    """Call `work` every `seconds`, and at once after `ring()`, until `stop()`.

    The first call comes after `delay_seconds`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        seconds: float,
        *,
        delay_seconds: float = 0.0,
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._delay_seconds = delay_seconds
        self._bell = threading.Event()
        self._stopped = False
        self._is_puzzled = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ring(self) -> None:
        """Do not wait for the next beat."""
        self._bell.set()

    def stop(self, interrupt: Callable[[], None] | None = None) -> None:
        """End after the call under way, which `interrupt` may cut short; wait until it is over."""
        self._stopped = True
        self._bell.set()
        if interrupt is not None:
            interrupt()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def is_well(self) -> bool:
        """Whether the thread runs and its last call did not fail of what nobody foresaw."""
        return self.is_alive and not self._is_puzzled

    def _run(self) -> None:
        self._bell.wait(self._delay_seconds)
        while not self._stopped:
            self._is_puzzled = not self._try()
            self._bell.wait(self._seconds)
            self._bell.clear()

    def _try(self) -> bool:
        """Call once; returns whether all went well or failed of the database."""
        try:
            self._work()
        except ServiceError as error:
            logger.warning("%s failed and will be tried again: %s", self._thread.name, error)
        except Exception:
            logger.exception("%s failed and will be tried again", self._thread.name)
            return False
        return True
