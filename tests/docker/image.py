"""Builds the image of docker/Dockerfile where no engine runs and no registry is asked.

The one idea: buildah and podman of Debian run the Dockerfile, and then the image, as they stand.
Only the base is made here, of the packages of the same Debian release with its own Python, and
given the name that the Dockerfile asks for; nothing is pulled. All of it lies in one folder.
Not here: what is then asked of the image (`test_image.py`, `test_stack.py`).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
IMAGE = "localhost/glideslope:check"
FOLDER = "GLIDESLOPE_TEST_IMAGE"  # of the environment: where the image was built
TOOLS = ("buildah", "mmdebstrap", "podman", "runc")
# Modest ones, which may be set also where root may not raise its own.
LIMITS = ("--ulimit", "nofile=16384:16384", "--ulimit", "nproc=4096:4096")
# What python:3.x-slim has beside Debian's smallest system, and Debian's Python for its own.
PACKAGES = ("ca-certificates", "netbase", "python3", "python3-venv", "tzdata")
# How this machine reaches the index of packages is told to the base, too.
OF_PIP = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def storage(folder: Path) -> list[str]:
    """Options of buildah and podman: everything in this folder."""
    places = ("--root", str(folder / "storage"), "--runroot", str(folder / "run"))
    return [*places, "--storage-driver", "overlay"]


def build(folder: Path) -> None:
    """Build the image; raises CalledProcessError if a step fails."""
    folder.mkdir(parents=True, exist_ok=True)
    buildah = ["buildah", *storage(folder)]
    base = _bases()
    name = f"docker.io/library/{base}"
    _say(f"Making a stand-in for {base} of Debian's packages ...")
    _make_base(folder / "base.tar", base.rpartition("-")[2])
    begun = subprocess.run(
        [*buildah, "from", "scratch"], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run([*buildah, "add", "--quiet", begun, str(folder / "base.tar"), "/"], check=True)
    if certificates := os.environ.get("PIP_CERT"):
        variable = f"PIP_CERT={certificates}"
        subprocess.run([*buildah, "config", "--env", variable, begun], check=True)
    subprocess.run([*buildah, "commit", "--quiet", "--rm", begun, name], check=True)
    (folder / "base.tar").unlink()
    _say("Building docker/Dockerfile ...")
    how = ("--pull-never", "--isolation", "chroot", "--format", "docker", "--network", "host")
    what = ("--file", str(DOCKERFILE), "--tag", IMAGE, str(ROOT))
    subprocess.run([*buildah, "build", *how, *what], check=True)


def run_command(
    folder: Path, words: tuple[str, ...], variables: Mapping[str, str], var: Path | None = None
) -> list[str]:
    """The command that runs the image as compose.yaml does: nothing to write, no rights, not root.

    Its network is that of this machine. `var` is the folder that it may write, if it may.
    """
    options = [word for name, text in variables.items() for word in ("--env", f"{name}={text}")]
    mounts = [] if var is None else ["--volume", f"{var}:/srv/glideslope/var"]
    return [
        *("podman", *storage(folder), "--runtime", "runc", "run", "--rm", "--pull", "never"),
        *("--network", "host", "--no-healthcheck", *LIMITS),  # its timers are systemd's
        *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp"),  # noqa: S108 # its own
        *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
        *(*options, *mounts, IMAGE, *words),
    ]


def inspect(folder: Path) -> dict[str, Any]:
    """What the image says of itself."""
    command = ["podman", *storage(folder), "image", "inspect", IMAGE]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def why_not() -> str | None:
    """Why no image can be built here; None if one can."""
    if os.geteuid() != 0:
        return "an image is built and run by root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (Debian's packages)" if missing else None


def _bases() -> str:
    """The one base that all stages of the Dockerfile have."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("FROM ")]
    (base,) = {line.split()[1] for line in lines}
    return base


def _make_base(archive: Path, release: str) -> None:
    """Make a system of Debian's packages with Python as an archive."""
    copies = [
        f"--customize-hook=copy-in {path} {Path(path).parent}"
        for path in OF_PIP
        if Path(path).exists()
    ]
    options = ("--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *copies)
    command = ["mmdebstrap", *options, release, str(archive)]
    subprocess.run(command, check=True)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(f"no image can be built here: {reason}")
    build(Path(sys.argv[1]))
