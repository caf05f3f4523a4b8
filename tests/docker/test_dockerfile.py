"""The image, as far as its recipe says: small, pinned, not root, and told when it is well."""

import ast
import fnmatch
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from service.settings import Settings
from tests.docker.dockerfile import Stage, read_stages, words

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    """Those of our Dockerfile: one that builds, one that is left."""
    return read_stages(DOCKERFILE)


@pytest.fixture(scope="module")
def image(stages: list[Stage]) -> Stage:
    """The stage that is left."""
    return stages[-1]


def is_sent(path: str) -> bool:
    """Whether a file of the checkout is part of what is built from, by .dockerignore."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        if line.startswith("**/"):
            is_meant = any(fnmatch.fnmatch(part, pattern) for part in parts)
        else:
            is_meant = fnmatch.fnmatch(parts[0], pattern)
        if line and not line.startswith("#") and is_meant:
            sent = line.startswith("!")
    return sent


def test_it_is_built_apart_from_what_is_left(stages: list[Stage]) -> None:
    """Two stages on the same base, named by a tag that is no moving target, without a digest."""
    assert [stage.name for stage in stages] == ["build", ""]
    (base,) = {stage.base for stage in stages}
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert version >= "3.11"


def test_what_is_left_holds_libraries_and_code_alone(stages: list[Stage]) -> None:
    """It installs nothing itself: no index is asked, no file comes from a URL."""
    build, image = stages
    assert not re.search(r"\b(apt|apt-get|pip|curl|wget)\b", " ".join(image.all("RUN")))
    assert all(rest.startswith("--from=build ") for rest in image.all("COPY"))
    assert not build.all("ADD")
    assert not image.all("ADD")


def test_libraries_come_from_the_lock_by_hash(stages: list[Stage]) -> None:
    """The only step that asks an index checks every file; all others are told not to ask."""
    steps = [
        step for rest in stages[0].all("RUN") for step in rest.split("&&") if "bin/pip " in step
    ]
    assert len(steps) == 5
    for step in steps:
        is_checked = "--require-hashes" in step and "--only-binary :all:" in step
        assert is_checked != ("--no-index" in step), step


def test_what_is_copied_is_there_and_is_sent(stages: list[Stage]) -> None:
    """Every source exists in a checkout and is not kept back by .dockerignore."""
    sources = [path for rest in stages[0].all("COPY") for path in rest.split()[:-1]]
    assert "requirements.lock" in sources
    for path in sources:
        assert (ROOT / path).exists(), path
        assert is_sent(path), path


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", "var/glideslope.db", "docker/.env"),
        *("docker/k8s/database.env", "tests/conftest.py", "service/__pycache__/app.pyc"),
    ],
)
def test_nothing_else_is_sent(path: str) -> None:
    """No secret, no database, no test and no compiled file of another Python."""
    assert not is_sent(path)


def test_it_is_not_root(image: Stage) -> None:
    """It is a user by number, as Kubernetes wants it, whose only folder is `var`."""
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", image.last("USER"))
    assert image.steps.index(("USER", image.last("USER"))) > max(
        number for number, (kind, _) in enumerate(image.steps) if kind in {"RUN", "COPY"}
    )
    (run,) = image.all("RUN")
    assert re.search(r"install --directory --owner 10001 .*/srv/glideslope/var ", run)
    assert image.last("WORKDIR") == "/srv/glideslope"


def test_signals_reach_the_program(image: Stage) -> None:
    """Entry point and command are in exec form: there is no shell between, and tini passes on."""
    assert words(image.last("ENTRYPOINT")) == ["tini", "--", "glideslope"]
    assert words(image.last("CMD")) == ["serve"]


def test_its_variables_are_settings(image: Stage) -> None:
    """Each one of ours is a setting, with a value that it takes; none is a secret."""
    ours = {
        name.removeprefix("GLIDESLOPE_").lower(): text
        for name, text in image.environment.items()
        if name.startswith("GLIDESLOPE_")
    }
    assert set(ours) <= set(Settings.model_fields)
    assert Settings.model_validate(ours).host == "0.0.0.0"  # noqa: S104 # in a container
    assert not {"api_key", "database_url"} & set(ours)


class Well(BaseHTTPRequestHandler):
    """A server that is well, or not."""

    status = 200
    asked: list[str]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("status", [200, 503])
def test_health_is_asked_without_a_tool(image: Stage, status: int) -> None:
    """The check is run as it stands: well if /livez answers with 200, else not, in Python alone."""
    command = words(image.last("HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python3", "-c"]
    ast.parse(command[2])
    kind = type("Now", (Well,), {"status": status, "asked": []})
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        variables = {"GLIDESLOPE_PORT": str(server.server_port)}
        done = subprocess.run(
            [sys.executable, *command[1:]], env=variables, capture_output=True, check=False
        )
        server.shutdown()
    assert kind.asked == ["/livez"]
    assert (done.returncode == 0) is (status == 200)
