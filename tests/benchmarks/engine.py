"""How fast the engine trains small networks, beside PyTorch update by update and beside the limit.

The one idea: ratios within one run. Each side has one process per core, bound to it, with one
thread; both sides train the same networks on the same rows in the same order, in turns, and every
turn gives one ratio. The limit is what one core's best matrix product reaches.
Run by `make bench PART=engine`; leaves var/bench/engine.json.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from engine_cases import CASES, CHUNK, Case

from tuning.execution.link import child_environment
from tuning.execution.pinning import cores

HERE = Path(__file__).parent
LEFT = HERE.parents[1] / "var" / "bench" / "engine.json"
REPEATS = 7
LANES = (1, 4, 16, 64)
GEMMS = (64, 128, 1024)
AGREED = 1e-3  # largest difference of a weight after a training, both sides in float32

Answer = tuple[float, float, list[float]]  # seconds, CPU seconds, weights


class Child:
    """A process that answers one JSON line with another."""

    def __init__(self, program: str, *arguments: object) -> None:
        command = [sys.executable, str(HERE / program), *map(str, arguments)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=child_environment(),
        )

    def ask(self, **question: object) -> None:
        """Send a question."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 - JSON
        """Wait for the answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended without an answer")
        return json.loads(line)

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


@contextmanager
def children(program: str, *arguments: object) -> Iterator[list[Child]]:
    """One process per core."""
    with ExitStack() as stack:
        started = []
        for core in cores(os.cpu_count() or 1):
            started.append(Child(program, core, *arguments))
            stack.callback(started[-1].close)
        yield started


def rates(side: Sequence[Child], name: str, lanes: int, updates: int) -> tuple[float, float]:
    """Lane-steps of all processes of one side, training at once: per second, and per CPU second."""
    for child in side:
        child.ask(case=name, lanes=lanes, updates=updates)
    answers: list[Answer] = [child.answer() for child in side]
    wall = sum(lanes * updates / seconds for seconds, _, _ in answers)
    return wall, sum(lanes * updates / seconds for _, seconds, _ in answers)


def first(child: Child, name: str) -> tuple[float, list[float]]:
    """The first training of a case by a process: seconds, compilation and all, and weights."""
    begin = time.perf_counter()
    child.ask(case=name, lanes=1, updates=2 * CHUNK)
    weights = child.answer()[2]
    return time.perf_counter() - begin, weights


def figure(name: str, values: Sequence[float], unit: str, **other: object) -> dict[str, Any]:
    """One figure, the median of its repeats, in the shape all benchmarks share."""
    value = statistics.median(values)
    target = other.get("target")
    return {
        "name": name,
        "value": _rounded(value),
        "unit": unit,
        "better": "higher",
        "target": target,
        "met": None if target is None else value >= float(str(target)),
        "spread": [_rounded(min(values)), _rounded(max(values))],
        "repeats": len(values),
        "peer": None,
        "note": "",
        **other,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def beside_peer(
    name: str, case: Case, ours: Sequence[Child], peers: Sequence[Child]
) -> Iterator[dict[str, Any]]:
    """Both sides in turns: what each reaches, and the ratio of every turn."""
    weights = [first(side[0], name)[1] for side in (ours, peers)]
    for child in (*ours[1:], *peers[1:]):
        first(child, name)
    apart = float(np.abs(np.subtract(*weights)).max())
    if not apart < AGREED:
        raise RuntimeError(f"{name}: weights differ by {apart:g} after the same training")
    own, other = [], []
    for _ in range(REPEATS):
        other.append(rates(peers, name, 1, case.updates))
        own.append(rates(ours, name, case.lanes, case.updates))
    note = f"{case.name} {case.activation}, batch {case.batch}, Adam, {len(ours)} processes a side"
    turns = list(zip(own, other, strict=True))
    yield figure(f"{name}_pytorch", [wall for wall, _ in other], "lane-steps/s", peer="pytorch")
    yield figure(f"{name}_engine", [wall for wall, _ in own], "lane-steps/s", note=note)
    yield figure(
        f"{name}_times_pytorch",
        [mine / theirs for (mine, _), (theirs, _) in turns],
        "x",
        target=case.target,
        note=f"{note}; largest difference of a weight after {2 * CHUNK} updates {apart:.0e}",
    )
    yield figure(
        f"{name}_times_pytorch_cpu",
        [mine / theirs for (_, mine), (_, theirs) in turns],
        "x",
        note="the same per CPU second, which what else the machine does disturbs less",
    )


def limits(name: str, case: Case, child: Child, peak: float) -> Iterator[dict[str, Any]]:
    """What one core achieves per CPU second, of what it could."""
    alone = [rates([child], name, case.lanes, case.updates)[1] for _ in range(REPEATS)]
    achieved = [1e-9 * case.flop * one for one in alone]
    note = f"{1e-6 * case.flop:.3g} MFLOP of matrix products per update, one core"
    yield figure(f"{name}_gflops", achieved, "GFLOP/s", note=note)
    shares = [100 * one / peak for one in achieved]
    yield figure(f"{name}_share_of_gemm", shares, "%", note=f"of {peak:.3g} GFLOP/s")


def scaling(ours: Sequence[Child]) -> Iterator[dict[str, Any]]:
    """The small network with few and many lanes, on one core and on all."""
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for _ in range(REPEATS):
        for lanes in LANES:
            found.setdefault((lanes, 1), []).append(rates(ours[:1], "small", lanes, 240))
        found.setdefault((16, len(ours)), []).append(rates(ours, "small", 16, 240))
    for (lanes, used), values in found.items():
        name = f"small_{lanes}_lanes_{used}_cores"
        wall = [value for value, _ in values]
        yield figure(name, wall, "lane-steps/s", note="one process per core")
    turns = list(zip(found[16, len(ours)], found[16, 1], strict=True))
    note = f"{len(ours)} cores against one, 16 lanes"
    for kind, suffix in enumerate(("", "_cpu")):
        gains = [together[kind] / alone[kind] for together, alone in turns]
        yield figure(f"scaling_with_cores{suffix}", gains, "x", note=note)


def compilation(cache: str) -> Iterator[dict[str, Any]]:
    """Seconds of a process's first training, with nothing kept and with all kept."""
    found = []
    for _ in range(2):
        child = Child("engine_ours.py", cores(1)[0], cache)
        child.ask(gemm=GEMMS[0])
        child.answer()  # all is imported
        found.append({name: first(child, name)[0] for name in CASES})
        child.close()
    for kept, seconds in zip(("cold", "kept"), found, strict=True):
        for name, value in seconds.items():
            note = f"2 x {CHUNK} updates, compiled programs {kept}"
            yield figure(f"{name}_first_{kept}", [value], "s", better="lower", note=note)


