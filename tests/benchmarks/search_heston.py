"""Updates until a search recommends as good a schedule as a large sweep found, on the pricing net.

The one idea: the reference is the best of a stored sweep of 2,000 random schedules of the zoo,
measured on 32 held-out seeds; a study has reached it when what it would recommend is within 1 % of
it on 16 held-out seeds. Held-out trainings cost a study nothing and are remembered by schedule.
A study that never gets there counts as infinity, so a ratio against the budget is a lower bound.
Run by `make benchmark-search PART=heston` (STUDIES=… per method, UPDATES=… per training, TRIALS=…
per study at most); `PART=sweep` makes tests/benchmarks/data/heston_sweep_<updates>.json.
"""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, leave, say, tell
from objectives import Pool, Trial, open_pool
from search_arithmetic import first_passage, median, median_interval, ratio_of_medians
from search_methods import METHODS, Problem, Wish, in_step
from search_space import ZOO

from tuning.objectives import OBJECTIVES, VALIDATION
from tuning.schedules import Schedule
from tuning.search.samplers.points import drawn
from tuning.search.space import lay_out
from tuning.seeds import derive

OBJECTIVE = "heston_surface"
UPDATES = int(os.environ.get("UPDATES", "930"))
STUDIES = int(os.environ.get("STUDIES", "20"))
TRIALS = int(os.environ.get("TRIALS", "100"))
SWEPT, FINALISTS, CHOOSING_SEEDS, REFERENCE_SEEDS, HELD_OUT_SEEDS = 2_000, 32, 16, 32, 16
WITHIN = 1.01
DATA = Path(__file__).parent / "data"
OURS, PEER = ("curve", "whole policy"), "TPE"
TARGET = 5.0


