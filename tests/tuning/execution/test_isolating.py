"""Isolating: what this machine refuses is found out, and told; what must be is not given up."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.tuning.execution.test_link import HERE
from tests.tuning.execution.test_process import ODD
from tuning.errors import InvalidValue
from tuning.execution.isolating import isolate
from tuning.execution.isolation import Isolation, Network

ROOT = Path(__file__).parents[3]
# Behind a wall the kernel gives nobody another one.
REFUSING = Isolation(is_walled=True, has_network=True).command("cautious")
PLAIN = Isolation(is_walled=False).command("cautious")
NOBODY = "nobody"


def keep_apart(
    command: list[str], network: str, user: str = "", behaviour: str = "calm", *more: str
) -> str:
    """What a parent says that keeps its child apart so."""
    return subprocess.check_output(
        [*command, network, user, behaviour, *more], env=surroundings(), text=True
    )


def surroundings() -> dict[str, str]:
    """An environment in which every interpreter of this version finds all it needs."""
    places = os.pathsep.join([HERE, ODD, str(ROOT), sysconfig.get_path("purelib")])
    # One thread, for only such a process may go to another namespace.
    return {**os.environ, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"}


@pytest.mark.usefixtures("has_walls")
@pytest.mark.parametrize(
    ("network", "told"),
    [("none", "no network"), ("auto", "no network"), ("shared", "this machine")],
)
def test_where_the_kernel_has_walls_they_stand(network: str, told: str) -> None:
    """And the log says so."""
    said = keep_apart(PLAIN, network, "", "spies")
    assert f"INFO training processes have {told}" in said
    assert "do not see into" in said
    assert "PermissionError" in said


@pytest.mark.usefixtures("has_walls")
@pytest.mark.parametrize("network", ["auto", "shared"])
def test_where_the_kernel_refuses_training_goes_on_and_it_is_told(network: str) -> None:
    """As a warning, with the kernel's reason."""
    said = keep_apart(REFUSING, network)
    assert said.count("WARNING") == 1
    assert "WARNING training processes have this machine's network and can look into" in said
    assert "unshare" in said
    assert "COMPLETED" in said


@pytest.mark.usefixtures("has_walls")
def test_processes_are_counted_behind_walls_alone() -> None:
    """Elsewhere all that its user runs would count."""
    limit = "processes=(1234, 1234)"
    assert limit in keep_apart(PLAIN, "shared", "", "tells")
    assert limit not in keep_apart(REFUSING, "shared", "", "tells")


@pytest.mark.usefixtures("has_walls")
def test_what_must_be_is_refused_in_words_where_it_cannot_be() -> None:
    """Before anything is trained."""
    said = keep_apart(REFUSING, "none")
    assert said.startswith("InvalidValue: network: 'none' is not allowed; allowed: auto or shared")
    assert "unshare" in said


@pytest.mark.usefixtures("has_walls")
def test_a_kernel_that_refuses_networks_still_keeps_eyes_out() -> None:
    """The second best is taken, and told."""
    said = keep_apart(PLAIN, "auto", "", "spies", "net")
    assert "WARNING training processes have this machine's network and do not see into" in said
    assert "PermissionError" in said


@pytest.mark.parametrize("user", ["no such user", "4294967295", "x\0y", "²"])
def test_a_user_that_there_is_not_is_refused(user: str) -> None:
    """By name and value."""
    with pytest.raises(InvalidValue, match=r"^user: .* a name or number of a user"):
        isolate(Network.AUTO, user)


@pytest.fixture
def python_for_all() -> str:
    """An interpreter of this version that any user may run, with our libraries."""
    if os.geteuid() != 0:
        pytest.skip("only root starts processes of other users")
    probe = "import sys, numpy, tuning; print(*sys.version_info[:2])"
    for found in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        try:
            said = subprocess.run(
                [str(found), "-c", probe],
                env=surroundings(),
                cwd="/",
                capture_output=True,
                check=False,
                text=True,
                user=NOBODY,
                group=pwd.getpwnam(NOBODY).pw_gid,
                extra_groups=[],
            )
        except OSError:
            continue
        if said.stdout.split() == [str(part) for part in sys.version_info[:2]]:
            return str(found)
    pytest.skip("no Python of this version that other users can run with our libraries")


@pytest.mark.usefixtures("has_walls")
@pytest.mark.parametrize("network", ["none", "shared"])
def test_training_runs_as_another_user(python_for_all: str, network: str) -> None:
    """With that user's groups alone, at home in its fresh folder, behind the same wall."""
    wanted = pwd.getpwnam(NOBODY)
    command = [python_for_all, "-c", "import cautious; cautious.main()", network, NOBODY]
    for behaviour, told in (
        ("introduces itself", f"ids={[wanted.pw_uid] * 3 + [wanted.pw_gid] * 3} groups=[]"),
        ("introduces itself", "is_home=True"),
        ("spies", "PermissionError"),
    ):
        said = subprocess.check_output([*command, behaviour], env=surroundings(), text=True)
        assert told in said


@pytest.mark.usefixtures("has_walls")
def test_who_may_change_no_users_is_refused_another_one() -> None:
    """In words; behind a wall not even root may."""
    said = keep_apart(REFUSING, "auto", NOBODY)
    assert said.startswith(f"InvalidValue: user: '{NOBODY}' is not allowed; allowed: a user whom")
