"""A campaign: what a test of faults or of hostile input did, what it found, and its figures.

The one idea: a test notes in its `campaign` what it injected and each violation that it saw. One
that injected nothing proves nothing and fails, whatever else it asserts. The notes travel with
pytest's own reports, from all its processes, and the session leaves them in
`var/chaos/report.json` and `var/fuzz/report.json`.
"""

import json
import os
import random
import subprocess
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMMES = ("chaos", "fuzz")  # folders beside this file
KEY = "campaign"
DEFAULT_SEED = 20261123
NOTES = pytest.StashKey[list[dict[str, Any]]]()


@dataclass
class Campaign:
    """What one test injects and finds."""

    test: str
    programme: str
    seed: int
    is_whole: bool
    faults: int = 0
    cases: int = 0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, float | str] = field(default_factory=dict)

    def dose(self, share: int, whole: int) -> int:
        """How many: a share in the test suites, all of them in `make chaos` and `make fuzz`."""
        return whole if self.is_whole else share

    def random(self) -> random.Random:
        """Chance that is the same for the same seed and test."""
        return random.Random(f"{self.seed} {self.test}")

    def fault(self, count: int = 1) -> None:
        """Faults were injected."""
        self.faults += count

    def case(self, count: int = 1) -> None:
        """Hostile inputs were sent, or attempts made."""
        self.cases += count

    def find(self, violations: Iterable[str]) -> None:
        """Something that must hold does not, in words."""
        self.violations += violations

    def measure(self, name: str, value: float | str) -> None:
        """A figure of the report, with its unit in the name."""
        self.figures[name] = value

    def close(self) -> None:
        """Fail if nothing was injected, or if anything was found."""
        assert self.faults + self.cases, "nothing was injected, so nothing is proven"
        assert not self.violations, f"seed {self.seed}: " + "\n".join(self.violations[:20])


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Campaign:
    """The notes of this test; the seed is `GLIDESLOPE_TEST_SEED`, or always the same."""
    path: Path = request.node.path
    return Campaign(
        test=request.node.name,
        programme=path.relative_to(ROOT / "tests").parts[0],
        seed=int(os.environ.get("GLIDESLOPE_TEST_SEED", DEFAULT_SEED)),
        is_whole=os.environ.get("GLIDESLOPE_TEST_WHOLE") == "1",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test with a campaign ends with its reckoning, and its notes are kept either way."""
    campaign = getattr(item, "funcargs", {}).get(KEY)
    try:
        result = yield
        if campaign is not None:
            campaign.close()
        return result
    finally:
        if campaign is not None:
            item.user_properties.append((KEY, asdict(campaign)))
            item.add_report_section("call", "seed", str(campaign.seed))


def pytest_configure(config: pytest.Config) -> None:
    """A list for the notes of all tests."""
    config.stash[NOTES] = []


class Reporter:
    """Gathers the notes where the reports of all processes arrive."""

    def __init__(self, config: pytest.Config) -> None:
        """The notes go to the stash of this configuration."""
        self._notes = config.stash[NOTES]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One more test has ended."""
        found = dict(report.user_properties).get(KEY)
        if report.when == "call" and isinstance(found, dict):
            self._notes.append({**found, "outcome": report.outcome, "seconds": report.duration})


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen, but not in the processes that only run tests."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Reporter(session.config))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the report of each programme of which a test ran."""
    for programme in PROGRAMMES:
        notes = [one for one in session.config.stash[NOTES] if one["programme"] == programme]
        if notes:
            leave(programme, notes)


def leave(programme: str, notes: list[dict[str, Any]]) -> None:
    """Write what a programme came to: totals, then every test."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 # the one on the path
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    document = {
        "programme": programme,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "is_whole": all(one["is_whole"] for one in notes),
        "tests": len(notes),
        "failed": sum(one["outcome"] != "passed" for one in notes),
        "faults": sum(one["faults"] for one in notes),
        "cases": sum(one["cases"] for one in notes),
        "violations": sum(len(one["violations"]) for one in notes),
        "parts": sorted(notes, key=lambda one: str(one["test"])),
    }
    folder = ROOT / "var" / programme
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n")
