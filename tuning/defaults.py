"""Defaults: what a study takes when its user says nothing, and what it refuses.

The one idea: every default comes from the objective, the budget or a constant of this file, and
whatever contradicts itself is refused naming the field, the value and what would be allowed.
Not here: the spec itself (`tuning.records`), nor who fills it in (`tuning.study.specify`).
"""

import math
from collections.abc import Mapping, Sequence

from tuning.constraints import parse
from tuning.errors import InvalidValue
from tuning.evidence import evidence_steps
from tuning.objectives import Objective
from tuning.records import Budget, Cap, ParameterValue, Pruning, Space, StudySpec
from tuning.schedules import PARAMETERS
from tuning.search.policy import least_steps
from tuning.search.space import DEFAULT_FAMILIES, PEAK, is_fixed, narrow, peak_grid

BASELINES = ("constant", "linear", "cosine", "one_cycle", "wsd", "sgdr")
BASELINE_PEAKS = 5
LEAST_FAILURES = 10
LEADERS = 8  # at most, and an eighth of the trials
LEADER_SEEDS = 8  # at most, and four times those of a trial
# Families without a form of their own, for samplers that know how to move them.
FREE_FAMILIES: Mapping[str, tuple[str, ...]] = {"curve": ("knots",)}
SHORTEST_RUNG = 20  # updates; over fewer a training says little
PREFIXES = (0.25, 0.5)  # of a full training, at whose ends trials are pruned if that is asked for


def peak_range(
    objective: Objective, asked: tuple[float, float] | None, cap: float
) -> tuple[float, float]:
    """The range of the peak: what was asked for, or the objective's own up to its hard cap."""
    if asked is None:
        low, high = objective.peak
        top = min(cap, float(PARAMETERS[PEAK].high)) if math.isfinite(cap) else high
        return min(low, low / high * top), top
    if asked[1] > cap:
        raise InvalidValue("space.peak", asked[1], f"at most the objective's hard cap, {cap:g}")
    return asked


def cap(asked: tuple[float, float] | None, cap: float) -> Cap:
    """Where the upper end of the range of the peak comes from."""
    if asked is not None:
        return Cap.GIVEN
    return Cap.HARD if math.isfinite(cap) else Cap.SOFT


def rungs(
    objective: Objective,
    asked: Sequence[float] | None,
    horizon: int,
    pruning: Pruning = Pruning.NONE,
) -> tuple[float, ...]:
    """The rungs asked for, or the objective's that are long enough; prefixes if it prunes."""
    if pruning is not Pruning.NONE:
        return _prefixes(objective, asked, horizon)
    if asked is not None:
        if asked and not objective.rungs:
            allowed = f"none, since {objective.name} declares no shorter horizon that is like it"
            raise InvalidValue("rungs", list(asked), allowed)
        return tuple(asked)
    return tuple(rung for rung in objective.rungs if rung * horizon >= SHORTEST_RUNG)


def climb(sampler: str, asked: Sequence[float] | None, pruning: Pruning) -> bool:
    """Whether searched trials begin over a rung: if rungs were asked for, or the sampler needs it.

    The curve sampler finds more in as many updates when it sees full trainings alone: after 40 of
    them 2.6 % above the optimum of N6, not 9.5 % (N1 2.5 and 3.8, N2 1.6 and 1.5, N3 4.9 and 5.0;
    3 noisy studies each), and on the Heston surface within 1 % of a large sweep after 8 of them in
    6 of 6 studies, not 25 in 4 of 6.
    """
    return sampler != "curve" or bool(asked) or pruning is not Pruning.NONE


def _prefixes(
    objective: Objective, asked: Sequence[float] | None, horizon: int
) -> tuple[float, ...]:
    """The prefixes asked for, or a quarter and a half, as far as they are long and scored enough.

    Any objective may be pruned on a prefix, but not before what it is scored on begins.
    """
    begin = objective.score.begin if objective.score.kind == "mean" else 0.0
    if asked is None:
        asked = [one for one in PREFIXES if one * horizon >= SHORTEST_RUNG and one > begin]
    if not asked:
        allowed = "at least one fraction, since trials are pruned after it"
        raise InvalidValue("rungs", list(asked), allowed)
    if min(asked) <= begin:
        allowed = (
            f"fractions above {begin:g}, where the segment begins whose mean is the score of "
            f"{objective.name}"
        )
        raise InvalidValue("rungs", list(asked), allowed)
    return tuple(asked)


