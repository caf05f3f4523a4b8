"""The search against the state of practice, and its verdict against the truth.

The one idea: every part is a program of its own that leaves var/bench/search_<part>.json; this runs
the parts that are asked for, one after another, and gathers all figures that there are in
var/bench/search.json. A part that fails does not keep the others from running.
Run by `make benchmark-search` (PART="quadratic heston" for some parts; SEED=…, STUDIES=…).
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from figures import ROOT, say

HERE = Path(__file__).parent
RESULTS = ROOT / "var" / "bench"

# By name: the program, and what it is told.
PARTS: Mapping[str, tuple[str, ...]] = {
    "quadratic": ("search_quadratic.py", "exact", "noisy", "unseen"),
    "calibration": ("search_calibration.py",),
    "heston": ("search_heston.py",),
    "service": ("search_service.py",),
    "online": ("search_objectives.py", "online"),
    "rugged": ("search_objectives.py", "rugged"),
    "volatility": ("search_objectives.py", "volatility"),
    "rungs": ("search_rungs.py",),
    "pruning": ("search_pruning.py",),
    "cost": ("search_quadratic.py", "cost"),
}
ON_REQUEST: Mapping[str, tuple[str, ...]] = {"sweep": ("search_heston.py", "sweep")}
LEFT = {"cost": "search_quadratic"}  # where a part leaves its figures, if not in search_<part>


def play(part: str) -> bool:
    """Run a part; whether it went well. Its figures are kept under its own name."""
    say(f"\n== {part}")
    program, *arguments = {**PARTS, **ON_REQUEST}[part]
    left = RESULTS / f"{LEFT.get(part, f'search_{part}')}.json"
    left.unlink(missing_ok=True)  # a part that fails must not leave an earlier one's figures
    done = subprocess.run([sys.executable, str(HERE / program), *arguments], check=False)
    if part in PARTS and left.exists():
        (RESULTS / "search").mkdir(parents=True, exist_ok=True)
        (RESULTS / "search" / f"{part}.json").write_text(left.read_text())
    return done.returncode == 0


def gather() -> list[dict[str, object]]:
    """All figures of all parts that were ever run, by part."""
    found = []
    for part in PARTS:
        path = RESULTS / "search" / f"{part}.json"
        if path.exists():
            found += [{"part": part, **figure} for figure in json.loads(path.read_text())]
    return found


def main(wanted: Sequence[str]) -> int:
    """Run, gather, say what was missed; 1 if a part failed or a calibration target was missed."""
    known = {**PARTS, **ON_REQUEST}
    if unknown := [part for part in wanted if part not in known]:
        say(f"no part {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    failed = [part for part in wanted or PARTS if not play(part)]
    figures = gather()
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "search.json").write_text(json.dumps(figures, indent=1))
    missed = [f"{one['part']}: {one['name']}" for one in figures if one["met"] is False]
    say(f"\n{len(figures)} figures in var/bench/search.json; missed: {'; '.join(missed) or 0}")
    if failed:
        say(f"failed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
