"""Proposals: the schedules of a generation that are new.

The one idea: baselines and search alternate, so that either can be looked at early; the search
begins with what earlier studies know, and goes on with what the sampler asks for, leaving out what
does the same as a schedule that was tried and what a constraint forbids.
Not here: how many there are (`decide`), how the sampler chooses (`tuning.search.samplers`).
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice

from tuning.records import (
    MAX_BATCH,
    Direction,
    History,
    ParameterValue,
    Phase,
    Run,
    RunState,
    Space,
    StudySpec,
    Trial,
)
from tuning.schedules import FAMILIES
from tuning.search.duplicates import Known
from tuning.search.policy.cap import baseline_space, needs_probe, space_at
from tuning.search.policy.ladder import PEAK_EXPONENT, mean_score
from tuning.search.samplers import ENUMERATING, SAMPLERS, Observation, propose
from tuning.search.space import FAMILY, PEAK, allows, contains, is_fixed, lay_out, peak_grid
from tuning.seeds import derive

RETRIES = (
    32  # asks without a new schedule before the space counts as used up, unless it is enumerated
)
CONSTRAINED_RETRIES = 64  # likewise, where a constraint on rates may refuse most of them
STARTS = 5  # of the best points of earlier studies
Params = dict[str, ParameterValue]


def new_trials(
    spec: StudySpec, view: History, number: int, room: int, searchable: int
) -> tuple[Trial, ...]:
    """New trials of a generation; fewer than may be when the space is used up.

    Args:
        spec: of the study.
        view: what the generation may know.
        number: the generation.
        room: most trials it may have.
        searchable: most of them that may be searched ones.
    """
    if room <= 0:
        return ()
    waiting = waiting_baselines(spec, view)
    known = Known(trial.schedule for trial in view.trials if trial.phase is not Phase.PROBE)
    for params in waiting:
        known.add(lay_out(params, spec.horizon))
    trials: list[Trial] = []
    first = len(view.trials)
    searched = _searched(spec, view, first)
    turn = sum(trial.phase is not Phase.PROBE for trial in view.trials)
    if not is_grid_known(spec, view):
        waiting = []
    while len(trials) < room:
        is_baselines_turn = waiting and (turn + len(trials)) % 2 == 0
        found = None
        if searchable > 0 and not is_baselines_turn:
            found = _distinct(spec, searched, known)
            searchable -= 1
        if found is None and not waiting:
            break
        params = waiting.pop(0) if found is None else found
        phase = Phase.BASELINE if found is None else Phase.SEARCH
        schedule = lay_out(params, spec.horizon)
        known.add(schedule)
        trials.append(Trial(first + len(trials), number, phase, schedule, params))
    return tuple(trials)


def is_grid_known(spec: StudySpec, view: History) -> bool:
    """Whether the baselines' peaks can be laid out: not before a range test has ended."""
    if not needs_probe(spec):
        return True
    probes = [run for run in view.runs if run.phase is Phase.PROBE]
    return bool(probes) and all((run.generation, run.index) in view.results for run in probes)


def baseline_points(spec: StudySpec, view: History) -> list[Params]:
    """All points of the baselines: the same peak grid for each family, peak by peak.

    A family's own defaults are its shape, but for parameters that the study fixes; a range that
    the study narrows is the search's alone, so that baselines stay the known ones. What a
    constraint forbids is left out: the winner may be a baseline.
    """
    space = baseline_space(spec, view)
    points: list[Params] = [
        {FAMILY: family, PEAK: peak, **_baseline_params(spec, family)}
        for peak in peak_grid(space, spec.baseline_peaks)
        for family in spec.baselines
    ]
    return [params for params in points if allows(spec.space, params, spec.horizon)]


def baseline_counts(spec: StudySpec, view: History) -> dict[str, int]:
    """How many peaks each baseline gets."""
    counts: dict[str, int] = {}
    for params in baseline_points(spec, view):
        counts[str(params[FAMILY])] = counts.get(str(params[FAMILY]), 0) + 1
    return counts


