"""Parity: run every library, compare, print the table, and write what the tests compare with.

`python -m parity [DRAWS]`, in the environment of `requirements.txt`; exit code 1 on a difference.
The draws are of every call; the first eight of each are stored.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from parity import report, store
from parity.compare import Row, compare, compare_feedback, uncovered
from parity.record import Answer

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "var" / "parity.json"
DRAWS = 100
EXAMPLES = 3  # differences spelled out per row

FORGOTTEN = "FAIL: no case"
FLOAT64, FLOAT32 = 1e-12, 2e-6
# Library in the table, framework of the import, what its values are, allowed difference.
RUNS = (
    ("torch", "torch", "", FLOAT64),
    ("transformers", "transformers", "", FLOAT64),
    ("timm", "timm", "", FLOAT64),
    ("optax", "optax", "float64", FLOAT64),
    ("optax float32", "optax", "float32", FLOAT32),
    ("keras", "keras", "float32", FLOAT32),
    ("sklearn", "sklearn", "", FLOAT64),
)
TOLERANCES = {library: tolerance for library, _, _, tolerance in RUNS}
# What has no row, and why; anything else without one is a fault.
UNREAD = (
    ("paddle", "optimizer.lr", "no import reads it"),
    ("composer", "optim.scheduler", "no import reads it"),
    ("transformers", "get_adafactor_schedule", "no schedule: shows what the optimiser does"),
    ("timm", "PlateauLRScheduler(noise)", "refused: noise over a rate that metrics move"),
    *(
        ("sklearn", f"{estimator}({rule})", "no schedule: the rate follows each sample's error")
        for estimator in ("SGDRegressor", "SGDClassifier")
        for rule in ("pa1", "pa2")
    ),
)


def main(draws: int) -> int:
    """Run all; how many rows have a fault, and schedulers have no row."""
    feedback = _record("feedback", draws, "float64")
    store.write("feedback", feedback)
    told = compare_feedback(feedback, TOLERANCES)
    rows, missing, peers = [], list(UNREAD), {"feedback": _peer(feedback)}
    for library, framework, precision, tolerance in RUNS:
        answer = _record(framework, draws, precision)
        peers[library] = _peer(answer)
        rows += compare(library, framework, answer, tolerance)
        if library == framework:
            store.write(framework, answer)
            missing += _left(framework, answer, [*rows, *told])
    return _tell([*rows, *told], missing, peers)


def _record(framework: str, draws: int, precision: str) -> Answer:
    """A library's answers, from a process of its own: jax has one precision per process."""
    set_up = {
        "JAX_ENABLE_X64": str(precision == "float64"),
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "jax",
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "parity.record", framework, str(draws)]
    done = subprocess.run(command, env={**os.environ, **set_up}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _left(framework: str, answer: Answer, rows: list[Row]) -> list[tuple[str, str, str]]:
    """What the library has, or the import reads, in neither rows nor reasons."""
    named = [(row.library, row.name) for row in rows]
    named += [tuple(row.name.split(maxsplit=1)) for row in rows if row.library == "feedback"]
    named += [(library, call) for library, call, _ in UNREAD]
    covered = {name for library, name in named if library == framework}
    return [(framework, name, FORGOTTEN) for name in uncovered(framework, answer, covered)]


def _peer(answer: Answer) -> str:
    return ", ".join(f"{name} {version}" for name, version in answer["versions"].items())


def _tell(rows: list[Row], missing: list[tuple[str, str, str]], peers: dict[str, str]) -> int:
    report.write(FIGURES, report.figures(rows, peers))
    lines = [report.print_table(rows, missing), ""]
    lines += [f"{library}: {peer}" for library, peer in peers.items()]
    for row in rows:
        lines += [f"{row.library} {row.name}: {fault}" for fault in row.faults[:EXAMPLES]]
    failed = sum(bool(row.faults) for row in rows)
    forgotten = sum(why == FORGOTTEN for _, _, why in missing)
    lines.append(f"\n{len(rows)} rows, {failed} with differences; {forgotten} calls without a case")
    sys.stdout.write("\n".join(lines) + "\n")
    return failed + forgotten


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if sys.argv[1:] else DRAWS
    sys.exit(1 if main(chosen) else 0)
