"""An Optuna study rebuilt in memory from stored history, to be asked once per proposal.

The one idea: Optuna only suggests; what was tried and what came of it is ours and handed in.
Coordinates that the same families use are modelled together, each such group in a study of its own.
Bounds on learning rates narrow the ranges asked for; a point is asked for anew only where a shape
keeps them nowhere.
Not here: the table of samplers (the package's `__init__`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

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
from tuning.search.narrowing import part_of, turns
from tuning.search.samplers.levels import at_full_horizon, has_ended
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.points import Point
from tuning.search.space import FAMILY, allows, contains, is_fixed, used
from tuning.seeds import derive

POPULATION = 20  # of genetic samplers
# Where NSGA-II keeps the generation of a trial; it would start anew with every rebuilt study.
GENERATION = "NSGAIISampler:generation"
ATTEMPTS = 8  # asks for a point until its shape keeps the bounds on rates somewhere
DIVERGED_PENALTY = 2.0  # a diverged trial counts as this many spreads worse than the worst score


def rebuilt(
    make_sampler: Callable[[int], BaseSampler], *, is_blind: bool = False
) -> Callable[..., Iterator[Point]]:
    """A sampler of ours from one of Optuna's, made anew from a seed for every proposal.

    Args:
        make_sampler: from a seed.
        is_blind: whether it never looks at the past, which then need not be rebuilt.
    """

    def sample(
        space: Space,
        observations: Sequence[Observation],
        direction: Direction,
        seeds: Iterable[int],
        horizon: int,
    ) -> Iterator[Point]:
        # Optuna logs every trial and warns of experimental options; neither helps a user of ours.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        observations = () if is_blind else observations
        full = at_full_horizon(space, observations, direction, horizon)
        known = [seen for seen in full if contains(space, seen.params)]
        models = [_Model(names, space, _penalty(full)) for names in groups(space)]
        for seed in seeds:
            for attempt in range(ATTEMPTS):
                asks = derive(seed, "again", attempt) if attempt else seed
                point = _asked(models, known, space, horizon, _seeded(make_sampler, asks))
                if allows(space, point, horizon):
                    break
                for model in models:
                    model.refuse()
            if not is_blind:
                known.append(Observation(point))
            yield point

    return sample


def _seeded(make_sampler: Callable[[int], BaseSampler], seed: int) -> Callable[[int], BaseSampler]:
    """The sampler of each group of a proposal, by its number."""
    return lambda number: make_sampler(derive(seed, "group", number))


def _asked(
    models: Sequence["_Model"],
    known: Sequence[Observation],
    space: Space,
    horizon: int,
    sampler: Callable[[int], BaseSampler],
) -> Point:
    """A new point: its family, then its shape, and last what bounds on rates narrow."""
    first = models[0].ask(sampler(0), known)
    family = str(suggested(first, space, FAMILY))
    trials = dict.fromkeys(models[0].names, first)
    for number, model in enumerate(models[1:], 1):
        if model.serves(family):
            trial = model.ask(sampler(number), known)
            trials |= dict.fromkeys(model.names, trial)
    last = turns(space, family)
    point: Point = {FAMILY: family}
    for name in (*(name for name in trials if name not in {FAMILY, *last}), *last):
        part = part_of(space, point, name, horizon) if name in last else None
        point[name] = suggested(trials[name], space, name, part)
    return {name: point[name] for name in _names(space, family)}


def groups(space: Space) -> list[tuple[str, ...]]:
    """Coordinates that are modelled together: those that the same families use.

    The family comes first, with the peak and whatever else every family uses.

    >>> from tuning.search.space import narrow
    >>> groups(narrow(("constant", "linear", "wsd"), (1e-3, 1.0), {}, {}))
    [('family', 'peak', 'warmup'), ('floor',), ('hold', 'cooldown')]
    """
    users: dict[frozenset[str], list[str]] = {frozenset(space.families): [FAMILY]}
    for name in space.parameters:
        families = frozenset(one for one in space.families if name in _names(space, one))
        users.setdefault(families, []).append(name)
    return [tuple(names) for names in users.values()]


def _names(space: Space, family: str) -> list[str]:
    return [FAMILY, *(parameter.name for parameter in used(space, family))]


class _Model:
    """An Optuna study of one group of coordinates, which is asked only if a family uses them.

    A sampler that was asked for all groups would model every group for every proposal.
    """

    def __init__(self, names: tuple[str, ...], space: Space, penalty: float) -> None:
        self.names = names
        self._space = space
        self._penalty = penalty
        self._study = optuna.create_study()
        self._known = self._ended = 0
        self._free = distributions(space, names)
        self._asked: optuna.Trial | None = None

    def serves(self, family: str) -> bool:
        """Whether the family uses these coordinates."""
        return self.names[0] in _names(self._space, family)

    def ask(self, sampler: BaseSampler, known: Sequence[Observation]) -> optuna.Trial:
        """A new trial, given all that is known, in order, which then suggests values."""
        for seen in known[self._known :]:
            self._study.add_trial(self._frozen(seen))
            self._ended += has_ended(seen)
        self._known = len(known) + 1  # with the trial that is asked now
        self._study.sampler = sampler
        self._asked = self._study.ask()
        return self._asked

    def refuse(self) -> None:
        """The trial that was asked last, if any, will not be made."""
        if self._asked is not None:
            self._study.tell(self._asked, state=TrialState.FAIL)
        self._asked = None

    def _frozen(self, seen: Observation) -> optuna.trial.FrozenTrial:
        value = self._penalty if seen.is_bad else seen.value
        free = {name: one for name, one in self._free.items() if name in seen.params}
        return create_trial(
            state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
            value=value,
            params={name: seen.params[name] for name in free},
            distributions=free,
            system_attrs={GENERATION: self._ended // POPULATION},
        )


def suggested(
    trial: optuna.Trial, space: Space, name: str, part: Parameter | None = None
) -> ParameterValue:
    """What a trial suggests for the family or a parameter; what is fixed is not asked for.

    Args:
        trial: that was asked.
        space: of the study.
        name: of the parameter, or `family`.
        part: of the parameter's range, if not all of it.
    """
    if name == FAMILY:
        families = space.families
        return families[0] if len(families) == 1 else _choice(trial, name, families)
    parameter = part or space.parameters[name]
    if is_fixed(parameter):
        return parameter.choices[0] if parameter.kind == "choice" else parameter.low
    if parameter.kind == "choice":
        return _choice(trial, name, parameter.choices)
    low, high = parameter.low, parameter.high
    if parameter.kind == "int":
        return trial.suggest_int(name, int(low), int(high), log=parameter.log)
    return trial.suggest_float(name, low, high, log=parameter.log)


def _choice(trial: optuna.Trial, name: str, choices: Sequence[str]) -> str:
    return str(trial.suggest_categorical(name, choices))


def distributions(space: Space, names: Sequence[str]) -> dict[str, BaseDistribution]:
    """What a sampler is free to choose among these coordinates."""
    free: dict[str, BaseDistribution] = {}
    for name in names:
        if name == FAMILY:
            if len(space.families) > 1:
                free[name] = CategoricalDistribution(space.families)
        elif not is_fixed(space.parameters[name]):
            free[name] = _distribution(space.parameters[name])
    return free


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter.kind:
        case "choice":
            return CategoricalDistribution(parameter.choices)
        case "int":
            return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
        case _:
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _penalty(observations: Sequence[Observation]) -> float:
    """A finite loss clearly worse than every one seen, for points that diverged."""
    losses = [seen.value for seen in observations if seen.value is not None]
    if not losses:
        return 1.0
    step = DIVERGED_PENALTY * (max(losses) - min(losses)) or max(1.0, abs(losses[0]))
    return max(losses) + (step if math.isfinite(step) else 0.0)
