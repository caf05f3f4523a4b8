"""Studies without training: what a run comes to is drawn, so that thousands can be judged.

The one idea: every schedule has a true level (a parabola in the log of its peak, and for one family
perhaps an advantage); a run's log loss is the level, a part that all schedules share at its seed,
and a part of its own. Everything else is the real code: who is tuned to which peak, the winner, the
first and the second set, how the confirmation grows, the verdict's intervals.
Also used by `tests/tuning/evidence/test_calibration.py`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import beta

from tuning.evidence.arms import arm_trials, second_set
from tuning.evidence.measured import measure_arms
from tuning.evidence.paired import Comparison
from tuning.evidence.plan import compare_arms, plan_confirmation
from tuning.records import Budget, History, Metric, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.search.space import FAMILY, PEAK, lay_out, narrow, peak_grid
from tuning.seeds import derive

HORIZON = 10
BEST_PEAK = 0.01  # the middle of the range, and of the baselines' grid
CURVATURE = 0.2  # of the level in the log of the peak: the next grid point is 17 % worse
PEAKS = 5
SEARCHED_TRIALS = 40
NEAR_BEST = 0.1  # SD of the log peak of what the search proposes
NEW = "polynomial"  # the family that only the search tries
BASELINES = (
    "constant",
    "linear",
    "cosine",
    "one_cycle",
    "wsd",
    "sgdr",
    "exponential",
    "step",
    "inverse_sqrt",
    "triangular",
    "rex",
    "sigmoid",
)


@dataclass(frozen=True)
class Noise:
    """Standard deviations of a run's log loss: common to all at a seed, and a schedule's own."""

    common: float = 0.026
    own: float = 0.030

    @property
    def lift(self) -> float:
        """The mean of exp(noise), by which a mean loss exceeds exp(level)."""
        return math.exp((self.common**2 + self.own**2) / 2)


@dataclass
class World:
    """Draws what a run comes to; equal seeds share their common part."""

    noise: Noise
    advantage: float
    random: np.random.Generator
    common: dict[int, float] = field(default_factory=dict)

    def level(self, trial: Trial) -> float:
        """The true log loss, but for the lift of the noise."""
        off = math.log(trial.schedule.peak / BEST_PEAK)
        better = self.advantage if trial.params[FAMILY] == NEW else 0.0
        return CURVATURE * off**2 + better

    def truth(self, trial: Trial) -> float:
        """The true mean loss."""
        return math.exp(self.level(trial)) * self.noise.lift

    def ends(self, runs: Sequence[Run], trials: Sequence[Trial]) -> dict[tuple[int, int], Result]:
        """The results of runs."""
        own = self.noise.own * self.random.standard_normal(len(runs))
        found = {}
        for run, part in zip(runs, own, strict=True):
            if run.seed not in self.common:
                self.common[run.seed] = self.noise.common * self.random.standard_normal()
            loss = math.exp(self.level(trials[run.trial]) + self.common[run.seed] + part)
            metrics = {split: {"loss": loss} for split in run.splits}
            found[run.generation, run.index] = Result(RunState.COMPLETED, metrics)
        return found


@dataclass(frozen=True)
class Judged:
    """What the evidence says of one simulated study, beside the truth.

    Args:
        comparisons: the winner against each baseline.
        holds: by comparison, whether its interval holds the true difference.
        arm_holds: by arm, the winner first, whether its own interval holds its true mean.
        is_new: whether the winner is of the family that only the search tried.
        seeds: of the second set.
    """

    comparisons: tuple[Comparison, ...]
    holds: tuple[bool, ...]
    arm_holds: tuple[bool, ...]
    is_new: bool
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether any adjusted interval lies on one side of zero."""
        return any(one.low > 0.0 or one.high < 0.0 for one in self.comparisons)

    def beats_all(self, worthwhile: float) -> bool:
        """Whether every comparison is won, and none called a tie."""
        return all(one.is_better and not one.is_tie(worthwhile) for one in self.comparisons)


