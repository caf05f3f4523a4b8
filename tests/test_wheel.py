"""The wheel alone is the service: built, installed elsewhere, served from an empty database."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[1]
LISTENING = re.compile(r"listening on (http://\S+)")
START_SECONDS = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout; nothing is fetched to build it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index")
    options = ("--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(folder))
    subprocess.run([*command, *options, str(ROOT)], check=True, cwd=folder)
    (found,) = folder.glob("glideslope-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel, and with the libraries of this one."""
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    options = ("--quiet", "--no-deps", "--no-index")
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # Only the libraries: a path file does not follow the path files of that folder, so the
    # checkout, which an editable installation names in one, is not seen.
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def environment() -> dict[str, str]:
    """An environment that points nowhere near the checkout."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR"}
    return {name: value for name, value in os.environ.items() if name in kept}


def test_the_wheel_holds_code_templates_and_migrations(wheel: Path) -> None:
    """What runs, and nothing that tests it."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    migrations = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert migrations
    assert {f"service/store/migrations/versions/{name}" for name in migrations} <= names
    for package in ("service", "tuning"):
        files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert files <= names
    shown = [
        path
        for name in ("templates", "static")
        for path in (ROOT / "service/ui" / name).rglob("*.*")
    ]
    assert {str(path.relative_to(ROOT)) for path in shown} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"service", "tuning", next(top for top in tops if top.endswith(".dist-info"))}


def test_the_installed_wheel_is_what_is_imported(installed: Path, tmp_path: Path) -> None:
    """Not the checkout: otherwise the next test would prove nothing."""
    program = "import service, tuning; print(service.__file__); print(tuning.__file__)"
    done = subprocess.run(
        [str(installed), "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    home = str(installed.parents[1])
    assert all(line.startswith(home) for line in done.stdout.split())


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a service started from the wheel on an empty database."""
    command = ("serve", "--port", "0", "--no-worker", "--parent", str(os.getpid()))
    process = subprocess.Popen(
        [str(installed.with_name("glideslope")), *command],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield next(found.group(1) for line in process.stdout if (found := LISTENING.search(line)))
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        process.stdout.close()


def test_the_wheel_serves_from_an_empty_database(served: str, tmp_path: Path) -> None:
    """The migrations travelled: ready, and a study can be stored and reported."""
    with httpx2.Client(base_url=served, trust_env=False, timeout=START_SECONDS) as client:
        assert client.get("/readyz").json() == {"status": "ok"}
        study = client.post("/v1/studies", json={"objective": "realized_volatility"}).json()
        report = client.get(f"/v1/studies/{study['id']}/report")
    assert (report.status_code, study["state"]) == (200, "running")
    assert (tmp_path / "var" / "glideslope.db").exists()
