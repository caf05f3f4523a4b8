"""Rungs: how well shorter horizons rank schedules, beside the beginnings of full trainings.

The one idea: random shapes of the zoo at five peaks are trained over the full horizon and over
half, a quarter and an eighth of it, on paired seeds; a shape's score is its lowest over the peaks.
Beside it the values that the full trainings had half and a quarter of the way, which is what
pruning by prefix looks at.
Run by `make benchmark-search PART=rungs` (SHAPES=…, UPDATES=…); leaves var/bench/search_rungs.json.
"""

import os
import sys
from collections.abc import Sequence

import numpy as np
from figures import Figure, leave, say, tell
from objectives import open_pool
from search_arithmetic import best_lost, kendall
from search_heston import OBJECTIVE, Bench
from search_space import ZOO

from tuning.objectives import OBJECTIVES
from tuning.schedules import Schedule, Table
from tuning.search.samplers.points import drawn
from tuning.search.space import PEAK, lay_out, narrow
from tuning.seeds import derive

SHAPES = int(os.environ.get("SHAPES", "32"))
HORIZON = int(os.environ.get("UPDATES", "3720"))
PEAKS = (8e-3, 1.6e-2, 3e-2, 6e-2)
SEEDS, RESAMPLES = 2, 400
KEEP, BEST = 0.25, 0.1
PARTS = (2, 4, 8)
PREFIXES = (2, 4)


def prefix(schedule: Schedule, updates: int) -> Schedule:
    """The first updates of a schedule, as a schedule of their own."""
    rates = schedule(np.arange(updates))
    peak = float(rates.max())
    return Schedule(Table(peak, values=tuple((rates / peak).tolist())), updates)


def scores(bench: Bench, schedules: Sequence[Schedule], seeds: Sequence[int]) -> np.ndarray:
    """Mean loss of each shape and peak, shape (shapes, peaks)."""
    losses = bench.train([(one, seed) for one in schedules for seed in seeds])
    return np.array(losses).reshape(-1, len(PEAKS), len(seeds)).mean(axis=2)


def spread_of(proxy: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Middle 95 % of tau over resampled shapes."""
    random = np.random.default_rng(0)
    drawn_places = random.integers(len(truth), size=(RESAMPLES, len(truth)))
    taus = [kendall(proxy[places], truth[places]) for places in drawn_places]
    low, high = np.nanquantile(taus, [0.025, 0.975])
    return float(low), float(high)


def measure(bench: Bench, seed: int) -> list[Figure]:
    """Train everything, and compare the rankings of the shapes."""
    random = np.random.default_rng(seed)
    space = narrow(ZOO, OBJECTIVES[OBJECTIVE].peak, {}, {})
    shapes = [drawn(space, ZOO[number % len(ZOO)], random) for number in range(SHAPES)]
    full = [lay_out({**shape, PEAK: peak}, HORIZON) for shape in shapes for peak in PEAKS]
    seeds = [derive(seed, "benchmark", "rungs", number) for number in range(SEEDS)]
    truth = scores(bench, full, seeds).min(axis=1)
    figures = []
    proxies = [
        (f"horizon 1/{part}", [one.at(HORIZON // part) for one in full]) for part in PARTS
    ] + [(f"prefix 1/{part}", [prefix(one, HORIZON // part) for one in full]) for part in PREFIXES]
    for name, schedules in proxies:
        found = scores(bench, schedules, seeds).min(axis=1)
        lost = best_lost(found.tolist(), truth.tolist(), KEEP, BEST)
        note = f"{SHAPES} shapes x {len(PEAKS)} peaks x {SEEDS} seeds, {HORIZON} updates"
        tau = kendall(found.tolist(), truth.tolist())
        say(f"  {name:14} tau {tau:.2f}, best tenth lost keeping a quarter {100 * lost:.0f} %")
        figures += [
            Figure(
                name=f"rungs: tau of shapes, {name}",
                value=tau,
                unit="",
                spread=spread_of(found, truth),
                repeats=SHAPES,
                note=note,
            ),
            Figure(
                name=f"rungs: best tenth lost, {name}",
                value=100 * lost,
                unit="%",
                better="lower",
                repeats=SHAPES,
                note=f"{note}; a quarter of the shapes kept",
            ),
        ]
    return figures


def main() -> int:
    """Measure, print, leave the figures."""
    with open_pool() as pool:
        figures = measure(Bench(pool), int(os.environ.get("SEED", "1")))
    for one in figures:
        tell(one)
    leave("search_rungs", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
