"""An Optuna study rebuilt in memory from stored history, to be asked once per proposal.

The one idea: Optuna only suggests; what was tried and what came of it is ours and handed in.
Not here: the table of samplers (the package's `__init__`).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from tuning.records import Direction, ParameterValue, Space
from tuning.schedules import Parameter
from tuning.search.space import FAMILY, contains, is_fixed, used

DIVERGED_PENALTY = 2.0  # a diverged trial counts as this many spreads worse than the worst score


@dataclass(frozen=True, slots=True)
class Observation:
    """A point that was proposed; `value` is its score, None while it is unknown.

    `is_bad` marks a point that diverged or failed: it has no score but must repel.
    """

    params: Mapping[str, ParameterValue]
    value: float | None = None
    is_bad: bool = False


def propose(
    make_sampler: Callable[[int], BaseSampler],
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
) -> Iterable[dict[str, ParameterValue]]:
    """Yield one new point per seed; earlier ones count as pending for the later ones.

    Args:
        make_sampler: seed to sampler.
        space: what may be proposed; points of `observations` outside it are left out.
        observations: what was proposed before, in order.
        direction: which way a score is better.
        seeds: one per proposal.
    """
    study = _rebuild(space, observations, direction)
    for seed in seeds:
        study.sampler = make_sampler(seed)
        yield _ask(study, space)


def _rebuild(
    space: Space, observations: Sequence[Observation], direction: Direction
) -> optuna.Study:
    # Optuna logs every trial and warns of experimental options; neither helps a user of ours.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction.value)
    penalty = _penalty(observations, direction)
    for seen in observations:
        if not contains(space, seen.params):
            continue
        value = penalty if seen.is_bad else seen.value
        free = _distributions(space, str(seen.params[FAMILY]))
        study.add_trial(
            create_trial(
                state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
                value=value,
                params={name: seen.params[name] for name in free},
                distributions=free,
            )
        )
    return study


def _ask(study: optuna.Study, space: Space) -> dict[str, ParameterValue]:
    trial = study.ask()
    params: dict[str, ParameterValue] = {FAMILY: space.families[0]}
    if len(space.families) > 1:
        params[FAMILY] = trial.suggest_categorical(FAMILY, space.families)
    for parameter in used(space, str(params[FAMILY])):
        params[parameter.name] = _suggest(trial, parameter)
    return params


def _suggest(trial: optuna.Trial, parameter: Parameter) -> ParameterValue:
    if is_fixed(parameter):
        return parameter.choices[0] if parameter.kind == "choice" else parameter.low
    match parameter.kind:
        case "choice":
            return str(trial.suggest_categorical(parameter.name, parameter.choices))
        case "int":
            return trial.suggest_int(
                parameter.name, int(parameter.low), int(parameter.high), log=parameter.log
            )
        case _:
            return trial.suggest_float(
                parameter.name, parameter.low, parameter.high, log=parameter.log
            )


def _distributions(space: Space, family: str) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    if len(space.families) > 1:
        found[FAMILY] = CategoricalDistribution(space.families)
    for parameter in used(space, family):
        if not is_fixed(parameter):
            found[parameter.name] = _distribution(parameter)
    return found


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter.kind:
        case "choice":
            return CategoricalDistribution(parameter.choices)
        case "int":
            return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
        case _:
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _penalty(observations: Sequence[Observation], direction: Direction) -> float:
    """A finite score clearly worse than every score seen, for points that diverged."""
    scores = [seen.value for seen in observations if seen.value is not None]
    if not scores:
        return 1.0 if direction is Direction.MINIMIZE else -1.0
    step = DIVERGED_PENALTY * (max(scores) - min(scores)) or max(1.0, abs(scores[0]))
    if not math.isfinite(step):
        step = 0.0
    return max(scores) + step if direction is Direction.MINIMIZE else min(scores) - step
