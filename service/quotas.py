"""Quotas: what a project may use up.

The one idea: one frozen value of limits, None for no limit; the settings tell the usual ones, and a
project may have its own instead. Not here: who counts (`service.store.quotas`, and
`service.api.meter` for what only one server knows).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits of a project.

    `running_studies` counts those that have not ended; `trials` are those that its studies may
    make or, once ended, have made; `storage_bytes` those of its datasets, and of the measurements
    of studies that ended; `streams` are live streams and waiting requests of one server.
    """

    running_studies: int | None = None
    trials: int | None = None
    storage_bytes: int | None = None
    requests_per_minute: int | None = None
    streams: int | None = None

    def instead(self, own: Mapping[str, int]) -> "Quotas":
        """These, but for what a project has of its own.

        >>> Quotas(trials=5).instead({"streams": 2})
        Quotas(running_studies=None, trials=5, storage_bytes=None, requests_per_minute=None, \
streams=2)
        """
        return replace(self, **own) if own else self


UNLIMITED = Quotas()
