"""The engine of `glideslope worker`: processes of its own, or a Ray cluster."""

from enum import StrEnum

from service.settings import Settings
from tuning.errors import InvalidValue
from tuning.execution import Cluster
from tuning.execution.cluster import AUTO
from tuning.execution.remote import check_installed

SLOTS = 64  # blocks that a cluster trains at once, if nobody says how many


class Engine(StrEnum):
    """Where a worker trains."""

    PROCESS = "process"
    RAY = "ray"


def open_cluster(
    engine: Engine, settings: Settings, address: str | None, *, is_growing: bool
) -> Cluster | None:
    """The cluster at an address, or of this machine; None if the engine is another.

    Raises `NoCluster` if it cannot be used, `InvalidValue` for an address without a cluster.
    """
    if engine is not Engine.RAY:
        if address is not None:
            raise InvalidValue("--address", address, "none but with --engine ray")
        return None
    check_installed()
    return Cluster(
        address or AUTO,
        settings.worker_folders,
        settings.modules,
        settings.allowance_elsewhere,
        is_growing=is_growing,
    )


def slots_of(settings: Settings, cluster: Cluster | None) -> int:
    """How many blocks a worker trains at once: a cluster holds back by itself."""
    if cluster is None or "processes" in settings.model_fields_set:
        return settings.processes
    return SLOTS
