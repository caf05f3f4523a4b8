"""Ways to search for a schedule, as coroutines that share one trainer.

The one idea: a method yields what it wants trained and what it would recommend, and is sent the
losses; so many studies of many methods take turns on one pool of processes, and each is charged
for the updates that it asked for, not for the time that others took.
Not here: the problem, the reference and the figures (`search_heston`).
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from search_space import CURVES, ZOO

from tuning.objectives import VALIDATION
from tuning.records import (
    Budget,
    Direction,
    History,
    Phase,
    Result,
    Run,
    RunState,
    Space,
    StudySpec,
)
from tuning.schedules import PiecewiseConstant, Schedule
from tuning.search.policy import Generation, decide
from tuning.search.policy.cap import space_at
from tuning.search.policy.proposals import observe
from tuning.search.samplers import SAMPLERS, Observation, propose, recommend
from tuning.search.samplers.starts import start_points
from tuning.search.space import lay_out, narrow
from tuning.seeds import derive
from tuning.study import specify

BATCH = 4
STAGES, RATES = 10, 10  # of the idealised AutoLRS
Wish = tuple[Schedule, int]  # a schedule over its own horizon, and a seed


@dataclass(frozen=True)
class Round:
    """What a method wants next.

    Args:
        wishes: to be trained; the losses are sent back in this order.
        cost: updates it is charged for them.
        recommended: what it would recommend before it knows them; None while it has nothing.
    """

    wishes: Sequence[Wish]
    cost: float
    recommended: Schedule | None


Method = Generator[Round, Sequence[float], None]


@dataclass(frozen=True)
class Problem:
    """What is searched: an objective's name, its horizon, its range of peaks, trials at most."""

    objective: str
    horizon: int
    peak: tuple[float, float]
    trials: int

    def space(self, families: Sequence[str]) -> Space:
        """The space of these families."""
        return narrow(families, self.peak, {}, {})


def sampled(
    problem: Problem, seed: int, *, sampler: str, starts: bool = False, posterior: bool = False
) -> Method:
    """A sampler on full trainings of one seed.

    Args:
        problem: what is searched.
        seed: of the study.
        sampler: a name in `SAMPLERS`.
        starts: whether it begins with the start curves of the product.
        posterior: whether it recommends by the curve model, not the lowest loss seen.
    """
    space = problem.space(CURVES if sampler == "curve" else ZOO)
    first = start_points(space, problem.horizon) if starts else []
    training = derive(seed, "training", 0)
    seen: list[Observation] = []
    while len(seen) < problem.trials:
        points = first[len(seen) : len(seen) + BATCH]
        seeds = [derive(seed, "ask", len(seen) + i) for i in range(BATCH - len(points))]
        points += propose(
            SAMPLERS[sampler], space, seen, Direction.MINIMIZE, seeds, horizon=problem.horizon
        )
        wishes = [(lay_out(point, problem.horizon), training) for point in points]
        losses = yield Round(
            wishes, problem.horizon * len(wishes), _best(problem, space, seen, posterior=posterior)
        )
        seen += [
            Observation(point, loss if math.isfinite(loss) else None, is_bad=math.isinf(loss))
            for point, loss in zip(points, losses, strict=True)
        ]
    yield Round([], 0, _best(problem, space, seen, posterior=posterior))


def _best(
    problem: Problem, space: Space, seen: Sequence[Observation], *, posterior: bool
) -> Schedule | None:
    if posterior and len(seen) >= BATCH:
        found = recommend(space, seen, Direction.MINIMIZE, problem.horizon)
        return None if found is None else lay_out(seen[found.best].params, problem.horizon)
    scored = [one for one in seen if one.value is not None]
    lowest = min(scored, key=lambda one: one.value or 0.0, default=None)
    return None if lowest is None else lay_out(lowest.params, problem.horizon)


def whole_search(problem: Problem, seed: int, *, sampler: str = "curve") -> Method:
    """The product's own policy with its defaults: rungs, range test, replication of the leaders.

    It ends where the confirmation would begin; what it would then recommend is the curve model's
    lowest posterior mean.
    """
    spec = specify(
        problem.objective,
        horizon=problem.horizon,
        families=CURVES,
        sampler=sampler,
        budget=Budget(trials=problem.trials, steps=problem.trials * problem.horizon),
        baselines=(),
        seed=seed,
        early_stop=False,
    )
    history = History()
    while isinstance(step := decide(spec, history), Generation):
        if any(run.phase is Phase.CONFIRM for run in step.runs):
            break
        history = replace(
            history,
            trials=history.trials + step.trials,
            runs=history.runs + step.runs,
            pruned={**history.pruned, **dict.fromkeys(step.pruned, step.number)},
        )
        wishes = [(run.laid_out(history.trials[run.trial].schedule), run.seed) for run in step.runs]
        cost = sum(run.horizon for run in step.runs)
        losses = yield Round(wishes, cost, _recommended(problem, spec, history))
        ends = {
            (run.generation, run.index): _result(run, loss, spec.metric.name)
            for run, loss in zip(step.runs, losses, strict=True)
        }
        history = replace(history, results={**history.results, **ends})
    yield Round([], 0, _recommended(problem, spec, history))