def measure() -> Iterator[dict[str, Any]]:
    """All figures."""
    with tempfile.TemporaryDirectory() as cache:
        yield from compilation(cache)
        with children("engine_ours.py", cache) as ours:
            peaks = {}
            for size in GEMMS:
                ours[0].ask(gemm=size)
                peaks[size] = ours[0].answer()
                note = "NumPy's product of square float32 matrices, one core, best of many"
                yield figure(f"gemm_{size}", [peaks[size]], "GFLOP/s", note=note)
            if importlib.util.find_spec("torch") is None:
                say("No PyTorch here, so no ratios.")
            else:
                with children("engine_peer.py") as peers:
                    for name, case in CASES.items():
                        yield from beside_peer(name, case, ours, peers)
            for name, case in CASES.items():
                yield from limits(name, case, ours[0], max(peaks.values()))
            yield from scaling(ours)


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def row(one: Mapping[str, Any]) -> str:
    """A figure as a line of the table."""
    low, high = one["spread"]
    target = "" if one["target"] is None else f">= {one['target']:g}"
    met = {None: "", True: "met", False: "MISSED"}[one["met"]]
    spread = f"{low:g} - {high:g}" if one["repeats"] > 1 else ""
    return f"{one['name']:28}{one['value']:>10g} {one['unit']:14}{spread:22}{target:8}{met}"


def main() -> int:
    """Measure, print the table, leave the figures."""
    load = os.getloadavg()[0]
    say(f"load {load:.1f} on {os.cpu_count()} cores before the start")
    figures = []
    for one in measure():
        say(row(one))
        figures.append({**one, "note": f"{one['note']}; load before the start {load:.1f}"})
    LEFT.parent.mkdir(parents=True, exist_ok=True)
    LEFT.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
