"""Finished studies made up by hand: what was searched, and what the fresh seeds say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.tuning.search.worlds import make_spec
from tuning.records import History, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.schedules import FAMILIES
from tuning.search.space import FAMILY, PEAK, lay_out

HORIZON = 100


@dataclass(frozen=True)
class Tried:
    """A trial: its family, peak and further parameters, its score, and its fresh seeds.

    `fresh` holds a validation value per confirmation seed, or the state of a run without one.
    """

    family: str
    score: float
    peak: float = 0.01
    is_baseline: bool = True
    fresh: Sequence[float | RunState] = ()
    test: Sequence[float] = ()
    blocks: Mapping[int, tuple[float, ...]] = field(default_factory=dict)  # by confirmation seed
    params: Mapping[str, float] = field(default_factory=dict)


def spec_for(**changes: object) -> StudySpec:
    """A spec with three confirmation seeds and one seed of the search."""
    return make_spec(**{"seeds": 1, "confirm_seeds": 3, "batch": 64, **changes})


def finished(*tried: Tried) -> History:
    """The history of a study that tried these, in this order."""
    trials, runs, results = [], [], {}
    for number, one in enumerate(tried):
        params = {FAMILY: one.family, PEAK: one.peak, **FAMILIES[one.family].defaults()}
        params |= one.params
        phase = Phase.BASELINE if one.is_baseline else Phase.SEARCH
        trials.append(Trial(number, 0, phase, lay_out(params, HORIZON), params))
        runs.append(Run(0, number, number, phase, 1, HORIZON))
        results[0, number] = Result(RunState.COMPLETED, {"validation": {"loss": one.score}})
        for seed, value in enumerate(one.fresh):
            index = 100 * number + seed
            splits = ("validation", "test")
            runs.append(Run(1, index, number, Phase.CONFIRM, 10 + seed, HORIZON, splits))
            results[1, index] = _end(one, seed, value)
    return History(tuple(trials), tuple(runs), results)


def _end(one: Tried, seed: int, value: float | RunState) -> Result:
    if isinstance(value, RunState):
        return Result(value, reason="made up")
    test = one.test[seed] if one.test else value
    blocks = {"validation": one.blocks[seed]} if seed in one.blocks else {}
    return Result(
        RunState.COMPLETED, {"validation": {"loss": value}, "test": {"loss": test}}, blocks
    )
