"""Plain files: opened where they lie, never by way of a link.

The one idea: who may write into a folder of data may put a symbolic link there, and whoever follows
it reads, or writes, what its maker may not; so files in such folders are opened by these functions
alone, which take a regular file and nothing else, and look at what they opened, not at its name.
The folder itself may be a link: it is the administrator's word.
Not here: which name lies in a folder (`tuning.objectives.tables.locate`).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# A pipe would else be waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HANDLES = Path("/dev/fd")  # what is open, by number


def open_plain(path: Path, *, append: bool = False) -> BinaryIO:
    """Open a file that is there, to be read, or with `append` to be added to.

    Raises `OSError` if it cannot be, or is a link, a folder or a pipe.
    """
    try:
        handle = os.open(path, _APPEND if append else _READ)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refusal(path) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refusal(path)
    return os.fdopen(handle, "ab" if append else "rb")


@contextmanager
def pinned(path: Path) -> Iterator[Path]:
    """Another name of the same file, for who opens by name; as long as the block.

    Raises as `open_plain` does.
    """
    with open_plain(path) as stream:
        yield _HANDLES / str(stream.fileno())


def is_plain(path: Path) -> bool:
    """Whether a file is there, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _refusal(path: Path) -> OSError:
    return OSError(errno.EINVAL, "is no regular file", str(path))
