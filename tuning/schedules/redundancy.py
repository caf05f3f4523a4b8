"""Redundancy: parameters without effect, and families that are simpler ones in disguise.

The one idea: change one thing and compare. A parameter is dead if no other value of it changes a
learning rate; a family is a duplicate if one with fewer parameters is the same expression.
Not here: how it is told (`lint`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields, replace
from itertools import chain
from typing import Any, Literal, get_args, get_origin

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.families import FAMILIES, Expression, Family, Warmup
from tuning.schedules.interop.recognise import recognise
from tuning.schedules.limits import Among
from tuning.schedules.schedule import Schedule

SAME = 1e-13  # of the peak; what may separate a formula from its rearrangement
LONGEST_COMPARED = 10_000  # updates over which two schedules are compared number by number


def dead_parameters(schedule: Schedule) -> Iterator[str]:
    """Fields that are not at their defaults and yet have no effect over this horizon.

    >>> from tuning.schedules import Sgdr
    >>> list(dead_parameters(Schedule(Sgdr(0.1, cycles=1, cycle_growth=3.0), 100)))
    ['params.cycle_growth']
    """
    for field, families in _alternatives(schedule.family):
        others = list(_laid_out(families, schedule.horizon))
        if others and all(_has_same_rates(schedule, other) for other in others):
            yield field


def duplicates(schedule: Schedule) -> Iterator[str]:
    """Names of simpler families that are the same function of the update.

    >>> from tuning.schedules import Polynomial
    >>> next(duplicates(Schedule(Polynomial(0.1, power=1.0), 100)))
    'linear'
    """
    yield from chain(_simpler(schedule), _recognised(schedule))


def _alternatives(family: Family) -> Iterator[tuple[str, tuple[Family, ...]]]:
    """Every parameter that is not at its default, with families that differ in it alone."""
    own = () if family.is_feedback else family.own_fields()
    for entry in fields(family):
        if entry.name in own or entry.name == "end":
            path = entry.name if entry.name == "end" else f"params.{entry.name}"
            yield path, tuple(_changed(family, entry))
    for entry in fields(Warmup):
        if entry.name != "pinned":
            warmups = _changed(family.warmup, entry)
            yield f"warmup.{entry.name}", tuple(replace(family, warmup=one) for one in warmups)


def _changed(value: Any, entry: Field[Any]) -> Iterator[Any]:  # noqa: ANN401 # any dataclass
    """The same value with other values of a field; none if it has its default."""
    now = getattr(value, entry.name)
    default = entry.default_factory() if callable(entry.default_factory) else entry.default
    if default is MISSING or now == default:
        return
    for other in dict.fromkeys((default, *_others(entry, now))):
        try:
            yield replace(value, **{entry.name: other})
        except InvalidValue:
            continue  # not every value of a range goes with the other fields


def _others(entry: Field[Any], now: object) -> tuple[object, ...]:
    match now:
        case bool():
            return ()
        case int():
            return (now + 1, now // 2)
        case float():
            return (now / 2.0, (now + 1.0) / 2.0)
        case str():
            return tuple(name for name in _names(entry.type) if name != now)
        case tuple() if entry.name == "phase":
            return ((0, 0), (1, 0), (1, 1))
    return ()


def _names(annotation: object) -> tuple[str, ...]:
    """The names a field may hold."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    limits = getattr(annotation, "__metadata__", ())
    return tuple(name for limit in limits if isinstance(limit, Among) for name in limit.names)


def _laid_out(families: Iterable[Family], horizon: int) -> Iterator[Schedule]:
    for family in families:
        try:
            yield Schedule(family, horizon)
        except InvalidValue:
            continue  # not every length fits into the horizon


def _has_same_rates(schedule: Schedule, other: Schedule) -> bool:
    if other.shape == schedule.shape:
        return True
    is_short = schedule.horizon <= LONGEST_COMPARED
    return is_short and bool((other.table() == schedule.table()).all())


def _simpler(schedule: Schedule) -> Iterator[str]:
    """Families with fewer parameters that are the same expression."""
    family = schedule.family
    for kind, simpler in FAMILIES.items():
        is_simpler = len(simpler.own_fields()) < len(family.own_fields())
        if is_simpler and not family.is_feedback and _is_same(schedule, simpler):
            yield kind


def _recognised(schedule: Schedule) -> Iterator[str]:
    """Families that an expression is, parameters and all."""
    if not isinstance(schedule.family, Expression):
        return
    shape = schedule.shape(np.arange(schedule.horizon))
    for propose in recognise(schedule.shape, schedule.horizon):
        try:
            other = Schedule(propose(), schedule.horizon)
        except InvalidValue:
            continue  # its numbers are outside that family's ranges
        is_close = np.allclose(other.table(), shape, rtol=0.0, atol=SAME * other.peak)
        if is_close and not isinstance(other.family, Expression):
            yield other.family.kind


def _is_same(schedule: Schedule, simpler: type[Family]) -> bool:
    """Whether another family, with what fields it shares, is the same expression."""
    family = schedule.family
    shared = {name: value for name, value in family.params().items() if name in _own(simpler)}
    common: dict[str, Any] = {
        "warmup": family.warmup,
        "end": family.end,
        "after_end": family.after_end,
    }
    try:
        other = Schedule(simpler(family.peak, **common, **shared), schedule.horizon)
    except InvalidValue:
        return False  # the shared name means something else there
    return other.shape == schedule.shape


def _own(family: type[Family]) -> tuple[str, ...]:
    return () if family.is_feedback else family.own_fields()
