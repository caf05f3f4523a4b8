"""The built image: small enough to trust, and what compose.yaml and the manifests count on.

`make image-check` builds it and runs this; without an image all of it is skipped.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.docker import image
from tests.docker.dockerfile import read_stages, words

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the image was built."""
    given = os.environ.get(image.FOLDER)
    if not given:
        pytest.skip("no image: `make image-check` builds one")
    return Path(given)


@pytest.fixture(scope="module")
def shell(folder: Path) -> "Shell":
    """A shell in the image, as its user."""
    return Shell(folder)


class Shell:
    """Runs lines of shell in the image instead of its program."""

    def __init__(self, folder: Path) -> None:
        self._command = image.run_command(folder, ("-c",), {})
        self._command.insert(self._command.index("run") + 1, "--entrypoint=sh")

    def __call__(self, line: str) -> str:
        """What a line prints, whatever its exit code."""
        done = subprocess.run([*self._command, line], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip()


def test_the_image_is_what_its_recipe_says(folder: Path) -> None:
    """User, entry point, command, folder and health check reached the image."""
    recipe = read_stages(image.DOCKERFILE)[-1]
    told = image.inspect(folder)["Config"]
    assert told["User"] == recipe.last("USER")
    assert told["Entrypoint"] == words(recipe.last("ENTRYPOINT"))
    assert told["Cmd"] == words(recipe.last("CMD"))
    assert told["WorkingDir"] == recipe.last("WORKDIR")
    assert told["Healthcheck"]["Test"][:3] == ["CMD", "python3", "-c"]
    assert "GLIDESLOPE_HOST=0.0.0.0" in told["Env"]


def test_nothing_that_builds_or_tests_is_left(shell: Shell) -> None:
    """No compiler, no installer of ours, no test library, no source tree."""
    assert shell("command -v cc gcc g++ make git curl wget") == ""
    libraries = shell("ls /opt/glideslope/lib/python3*/site-packages").split()
    assert {"service", "tuning", "jax", "psycopg"} <= set(libraries)
    unwanted = {"pip", "setuptools", "hatchling", "pytest", "mypy", "hypothesis", "QuantLib"}
    assert not unwanted & set(libraries)
    assert (
        shell("ls -d /build /opt/*")
        == ("ls: cannot access '/build': No such file or directory\n/opt/glideslope")
        or shell("ls /opt") == "glideslope"
    )


def test_nothing_can_be_written_but_what_may(shell: Shell) -> None:
    """It is a user without rights on a root that is read-only; /tmp takes files."""
    assert shell("id -u") == "10001"
    assert shell("grep CapEff /proc/self/status").split()[1].strip("0") == ""
    for place in ("/opt/glideslope", "/srv/glideslope", "/etc", "/usr/bin"):
        assert "Read-only file system" in shell(f"touch {place}/file"), place
    assert shell("touch /tmp/file && echo written") == "written"
    assert shell("find / -xdev -perm /6000 -type f 2>/dev/null -path '/opt/*'") == ""


def test_the_program_starts_as_every_user_of_it_does(folder: Path) -> None:
    """Each command answers in the image, without anything to write to."""
    for line in (("--help",), ("serve", "--help"), ("worker", "--help"), ("db", "--help")):
        command = image.run_command(folder, line, {})
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
