"""Disks: what is free, as `df` tells it, on disks of this machine alone."""

import os
from pathlib import Path

import pytest

from service import disks

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv/shared rw shared:5 - nfs4 host:/x rw
31 22 8:2 / /srv/shared/own\\040disk rw - xfs /dev/sdb1 rw
32 22 0:41 / /srv/bucket rw - fuse.s3fs s3fs rw
"""


def told(*, blocks: int, free: int, available: int) -> os.statvfs_result:
    """What the system says of a disk."""
    return os.statvfs_result((4096, 4096, blocks, free, available, 0, 0, 0, 0, 255))


@pytest.mark.parametrize(
    ("told_of", "share"),
    [
        (told(blocks=100, free=50, available=50), 0.5),
        (told(blocks=100, free=25, available=5), 0.0625),  # 20 are kept for root
        (told(blocks=0, free=0, available=0), 1.0),
    ],
)
def test_the_share_is_of_what_a_user_may_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told_of: os.statvfs_result, share: float
) -> None:
    """What only root may use is neither free nor there; what has no size is never full."""
    monkeypatch.setattr(os, "statvfs", lambda _: told_of)
    assert disks.free_share(tmp_path) == pytest.approx(share)


def test_a_folder_to_come_lies_where_its_parent_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A service that has not written anything yet is no mistake."""
    asked: list[Path] = []

    def share(place: Path) -> float:
        asked.append(place)
        return 0.05

    monkeypatch.setattr(disks, "free_share", share)
    folder = tmp_path / "a" / "b"
    assert disks.crowded([folder], 0.05) == f"{folder} lies on a disk of which 5.0% is free"
    assert disks.crowded([folder], 0.049) == ""
    assert asked == [tmp_path, tmp_path]


@pytest.mark.parametrize(
    ("place", "is_remote"),
    [
        ("/srv/local", False),
        ("/srv/shared/datasets", True),
        ("/srv/sharedother", False),
        ("/srv/shared/own disk/x", False),
        ("/srv/bucket", True),
    ],
)
def test_disks_of_the_network_are_left_out(tmp_path: Path, place: str, is_remote: bool) -> None:
    """The deepest mount counts, and a name that only begins alike does not."""
    mounts = tmp_path / "mountinfo"
    for lines in (MOUNTS.splitlines(), MOUNTS.splitlines()[::-1]):
        mounts.write_text("\n".join(lines))
        assert disks.is_remote(Path(place), mounts) is is_remote
    assert not disks.is_remote(Path(place), tmp_path / "none")
