"""Simplicity: which schedule of a tie to recommend.

The one idea: schedules that cannot be told apart differ in what it takes to state them; count the
numbers and names that the portable JSON needs beyond family and peak, and take the fewest.
Not here: who is in the tie (`tuning.evidence.verdict`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tuning.evidence.figures import Arm, Recommendation, Versus, is_worse
from tuning.evidence.score import sign_of
from tuning.records import StudySpec
from tuning.schedules import Schedule


def count_settings(schedule: Schedule) -> int:
    """Numbers and names in a schedule's own parameters, nodes of a tree included; a warmup is one.

    >>> from tuning.schedules import build
    >>> [count_settings(Schedule(build(name, 0.1, {}), 100)) for name in ("constant", "wsd")]
    [0, 3]
    """
    document = schedule.document()
    warmup: Mapping[str, Any] = document.get("warmup") or {}
    return _leaves(document.get("params", {})) + bool(warmup.get("length"))


def recommend(spec: StudySpec, arms: Sequence[Arm], versus: Sequence[Versus]) -> Recommendation:
    """The simplest arm of the tie set; if baselines beat the winner, the best of those.

    If no fresh seed of the winner completed, the best of the arms all of whose seeds did.

    Args:
        spec: of the study.
        arms: the winner first.
        versus: the winner against the others.
    """
    winner = arms[0]
    sign = sign_of(spec.metric.direction)
    if not winner.seeds:
        whole = [arm for arm in arms if arm.seeds == arm.planned and arm.validation is not None]
        if not whole:
            return _recommended(winner, "it led the search; no arm completed its fresh seeds")
        best = min(whole, key=lambda arm: sign * (arm.validation or 0.0))
        return _recommended(best, "the best of those that completed their fresh seeds")
    by_trial = {arm.trial: arm for arm in arms}
    beaten_by = [by_trial[one.trial] for one in versus if not one.is_tie and is_worse(spec, one)]
    if beaten_by:
        best = min(beaten_by, key=lambda arm: (sign * (arm.validation or 0.0), arm.trial))
        return _recommended(best, "it is better than the search's winner on fresh seeds")
    tied = [by_trial[one.trial] for one in versus if one.is_tie]
    whole = [arm for arm in tied if arm.seeds == arm.planned]
    simplest = min([winner, *whole], key=lambda arm: (arm.complexity, arm is not winner))
    if not tied:
        reason = "it is better than every tuned baseline" if versus else "nothing else was compared"
        return _recommended(winner, reason)
    return _recommended(
        simplest, f"the simplest of {1 + len(tied)} that these seeds cannot tell apart"
    )


def _recommended(arm: Arm, reason: str) -> Recommendation:
    return Recommendation(arm.trial, arm.family, arm.peak, arm.complexity, reason)


def _leaves(value: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_leaves, value))
    return 1
