"""The built image: small enough to trust, and what compose.yaml and the manifests count on.

`make image-check` builds it and runs this; without an image all of it is skipped.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.docker import image
from tests.docker.dockerfile import Stage, read_stages, words
from tests.docker.stack import START_SECONDS, STOP_SECONDS, USER, free_port

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


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


def health(recipe: Stage) -> list[str]:
    """The command by which the image asks itself how it is."""
    return words(recipe.last("HEALTHCHECK").partition("CMD ")[2])


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
    whole = image.inspect(folder)
    told = whole["Config"]
    assert told["User"] == recipe.last("USER")
    assert told["Entrypoint"] == words(recipe.last("ENTRYPOINT"))
    assert told["Cmd"] == words(recipe.last("CMD"))
    assert told["WorkingDir"] == recipe.last("WORKDIR")
    assert whole["Healthcheck"]["Test"] == ["CMD", *health(recipe)]
    assert "GLIDESLOPE_HOST=0.0.0.0" in told["Env"]


def test_nothing_that_builds_or_tests_is_left(shell: Shell) -> None:
    """No compiler, no installer of ours, no test library, no source tree."""
    assert shell("command -v cc gcc g++ make git curl wget") == ""
    libraries = shell("ls /opt/glideslope/lib/python3*/site-packages").split()
    assert {"service", "tuning", "jax", "psycopg"} <= set(libraries)
    unwanted = {"pip", "setuptools", "hatchling", "pytest", "mypy", "hypothesis", "QuantLib"}
    assert not unwanted & set(libraries)
    assert shell("ls /opt") == "glideslope"
    assert shell("ls /build") == "ls: cannot access '/build': No such file or directory"


def test_nothing_can_be_written_but_what_may(shell: Shell) -> None:
    """It is a user without rights on a root that is read-only; /tmp takes files."""
    assert shell("id -u") == "10001"
    assert shell("grep CapEff /proc/self/status").split()[1].strip("0") == ""
    for place in ("/opt/glideslope", "/srv/glideslope", "/etc", "/usr/bin"):
        assert "Read-only file system" in shell(f"touch {place}/file"), place
    assert shell("touch /tmp/file && echo written") == "written"


def test_the_program_starts_as_every_user_of_it_does(folder: Path) -> None:
    """Each command answers in the image, without anything to write to."""
    for line in (("--help",), ("serve", "--help"), ("worker", "--help"), ("db", "--help")):
        command = image.run_command(folder, line, {})
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_every_library_finds_what_it_is_linked_to(shell: Shell) -> None:
    """The smallest base has all that compiled libraries need, and nobody complains of its root."""
    names = "arch jax.numpy matplotlib.pyplot optuna psycopg pyarrow.parquet scipy.stats"
    names = f"{names} sklearn.neural_network uvicorn.protocols.http.httptools_impl"
    line = f"import {names.replace(' ', ', ')}; print(jax.numpy.ones(2).sum())"
    assert shell(f'python3 -W error::UserWarning -c "{line}"') == "2.0"


def test_one_server_on_one_volume(folder: Path, tmp_path: Path) -> None:
    """A key, then the server with its worker: well by its own check, gone in order when told."""
    var = tmp_path / "var"
    var.mkdir()
    os.chown(var, *USER)
    command = image.run_command(folder, ("key", "create"), {}, var)
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert made.stdout.startswith("gs_")

    port = str(free_port("127.0.0.1"))
    name = f"glideslope-{port}"
    command = image.run_command(folder, ("serve",), {"GLIDESLOPE_PORT": port}, var)
    command.insert(command.index("run") + 1, f"--name={name}")
    check = ["podman", *image.storage(folder), "--runtime", "runc", "exec", name]
    check += health(read_stages(image.DOCKERFILE)[-1])
    with subprocess.Popen(command) as server:
        try:
            end = time.monotonic() + START_SECONDS
            while subprocess.run(check, capture_output=True, check=False).returncode:
                assert time.monotonic() < end
                assert server.poll() is None
                time.sleep(0.5)
        finally:
            server.terminate()
            assert server.wait(STOP_SECONDS) == 0
    assert (var / "glideslope.db").is_file()
