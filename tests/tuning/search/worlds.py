"""A world without training: the score of a schedule is a formula, results arrive in any order.

Beside the tests that use it, so that they test the policy and nothing else.
"""

import math
import random
from collections.abc import Callable
from dataclasses import replace

from tuning.evidence.arms import HELD_OUT
from tuning.records import (
    Budget,
    History,
    Metric,
    Phase,
    Result,
    Run,
    RunState,
    StudySpec,
    Trial,
)
from tuning.search.policy import Conclude, Decision, Generation, GiveUp, Wait, decide
from tuning.search.space import DEFAULT_FAMILIES, narrow

BEST_PEAK = 0.01


def make_spec(**changes: object) -> StudySpec:
    """A small study over the whole zoo."""
    spec = StudySpec(
        objective="formula",
        config={},
        horizon=100,
        space=narrow(DEFAULT_FAMILIES, (1e-4, 1.0), {}, {}),
        metric=Metric("loss"),
        sampler="tpe",
        budget=Budget(trials=20),
        batch=4,
        seed=7,
        seeds=2,
        baselines=("constant", "cosine"),
        baseline_peaks=3,
        confirm_seeds=3,
        worthwhile=0.01,
    )
    return replace(spec, **changes)  # type: ignore[arg-type] # names of fields


def score(trial: Trial, seed: int) -> float:
    """Distance of the peak to the best one, on a log scale, with a little noise of the seed."""
    return 1.0 + abs(math.log10(trial.schedule.peak / BEST_PEAK)) + (seed % 7) * 1e-3


def end(trial: Trial, run: Run) -> Result:
    """What a run comes to; peaks above 0.5 diverge."""
    if trial.schedule.peak > 0.5:
        return Result(RunState.DIVERGED, reason="loss above 1e3 times the start")
    value = score(trial, run.seed)
    return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})


def play(
    spec: StudySpec,
    order: int,
    outcome: Callable[[Trial, Run], Result] = end,
    history: History | None = None,
) -> tuple[History, Decision]:
    """Play a study to its end, results coming in an order drawn from the seed `order`."""
    rng = random.Random(order)
    history = history or History()
    waiting: list[Run] = []
    while True:
        decision = decide(spec, history)
        match decision:
            case Generation() as new:
                history = replace(
                    history,
                    trials=history.trials + new.trials,
                    runs=history.runs + new.runs,
                    pruned={**history.pruned, **dict.fromkeys(new.pruned, new.number)},
                )
                waiting += new.runs
            case Wait():
                run = waiting.pop(rng.randrange(len(waiting)))
                trial = history.trials[run.trial]
                done = {(run.generation, run.index): outcome(trial, run)}
                history = replace(history, results={**history.results, **done})
            case Conclude() | GiveUp():
                return history, decision


def confirm_runs(history: History) -> list[Run]:
    """The confirmation runs of a history."""
    return [run for run in history.runs if run.phase is Phase.CONFIRM]


def tried(history: History) -> list[Trial]:
    """The trials of baselines and search."""
    return [trial for trial in history.trials if trial.phase in {Phase.BASELINE, Phase.SEARCH}]


__all__ = ["BEST_PEAK", "HELD_OUT", "confirm_runs", "end", "make_spec", "play", "score", "tried"]
