"""Who wins on which objective: every family at its best peak, on seeds that chose no peak.

The one idea: each arm gets the same grid of peaks, chosen by validation on tuning seeds; then all
arms are trained on the same fresh seeds and compared on the test split, paired by seed. A target
is what the literature and earlier measurements say of the objective; exits 0 when one is missed.
Run by `make benchmark-objectives` (SEED=… for other seeds); leaves var/bench/objectives.json.
"""

import os
import queue
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from figures import ROOT, Figure, leave, say, tell

from tuning.execution import Block, Ended, Lane, Process
from tuning.execution.pinning import cores
from tuning.objectives import (
    NO_FOLDERS,
    OBJECTIVES,
    TEST,
    VALIDATION,
    Folders,
    Solved,
    configure,
)
from tuning.objectives.noisy_quadratic import LEAST_RATIO
from tuning.records import RunState
from tuning.schedules import Schedule, build
from tuning.seeds import derive

LANES = 8
TUNING_SEEDS, FRESH_SEEDS = 2, 6
CACHE = Folders(cache=ROOT / "var" / "cache")

Params = Mapping[str, float | int | str]


@dataclass(frozen=True)
class Arm:
    """A family with its parameters; its peak is what is tuned."""

    name: str
    family: str
    params: Params = field(default_factory=dict)

    def schedule(self, peak: float, horizon: int) -> Schedule:
        """The schedule at that peak."""
        return Schedule(build(self.family, peak, dict(self.params)), horizon)


PLAIN = (
    Arm("constant", "constant"),
    Arm("linear", "linear"),
    Arm("cosine", "cosine"),
    Arm("one_cycle", "one_cycle"),
    Arm("wsd", "wsd"),
    Arm("sgdr", "sgdr", {"cycles": 4}),
)


@dataclass(frozen=True)
class Trial:
    """An objective, its config, its arms, and the peaks that are tried."""

    objective: str
    arms: Sequence[Arm]
    peaks: Sequence[float]
    config: Mapping[str, object] = field(default_factory=dict)
    updates: int | None = None

    @property
    def horizon(self) -> int:
        """The objective's own, unless another is asked for."""
        objective = OBJECTIVES[self.objective]
        return objective.horizon(configure(objective, self.config), NO_FOLDERS, self.updates)


class Pool:
    """One training process per core."""

    def __init__(self) -> None:
        free = cores(os.cpu_count() or 1)
        self._idle: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._all = [Process(CACHE, core=core) for core in free]
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(len(free))

    def losses(
        self, trial: Trial, lanes: Sequence[tuple[Schedule, int]], split: str
    ) -> list[float]:
        """The compared metric of each (schedule, seed) on a split; infinite if it diverged."""
        parts = [lanes[first : first + LANES] for first in range(0, len(lanes), LANES)]
        futures = [self._threads.submit(self._train, trial, part, split) for part in parts]
        return [loss for future in futures for loss in future.result()]

    def _train(
        self, trial: Trial, lanes: Sequence[tuple[Schedule, int]], split: str
    ) -> list[float]:
        objective = OBJECTIVES[trial.objective]
        splits = (VALIDATION,) if split == VALIDATION else (VALIDATION, TEST)
        block = Block(
            trial.objective,
            trial.config,
            trial.horizon,
            tuple(Lane(str(i), seed, schedule) for i, (schedule, seed) in enumerate(lanes)),
            splits,
        )
        process = self._idle.get()
        try:
            ends = {e.run: e.result for e in process.run(block) if isinstance(e, Ended)}
        finally:
            self._idle.put(process)
        name = objective.metrics[0].name
        return [
            ends[str(i)].metrics[split][name]
            if ends[str(i)].state is RunState.COMPLETED
            else np.inf
            for i in range(len(lanes))
        ]

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown()
        for process in self._all:
            process.close()


@contextmanager
def open_pool() -> Iterator[Pool]:
    """A pool that is closed at the end."""
    pool = Pool()
    try:
        yield pool
    finally:
        pool.close()


