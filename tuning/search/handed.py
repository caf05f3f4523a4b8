"""Handed: candidates of a user, checked before they are tried.

The one idea: a candidate may be any schedule that the objective can train, whether a search would
ever find it or not.
Not here: when candidates are tried (`tuning.search.policy.proposals`), what a sampler is told of
them (`tuning.search.likeness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tuning.constraints import describe, hold
from tuning.errors import InvalidValue
from tuning.given import MAX_CANDIDATES, Candidate
from tuning.records import Cap, StudySpec
from tuning.schedules import PARAMETERS, Schedule
from tuning.search.policy.ladder import rung_horizons
from tuning.search.space import PEAK

MOST_NUMBERS = 20_000  # of all candidates of a study, in their own parameters


@dataclass(frozen=True, slots=True)
class Searched:
    """How many schedules the search of a study has proposed, and how many of them its user."""

    trials: int
    candidates: int


def check_candidates(spec: StudySpec, schedules: Sequence[Schedule]) -> tuple[Schedule, ...]:
    """Candidates laid out over the horizon of a study.

    Args:
        spec: of the study, its own candidates included.
        schedules: further ones, over any horizon.

    Raises InvalidValue naming `candidates[i]`, i beginning at 0 for the first further one, if there
    are too many or too long ones, or one that listens to metrics, moves more than the learning
    rate, does not fit into a horizon, has a rate that is no rate or above the cap, or breaks a
    constraint.
    """
    known = len(spec.candidates)
    if known + len(schedules) > MAX_CANDIDATES:
        allowed = f"at most {MAX_CANDIDATES} in all"
        raise InvalidValue("candidates", known + len(schedules), allowed)
    found = []
    for place, schedule in enumerate(schedules):
        try:
            found.append(_checked(spec, schedule))
        except InvalidValue as error:
            field = "" if error.field == "schedule" else f".{error.field}"
            name = f"candidates[{place}]{field}"
            raise InvalidValue(name, error.value, error.allowed) from error
    given = (*(one.schedule for one in spec.candidates), *found)
    numbers = sum(_numbers(one.family.params()) for one in given)
    if numbers > MOST_NUMBERS:
        raise InvalidValue("candidates", f"{numbers:,} numbers", f"at most {MOST_NUMBERS:,} in all")
    return tuple(found)


def hand(spec: StudySpec, schedule: Schedule, generation: int, searched: Searched) -> StudySpec:
    """The spec of a study that is under way with a further candidate.

    The same spec if it has this candidate already.

    Args:
        spec: of the study.
        schedule: over any horizon.
        generation: the first one that may propose it.
        searched: what its search has proposed.

    Raises InvalidValue naming `schedule` as `check_candidates` does, or `budget.trials` if all that
    is left is for baselines and other candidates.
    """
    try:
        (laid_out,) = check_candidates(spec, [schedule])
    except InvalidValue as error:
        field = error.field.replace("candidates[0]", "schedule")
        raise InvalidValue(field, error.value, error.allowed) from error
    if any(one.schedule.identity == laid_out.identity for one in spec.candidates):
        return spec
    baselines = len(spec.baselines) * spec.baseline_peaks
    waiting = len(spec.candidates) - searched.candidates
    needed = baselines + searched.trials + waiting + 1
    if needed > spec.budget.trials:
        allowed = (
            f"at least {needed} ({baselines} peaks of baselines, {searched.trials} searched, "
            f"{waiting} candidates that wait, and this one)"
        )
        raise InvalidValue("budget.trials", spec.budget.trials, allowed)
    return replace(spec, candidates=(*spec.candidates, Candidate(laid_out, generation)))


def _checked(spec: StudySpec, schedule: Schedule) -> Schedule:
    if schedule.family.is_feedback:
        raise InvalidValue("family", schedule.family.kind, "one that needs no metrics")
    for beside in ("channels", "groups"):
        if getattr(schedule, beside):
            allowed = "none: a study trains the learning rate alone"
            raise InvalidValue(beside, list(getattr(schedule, beside)), allowed)
    laid_out = schedule.at(spec.horizon)
    rungs = rung_horizons(spec.rungs, spec.horizon) if spec.climb else ()
    for horizon in rungs:
        laid_out.at(horizon)
    _check_rates(spec, laid_out)
    params = {PEAK: laid_out.peak, **laid_out.family.stretched(spec.horizon).coordinates()}
    for one in spec.space.constraints:
        if not hold((one,), params, laid_out):
            raise InvalidValue("schedule", describe(one), "a schedule that keeps this constraint")
    return laid_out


def _check_rates(spec: StudySpec, schedule: Schedule) -> None:
    with np.errstate(all="ignore"):  # what overflows is refused
        table = schedule.table()
    wrong = ~np.isfinite(table) | (table < 0.0)
    if wrong.any():
        at = int(wrong.argmax())
        told = f"{table[at]:g} at update {at:,}"
        raise InvalidValue("schedule", told, "finite learning rates from 0")
    highest, cap = float(table.max()), float(spec.space.parameters[PEAK].high)
    if highest == 0.0:
        raise InvalidValue("schedule", "0 at every update", "a learning rate above 0")
    # A cap that a range test estimates may move, so it forbids nothing.
    limit = float(PARAMETERS[PEAK].high) if spec.cap is Cap.SOFT else cap
    if highest > limit:
        allowed = f"learning rates up to {limit:g}, the cap of the study"
        raise InvalidValue("peak", highest, allowed)


def _numbers(value: Any) -> int:  # noqa: ANN401 # JSON
    match value:
        case Mapping():
            return sum(map(_numbers, value.values()))
        case list() | tuple():
            return sum(map(_numbers, value))
    return 1
