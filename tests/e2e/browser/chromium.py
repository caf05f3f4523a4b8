"""The browser of the tests: Debian's Chromium, found or installed, never one of Playwright's own.

The one idea: CI must have it, so there a missing browser is an error; elsewhere tests that need it
say that they are skipped, and why. Run by `make chromium`, which `make test-full` does first.
"""

import os
import shutil
import subprocess
import sys

VARIABLE = "GLIDESLOPE_TEST_CHROMIUM"
REQUIRED = f"{VARIABLE}_REQUIRED"
NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu"),
)
MISSING = f"there is no Chromium; install Debian's `chromium`, or name one in {VARIABLE}"
# Nothing but what a test asks for may use the network; no name but a literal address is known.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def find() -> str | None:
    """The path of the browser, if there is one."""
    given = os.environ.get(VARIABLE)
    if given:
        return shutil.which(given)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def is_required() -> bool:
    """Whether this is CI, where nothing may be skipped."""
    return any(os.environ.get(name, "").lower() in {"1", "true"} for name in (REQUIRED, "CI"))


def install() -> str | None:
    """Install it where that may be done; its path then."""
    is_allowed = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if not is_allowed or os.environ.get(VARIABLE):
        return None
    sys.stderr.write("Installing Debian's chromium for the browser tests (once) ...\n")
    for command in INSTALL:
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(f"{' '.join(command)} failed:\n{done.stdout}\n")
            return None
    return find()


def main() -> int:
    """Make sure that there is one; without it, an error in CI and a word elsewhere."""
    if find() or install():
        return 0
    outcome = "cannot run, as CI must" if is_required() else "will be skipped"
    sys.stderr.write(f"The browser tests {outcome}: {MISSING}.\n")
    return int(is_required())


if __name__ == "__main__":
    sys.exit(main())
