"""The wall: puts this process into namespaces of its own, then runs a module in it.

The one idea: a user of a namespace below may not look into processes above, whoever their user is,
and has only the network it was given; so this is done first of all, while there is one thread and
no library, and what it takes to do it is thrown away for good. Run as a file by
`tuning.execution.isolation`; it imports nothing of ours.
Not here: limits (`tuning.execution.limits`), nor whether a wall is asked for.
"""

import ctypes
import fcntl
import os
import runpy
import socket
import struct
import sys
from contextlib import suppress

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_VERSION_3 = 0x20080522
_OWN_NAMESPACES = "/proc/sys/user/max_user_namespaces"


def raise_wall(*, has_network: bool) -> None:
    """Leave the namespaces of the parent; raises `OSError` if the kernel refuses.

    Args:
        has_network: whether the parent's network stays; else there is a loopback, and nothing else.
    """
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER | (0 if has_network else _CLONE_NEWNET))
    _write("/proc/self/setgroups", "deny")  # else nobody but root may map a group
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    if not has_network:
        _raise_loopback()
    with suppress(OSError):  # read-only in containers: what is below this one gains nothing above
        _write(_OWN_NAMESPACES, "0")
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("capset", struct.pack("Ii", _CAPABILITIES_VERSION_3, 0), bytes(24))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _call(name: str, *arguments: int | bytes) -> None:
    if sys.platform != "linux":
        raise OSError(f"{sys.platform} has no namespaces")
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name)


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def main() -> None:
    """Run the module of the second argument; the first says whose network it has."""
    network, module, *arguments = sys.argv[1:]
    try:
        raise_wall(has_network=network == "shared")
    except OSError as error:
        sys.exit(str(error))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