def space(
    sampler: str,
    families: Sequence[str] | None,
    peak: tuple[float, float],
    ranges: Mapping[str, tuple[float, float]],
    fixed: Mapping[str, ParameterValue],
    constraints: Sequence[str],
) -> Space:
    """The search space; raises `InvalidValue` naming the field under `space`."""
    try:
        chosen = usual_families(sampler) if families is None else tuple(families)
        return narrow(chosen, peak, ranges, fixed, parse(constraints))
    except InvalidValue as error:
        raise error.under("space") from error


def usual_families(sampler: str) -> tuple[str, ...]:
    """The families of a study whose user names none."""
    return (*DEFAULT_FAMILIES, *FREE_FAMILIES.get(sampler, ()))


def peaks(budget: Budget, baselines: Sequence[str], space: Space) -> int:
    """Peaks each baseline is tried at: up to 5, but at most half of the trials in all."""
    if not baselines or is_fixed(space.parameters[PEAK]):
        return 1
    return max(1, min(BASELINE_PEAKS, budget.trials // (2 * len(baselines))))


def check_grid(spec: StudySpec) -> None:
    """Refuse more peaks of a baseline than the range of the peak has room for."""
    distinct = len(set(peak_grid(spec.space, spec.baseline_peaks)))
    if distinct < spec.baseline_peaks:
        allowed = f"at most {distinct}, since the range of the peak has no more distinct points"
        raise InvalidValue("baseline_peaks", spec.baseline_peaks, allowed)


def check_budget(spec: StudySpec) -> None:
    """Refuse a budget that cannot pay for the baselines and one searched schedule."""
    others = max(1, len(spec.candidates))
    needed = len(spec.baselines) * spec.baseline_peaks + others
    wanted = (
        f"at least {needed} ({len(spec.baselines)} baselines x {spec.baseline_peaks} peaks, and "
        f"{others})"
    )
    if spec.budget.trials < needed:
        raise InvalidValue("budget.trials", spec.budget.trials, wanted)
    if spec.budget.steps is not None and spec.budget.steps < (least := least_steps(spec)):
        allowed = (
            f"at least {least:,} (range test, {len(spec.baselines)} baselines x "
            f"{spec.baseline_peaks} peaks and one schedule on {spec.seeds} seeds, and "
            f"{spec.leader_seeds} seeds for the leaders)"
        )
        raise InvalidValue("budget.steps", spec.budget.steps, allowed)
    confirmation = (1 + len(spec.baselines)) * spec.confirm_seeds * spec.horizon
    if evidence_steps(spec) < confirmation:
        allowed = (
            f"at least {confirmation:,} ({1 + len(spec.baselines)} arms on {spec.confirm_seeds} "
            f"seeds, {spec.horizon:,} updates each)"
        )
        raise InvalidValue("evidence_budget", spec.evidence_budget, allowed)


def leaders(budget: Budget, seeds: int, horizon: int) -> int:
    """How many trials race for the recommendation: an eighth of what the budget pays for.

    >>> leaders(Budget(trials=400), 2, 1_000), leaders(Budget(400, steps=40_000), 2, 1_000)
    (8, 2)
    """
    trials = budget.trials
    if budget.steps is not None:
        trials = min(trials, budget.steps // max(1, seeds * horizon))
    return max(2, min(LEADERS, trials // LEADERS))


def leader_seeds(seeds: int) -> int:
    """To how many seeds they race.

    >>> leader_seeds(2), leader_seeds(10)
    (8, 10)
    """
    return max(seeds, min(LEADER_SEEDS, 4 * seeds))


def failures(budget: Budget) -> int:
    """Runs that may fail: as many as a fifth of the trials, at least 10."""
    return max(LEAST_FAILURES, budget.trials // 5)
