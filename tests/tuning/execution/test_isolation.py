"""Isolation: what a child cannot reach, with real attempts that succeed where there is no wall."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.execution.test_link import HERE, wait_for_end
from tuning.execution.isolation import Isolation
from tuning.execution.link import Link, child_environment

CLOSED = Isolation(is_walled=True, has_network=False)
OPEN = Isolation(is_walled=True, has_network=True)
BARE = Isolation(is_walled=False)
PARENT = """
import signal
from tuning.execution.isolation import Isolation
from tuning.execution.link import Link
link = Link.start("captive_child", isolation=Isolation(is_walled={walled}, has_network=False))
link.send({{"do": "litter", "with": ["{outside}"]}})
link.receive()
link.send({{"do": "help oneself", "with": []}})
helper = link.receive()["told"]
link.send({{"do": "place", "with": []}})
print(link.receive()["told"]["cwd"], link.pid, helper, flush=True)
signal.pause()
"""

Act = Callable[..., Any]
Hold = Callable[[Isolation], Act]


pytestmark = pytest.mark.usefixtures("has_walls")


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    """Start a child that is kept apart so; what is returned has it try something."""
    monkeypatch.setenv("PYTHONPATH", HERE)
    with ExitStack() as stack:

        def begin(isolation: Isolation) -> Act:
            link = Link.start("captive_child", isolation=isolation)
            stack.callback(link.close)

            def act(do: str, *arguments: object) -> object:
                link.send({"do": do, "with": list(arguments)})
                reply = link.receive()
                assert reply is not None, link.ending()
                return reply.get("told", reply.get("error"))

            return act

        yield begin


@pytest.fixture
def greeter() -> Iterator[int]:
    """A port of this machine's loopback that greets whoever comes, over TCP and UDP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
    ):
        port = server.getsockname()[1]
        listener.bind(("127.0.0.1", port))

        def greet() -> None:
            while True:
                stream, _ = server.accept()
                with stream:
                    stream.send(b"the service")

        def reply() -> None:
            while True:
                listener.sendto(b"the service", listener.recvfrom(64)[1])

        for work in (greet, reply):
            threading.Thread(target=work, daemon=True).start()
        yield port


def test_a_child_without_network_reaches_nobody(hold: Hold, greeter: int) -> None:
    """Neither the service on this machine's loopback nor any address, over TCP or UDP."""
    act = hold(CLOSED)

    assert act("connect", greeter) == "ECONNREFUSED"
    assert act("send", greeter) == "ECONNREFUSED"
    assert act("route") == "ENETUNREACH"


@pytest.mark.parametrize("isolation", [OPEN, BARE])
def test_a_child_that_shares_the_network_reaches_it(
    hold: Hold, greeter: int, isolation: Isolation
) -> None:
    """With a wall and without."""
    act = hold(isolation)

    assert act("connect", greeter) == act("send", greeter) == "the service"


def test_a_child_without_network_has_a_loopback_of_its_own(hold: Hold) -> None:
    """Training in several processes goes on as ever."""
    assert hold(CLOSED)("call oneself") == "hello"


@pytest.mark.parametrize("isolation", [CLOSED, OPEN])
def test_a_walled_child_cannot_look_into_its_parent(hold: Hold, isolation: Isolation) -> None:
    """Not even as the same user, and not even as root; without a wall it can."""
    own = f"/proc/{os.getpid()}/environ"
    act = hold(isolation)

    assert act("read", own) == "EACCES"
    assert act("read", f"/proc/{os.getpid()}/mem") == "EACCES"
    assert "PATH=" in hold(BARE)("read", own)


def test_walled_children_cannot_look_into_each_other(hold: Hold) -> None:
    """Each has a wall of its own."""
    one, other = hold(CLOSED), hold(CLOSED)
    told = one("rights of a child")
    assert told
    pid = int(next(line for line in told.splitlines() if line.startswith("PPid")).split()[1])

    assert "TMPDIR=" in one("read", f"/proc/{pid}/environ")
    assert other("read", f"/proc/{pid}/environ") == "EACCES"


