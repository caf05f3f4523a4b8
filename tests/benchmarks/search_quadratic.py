"""How near searches come to the known optimum of noisy quadratics, and at what price.

The one idea: on a quadratic the true loss of every schedule is computed, so a study takes seconds,
and a search is judged by what its schedules are worth, not by what it saw of them. A search sees
losses, exact or with noise of its own for every (schedule, seed), in batches of 4, then 8, and
results two batches old. It never sees the optimum.

    SEED=1 STUDIES=10 python tests/benchmarks/search_quadratic.py [exact|noisy|cost|unseen] ...
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from figures import Figure, leave, say, tell
from search_arithmetic import median, median_interval

from tuning.objectives.quadratic import Moments, Quadratic
from tuning.objectives.quadratic_optimum import best_schedule
from tuning.objectives.quadratic_problems import Config, build
from tuning.records import Direction, ParameterValue, Space
from tuning.search.samplers import SAMPLERS, Observation, propose, recommend
from tuning.search.samplers.points import drawn
from tuning.search.samplers.starts import KNOTS_FAMILY, start_points
from tuning.search.space import DEFAULT_FAMILIES, lay_out, narrow
from tuning.seeds import derive

LOOKS = (25, 50, 100)  # full trainings
EXACT_TARGETS = {25: 1.02, 50: 1.005, 100: 1.003}
NOISY_TARGET = 1.02
NOISE = 0.05  # standard deviation of the log of a seen loss
FIRST_BATCHES, BATCH, LATER_BATCH = 24, 4, 8
REPLICATED = 3  # of a later batch under noise: leaders trained on one more seed
LOWEST_PEAK = 1e-3  # of the cap
METHODS = ("curve", "tpe", "tpe + starts", "random", "cmaes")
ZOO = DEFAULT_FAMILIES
CURVES = (*ZOO, KNOTS_FAMILY)
Point = dict[str, ParameterValue]


@dataclass(frozen=True)
class Case:
    """A problem: its settings and its horizon."""

    name: str
    config: Config
    horizon: int


def named() -> list[Case]:
    """The six problems that the search was tuned on."""
    return [
        Case(name, Config(problem=name), 50 if name == "N6" else 500)
        for name in ("N1", "N2", "N3", "N4", "N5", "N6")
    ]


def unseen(seed: int) -> list[Case]:
    """Ten random spectra, and heavy balls: nothing was tuned on them."""
    spectra = [
        Case(f"spectrum {number}", Config(problem="random", data_seed=derive(seed, number)), 500)
        for number in range(10)
    ]
    balls = [
        Case(f"{name} heavy ball", Config(problem=name, momentum=0.9), 500)
        for name in ("N1", "N2", "N5")
    ]
    return spectra + balls


@lru_cache(maxsize=64)
def optimum(config: Config, horizon: int) -> float:
    """The smallest expected loss there is; only the judge asks for it."""
    return best_schedule(build(config), horizon)[0]


def losses(quadratic: Quadratic, points: Sequence[Point], horizon: int) -> list[float]:
    """The expected losses of schedules, together."""
    moments = Moments(quadratic, len(points))
    moments.train(np.array([lay_out(point, horizon).table() for point in points]))
    return moments.losses().tolist()


@dataclass
class Study:
    """A search in progress: points, their true losses, what was seen of them, and when."""

    seed: int
    noise: float
    quadratic: Quadratic
    horizon: int
    points: list[Point]
    truths: list[float]
    seen: list[list[float]]

    def add(self, points: Sequence[Point]) -> None:
        """Train new schedules once each."""
        for point, truth in zip(points, losses(self.quadratic, points, self.horizon), strict=True):
            self.points.append(point)
            self.truths.append(truth)
            self.seen.append([])
            self.again(len(self.points) - 1)

    def again(self, number: int) -> None:
        """Train a schedule on one more seed."""
        which = len(self.seen[number])
        draw = np.random.default_rng(derive(self.seed, "noise", number, which)).standard_normal()
        self.seen[number].append(self.truths[number] * float(np.exp(self.noise * draw)))

    def observations(self, counts: Sequence[int]) -> list[Observation]:
        """What is known when only the first `counts` results of each schedule are in."""
        return [
            Observation(point, float(np.mean(seen[:count])), seeds=count)
            if count
            else Observation(point)
            for point, seen, count in zip(self.points, self.seen, counts, strict=True)
        ]


def play(case: Case, method: str, seed: int, noise: float) -> tuple[list[float], float]:
    """One study: ratios to the optimum at each look, and CPU seconds per suggestion.

    Without noise the best schedule tried counts, under noise the one recommended.
    """
    quadratic = build(case.config)
    space = narrow(
        CURVES if method == "curve" else ZOO,
        (LOWEST_PEAK * quadratic.cap, quadratic.cap),
        {},
        {},
    )
    study = Study(seed, noise, quadratic, case.horizon, [], [], [])
    known: list[int] = []  # results per schedule that the next batch may know
    waiting = start_points(space, case.horizon) if method == "tpe + starts" else []
    spent, ratios, cost = 0, [], 0.0
    best = optimum(case.config, case.horizon)
    while spent < max(LOOKS):
        size = BATCH if spent < FIRST_BATCHES else LATER_BATCH
        size = min(size, next(look for look in LOOKS if look > spent) - spent)
        history = study.observations(known + [0] * (len(study.points) - len(known)))
        known = [len(seen) for seen in study.seen]
        repeats: list[int] = []
        if noise and method == "curve" and spent >= FIRST_BATCHES:
            repeats = leaders(space, history, case.horizon)[: min(size // 2, REPLICATED)]
        begin = time.process_time()
        first = len(study.points)
        seeds = [derive(seed, "trial", first, "ask", ask) for ask in range(size - len(repeats))]
        new = [waiting.pop(0) for _ in seeds[: len(waiting)]]
        sampler = SAMPLERS[method.split(" ", maxsplit=1)[0]]
        asked = seeds[len(new) :]
        new += propose(sampler, space, history, Direction.MINIMIZE, asked, horizon=case.horizon)
        cost += time.process_time() - begin
        study.add(new)
        for number in repeats:
            study.again(number)
        spent += size
        if spent in LOOKS:
            ratios.append(study.truths[chosen(study, space, method, noise)] / best)
    return ratios, cost / spent


def leaders(space: Space, history: Sequence[Observation], horizon: int) -> list[int]:
    """Schedules whose rank is in doubt, those on the fewest seeds first."""
    found = recommend(space, history, Direction.MINIMIZE, horizon)
    if found is None or len(found.leaders) < 2:
        return []
    return sorted(found.leaders, key=lambda number: history[number].seeds)


def chosen(study: Study, space: Space, method: str, noise: float) -> int:
    """The schedule that counts at the end, all results in."""
    if not noise:
        return int(np.argmin(study.truths))
    history = study.observations([len(seen) for seen in study.seen])
    if method != "curve":
        return int(np.argmin([seen.value for seen in history]))
    found = recommend(space, history, Direction.MINIMIZE, study.horizon)
    return 0 if found is None else found.best


def report(
    part: str, cases: Sequence[Case], methods: Sequence[str], seeds: Sequence[int], noise: float
) -> list[Figure]:
    """All studies of a part, two at a time, as figures."""
    jobs = [(case, method, seed) for case in cases for method in methods for seed in seeds]
    with ProcessPoolExecutor(2) as pool:
        ends = list(pool.map(_play, *zip(*[(*job, noise) for job in jobs], strict=True)))
    figures = []
    for case in cases:
        for method in methods:
            mine = [end for job, end in zip(jobs, ends, strict=True) if job[:2] == (case, method)]
            figures += _figures(part, case, method, mine, noise)
    return figures


def _play(case: Case, method: str, seed: int, noise: float) -> tuple[list[float], float]:
    return play(case, method, seed, noise)


def _figures(
    part: str, case: Case, method: str, ends: Sequence[tuple[list[float], float]], noise: float
) -> list[Figure]:
    figures = []
    for place, look in enumerate(LOOKS):
        values = [ratios[place] for ratios, _ in ends]
        target = EXACT_TARGETS[look] if not noise else (NOISY_TARGET if look == 100 else None)
        figures.append(
            Figure(
                name=f"{part}: {case.name}, {method}, {look} FTE",
                value=median(values),
                unit="x optimum",
                better="lower",
                target=target if method == "curve" else None,
                spread=median_interval(values),
                repeats=len(values),
                note="median and its 95 % interval",
            )
        )
        tell(figures[-1])
    milliseconds = 1e3 * median([cost for _, cost in ends])
    say(f"{'':6}{method} on {case.name}: {milliseconds:.1f} ms CPU a suggestion")
    return figures


def cost() -> list[Figure]:
    """CPU time of a suggestion after many trials, in generations of 8.

    Schedules were looked at before, as in a planner that goes on; every call sees new results, as
    it does in a study, and the first one fits anew.
    """
    figures = [
        _cost(name, trials, None)
        for name in SAMPLERS
        for trials in (100, 1_000)
        if (name, trials) != ("curve", 1_000)
    ]
    return [*figures, _cost("curve", 1_000, 20.0), _cost("curve", 10_000, 50.0)]


def _cost(name: str, trials: int, target: float | None) -> Figure:
    families = CURVES if name == "curve" else ZOO
    space = narrow(families, (LOWEST_PEAK, 1.0), {}, {})
    random = np.random.default_rng(trials)
    points = start_points(space, 500)
    points += [drawn(space, families[n % len(families)], random) for n in range(trials + 32)]
    losses = [1.0 + float(np.log(float(one["peak"]) / 0.05) ** 2) for one in points]
    noisy = [loss * float(np.exp(0.1 * random.standard_normal())) for loss in losses]
    seen = [Observation(one, loss) for one, loss in zip(points, noisy, strict=True)]
    times = []
    for generation in range(4):
        history = seen[: trials + 8 * generation]
        seeds = [derive(0, "cost", generation, ask) for ask in range(8)]
        begin = time.process_time()
        list(propose(SAMPLERS[name], space, history, Direction.MINIMIZE, seeds, horizon=500))
        times.append(1e3 * (time.process_time() - begin) / 8)
    figure = Figure(
        name=f"cost: a suggestion of {name} at {trials:,} trials",
        value=median(times[1:]),
        unit="ms CPU",
        better="lower",
        target=target,
        spread=(min(times[1:]), max(times[1:])),
        repeats=3,
        note=f"first call, everything new: {times[0]:.1f} ms",
    )
    tell(figure)
    return figure


PARTS: dict[str, Callable[[int, Sequence[int]], list[Figure]]] = {
    "exact": lambda _, seeds: report("exact", named(), METHODS, seeds, 0.0),
    "noisy": lambda _, seeds: report("noisy", named(), ("curve", "tpe"), seeds, NOISE),
    "cost": lambda *_: cost(),
    "unseen": lambda seed, seeds: report("unseen", unseen(seed), ("curve", "tpe"), seeds, 0.0),
}


def main() -> None:
    """Play the parts asked for, or all."""
    seed, studies = int(os.environ.get("SEED", "1")), int(os.environ.get("STUDIES", "10"))
    seeds = [derive(seed, "study", number) for number in range(studies)]
    figures = [figure for part in sys.argv[1:] or PARTS for figure in PARTS[part](seed, seeds)]
    leave("search_quadratic", figures)


if __name__ == "__main__":
    main()
