"""The curve sampler as an Optuna sampler, to be used in any Optuna study.

The one idea: a study's trials are observations and a proposal is a set of suggested parameters, so
`optuna.create_study(sampler=CurveSampler(space, horizon))` searches the same as the product does,
one trial at a time, and can be compared with Optuna's own. An objective suggests what
`tuning.search.samplers.optuna_curve.suggest` suggests.
Not here: the sampler itself (`curve`), which the policy asks without Optuna.
"""

from typing import Any, final

from optuna import Study, Trial
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tuning.records import Direction, Space
from tuning.search.samplers.curve import propose_curves
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.points import Point, placed
from tuning.search.samplers.rebuild import distributions, suggested
from tuning.search.space import FAMILY, used
from tuning.seeds import derive

BAD = frozenset({TrialState.FAIL, TrialState.PRUNED})


@final
class CurveSampler(BaseSampler):
    """Proposes schedules of a space, from the trials of a study.

    Args:
        space: what may be proposed.
        horizon: updates of a full training.
        seed: everything random derives from it.
    """

    def __init__(self, space: Space, horizon: int, seed: int = 0) -> None:
        self._space, self._horizon, self._seed = space, horizon, seed
        self._independent = RandomSampler(seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Everything that is free; a trial suggests what its family uses."""
        del study, trial
        return distributions(self._space, [FAMILY, *self._space.parameters])

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The free parameters of the next point."""
        seen = [
            self._observation(one)
            for one in study.get_trials(deepcopy=False)
            if one.number != trial.number and one.params
        ]
        is_lower = study.direction is StudyDirection.MINIMIZE
        direction = Direction.MINIMIZE if is_lower else Direction.MAXIMIZE
        seeds = [derive(self._seed, "trial", trial.number)]
        point = next(propose_curves(self._space, seen, direction, seeds, self._horizon))
        return {name: value for name, value in point.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 # what the distribution holds
        """Parameters that are no part of the space, at random."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _observation(self, trial: FrozenTrial) -> Observation:
        family = str(trial.params.get(FAMILY, self._space.families[0]))
        value = trial.value if trial.state is TrialState.COMPLETE else None
        params = placed(self._space, family, trial.params)
        return Observation(params, value, is_bad=trial.state in BAD)


def suggest(trial: Trial, space: Space) -> Point:
    """The point of the space that a trial suggests, as `lay_out` takes it."""
    family = str(suggested(trial, space, FAMILY))
    names = [one.name for one in used(space, family)]
    return {FAMILY: family, **{name: suggested(trial, space, name) for name in names}}
