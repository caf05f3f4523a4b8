"""Baselines: at which peaks each is tried, one after another.

The one idea: a baseline is only as good as its peak, so all get the same number of them. The first
are coarse; each further one is where the model of curves, in which every result so far has a say,
expects the largest improvement over the family's best, and the last one where it expects the least
loss; up to the cap, which is itself allowed.
Not here: when they are proposed (`proposals`), which of them goes on (`ladder`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tuning.records import History, ParameterValue, Phase, Space, StudySpec, Trial
from tuning.schedules import FAMILIES
from tuning.search.duplicates import Known
from tuning.search.policy.cap import believed_rise, needs_probe, space_at
from tuning.search.policy.ladder import (
    Standing,
    baseline_stage,
    ranking,
    stage_horizons,
    standings,
)
from tuning.search.policy.observations import observe
from tuning.search.samplers.acquisition import log_improvement
from tuning.search.samplers.belief import Belief, believe
from tuning.search.samplers.description import describe
from tuning.search.samplers.evidence import gather
from tuning.search.samplers.levels import has_ended
from tuning.search.space import FAMILY, PEAK, allows, is_fixed, lay_out, peak_limits

COARSE = (2 / 3, 1.0)  # the first peaks, by their place in the range on a log scale
KEPT = 256  # ranges whose peaks are remembered: they are asked for several times a decision
OFFERED = 121  # peaks, evenly on a log scale, of which one is chosen

Floats = NDArray[np.float64]
Params = dict[str, ParameterValue]
Point = Mapping[str, ParameterValue]


def baseline_counts(spec: StudySpec, view: History) -> dict[str, int]:
    """How many peaks each baseline gets: the study's number, or all there are if that is less.

    A family of which the constraints leave none is left out.
    """
    space = space_at(spec, view)
    counts = {
        family: min(spec.baseline_peaks, len(_offered(spec, space, family)))
        for family in spec.baselines
    }
    return {family: count for family, count in counts.items() if count}


def count_waiting(spec: StudySpec, view: History) -> int:
    """How many points of the baselines were not proposed yet."""
    tried = _tried(spec, view)
    return sum(
        max(0, count - len(tried[family])) for family, count in baseline_counts(spec, view).items()
    )


def count_unfinished(spec: StudySpec, view: History) -> int:
    """How many baselines may still send their best peak over the full horizon."""
    counts, last = baseline_counts(spec, view), len(stage_horizons(spec)) - 1
    waiting = dict(counts)
    is_over = dict.fromkeys(counts, False)
    for one in standings(spec, view):
        family = str(one.trial.params[FAMILY])
        if one.trial.phase is Phase.BASELINE and family in counts:
            waiting[family] -= one.has_ended_badly
            is_over[family] |= one.stage == last
    return sum(waiting[family] > 0 and not is_over[family] for family in counts)


def baseline_promotions(spec: StudySpec, view: History) -> tuple[list[Trial], list[int]]:
    """For every baseline whose peaks have all ended at the first rung: its best, and the others.

    Only with rungs: else, and with pruning, every peak is trained in full. The best is the one
    of which the model of curves expects the least loss there.
    """
    best: list[Trial] = []
    others: list[int] = []
    if baseline_stage(spec) == len(stage_horizons(spec)) - 1:
        return best, others
    counts, model = baseline_counts(spec, view), _Model(spec, view)
    by_family: dict[str, list[Standing]] = {}
    for one in standings(spec, view):
        if one.trial.phase is Phase.BASELINE:
            by_family.setdefault(str(one.trial.params[FAMILY]), []).append(one)
    for family, tried in by_family.items():
        is_complete = len(tried) >= counts.get(family, 0) and not any(one.is_open for one in tried)
        is_decided = any(one.stage > 0 or one.trial.number in view.pruned for one in tried)
        good = [one for one in tried if one.score is not None]
        if is_complete and good and not is_decided:
            good.sort(key=lambda one: ranking(spec, one.score or 0.0, one.trial.number))
            first = int(np.argmin(model.means([one.trial.params for one in good])))
            best.append(good.pop(first).trial)
            others += [one.trial.number for one in good]
    return best, others


def reserved_points(spec: StudySpec, view: History) -> list[Params]:
    """Points that the search leaves to the baselines: those at the cap."""
    space = space_at(spec, view)
    tried = _tried(spec, view)
    return [
        _point(spec, family, _offered(spec, space, family)[-1])
        for family, count in baseline_counts(spec, view).items()
        if len(tried[family]) < count
    ]


def next_points(spec: StudySpec, view: History) -> list[Params]:
    """The points that baselines may be tried at next, those of the families tried least first.

    A family is refined by one peak at a time, once all its results are there. A peak at which the
    search has tried the same schedule is passed by.
    """
    if not _is_cap_known(spec, view):
        return []
    space, tried = space_at(spec, view), _tried(spec, view)
    counts = baseline_counts(spec, view)
    if all(len(tried[family]) >= count for family, count in counts.items()):
        return []
    is_open = {one.trial.number for one in standings(spec, view) if one.is_open}
    known = Known(trial.schedule for trial in view.trials if trial.phase is not Phase.PROBE)
    model = _Model(spec, view)
    found: list[tuple[int, Params]] = []
    for family, count in counts.items():
        have, offered = len(tried[family]), _offered(spec, space, family)
        coarse = _coarse(spec, len(offered))[have:count]
        if coarse:
            points = _points(spec, family, [offered[place] for place in coarse])
        elif have < count and not is_open & set(tried[family]):
            own = [view.trials[number].params for number in tried[family]]
            ranked = _points(spec, family, offered)
            order = model.ranked(ranked, own, is_last=have + 1 == count)
            new = (ranked[place] for place in order)
            points = list(islice((one for one in new if _is_new(spec, one, known)), 1))
        else:
            continue
        found += [(have + more, point) for more, point in enumerate(points)]
    return [point for _, point in sorted(found, key=lambda one: one[0])]


def _is_new(spec: StudySpec, point: Params, known: Known) -> bool:
    """Whether a point is allowed and does not do what is known."""
    schedule = lay_out(point, spec.horizon)
    return not known.holds(schedule) and allows(spec.space, point, spec.horizon)


class _Model:
    """What is expected of baselines at any peak; nothing is computed before it is asked."""

    def __init__(self, spec: StudySpec, view: History) -> None:
        self._spec, self._view = spec, view
        rise = believed_rise(spec, view)
        self._cap, self._exponent = rise.cap, rise.exponent

    def ranked(
        self, points: Sequence[Params], tried: Sequence[Point], *, is_last: bool
    ) -> list[int]:
        """Places of the points, at rising peaks, the most promising first.

        Peaks that the cap makes alike over the first rung come last, but for the cap itself.
        """
        promise = -self.means(points)
        if self._belief is not None and not is_last:
            best = float(self.means(tried).min())
            _, deviations = self._belief.posterior.predict(self._inputs(points))
            promise = log_improvement(best, -promise, deviations)
        alike = np.array([self._is_alike(float(point[PEAK])) for point in points])
        places: list[int] = np.lexsort((-promise, alike)).tolist()
        return places

    def means(self, points: Sequence[Point]) -> Floats:
        """Expected losses over the full horizon; before anything is known rising from the first."""
        if self._belief is None:
            return np.arange(len(points), dtype=np.float64)
        return self._belief.posterior.predict(self._inputs(points))[0]

    def _inputs(self, points: Sequence[Point]) -> Floats:
        described = describe(points, self._cap, self._spec.horizon)
        return described if self._belief is None else self._belief.inputs(described)

    @cached_property
    def _belief(self) -> Belief | None:
        """What is believed, trials under way supposed to turn out as expected; None: too early."""
        spec, observations = self._spec, observe(self._spec, self._view)
        evidence = gather(observations, spec.metric.direction, self._cap, spec.horizon)
        if not len(evidence):
            return None
        belief = believe(evidence)
        pending = [seen.params for seen in observations if not has_ended(seen)]
        if not pending:
            return belief
        described = belief.inputs(describe(pending, self._cap, spec.horizon))
        return replace(belief, posterior=belief.posterior.supposing(described))

    def _is_alike(self, peak: float) -> bool:
        shortening = self._spec.horizon / stage_horizons(self._spec)[baseline_stage(self._spec)]
        return peak < self._cap <= peak * float(shortening**self._exponent)


def _is_cap_known(spec: StudySpec, view: History) -> bool:
    """Whether peaks can be laid out: not before a range test has ended."""
    if not needs_probe(spec):
        return True
    probes = [run for run in view.runs if run.phase is Phase.PROBE]
    return bool(probes) and all((run.generation, run.index) in view.results for run in probes)


def _tried(spec: StudySpec, view: History) -> dict[str, list[int]]:
    """Numbers of the trials of every baseline."""
    tried: dict[str, list[int]] = {family: [] for family in spec.baselines}
    for trial in view.trials:
        if trial.phase is Phase.BASELINE:
            tried[str(trial.params[FAMILY])].append(trial.number)
    return tried


def _coarse(spec: StudySpec, offered: int) -> list[int]:
    """Places of the coarse peaks among so many offered ones."""
    places = [round(share * (offered - 1)) for share in COARSE[: max(1, spec.baseline_peaks - 1)]]
    return list(dict.fromkeys(places))


def _offered(spec: StudySpec, space: Space, family: str) -> list[float]:
    """The peaks a baseline may be tried at, rising; none if constraints leave none."""
    params = _point(spec, family, float(space.parameters[PEAK].high))
    limits = peak_limits(space, params, spec.horizon)
    if limits is None:
        return []
    return list(_rising(*limits))


@lru_cache(KEPT)
def _rising(low: float, high: float) -> tuple[float, ...]:
    """Peaks between two, rounded to six digits but never out of the range."""
    spread = np.geomspace(low, high, OFFERED).tolist()
    return tuple(sorted({min(max(float(f"{one:.6g}"), low), high) for one in spread}))


def _point(spec: StudySpec, family: str, peak: float) -> Params:
    return _points(spec, family, [peak])[0]


def _points(spec: StudySpec, family: str, peaks: Sequence[float]) -> list[Params]:
    shape = _shape(spec, family)
    return [{FAMILY: family, PEAK: peak, **shape} for peak in peaks]


def _shape(spec: StudySpec, family: str) -> Mapping[str, ParameterValue]:
    """The shape of a baseline: its defaults, but for parameters that the study fixes.

    A range that the study narrows is the search's alone, so that baselines stay the known ones.
    """
    fixed = {
        name: parameter.choices[0] if parameter.kind == "choice" else parameter.low
        for name, parameter in spec.space.parameters.items()
        if is_fixed(parameter) and name != PEAK
    }
    return {name: fixed.get(name, value) for name, value in FAMILIES[family].defaults().items()}
