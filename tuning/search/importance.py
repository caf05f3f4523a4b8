"""Importances: which coordinates decided whether a schedule was among the best of a study.

The one idea: conditional PED-ANOVA of Optuna. For every coordinate the density of its values among
the best trials is compared with that among all; a coordinate that only some families use is judged
within those, and the family stands beside it as a coordinate of its own.
Not here: whether a difference is real (`tuning.evidence`); importances only describe a search.

Source: Watanabe, Bansal & Hutter, "PED-ANOVA", IJCAI 2023, and its conditional extension.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import create_trial

from tuning.evidence.score import sign_of
from tuning.records import Direction, ParameterValue
from tuning.schedules import PARAMETERS

METHOD = "ped-anova"
NEEDED = 20  # scored trials
MOST = 2_000  # that are looked at; more would take seconds, and hardly change a share
LEAST_BEST = 5  # trials that count as the best, as PED-ANOVA asks for
QUANTILE = 0.1  # the share of them, where there are many
LEAST_OF_KIND = 2  # trials with, and likewise without, a coordinate that some do not have

Scored = tuple[Mapping[str, ParameterValue], float]


@dataclass(frozen=True, slots=True)
class Importances:
    """By coordinate its share, the largest first; `note` says why there are none."""

    shares: Mapping[str, float]
    trials: Mapping[str, int]
    scored: int
    quantile: float
    note: str = ""


def importances(trials: Sequence[Scored], direction: Direction) -> Importances:
    """Shares, adding up to 1, by coordinate that had more than one value.

    Args:
        trials: coordinates and score of every trial that has one; of more than `MOST`, so many
            are looked at, by lot.
        direction: which way a score is better.
    """
    known = [(params, value) for params, value in trials if math.isfinite(value)]
    if len(known) > MOST:
        drawn = np.random.default_rng(0).choice(len(known), MOST, replace=False)
        known = [known[place] for place in sorted(drawn)]
    counts = Counter(name for params, _ in known for name in params)
    quantile = min(0.5, max(QUANTILE, LEAST_BEST / max(1, len(known))))
    if len(known) < NEEDED:
        note = f"too few trials: {len(known)} have a score, {NEEDED} are needed"
        return Importances({}, counts, len(known), quantile, note)
    losses = sorted(sign_of(direction) * value for _, value in known)
    if losses[math.ceil(quantile * len(losses)) - 1] == losses[-1]:
        note = "too many trials scored the same to tell the best from the others"
        return Importances({}, counts, len(known), quantile, note)
    free = _distributions(known)
    if not free:
        return Importances({}, counts, len(known), quantile, "no coordinate had two values")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it logs every study it is given
    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    study.add_trials(
        [
            create_trial(
                value=sign_of(direction) * value,
                params={name: one for name, one in params.items() if name in free},
                distributions={name: one for name, one in free.items() if name in params},
            )
            for params, value in known
        ]
    )
    # Here and not above: it brings scikit-learn and SciPy along, which a server can do without.
    from optuna.importance import (  # noqa: PLC0415
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )

    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    shares = get_param_importances(study, evaluator=evaluator, params=list(free))
    return Importances(shares, counts, len(known), quantile)


def _distributions(trials: Sequence[Scored]) -> dict[str, BaseDistribution]:
    """Of every coordinate that had two values, the range that it was seen in."""
    seen: dict[str, list[ParameterValue]] = {}
    for params, _ in trials:
        for name, value in params.items():
            seen.setdefault(name, []).append(value)
    return {
        name: _distribution(name, values)
        for name, values in seen.items()
        if len(set(values)) > 1
        and len(values) >= LEAST_OF_KIND
        and len(trials) - len(values) not in range(1, LEAST_OF_KIND)
    }


def _distribution(name: str, values: Sequence[ParameterValue]) -> BaseDistribution:
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        return CategoricalDistribution(sorted(map(str, set(values))))
    parameter = PARAMETERS.get(name)
    low, high = min(numbers), max(numbers)
    is_log = parameter is not None and parameter.log and low > 0
    if parameter is not None and parameter.kind == "int":
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(float(low), float(high), log=is_log)
