"""External objectives: problems that are known from what a study declares of them, and no code.

The one idea: search and verdict ask an objective for facts, never for a trainer, so one without a
trainer goes through them like any other. Whoever trains gets the learning rates of every update
beforehand, so schedules that listen to the loss are not for it; no study may search those anyway.
Not here: how trainers get their runs and tell what came of them (`service.api.work`).
"""

from collections.abc import Mapping
from typing import NoReturn

from tuning.declarations import External
from tuning.errors import InvalidValue
from tuning.objectives.base import AnyConfig, Config, Folders, Objective
from tuning.records import StudySpec


def external_objective(name: str, declared: External) -> Objective:
    """The objective that a study declares under a name of its own.

    >>> from tuning.records import Metric
    >>> bowl = external_objective("bowl", External((Metric("loss"),), 100, (0.01, 1.0)))
    >>> bowl.default_horizon, bowl.metrics[0].name
    (100, 'loss')
    """

    def refuse(_config: Config, _folders: Folders) -> NoReturn:
        allowed = "an objective that can be trained here; this one has a trainer of its own"
        raise InvalidValue("objective", name, allowed)

    cap = declared.hard_cap
    return Objective(
        name=name,
        title=name,
        help="Declared by its study and trained elsewhere.",
        metrics=declared.metrics,
        default_horizon=declared.horizon,
        peak=declared.peak,
        optimizer=declared.applies_to,
        open=refuse,
        config_type=AnyConfig,
        rungs=declared.rungs,
        hard_cap=None if cap is None else lambda _config: cap,
    )


def objective_of(spec: StudySpec, objectives: Mapping[str, Objective]) -> Objective | None:
    """The objective of a study: the one it declares, or that of its name; None if there is none."""
    if spec.external is not None:
        return external_objective(spec.objective, spec.external)
    return objectives.get(spec.objective)
