"""The audit of what is installed: are weaknesses of these very versions known?

The one idea: a package that nobody could look up is not a package without weakness. pip-audit says
"no known vulnerabilities" and ends with 0 also if it found no advisory at all; so its report is
counted here: 0 only if every package was looked up. One is tried first, so that where there is no
service nothing else is asked for.
    0  everything was looked up, and nothing is known
    1  something is known
    2  not everything was looked up: that is no result
Not here: what the locks look like (`tests.supply.locks`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "tests/full.lock")
FINE, KNOWN, UNKNOWN = 0, 1, 2


@dataclass
class Audit:
    """What came of looking packages up.

    Args:
        checked: how many were.
        skipped: those that were not, with the reason.
        weak: those of which something is known, with its names.
        failure: why there is no report at all; empty if there is one.
    """

    checked: int = 0
    skipped: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    failure: str = ""

    @property
    def code(self) -> int:
        """How the program ends."""
        if self.weak:
            return KNOWN
        return FINE if self.checked and not self.skipped and not self.failure else UNKNOWN

    @property
    def words(self) -> str:
        """What a person has to know."""
        lines = [f"  {one}" for one in self.weak]
        if self.code == FINE:
            return f"{self.checked} packages were looked up, and no weakness of them is known"
        if self.code == KNOWN:
            return "\n".join(
                [f"{len(self.weak)} of {self.checked} packages are known weak:", *lines]
            )
        count = len(self.skipped)
        reason = self.failure or (
            self.skipped[0] if self.skipped else "there is nothing to look up"
        )
        told = f"{self.checked} packages were looked up, {count} were not: {reason}"
        return f"NOT AUDITED: {told}"


def read_report(report: dict[str, Any]) -> Audit:
    """Count what pip-audit says of each package."""
    found = Audit()
    for one in report.get("dependencies", []):
        if "skip_reason" in one:
            found.skipped.append(f"{one['name']}: {one['skip_reason']}")
            continue
        found.checked += 1
        names = [weakness["id"] for weakness in one["vulns"]]
        if names:
            found.weak.append(f"{one['name']} {one['version']}: {', '.join(names)}")
    return found


def audit(lock: Path, service: Sequence[str] = ()) -> Audit:
    """Look up what a lock holds; `service` are options of pip-audit that name another one."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--format", "json"]
    options = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "15")
    done = subprocess.run(
        [*command, *options, *service], capture_output=True, text=True, check=False, cwd=ROOT
    )
    try:
        return read_report(json.loads(done.stdout))
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Audit(failure=last[:300])


def audit_first(lock: Path, service: Sequence[str] = ()) -> Audit:
    """Look up the first package of a lock alone."""
    lines = lock.read_text().splitlines()
    count = next(at for at, line in enumerate(lines) if not line.endswith("\\")) + 1
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder, "first.txt")
        short.write_text("\n".join(lines[:count]) + "\n")
        return audit(short, service)


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the locks; returns the worst that came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("locks", nargs="*", type=Path, default=[ROOT / name for name in LOCKS])
    parser.add_argument("--osv-url", help="an OSV service to ask instead of the package index")
    told = parser.parse_args(arguments)
    service = ["--vulnerability-service", "osv", "--osv-url", told.osv_url] if told.osv_url else []
    codes = []
    for lock in told.locks:
        found = audit_first(lock, service)
        if found.code != UNKNOWN:
            found = audit(lock, service)
        print(f"{lock.name}: {found.words}")  # noqa: T201 # a program
        codes.append(found.code)
    return KNOWN if KNOWN in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
