"""Disks: how much room is left where files of this service lie.

The one idea: of what a disk lets its users have, the share that is free, as `df` tells it; a folder
that is not there yet lies where its parent does. A file system of the network says nothing here: it
is everybody's, so one server that judged it would judge all of them.
Not here: what becomes of a disk that is full (`service.api.readiness`, `service.store.faults`).
"""

import os
from collections.abc import Iterable
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # Linux; elsewhere every disk counts as this machine's
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "glusterfs", "lustre", "afs")


def crowded(folders: Iterable[Path], least: float) -> str:
    """Which folder lies on a disk of this machine with at most such a share free; empty if none."""
    for folder in folders:
        place = _existing(folder)
        if least > 0 and not is_remote(place):
            share = free_share(place)
            if share <= least:
                return f"{folder} lies on a disk of which {share:.1%} is free"
    return ""


def free_share(place: Path) -> float:
    """What is free of what a user may have; 1 where a file system tells no size."""
    told = os.statvfs(place)
    usable = told.f_blocks - told.f_bfree + told.f_bavail
    return told.f_bavail / usable if usable else 1.0


def is_remote(place: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a folder lies on a file system of the network, or one whose kind says nothing."""
    try:
        lines = mounts.read_text("utf-8").splitlines()
    except OSError:
        return False
    kind, deepest = "", -1
    resolved = place.resolve()
    for line in lines:
        mount, _, rest = line.partition(" - ")
        point = Path(mount.split()[4].encode().decode("unicode_escape"))  # a blank is \040
        if resolved.is_relative_to(point) and len(point.parts) >= deepest:  # later ones hide others
            kind, deepest = rest.split()[0], len(point.parts)
    return kind in NETWORK or kind.startswith("fuse")


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
