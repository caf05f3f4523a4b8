"""The engine's side of its benchmark: a process that trains what it is told, on one core.

Started by `engine.py` as `engine_ours.py CORE CACHE`; a line in, a line out, both JSON.
"""

import json
import sys
import time
from pathlib import Path

from tuning.execution.pinning import pin
from tuning.execution.programs import keep_programs

pin(int(sys.argv[1]))  # before XLA makes its threads
keep_programs(Path(sys.argv[2]))  # before JAX is imported

import numpy as np  # noqa: E402
from engine_cases import CASES, CHUNK, LR, ROWS, Case, data  # noqa: E402

from tuning.objectives.batches import Permutations  # noqa: E402
from tuning.objectives.networks import Mlp, SquaredError  # noqa: E402
from tuning.objectives.scan import Recipe, Scan  # noqa: E402

GEMM_SECONDS = 1.0


def recipe(case: Case) -> Recipe:
    """A case as the engine takes it."""
    network = Mlp(case.widths, case.activation)
    order = Permutations(ROWS, case.batch)
    return Recipe(init=network.init, loss=SquaredError(network), rows=data(case), order=order)


def train(described: Recipe, lanes: int, updates: int) -> tuple[float, float, list[float]]:
    """Seconds and CPU seconds of training lanes with seeds 0, 1, ...; the first lane's weights."""
    scan = Scan(described, range(lanes))
    lrs = np.full((lanes, updates), LR)
    begin, used = time.perf_counter(), time.process_time()
    for first in range(0, updates, CHUNK):
        scan.train(lrs[:, first : first + CHUNK])
    weights = scan.params()[0]  # waits until all is done
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    return (
        seconds,
        used,
        np.concatenate([leaf.ravel() for pair in weights for leaf in pair]).tolist(),
    )


def gemm(size: int) -> float:
    """GFLOP per CPU second of NumPy's product of two square matrices, the best of many."""
    one, other = (np.random.default_rng(seed).random((size, size), "f4") for seed in range(2))
    out = np.empty_like(one)
    calls = max(1, 10**8 // size**3)
    best, end = np.inf, time.perf_counter() + GEMM_SECONDS
    while time.perf_counter() < end:
        begin = time.process_time()
        for _ in range(calls):
            np.matmul(one, other, out=out)
        best = min(best, (time.process_time() - begin) / calls)
    return 2e-9 * size**3 / best


def main() -> None:
    """Answer until there are no more lines."""
    recipes = {name: recipe(case) for name, case in CASES.items()}
    for line in sys.stdin:
        asked = json.loads(line)
        if "gemm" in asked:
            answer: object = gemm(asked["gemm"])
        else:
            answer = train(recipes[asked["case"]], asked["lanes"], asked["updates"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
