"""Warm start: what an earlier study knows, as starts of a new one.

The one idea: only points and scores are taken over, with the horizon they were scored at; the new
study repeats the best of them on its own seeds before it relies on them.
Not here: how they are used (`tuning.search.policy.proposals`).
"""

from collections.abc import Collection, Iterable, Mapping

from tuning.errors import InvalidValue
from tuning.evidence import rank_trials
from tuning.evidence.score import full_ends
from tuning.given import is_candidate
from tuning.records import (
    MAX_STARTS,
    External,
    History,
    Metric,
    ParameterValue,
    Start,
    StudySpec,
    Trial,
)
from tuning.search.likeness import nearest_point


def gather(
    objective: str,
    earlier: Iterable[tuple[StudySpec, History]],
    external: External | None = None,
    imported: Collection[int] = (),
) -> tuple[Start, ...]:
    """The best points of earlier studies, each study's in order, as many of each as there is room.

    Args:
        objective: of the new study.
        earlier: specs and histories of the studies to start from.
        external: what the new study declares of it, if it is external.
        imported: places of those that were imported.

    Raises InvalidValue naming `warm_start[i]` if a study is of another objective, or one that is
    scored by another metric.
    """
    studies = list(earlier)
    starts: list[Start] = []
    for position, (spec, history) in enumerate(studies):
        if spec.objective != objective:
            allowed = f"a study of {objective}"
            raise InvalidValue(f"warm_start[{position}]", spec.objective, allowed)
        if external is not None and not _is_scored_alike(spec.metric, external.metrics[0]):
            metric = external.metrics[0]
            allowed = f"a study whose metric is {metric.name}, {metric.direction}d"
            raise InvalidValue(f"warm_start[{position}]", spec.metric.name, allowed)
        ends = full_ends(history)
        starts += [
            Start(params, spec.horizon, score, len(ends[trial.number]), position in imported)
            for trial, score in rank_trials(history, spec.metric)[: MAX_STARTS // len(studies)]
            if (params := _point(trial)) is not None
        ]
    return tuple(starts)


def _point(trial: Trial) -> Mapping[str, ParameterValue] | None:
    """The point of a trial; of a candidate the nearest, if one is near."""
    return nearest_point(trial.schedule) if is_candidate(trial.params) else trial.params


def _is_scored_alike(one: Metric, other: Metric) -> bool:
    return (one.name, one.direction) == (other.name, other.direction)