@dataclass(frozen=True)
class Ranking:
    """Every arm at its best peak: the peak, and its test losses on the fresh seeds."""

    peaks: Mapping[str, float]
    losses: Mapping[str, np.ndarray]

    def mean(self, arm: str) -> float:
        """Mean test loss."""
        return float(self.losses[arm].mean())

    def ratio(self, arm: str, other: str) -> tuple[float, tuple[float, float]]:
        """Mean loss of `arm` over that of `other`, and the smallest and largest over seeds."""
        pairs = self.losses[arm] / self.losses[other]
        return self.mean(arm) / self.mean(other), (float(pairs.min()), float(pairs.max()))


def rank(pool: Pool, trial: Trial, seed: int) -> Ranking:
    """Tune every arm's peak on validation, then train all on fresh seeds and read the test."""
    horizon = trial.horizon
    tuning = [derive(seed, "tuning", number) for number in range(TUNING_SEEDS)]
    fresh = [derive(seed, "fresh", number) for number in range(FRESH_SEEDS)]
    grid = [(arm, peak) for arm in trial.arms for peak in trial.peaks]
    lanes = [(arm.schedule(peak, horizon), one) for arm, peak in grid for one in tuning]
    found = np.array(pool.losses(trial, lanes, VALIDATION)).reshape(len(grid), -1).mean(axis=1)
    peaks = {}
    for arm in trial.arms:
        own = [loss for (other, _), loss in zip(grid, found, strict=True) if other is arm]
        peaks[arm.name] = trial.peaks[int(np.argmin(own))]
    chosen = [(arm.schedule(peaks[arm.name], horizon), one) for arm in trial.arms for one in fresh]
    tested = np.array(pool.losses(trial, chosen, TEST)).reshape(len(trial.arms), -1)
    return Ranking(peaks, {arm.name: row for arm, row in zip(trial.arms, tested, strict=True)})


def show(trial: Trial, ranking: Ranking) -> None:
    """Print the ranking, best first."""
    say(f"\n{trial.objective} {dict(trial.config)}: horizon {trial.horizon:,}")
    metric = OBJECTIVES[trial.objective].metrics[0]
    for name in sorted(ranking.losses, key=ranking.mean):
        losses = ranking.losses[name]
        edge = " at the edge" if ranking.peaks[name] in {trial.peaks[0], trial.peaks[-1]} else ""
        say(
            f"  {name:14}{losses.mean():>12.5g} ± {losses.std(ddof=1):<9.3g}{metric.unit:20} "
            f"peak {ranking.peaks[name]:g}{edge}"
        )


def figure(
    name: str,
    ratio: tuple[float, tuple[float, float]],
    target: float | None,
    better: str = "higher",
    note: str = "",
) -> Figure:
    """A ratio of mean test losses."""
    value, spread = ratio
    return Figure(
        name=name,
        value=value,
        unit="x",
        better="higher" if better == "higher" else "lower",
        target=target,
        spread=spread,
        repeats=FRESH_SEEDS,
        note=note or "ratio of mean test losses; the spread is over paired seeds",
    )


def heston(pool: Pool, seed: int) -> list[Figure]:
    """Annealing beats a tuned constant on the pricing network."""
    trial = Trial("heston_surface", PLAIN, (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2e-2, 4e-2))
    ranking = rank(pool, trial, seed)
    show(trial, ranking)
    return [
        figure("heston_surface: constant / linear", ranking.ratio("constant", "linear"), 1.3),
        figure("heston_surface: constant / cosine", ranking.ratio("constant", "cosine"), 1.3),
    ]


def finetune(pool: Pool, seed: int) -> list[Figure]:
    """Annealing wins by less when a network is fine-tuned."""
    trial = Trial("regime_finetune", PLAIN, (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3e-2))
    ranking = rank(pool, trial, seed)
    show(trial, ranking)
    return [
        figure("regime_finetune: constant / one_cycle", ranking.ratio("constant", "one_cycle"), 1.0)
    ]


def online(pool: Pool, seed: int) -> list[Figure]:
    """A cosine over the whole life cannot follow."""
    peaks = (2e-3, 4e-3, 8e-3, 1.4e-2, 2.4e-2, 4e-2)
    trial = Trial("online_surface", PLAIN, peaks)
    ranking = rank(pool, trial, seed)
    show(trial, ranking)
    return [
        figure("online_surface: cosine / constant", ranking.ratio("cosine", "constant"), 1.03),
        figure("online_surface: linear / constant", ranking.ratio("linear", "constant"), None),
    ]