def make_spec(baselines: int = 12, **changes: object) -> StudySpec:
    """A study with as many baselines, everything else by default."""
    names = BASELINES[:baselines]
    spec = StudySpec(
        objective="drawn",
        config={},
        horizon=HORIZON,
        space=narrow((*names, NEW), (1e-3, 1e-1), {}, {}),
        metric=Metric("loss"),
        sampler="random",
        budget=Budget(trials=PEAKS * len(names) + SEARCHED_TRIALS),
        batch=4,
        seed=0,
        seeds=3,
        baselines=names,
        baseline_peaks=PEAKS,
        confirm_seeds=10,
        worthwhile=0.01,
    )
    return replace(spec, **changes)  # type: ignore[arg-type] # names of fields


def make_trials(spec: StudySpec, seed: int, *, spread: float = NEAR_BEST) -> tuple[Trial, ...]:
    """Every baseline on the grid, and what a search near the best peak proposes, new or known."""
    random = np.random.default_rng(seed)
    points = [
        (name, peak, Phase.BASELINE)
        for name in spec.baselines
        for peak in peak_grid(spec.space, PEAKS)
    ]
    families = (NEW, *spec.baselines)
    for number in range(SEARCHED_TRIALS):
        name = NEW if number % 2 else families[number // 2 % len(families)]
        peak = BEST_PEAK * math.exp(spread * random.standard_normal())
        points.append((name, peak, Phase.SEARCH))
    return tuple(
        Trial(number, 0, phase, lay_out(params, spec.horizon), params)
        for number, (name, peak, phase) in enumerate(points)
        for params in [{FAMILY: name, PEAK: peak}]
    )


def simulate(spec: StudySpec, trials: Sequence[Trial], world: World) -> Judged:
    """Play one study from its search to its intervals."""
    runs = tuple(
        Run(0, index, trial.number, trial.phase, derive(spec.seed, "paired", seed), spec.horizon)
        for index, (trial, seed) in enumerate(
            (trial, seed) for trial in trials for seed in range(spec.seeds)
        )
    )
    history = History(tuple(trials), runs, world.ends(runs, trials))
    number = 1
    while (plan := plan_confirmation(spec, history, number)) is not None:
        known = (*history.trials, *plan.trials)
        results = {**history.results, **world.ends(plan.runs, known)}
        history = replace(history, trials=known, runs=(*history.runs, *plan.runs), results=results)
        number += 1
    arms = arm_trials(spec, history)
    truths = [world.truth(trial) for trial in arms]
    found = compare_arms(spec, history, arms)
    ends = second_set(history)
    measured = measure_arms(spec, history, arms, ends)
    truth_of = {trial.number: truth for trial, truth in zip(arms, truths, strict=True)}
    return Judged(
        comparisons=tuple(one for _, one in found),
        holds=tuple(
            one.low <= truths[0] - truth_of[trial.number] <= one.high for trial, one in found
        ),
        arm_holds=tuple(
            arm.ci95 is not None and arm.ci95[0] <= truth <= arm.ci95[1]
            for arm, truth in zip(measured, truths, strict=True)
        ),
        is_new=arms[0].params[FAMILY] == NEW,
        seeds=measured[0].planned,
    )


def simulate_many(
    spec: StudySpec, studies: Iterable[int], *, seed: int, noise: Noise, advantage: float = 0.0
) -> list[Judged]:
    """Play the studies of these numbers; `advantage` is in the log of the loss, negative is better.

    With one, every proposal of the new family has the best peak, so that the advantage is exact.
    """
    trials = make_trials(spec, seed, spread=0.0 if advantage else NEAR_BEST)
    return [
        simulate(spec, trials, World(noise, advantage, np.random.default_rng([seed, number])))
        for number in studies
    ]


def share(found: Iterable[bool]) -> tuple[float, float, float]:
    """A share, with the ends of its two one-sided 95 % intervals (Clopper and Pearson, 1934)."""
    hits = list(found)
    count, yes = len(hits), sum(hits)
    low = float(beta.ppf(0.05, yes, count - yes + 1)) if yes else 0.0
    high = float(beta.ppf(0.95, yes + 1, count - yes)) if yes < count else 1.0
    return yes / count, low, high
