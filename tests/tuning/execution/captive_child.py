"""A child that tries to get out, and tells what came of it: an answer, or the name of an error."""

import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuning.execution.link import Message, attach

LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 10.0  # patience on a busy machine
HELPER = (sys.executable, "-c", "import signal; signal.pause()")
NAMESPACES = """
import ctypes
import sys
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x20000)  # of users, and of mounts
sys.exit(ctypes.get_errno())
"""
PROBE = "print(open('/proc/self/status').read())"


def connect(port: int) -> str:
    """Reach a server of this machine's loopback."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as stream:
        return stream.recv(64).decode()


def send(port: int) -> str:
    """Ask over UDP, as whoever resolves a name does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(SECONDS)
        stream.connect(("127.0.0.1", port))
        stream.send(b"who is there?")
        return stream.recv(64).decode()


def route() -> str:
    """Address somebody beyond this machine; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.connect(("192.0.2.1", 9))
        return "has a route"


def call_oneself() -> str:
    """Be server and client of one's own loopback, as parallel training does."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), SECONDS) as caller,
        server.accept()[0] as stream,
    ):
        stream.send(b"hello")
        return caller.recv(64).decode()


def read(path: str) -> str:
    """The content of a file."""
    return Path(path).read_bytes().decode(errors="replace")


def call(name: str, *arguments: int | bytes | None) -> str:
    """A function of the C library."""
    if getattr(LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)
    return "done"


def raise_rights() -> str:
    """Give oneself all rights."""
    return call("capset", struct.pack("Ii", 0x20080522, 0), b"\xff" * 24)


def make_namespaces() -> str:
    """Make some of one's own, in a process of one thread."""
    code = subprocess.run([sys.executable, "-c", NAMESPACES], check=False).returncode
    if code:
        raise OSError(code, "unshare")
    return "done"


def allow_namespaces() -> str:
    """Raise the number of namespaces that may be made."""
    path = Path("/proc/sys/user/max_user_namespaces")
    path.write_text("99", encoding="ascii")
    return "done"


def rights_of_a_child() -> str:
    """What a program that is started here may do, in the kernel's words."""
    return subprocess.check_output([sys.executable, "-c", PROBE], text=True)


def place() -> Mapping[str, Any]:
    """Where this is, who this is, and where its temporary files go."""
    with tempfile.NamedTemporaryFile(delete=False) as left:
        pass
    told = {name: os.environ.get(name) for name in ("HOME", "TMPDIR")}
    ids = [*os.getresuid(), *os.getresgid()]
    return {**told, "cwd": str(Path.cwd()), "left": left.name, "ids": ids, "groups": os.getgroups()}


def litter(outside: str) -> str:
    """Leave folders, and a link to what is not one's own."""
    Path("a/b/c").mkdir(parents=True)
    Path("a/b/c/file").write_bytes(b"x")
    Path("a/outside").symlink_to(outside)
    return "done"


def help_oneself() -> int:
    """Start a process that goes on."""
    return subprocess.Popen(HELPER).pid


ACTS: Mapping[str, Callable[..., Any]] = {
    "connect": connect,
    "send": send,
    "route": route,
    "call oneself": call_oneself,
    "read": read,
    "make namespaces": make_namespaces,
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "become root": lambda: call("setresuid", 0, 0, 0),
    "raise rights": raise_rights,
    "allow namespaces": allow_namespaces,
    "rights of a child": rights_of_a_child,
    "place": place,
    "litter": litter,
    "help oneself": help_oneself,
    "exit": lambda: os._exit(0),
    "kill oneself": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def answer(request: Message) -> Message:
    """Try one act."""
    try:
        return {"told": ACTS[request["do"]](*request["with"])}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno or 0, str(error))}


if __name__ == "__main__":
    channel = attach()
    with suppress(KeyboardInterrupt):
        while True:
            channel.send(answer(channel.receive()))
