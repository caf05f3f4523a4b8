"""How long a table of 1,000,000 updates takes, for every family, beside Optax and PyTorch.

The one idea: one process, one core, CPU time, the best of several repeats; the peers run in the
environment of `make parity`, if it is there, on the schedule of the same name.
Run by `make bench`; leaves var/bench/schedules.json.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuning.schedules import FAMILIES, Schedule

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "tests" / "benchmarks" / "schedule_peers.py"
PARITY = ROOT / ".venv-parity" / "bin" / "python"
LEFT = ROOT / "var" / "bench" / "schedules.json"
UPDATES = 1_000_000
REPEATS = 7
TARGET = 50.0


def timed(make: Callable[[], object]) -> list[float]:
    """Milliseconds of CPU of each repeat."""
    spent = []
    for _ in range(REPEATS):
        begin = time.process_time()
        make()
        spent.append(1e3 * (time.process_time() - begin))
    return spent


def peers() -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each repeat of the peers, by library and family; none without them."""
    if not PARITY.exists():
        return {}
    command = [str(PARITY), str(PEERS), str(UPDATES)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # ours
    found: dict[str, dict[str, list[float]]] = json.loads(done.stdout)
    return found


def figure(name: str, spent: list[float], peer: str | None, note: str) -> dict[str, Any]:
    """One figure in the shape all benchmarks share."""
    best = min(spent)
    return {
        "name": name,
        "value": round(best, 2),
        "unit": "ms",
        "better": "lower",
        "target": None if peer else TARGET,
        "met": None if peer else best < TARGET,
        "spread": [round(best, 2), round(max(spent), 2)],
        "repeats": len(spent),
        "peer": peer,
        "note": note,
    }


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def main() -> int:
    """Measure, print the table, leave the figures."""
    others = peers()
    figures = []
    say(f"{'family':22}{'ms':>8}  {'target':8}" + "".join(f"{name:>12}" for name in others))
    for kind, family in FAMILIES.items():
        spent = timed(lambda family=family: Schedule(family(0.1), UPDATES).table())
        own = figure(f"table_of_{kind}", spent, None, "CPU time, best repeat, 1,000,000 updates")
        figures.append(own)
        beside = {name: table[kind] for name, table in others.items() if kind in table}
        figures += [
            figure(f"{name}_{kind}", times, name, "the same schedule, update by update if it must")
            for name, times in beside.items()
        ]
        met = "met" if own["met"] else "MISSED"
        columns = "".join(
            f"{min(beside[name]):12.1f}" if name in beside else f"{'-':>12}" for name in others
        )
        say(f"{kind:22}{own['value']:8.1f}  {met:8}{columns}")
    if not others:
        say("No peers: make parity sets up the environment they run in.")
    LEFT.parent.mkdir(parents=True, exist_ok=True)
    LEFT.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