class Bench:
    """Trains on the pool, and remembers what schedules come to on held-out seeds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[str, float] = {}

    def train(self, wishes: Sequence[Wish]) -> list[float]:
        """Validation losses, those of one horizon side by side."""
        by_horizon: dict[int, list[int]] = {}
        for place, (schedule, _) in enumerate(wishes):
            by_horizon.setdefault(schedule.horizon, []).append(place)
        losses = [math.inf] * len(wishes)
        for horizon, places in by_horizon.items():
            trial = Trial(OBJECTIVE, (), (), {}, horizon)
            found = self._pool.losses(trial, [wishes[place] for place in places], VALIDATION)
            for place, loss in zip(places, found, strict=True):
                losses[place] = loss
        return losses

    def held_out(self, schedules: Sequence[Schedule], seeds: int = HELD_OUT_SEEDS) -> list[float]:
        """Mean losses on the first so many held-out seeds."""
        new = {
            f"{one.identity} {seeds}": one
            for one in schedules
            if f"{one.identity} {seeds}" not in self._known
        }
        lanes = [(one, held_out_seed(i)) for one in new.values() for i in range(seeds)]
        losses = np.array(self.train(lanes)).reshape(len(new), seeds)
        self._known |= dict(zip(new, losses.mean(axis=1).tolist(), strict=True))
        return [self._known[f"{one.identity} {seeds}"] for one in schedules]


def held_out_seed(number: int) -> int:
    """A seed that no search trains on."""
    return derive(0, "benchmark", "held-out", number)


def problem() -> Problem:
    """What is searched."""
    return Problem(OBJECTIVE, UPDATES, OBJECTIVES[OBJECTIVE].peak, TRIALS)


def sweep_path() -> Path:
    """Where the sweep of this horizon is stored."""
    return DATA / f"heston_sweep_{UPDATES}.json"


def sweep(bench: Bench) -> Mapping[str, Any]:
    """Train random schedules, look again at the best, measure the best of them, store all."""
    begin = time.perf_counter()
    random = np.random.default_rng(0)
    space = problem().space(ZOO)
    points = [drawn(space, ZOO[i % len(ZOO)], random) for i in range(SWEPT)]
    schedules = [lay_out(point, UPDATES) for point in points]
    one = derive(0, "benchmark", "sweep")
    losses = bench.train([(schedule, one) for schedule in schedules])
    order = np.argsort(losses, kind="stable")[:FINALISTS].tolist()
    choosing = [derive(0, "benchmark", "choosing", i) for i in range(CHOOSING_SEEDS)]
    again = bench.train([(schedules[place], seed) for place in order for seed in choosing])
    means = np.array(again).reshape(FINALISTS, -1).mean(axis=1)
    best = order[int(means.argmin())]
    document = {
        "command": f"make benchmark-search PART=sweep UPDATES={UPDATES}",
        "objective": OBJECTIVE,
        "updates": UPDATES,
        "metric": "validation rmse_bp, one seed per schedule",
        "versions": {name: version(name) for name in ("glideslope", "jax", "jaxlib", "numpy")},
        "python": platform.python_version(),
        "reference": {
            "params": points[best],
            "mean": bench.held_out([schedules[best]], REFERENCE_SEEDS)[0],
            "seeds": REFERENCE_SEEDS,
            "how": f"lowest mean of {CHOOSING_SEEDS} further seeds among the {FINALISTS} lowest",
        },
        "finalists": [
            {"schedule": place, "params": points[place], "mean": round(float(mean), 4)}
            for place, mean in zip(order, means, strict=True)
        ],
        "losses": [float(f"{loss:.5g}") if math.isfinite(loss) else None for loss in losses],
    }
    DATA.mkdir(exist_ok=True)
    sweep_path().write_text(json.dumps(document, indent=None, separators=(",", ":")) + "\n")
    say(f"{SWEPT} trainings of {UPDATES} updates: {time.perf_counter() - begin:.0f} s")
    say(f"best {points[best]}: {document['reference']['mean']:.3f} bp")  # type: ignore[index]
    return document


def play(bench: Bench, target: float, seed: int) -> dict[str, list[float]]:
    """Updates spent by each study of each method until it is there, in full trainings."""
    searched = problem()
    studies = {
        (name, number): make(searched, derive(seed, "benchmark", "study", number))
        for name, make in METHODS.items()
        for number in range(STUDIES)
    }
    traces: dict[object, list[tuple[float, float]]] = {key: [] for key in studies}

    def goes_on(key: object, spent: float, recommended: Schedule | None) -> bool:
        if recommended is not None:
            traces[key].append((spent / UPDATES, bench.held_out([recommended])[0]))
        return first_passage(traces[key][-1:], target) == math.inf

    for number, left in enumerate(in_step(studies, bench.train, goes_on)):
        say(f"  round {number}: {left} of {len(studies)} studies go on")
    for name in METHODS:
        ends = [traces[name, number][-1][1] / target * WITHIN for number in range(STUDIES)]
        say(f"  {name:22} last recommendation over the reference: median {median(ends):.4f}")
    return {
        name: [first_passage(traces[name, number], target) for number in range(STUDIES)]
        for name in METHODS
    }


def show(found: Mapping[str, Sequence[float]]) -> list[Figure]:
    """The table, and the figures."""
    note = (
        f"{STUDIES} studies of at most {TRIALS} trainings of {UPDATES} updates; "
        "first recommendation within 1 % of the sweep's best on 16 held-out seeds"
    )
    figures = []
    say(f"\n{'trainings until there':24}{'median':>9}{'95 % interval':>18}{'reached':>10}")
    for name, costs in found.items():
        low, high = median_interval(costs)
        reached = sum(math.isfinite(cost) for cost in costs)
        say(f"{name:24}{median(costs):>9.3g}{f'{low:.3g} - {high:.3g}':>18}{reached:>7}/{STUDIES}")
        figures.append(
            Figure(
                name=f"heston: full trainings until there, {name}",
                value=bounded(median(costs)),
                unit="FTE",
                better="lower",
                spread=(bounded(low), bounded(high)),
                repeats=STUDIES,
                note=f"{note}; {reached} studies got there; never counts as the budget",
            )
        )
    for name in OURS:
        own, other = ([bounded(cost) for cost in found[one]] for one in (name, PEER))
        value, spread = ratio_of_medians(other, own)
        figures.append(
            Figure(
                name=f"heston: trainings of {PEER} over those of {name}",
                value=value,
                unit="x",
                target=TARGET,
                spread=spread,
                repeats=STUDIES,
                peer="Optuna TPE over the zoo",
                note=f"{note}; never counts as the budget, so a lower bound; bootstrap interval",
            )
        )
    return figures


def bounded(cost: float) -> float:
    """The budget for what never got there."""
    return min(cost, float(TRIALS))


def main(arguments: Sequence[str]) -> int:
    """Sweep, or play the studies and leave the figures."""
    seed = int(os.environ.get("SEED", "1"))
    with open_pool() as pool:
        bench = Bench(pool)
        if "sweep" in arguments:
            sweep(bench)
            return 0
        if not sweep_path().exists():
            sweep(bench)
        stored = json.loads(sweep_path().read_text())
        mean = bench.held_out([lay_out(stored["reference"]["params"], UPDATES)], REFERENCE_SEEDS)[0]
        say(f"reference {mean:.3f} bp, stored {stored['reference']['mean']:.3f}")
        begin = time.perf_counter()
        figures = show(play(bench, WITHIN * mean, seed))
        say(f"{time.perf_counter() - begin:.0f} s")
    for one in figures:
        tell(one)
    leave("search_heston", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
