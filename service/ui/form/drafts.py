"""Drafts: what can be drawn of a request that is still being typed.

The one idea: a value that would be refused counts as if it had not been typed; its own field says
what is wrong with it, and everything else is seen as it will be.
Not here: what is wrong with a value (`POST /v1/studies:validate` says it).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tuning.constraints import MAX_CONSTRAINTS, parse
from tuning.defaults import peak_range, usual_families
from tuning.errors import TuningError
from tuning.objectives import Objective, configure
from tuning.records import MAX_HORIZON, ParameterValue, Space
from tuning.schedules import FAMILIES, PARAMETERS
from tuning.search.space import PEAK, narrow
from tuning.study import BASELINES

USUAL_PEAK = (1e-4, 1e-1)  # of an objective of which nothing is known
USUAL_HORIZON = 1_000
REFUSALS = (TuningError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be drawn; `baselines` come first when looks are given out."""

    space: Space
    horizon: int
    baselines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What narrows a space, as far as it was allowed."""

    families: tuple[str, ...]
    peak: tuple[float, float]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fixed: Mapping[str, ParameterValue] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()

    def space(self) -> Space:
        """The space; raises InvalidValue if something is not allowed."""
        constraints = parse(self.constraints)
        return narrow(self.families, self.peak, self.ranges, self.fixed, constraints)


def read_draft(request: Mapping[str, Any], objective: Objective | None) -> Draft:
    """The space and the horizon of a request, as far as they are said and can be.

    Args:
        request: any JSON object.
        objective: whose defaults hold; None if nobody knows it.
    """
    told = _part(request, "space")
    families = _families(told.get("families"))
    if families is None:
        sampler = request.get("sampler")
        families = usual_families(sampler if isinstance(sampler, str) else "curve")
    baselines = _families(request.get("baselines"))
    return Draft(
        _space(families, told, _usual_peak(request, objective)),
        _horizon(request, objective),
        BASELINES if baselines is None else baselines,
    )


def searchable() -> tuple[str, ...]:
    """The families that can be searched: all that need no metric while they train."""
    return tuple(name for name, family in FAMILIES.items() if not family.is_feedback)


def _part(request: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = request.get(name)
    return part if isinstance(part, dict) else {}


def _families(told: object) -> tuple[str, ...] | None:
    """Families that can be searched, each once; None if none are told."""
    if not isinstance(told, list):
        return None
    known = searchable()
    return tuple(dict.fromkeys(one for one in told if isinstance(one, str) and one in known))


def _usual_peak(request: Mapping[str, Any], objective: Objective | None) -> tuple[float, float]:
    """The range of the peak if the request names none."""
    if objective is None:
        return _bounds(_part(request, "external").get("peak")) or USUAL_PEAK
    try:
        settings = configure(objective, _part(request, "config"))
        return peak_range(objective, None, objective.cap(settings))
    except REFUSALS:
        return objective.peak


def _bounds(told: Any) -> tuple[float, float] | None:  # noqa: ANN401 # any JSON value
    """A range of the peak; None if what is told is none."""
    try:
        low, high = told
        PARAMETERS[PEAK].narrowed(low, high)
    except REFUSALS:
        return None
    return low, high


def _space(
    families: tuple[str, ...], told: Mapping[str, Any], usual_peak: tuple[float, float]
) -> Space:
    if not families:
        return Space((), {})
    wishes = Wishes(families, _bounds(told.get("peak")) or usual_peak)
    ranges, fixed, constraints = (
        _part(told, "ranges"),
        _part(told, "fixed"),
        told.get("constraints"),
    )
    for name in PARAMETERS:
        if name in ranges:
            wishes = _allowed(wishes, ranges={**wishes.ranges, name: ranges[name]})
        if name in fixed:
            wishes = _allowed(wishes, fixed={**wishes.fixed, name: fixed[name]})
    for text in constraints[:MAX_CONSTRAINTS] if isinstance(constraints, list) else ():
        wishes = _allowed(wishes, constraints=(*wishes.constraints, text))
    return wishes.space()


def _allowed(wishes: Wishes, **change: Any) -> Wishes:  # noqa: ANN401 # of its fields
    """The wishes with one more, unless that is refused."""
    wider = replace(wishes, **change)
    try:
        wider.space()
    except REFUSALS:
        return wishes
    return wider


def _horizon(request: Mapping[str, Any], objective: Objective | None) -> int:
    """The horizon that is asked for, or the objective's."""
    usual = USUAL_HORIZON if objective is None else objective.default_horizon
    for told in (request.get("horizon"), _part(request, "external").get("horizon"), usual):
        if isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= MAX_HORIZON:
            return told
    return USUAL_HORIZON
