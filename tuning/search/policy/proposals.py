"""Proposals: the schedules of a generation that are new.

The one idea: baselines and search alternate, so that either can be looked at early; the search
begins with the user's candidates and with what earlier studies know, and goes on with what the
sampler asks for, leaving out what does the same as a schedule that was tried and what a constraint
forbids.
Not here: how many there are (`decide`), how the sampler chooses (`tuning.search.samplers`).
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import TypeAlias

from tuning.constraints import hold
from tuning.given import candidate_name
from tuning.records import (
    MAX_BATCH,
    Direction,
    History,
    ParameterValue,
    Phase,
    Space,
    StudySpec,
    Trial,
)
from tuning.schedules import Schedule
from tuning.search.duplicates import Known
from tuning.search.policy.baselines import next_points, reserved_points
from tuning.search.policy.cap import believed_rise, space_at
from tuning.search.policy.observations import observe
from tuning.search.samplers import ENUMERATING, SAMPLERS, propose
from tuning.search.space import FAMILY, PEAK, contains, lay_out
from tuning.seeds import derive

RETRIES = (
    32  # asks without a new schedule before the space counts as used up, unless it is enumerated
)
STARTS = 5  # of the best points of earlier studies
Params = dict[str, ParameterValue]
Proposed: TypeAlias = tuple[Params, Schedule]


def new_trials(
    spec: StudySpec,
    view: History,
    number: int,
    room: int,
    searchable: int,
    *,
    is_over: bool = False,
) -> tuple[Trial, ...]:
    """New trials of a generation; fewer than may be when the space is used up.

    Args:
        spec: of the study.
        view: what the generation may know.
        number: the generation.
        room: most trials it may have.
        searchable: most of them that may be searched ones.
        is_over: whether the search has ended but for what its user wants tried.
    """
    if room <= 0:
        return ()
    tried = {Phase.BASELINE, Phase.SEARCH}
    known = Known(trial.schedule for trial in view.trials if trial.phase in tried)
    waiting = next_points(spec, view)
    for params in (*waiting, *reserved_points(spec, view)):
        known.add(lay_out(params, spec.horizon))
    trials: list[Trial] = []
    first = len(view.trials)
    searched = _candidates(spec, view, number, known)
    if not is_over:
        searched = chain(searched, _searched(spec, view, first))
    turn = sum(trial.phase is not Phase.PROBE for trial in view.trials)
    while len(trials) < room:
        is_baselines_turn = waiting and (turn + len(trials)) % 2 == 0
        found = None
        if searchable > 0 and not is_baselines_turn:
            found = _distinct(spec, searched, known)
            searchable -= 1
        if found is None and not waiting:
            break
        phase = Phase.BASELINE if found is None else Phase.SEARCH
        if found is None:
            params = waiting.pop(0)
            schedule = lay_out(params, spec.horizon)
        else:
            params, schedule = found
        known.add(schedule)
        trials.append(Trial(first + len(trials), number, phase, schedule, params))
    return tuple(trials)


def _candidates(spec: StudySpec, view: History, number: int, known: Known) -> Iterator[Proposed]:
    """Candidates that a generation may propose, none that does what is known."""
    proposed = {str(trial.params[FAMILY]) for trial in view.trials}
    for position, one in enumerate(spec.candidates):
        name = candidate_name(position)
        is_due = one.generation <= number and name not in proposed
        if is_due and not known.holds(one.schedule):
            yield {FAMILY: name, PEAK: one.schedule.peak}, one.schedule


def _searched(spec: StudySpec, view: History, first: int) -> Iterator[Proposed]:
    """Points to search, one after another, as many as are asked for, with their schedules."""
    space = space_at(spec, view)
    asks = MAX_BATCH * RETRIES
    seeds = (derive(spec.seed, "trial", first, "ask", ask) for ask in range(asks))
    asked = propose(
        SAMPLERS[spec.sampler],
        space,
        observe(spec, view),
        spec.metric.direction,
        seeds,
        horizon=spec.horizon,
    )
    points = chain(_starts(spec, view, space), asked)
    return ((params, lay_out(params, spec.horizon)) for params in points)


def _starts(spec: StudySpec, view: History, space: Space) -> list[Params]:
    """The best points of earlier studies, their peaks corrected for another horizon."""
    if not spec.starts:
        return []
    exponent = believed_rise(spec, view).exponent
    sign = 1.0 if spec.metric.direction is Direction.MINIMIZE else -1.0
    scored = [start for start in spec.starts if start.value is not None]
    scored.sort(key=lambda start: (abs(start.horizon - spec.horizon), sign * (start.value or 0.0)))
    points = []
    for start in scored[:STARTS]:
        high, low = float(space.parameters[PEAK].high), float(space.parameters[PEAK].low)
        peak = float(start.params[PEAK])
        if start.horizon != spec.horizon:
            peak = float(f"{peak * (start.horizon / spec.horizon) ** exponent:.6g}")
        point = {**start.params, PEAK: min(max(peak, low), high)}
        if contains(space, point):
            points.append(point)
    return points


def _distinct(spec: StudySpec, searched: Iterator[Proposed], known: Known) -> Proposed | None:
    """The next one that is allowed and does not do what is known; None after too many others."""
    for params, schedule in islice(searched, None if spec.sampler in ENUMERATING else RETRIES):
        if not known.holds(schedule) and hold(spec.space.constraints, params, schedule):
            return params, schedule
    return None