def _result(run: Run, loss: float, metric: str) -> Result:
    if not math.isfinite(loss):
        return Result(RunState.DIVERGED, reason="loss without bound")
    return Result(RunState.COMPLETED, {VALIDATION: {metric: loss}})


def _recommended(problem: Problem, spec: StudySpec, history: History) -> Schedule | None:
    seen = observe(spec, history)
    if sum(one.value is not None for one in seen) < BATCH:
        return None
    found = recommend(space_at(spec, history), seen, Direction.MINIMIZE, problem.horizon)
    if found is None:
        return None
    # One observation per trial and horizon, in this order; at a rung its peak is another one.
    searched = {Phase.BASELINE, Phase.SEARCH}
    order = sorted({(one.trial, one.horizon) for one in history.runs if one.phase in searched})
    return history.trials[order[found.best][0]].schedule


def stagewise(problem: Problem, seed: int) -> Method:
    """AutoLRS, idealised: the loss after a stage is known exactly, not forecast from a tenth of it.

    Ten stages; in each, ten learning rates are tried from the same weights and the one of lowest
    validation loss is kept (Jin et al., 2021). It is charged one stage per try; the beginning that
    is trained again here, since there are no checkpoints, is free. It recommends when it is done.
    """
    rates = np.geomspace(*problem.peak, RATES).tolist()
    training = derive(seed, "training", 0)
    edges = np.linspace(0, problem.horizon, STAGES + 1).round().astype(int).tolist()
    kept: list[float] = []
    for stage in range(STAGES):
        wishes = [(_levels([*kept, rate], edges), training) for rate in rates]
        cost = RATES * (edges[stage + 1] - edges[stage])
        losses = yield Round(wishes, cost, None)
        kept.append(rates[int(np.argmin(losses))])
    yield Round([], 0, _levels(kept, edges))


def _levels(rates: Sequence[float], edges: Sequence[int]) -> Schedule:
    """One learning rate per stage, up to the end of the last one given."""
    peak = max(rates)
    family = PiecewiseConstant(
        peak,
        boundaries=tuple(edges[1 : len(rates)]),
        values=tuple(rate / peak for rate in rates),
    )
    return Schedule(family, edges[len(rates)])


METHODS: Mapping[str, Callable[[Problem, int], Method]] = {
    "curve": lambda problem, seed: sampled(problem, seed, sampler="curve", posterior=True),
    "whole policy": whole_search,
    "TPE": lambda problem, seed: sampled(problem, seed, sampler="tpe"),
    "TPE, our starts": lambda problem, seed: sampled(problem, seed, sampler="tpe", starts=True),
    "random": lambda problem, seed: sampled(problem, seed, sampler="random"),
    "CMA-ES": lambda problem, seed: sampled(problem, seed, sampler="cmaes"),
    "AutoLRS, idealised": stagewise,
}


def in_step(
    studies: Mapping[object, Method],
    train: Callable[[Sequence[Wish]], Sequence[float]],
    goes_on: Callable[[object, float, Schedule | None], bool],
) -> Iterator[int]:
    """Play studies in step, all wishes of a round in one call of `train`; yields how many go on.

    Args:
        studies: by key; a study ends when its method does, or when `goes_on` says no.
        train: losses of wishes, in order; infinite where a training diverged.
        goes_on: told the key, the updates spent and what is then recommended.
    """
    spent = dict.fromkeys(studies, 0.0)
    rounds = {key: next(study) for key, study in studies.items()}
    while rounds:
        rounds = {
            key: one for key, one in rounds.items() if goes_on(key, spent[key], one.recommended)
        }
        wishes = [wish for one in rounds.values() for wish in one.wishes]
        losses = iter(train(wishes) if wishes else ())
        following: dict[object, Round] = {}
        for key, one in rounds.items():
            spent[key] += one.cost
            sent = [next(losses) for _ in one.wishes]
            try:
                following[key] = studies[key].send(sent)
            except StopIteration:
                continue
        rounds = following
        yield len(rounds)
