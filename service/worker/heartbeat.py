"""Heartbeat: extends all leases of a worker, and learns which are lost.

The one idea: one batch for all slots, tried once; the next beat is the retry. A service that
cannot be reached takes nothing away: only its answer does.
Not here: how often (`service.worker.loop`), what follows for a slot that lost a run (`slot`).
"""

import logging

from service.client import ClientError
from service.worker.delivery import Delivery
from service.worker.leases import Leases

logger = logging.getLogger(__name__)

LARGEST_BATCH = 1000


def beat(delivery: Delivery, leases: Leases) -> None:
    """Extend what is held now, and note what turns out to be lost."""
    held = leases.held()
    for start in range(0, len(held), LARGEST_BATCH):
        try:
            lost = delivery.beat(held[start : start + LARGEST_BATCH])
        except ClientError as error:
            logger.warning("a heartbeat failed, the next one follows", extra={"error": str(error)})
            return
        for lease in lost:
            if leases.lose(lease):
                logger.info("a run was taken away", extra={"run": lease.run})
