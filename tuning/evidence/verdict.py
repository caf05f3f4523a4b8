"""The verdict: winner, tie set and baselines, from seeds that had no say in who is compared.

The one idea: the winner is fixed before the second set of fresh seeds is trained; that set then
only measures it, beside every baseline at its own best peak, on common seeds.
Not here: what to beware of (`tuning.evidence.cautions`), the words (`tuning.evidence.words`),
which runs are made (`tuning.evidence.plan`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tuning.errors import InvalidValue
from tuning.evidence.arms import arm_trials, second_set
from tuning.evidence.cautions import Caveat, doubt_held_out, doubt_reread, look_for_trouble
from tuning.evidence.chances import chances_of_best
from tuning.evidence.figures import Arm, Recommendation, Spent, Versus
from tuning.evidence.horizons import HorizonLaw, Speedup, fit_peak_law, measure_speedup
from tuning.evidence.measured import blocks_better, measure_arms
from tuning.evidence.origins import are_paired, common_origin, doubt_origins
from tuning.evidence.paired import Comparison, seeds_for
from tuning.evidence.plan import compare_arms
from tuning.evidence.score import sign_of
from tuning.evidence.simplicity import recommend
from tuning.evidence.variants import Variant, measure_sensitivity
from tuning.objectives import OBJECTIVES, configure, objective_of
from tuning.provenance import Provenance
from tuning.records import Direction, History, Phase, Result, StudySpec, Trial
from tuning.rounds import last_round

LITTLE = 5.0  # up to this many times what is worthwhile, the schedule matters only a little


@dataclass(frozen=True, slots=True)
class Verdict:
    """The statistical answer of a study.

    Args:
        winner: its family; None if none of its fresh seeds completed.
        trial: its trial, or the one that led the search.
        tie_with: baselines it cannot be told from, or not by what is worthwhile.
        recommended: the simplest of the tie set.
        versus: the winner against each baseline.
        arms: the winner, then the baselines.
        chances: by family, the probability that its member is within `worthwhile` of the best.
        spread: gap between the best and the worst arm, relative to the best: how much the choice
            among tuned schedules may matter.
        matters: whether it surely does, surely hardly does, or None: these seeds leave it open.
        smallest_detectable_effect: the largest, over the baselines, of the relative differences
            that would have been found with probability 0.8.
        sensitivity: variants of the winner that were measured.
        peak_safe_range: peaks that cost at most 1 %; None if unknown.
        speedup: updates the best baseline needs for the same loss, over the winner's; None if
            unknown.
        if_horizon_changes: how the best peak moves with the horizon.
        basis: by figure, how it came about, or why it could not be told.
        applies_to: optimiser with its settings, batch, hash of the data, as far as told.
        versions: of what most of the measured runs were trained with, as far as told.
        spent: updates of the search, all its phases, and of the evidence.
        test_reads: how often this test split was read by now, across studies, once per verdict.
        test_reused: whether that is more than once.
        warnings: what to know before acting.
    """

    winner: str | None
    trial: int
    tie_with: tuple[str, ...]
    recommended: Recommendation
    versus: tuple[Versus, ...]
    arms: tuple[Arm, ...]
    chances: Mapping[str, float]
    spread: float | None
    matters: bool | None
    smallest_detectable_effect: float | None
    sensitivity: tuple[Variant, ...]
    peak_safe_range: tuple[float, float] | None
    speedup: float | None
    if_horizon_changes: HorizonLaw
    basis: Mapping[str, str]
    spent: Spent
    test_reads: int
    test_reused: bool
    warnings: tuple[Caveat, ...]
    applies_to: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    versions: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The verdict as JSON-able values."""
        return asdict(self)


