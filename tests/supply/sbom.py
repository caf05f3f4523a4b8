"""The bill of materials: what the service, and what its tests, are made of, as CycloneDX JSON.

The one idea: it is written from the locks, which everything is installed from, so it cannot say
anything else; the same locks give the same bytes.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = "1.6"  # of CycloneDX
BILLS = {"service.cdx.json": "requirements.lock", "tests.cdx.json": "tests/full.lock"}


def write_bill(lock: Path, bill: Path) -> None:
    """Write the bill of a lock; it is checked against the schema before it is written."""
    bill.parent.mkdir(parents=True, exist_ok=True)
    options = ("--spec-version", VERSION, "--output-format", "JSON", "--output-reproducible")
    # The locks hold what is installed, not who asked for what: the graph is left out, knowingly.
    quiet = [sys.executable, "-W", "ignore:The Component this BOM is describing", "-m"]
    subprocess.run(
        [
            *(*quiet, "cyclonedx_py", "requirements", str(lock)),
            *("--pyproject", str(ROOT / "pyproject.toml"), *options, "--output-file", str(bill)),
        ],
        check=True,
    )


def main(folder: Path) -> None:
    """Write all bills into a folder."""
    for name, lock in BILLS.items():
        write_bill(ROOT / lock, folder / name)
        print(folder / name)  # noqa: T201 # a program


if __name__ == "__main__":
    main(Path(sys.argv[1]))