@pytest.mark.parametrize("isolation", [CLOSED, OPEN])
def test_a_walled_child_has_no_rights_and_gets_none(hold: Hold, isolation: Isolation) -> None:
    """Whatever it starts, and whoever it is: the rights of its namespace were thrown away."""
    act = hold(isolation)
    told = dict(
        line.split(":\t") for line in act("rights of a child").splitlines() if ":\t" in line
    )

    assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0
    assert told["NoNewPrivs"] == "1"
    assert act("raise rights") == "EPERM"
    assert act("mount") == "EPERM"


def test_a_walled_child_makes_no_namespaces(hold: Hold) -> None:
    """In one of its own it would have all rights again, if over little."""
    act = hold(CLOSED)
    if Path("/proc/sys/user/max_user_namespaces").read_text(encoding="ascii").strip() == "0":
        pytest.skip("nobody makes namespaces here")
    if os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        pytest.skip("/proc/sys is read-only here")

    assert act("make namespaces") == "ENOSPC"
    assert act("allow namespaces") in {"EACCES", "EPERM"}
    assert hold(BARE)("make namespaces") == "done"


@pytest.mark.parametrize("isolation", [CLOSED, BARE])
def test_a_child_stands_in_a_fresh_folder_that_goes_with_it(
    hold: Hold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, isolation: Isolation
) -> None:
    """With what it left there and in temporary files, but without what its links point to."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    monkeypatch.setenv("PYTHONPATH", HERE)
    link = Link.start("captive_child", isolation=isolation)
    link.send({"do": "litter", "with": [str(kept)]})
    link.receive()
    link.send({"do": "place", "with": []})
    told = (link.receive() or {})["told"]
    other = hold(isolation)("place")

    room = Path(told["cwd"])
    assert told["TMPDIR"] == str(room)
    assert Path(told["left"]).parent == room
    assert other["cwd"] != str(room)
    assert (room / "a/b/c/file").exists()
    assert room.stat().st_mode & 0o777 == 0o700
    link.close()
    assert not room.exists()
    assert (kept / "file").read_text() == "mine"


@pytest.mark.parametrize("do", ["exit", "kill oneself"])
def test_the_folder_goes_when_the_child_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    """However it ends."""
    monkeypatch.setenv("PYTHONPATH", HERE)
    with closing(Link.start("captive_child", isolation=CLOSED)) as link:
        link.send({"do": "place", "with": []})
        room = Path((link.receive() or {})["told"]["cwd"])
        link.send({"do": do, "with": []})
        assert link.receive() is None
        link.ending()
        assert not room.exists()


@pytest.mark.parametrize("is_walled", [True, False])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_child_helper_and_folder_go_with_the_parent(
    tmp_path: Path, end: signal.Signals, *, is_walled: bool
) -> None:
    """A `kill -9` of the parent leaves nothing behind, with or without a wall."""
    code = PARENT.format(walled=is_walled, outside=tmp_path)
    environment = {**os.environ, "PYTHONPATH": HERE}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        room, child, helper = parent.stdout.readline().split()
        assert Path(room, "a/b/c/file").exists()
        parent.send_signal(end)
        wait_for_end(int(child))
        wait_for_end(int(helper))
        parent.stderr.read()  # what removes the folder holds it until that is done
    assert not Path(room).exists()
    assert tmp_path.exists()


def test_a_parent_that_dies_before_its_child_is_there_leaves_no_folder(tmp_path: Path) -> None:
    """The guardian comes first."""
    code = """
import os, signal
from tuning.execution.isolation import Isolation
from tuning.execution.link import Link
Link.start("captive_child", isolation=Isolation(is_walled=True, has_network=False))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": HERE, "TMPDIR": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, check=False
    )
    assert list(tmp_path.iterdir()) == []


def test_modules_are_found_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative entry of PYTHONPATH means the folder the parent stands in, an empty one, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["lib", "", HERE]))
    found = child_environment()["PYTHONPATH"].split(os.pathsep)
    assert found == [str(tmp_path / "lib"), str(tmp_path), HERE]