def conclude_study(
    spec: StudySpec,
    history: History,
    *,
    test_reads: int = 1,
    applies_to: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge a study whose confirmation runs have all ended.

    Args:
        spec: of the study.
        history: everything that happened.
        test_reads: how often the same test split was read by now, this study included.
        applies_to: optimiser with its settings and batch, as far as known; None: what the
            objective declares, if it is one of the built-in ones. The hash of the data is added.

    Raises InvalidValue if no trial completed.
    """
    history = last_round(history)
    trials = arm_trials(spec, history)
    if not trials:
        raise InvalidValue("history", "no completed trial", "at least one completed trial")
    winner = trials[0]
    measured = second_set(history)
    ends = {trial.number: measured.get(trial.number, {}) for trial in trials}
    arms = measure_arms(spec, history, trials, ends)
    found = compare_arms(spec, history, trials)
    versus = tuple(_versus(spec, ends, arms, *pair) for pair in found)
    effects = [one.detectable for _, one in found if one.detectable is not None]
    effect = max(effects) if effects else None
    spread = _spread(arms, spec.metric.direction)
    sensitivity = measure_sensitivity(spec, history, winner)
    law = fit_peak_law(spec, history)
    origin = common_origin(history, ends[winner.number].values())
    speedup = measure_speedup(spec, history, arms[0].validation, _best_baseline(spec, arms))
    return Verdict(
        winner=arms[0].family if arms[0].seeds else None,
        trial=winner.number,
        tie_with=tuple(one.baseline for one in versus if one.is_tie),
        recommended=recommend(spec, arms, versus),
        versus=versus,
        arms=arms,
        chances=chances_of_best(spec, history, trials),
        spread=spread,
        matters=_matters(spec, versus, spread, effect),
        smallest_detectable_effect=effect,
        sensitivity=sensitivity.measured,
        peak_safe_range=sensitivity.peak_safe_range,
        speedup=speedup.value,
        if_horizon_changes=law,
        basis=_basis(sensitivity.basis, speedup),
        spent=_spent(history),
        test_reads=test_reads,
        test_reused=test_reads > 1,
        warnings=_warnings(spec, history, trials, ends, arms, versus, test_reads),
        applies_to=_applies_to(_declared(spec) if applies_to is None else applies_to, origin),
        versions=origin.versions,
    )


def _warnings(
    spec: StudySpec,
    history: History,
    trials: Sequence[Trial],
    ends: Mapping[int, Mapping[int, Result]],
    arms: Sequence[Arm],
    versus: Sequence[Versus],
    test_reads: int,
) -> tuple[Caveat, ...]:
    found = look_for_trouble(spec, history, trials[0], arms, versus)
    found += doubt_origins(history, versus)
    found += doubt_held_out(spec, trials, versus, ends)
    return tuple(found + doubt_reread(test_reads))


def _versus(
    spec: StudySpec,
    ends: Mapping[int, Mapping[int, Result]],
    arms: Sequence[Arm],
    trial: Trial,
    found: Comparison,
) -> Versus:
    winner = arms[0]
    baseline = next(arm for arm in arms if arm.trial == trial.number)
    return Versus(
        baseline=baseline.family,
        trial=baseline.trial,
        difference=found.difference,
        relative=found.relative,
        ci95=(found.low, found.high),
        adjusted=True,
        seeds=found.seeds,
        peak_runs=(winner.peak_runs, baseline.peak_runs),
        blocks_better=blocks_better(spec, ends[winner.trial], ends[baseline.trial]),
        is_tie=found.is_tie(spec.worthwhile),
        generalises_over=("seeds", "blocks") if found.blocks else ("seeds",),
        dominant="seeds" if found.seeds_share >= 0.5 else "blocks",
        seeds_share=found.seeds_share,
        half_width=found.half_width,
        seeds_needed=seeds_for(found, spec.worthwhile, len(arms) - 1),
        same_data=are_paired(ends[winner.trial], ends[baseline.trial]),
    )


def _spread(arms: Sequence[Arm], direction: Direction) -> float | None:
    values = [arm.validation for arm in arms if arm.validation is not None]
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    best = low if direction is Direction.MINIMIZE else high
    return (high - low) / abs(best) if best else None


def _matters(
    spec: StudySpec, versus: Sequence[Versus], spread: float | None, effect: float | None
) -> bool | None:
    """True: a difference is proved and large; False: a small one would have been found."""
    if spread is None:
        return None
    if spread > spec.worthwhile and any(not one.is_tie for one in versus):
        return True
    return False if effect is not None and effect <= LITTLE * spec.worthwhile else None


def _best_baseline(spec: StudySpec, arms: Sequence[Arm]) -> tuple[str, float] | None:
    known = [(arm.family, arm.validation) for arm in arms[1:] if arm.validation is not None]
    if not known:
        return None
    return min(known, key=lambda pair: sign_of(spec.metric.direction) * pair[1])


def _basis(peak_safe_range: str, speedup: Speedup) -> dict[str, str]:
    return {"peak_safe_range": peak_safe_range, "speedup": speedup.reason}


def _declared(spec: StudySpec) -> dict[str, Any]:
    """The optimiser of a built-in or external objective under the study's config, and that."""
    objective = objective_of(spec, OBJECTIVES)
    if objective is None:
        return {}
    config = configure(objective, spec.config)
    return {**objective.applies_to(config), "config": dict(spec.config)}


def _applies_to(declared: Mapping[str, Any], origin: Provenance) -> dict[str, Any]:
    told = {} if origin.data_hash is None else {"data_hash": origin.data_hash}
    return {**told, **declared}


def _spent(history: History) -> Spent:
    evidence = sum(run.updates for run in history.runs if run.phase is Phase.CONFIRM)
    return Spent(sum(run.updates for run in history.runs) - evidence, evidence)