def rugged(pool: Pool, seed: int) -> list[Figure]:
    """Cosine cycles as many as there are jumps explore and settle in time."""
    counts = (4, 7, 8, 9, 16)
    cycles = [
        Arm(f"cycles_{count}", "sgdr", {"cycles": count, "cycle_growth": 1.0}) for count in counts
    ]
    arms = (Arm("constant", "constant"), Arm("cosine", "cosine"), *cycles)
    trial = Trial("regime_rugged", arms, tuple(np.geomspace(5e-3, 0.3, 9).round(4).tolist()))
    ranking = rank(pool, trial, seed)
    show(trial, ranking)
    matched = "cycles_8"
    beside = min(("cycles_7", "cycles_9"), key=ranking.mean)
    return [
        figure("regime_rugged: constant / 8 cycles", ranking.ratio("constant", matched), 1.15),
        figure("regime_rugged: neighbouring count / 8 cycles", ranking.ratio(beside, matched), 1.0),
        figure("regime_rugged: cosine / constant", ranking.ratio("cosine", "constant"), 1.0),
    ]


def volatility(pool: Pool, seed: int) -> list[Figure]:
    """On real volatility the schedule hardly matters."""
    trial = Trial("realized_volatility", PLAIN, tuple(np.geomspace(3e-4, 0.1, 8).tolist()))
    ranking = rank(pool, trial, seed)
    show(trial, ranking)
    means = [ranking.mean(arm.name) for arm in PLAIN]
    spread = max(means) / min(means)
    return [
        figure(
            "realized_volatility: worst / best",
            (spread, (spread, spread)),
            1.03,
            "lower",
            "ratio of mean test losses over six families",
        )
    ]


def quadratic(pool: Pool, seed: int) -> list[Figure]:
    """Expected losses over the known optimum, every family at its best peak; none is below it."""
    del seed  # expectations are exact
    objective = OBJECTIVES["noisy_quadratic"]
    peaks = tuple(np.geomspace(0.01, 1.0, 61).tolist())
    figures = []
    say("\nnoisy_quadratic: best expected loss over the optimum")
    say(f"  {'':6}{'optimum':>10}" + "".join(f"{arm.name:>11}" for arm in PLAIN))
    for name in ("N1", "N2", "N3", "N4", "N5", "N6"):
        trial = Trial(
            "noisy_quadratic", PLAIN, peaks, {"problem": name}, 50 if name == "N6" else None
        )
        problem = objective.open(configure(objective, trial.config), NO_FOLDERS)
        assert isinstance(problem, Solved)
        optimum = problem.optimum(trial.horizon, VALIDATION)
        lanes = [(arm.schedule(peak, trial.horizon), 0) for arm in PLAIN for peak in peaks]
        losses = np.array(pool.losses(trial, lanes, VALIDATION)).reshape(len(PLAIN), -1)
        ratios = losses.min(axis=1) / optimum
        say(f"  {name:6}{optimum:>10.6f}" + "".join(f"{ratio:>11.3f}" for ratio in ratios))
        figures.append(
            Figure(
                name=f"noisy_quadratic {name}: best of six families / optimum",
                value=float(ratios.min()),
                unit="x",
                better="higher",
                target=LEAST_RATIO,
                spread=(float(ratios.min()), float(ratios.max())),
                repeats=len(PLAIN),
                peer="the optimum by adjoint and L-BFGS",
                note="a value below the target would be an error; the spread is over families",
            )
        )
    if not all(one.met for one in figures):
        raise RuntimeError("a loss lies below the known optimum")
    return figures


PARTS: Mapping[str, Callable[[Pool, int], list[Figure]]] = {
    "heston_surface": heston,
    "regime_finetune": finetune,
    "online_surface": online,
    "regime_rugged": rugged,
    "noisy_quadratic": quadratic,
    "realized_volatility": volatility,
}


def main() -> int:
    """Rank on every objective, print, leave the figures."""
    seed = int(os.environ.get("SEED", "1"))
    wanted = sys.argv[1:] or list(PARTS)
    figures: list[Figure] = []
    with open_pool() as pool:
        for name in wanted:
            found = PARTS[name](pool, seed)
            for one in found:
                tell(one)
            figures += found
    leave("objectives", figures)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