def waiting_baselines(spec: StudySpec, view: History) -> list[Params]:
    """The points of the baselines that were not proposed yet."""
    done = sum(trial.phase is Phase.BASELINE for trial in view.trials)
    return baseline_points(spec, view)[done:]


def _baseline_params(spec: StudySpec, family: str) -> Mapping[str, ParameterValue]:
    fixed = {
        name: parameter.choices[0] if parameter.kind == "choice" else parameter.low
        for name, parameter in spec.space.parameters.items()
        if is_fixed(parameter) and name != PEAK
    }
    return {name: fixed.get(name, value) for name, value in FAMILIES[family].defaults().items()}


def _searched(spec: StudySpec, view: History, first: int) -> Iterator[Params]:
    """Points to search, one after another, as many as are asked for."""
    space = space_at(spec, view)
    asks = MAX_BATCH * CONSTRAINED_RETRIES
    seeds = (derive(spec.seed, "trial", first, "ask", ask) for ask in range(asks))
    asked = propose(
        SAMPLERS[spec.sampler],
        space,
        observe(spec, view),
        spec.metric.direction,
        seeds,
        horizon=spec.horizon,
    )
    return chain(_starts(spec, space), asked)


def _starts(spec: StudySpec, space: Space) -> list[Params]:
    """The best points of earlier studies, their peaks corrected for another horizon."""
    sign = 1.0 if spec.metric.direction is Direction.MINIMIZE else -1.0
    scored = [start for start in spec.starts if start.value is not None]
    scored.sort(key=lambda start: (abs(start.horizon - spec.horizon), sign * (start.value or 0.0)))
    points = []
    for start in scored[:STARTS]:
        high, low = float(space.parameters[PEAK].high), float(space.parameters[PEAK].low)
        peak = float(start.params[PEAK])
        if start.horizon != spec.horizon:
            peak = float(f"{peak * (start.horizon / spec.horizon) ** PEAK_EXPONENT:.6g}")
        point = {**start.params, PEAK: min(max(peak, low), high)}
        if contains(space, point):
            points.append(point)
    return points


def _distinct(spec: StudySpec, searched: Iterator[Params], known: Known) -> Params | None:
    """The next point that is allowed and does not do what is known; None after too many others."""
    retries = CONSTRAINED_RETRIES if spec.space.constraints else RETRIES
    for params in islice(searched, None if spec.sampler in ENUMERATING else retries):
        schedule = lay_out(params, spec.horizon)
        if not known.holds(schedule) and allows(spec.space, params, spec.horizon):
            return params
    return None


def observe(spec: StudySpec, view: History) -> list[Observation]:
    """What the sampler is told: every trial at every horizon it was trained over, as trained."""
    runs: dict[tuple[int, int], list[Run]] = {}
    for run in view.runs:
        if run.phase in {Phase.BASELINE, Phase.SEARCH}:
            runs.setdefault((run.trial, run.updates), []).append(run)
    earlier = [
        Observation(start.params, start.value, horizon=start.horizon, seeds=start.seeds)
        for start in spec.starts
    ]
    return earlier + [
        _observation(spec, view, view.trials[number], updates, group)
        for (number, updates), group in sorted(runs.items())
    ]


def _observation(
    spec: StudySpec, view: History, trial: Trial, updates: int, runs: list[Run]
) -> Observation:
    ends = [view.results.get((run.generation, run.index)) for run in runs]
    done = [end for end in ends if end is not None and end.state is RunState.COMPLETED]
    is_bad = any(end is not None and end.state is not RunState.COMPLETED for end in ends)
    # A leader whose further seeds are under way keeps the score it has.
    is_known = len(done) >= spec.seeds and not is_bad
    peak = trial.schedule.peak * runs[0].peak_factor
    return Observation(
        {**trial.params, PEAK: peak},
        mean_score(spec, done) if is_known else None,
        is_bad=is_bad,
        horizon=updates,
        is_prefix=runs[0].is_prefix,
        seeds=max(1, len(done)),
    )
