"""Cautions: what a reader of a verdict must know before acting on it.

The one idea: each caution follows from figures that stand in the verdict or in the history, and
says in one sentence what is doubtful and what would help. Not here: the figures.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tuning.evidence.arms import HELD_OUT, blocks_of, values_of
from tuning.evidence.blocks import Blocks
from tuning.evidence.figures import Arm, Versus, is_worse
from tuning.evidence.paired import compare
from tuning.evidence.variants import PEAK
from tuning.records import Cap, History, Phase, Pruning, Result, StudySpec, Trial
from tuning.schedules import PARAMETERS, Parameter

COOLER = 0.5  # an end with less than this share of another's rate has cooled down more
UNDER_TUNED = "under_tuned"
UNCONFIRMED = "unconfirmed"
FEWEST_PEAKS = 3  # fewer have no inside
# Measured on `heston_surface`: 64 shapes, 5 peaks, 2 seeds, 3,720 updates.
PREFIXES_MISLEAD = (
    "comparing schedules at equal steps favours those that decay early: on a pricing network the "
    "ranking of 64 shapes after 1/4, 1/2 and 3/4 of the training agrees with the final one by a "
    "Kendall tau of 0.02, 0.23 and 0.43; that of the same shapes laid out over 1/4 and 1/2 of the "
    "horizon does by 0.71 and 0.82"
)
EDGE = 0.03  # a value this close to an end of its (log) range is at the edge


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something about the evidence that a reader must know before acting on it."""

    code: str
    message: str


def look_for_trouble(
    spec: StudySpec,
    history: History,
    winner: Trial,
    arms: Sequence[Arm],
    versus: Sequence[Versus],
) -> list[Caveat]:
    """Everything about the search, the fresh seeds and the comparisons that needs telling."""
    found = [
        Caveat(
            "range_edge",
            f"the winner's {name} {value:.4g} is at the edge of its range "
            f"{parameter.low:g} to {parameter.high:g}: widen it and search again",
        )
        for name, parameter in spec.space.parameters.items()
        if isinstance(value := winner.params.get(name), int | float)
        and _is_at_edge(parameter, float(value), is_capped=name == PEAK and spec.cap is Cap.HARD)
    ]
    if not arms[0].seeds:
        message = (
            f"no fresh seed of {arms[0].family} completed: its score of the search is unconfirmed"
        )
        found.append(Caveat(UNCONFIRMED, message))
    found += [
        Caveat(
            "unstable",
            f"{arm.family} diverged on {arm.diverged} of {arm.diverged + arm.seeds} fresh seeds",
        )
        for arm in arms
        if arm.diverged
    ]
    found += [
        Caveat("incomplete", f"{arm.family} failed on {lost} of {arm.planned} fresh seeds")
        for arm in arms
        if (lost := arm.planned - arm.seeds - arm.diverged) > 0
    ]
    found += doubt_pruning(spec, len(history.pruned))
    found += doubt_untested(spec)
    found += _peak_edges(spec, history, arms)
    found += _too_wide(spec, versus)
    wrong = [one.baseline for one in versus if not one.is_tie and is_worse(spec, one)]
    if wrong:
        found.append(
            Caveat(
                "winner_lost",
                f"on fresh seeds the search's winner is worse than {', '.join(wrong)}: "
                "its lead in the search was luck; use that baseline",
            )
        )
    if versus and all(one.is_tie for one in versus):
        found.append(
            Caveat(
                "no_signal",
                "every baseline ties with the winner: these seeds show no difference, "
                "or none that is worthwhile",
            )
        )
    return found


def doubt_pruning(spec: StudySpec, pruned: int | None = None) -> list[Caveat]:
    """Warn if trials are pruned on a prefix; `pruned` says how many were, if that is known."""
    if spec.pruning is Pruning.NONE:
        return []
    ends = ", ".join(f"{rung:.3g}" for rung in spec.rungs)
    count = "trials are" if pruned is None else f"{pruned} trials were"
    where = f"{count} pruned by `{spec.pruning}` after {ends} of their training"
    return [Caveat("prefix_pruning", f"{where}; {PREFIXES_MISLEAD}")]


def doubt_untested(spec: StudySpec) -> list[Caveat]:
    """Warn if there is no test split: nothing then undoes the luck of the validation data."""
    if spec.external is None or spec.external.test:
        return []
    message = (
        f"{spec.objective} has no test split: fresh seeds undo the luck of the seeds, not that of "
        "the validation data, on which the winner was chosen among many"
    )
    return [Caveat("untested", message)]


def doubt_reread(test_reads: int) -> list[Caveat]:
    """Warn if the same test split was read before, for another study or another verdict."""
    if test_reads <= 1:
        return []
    message = (
        f"the held-out data were read {test_reads} times, for other studies or earlier verdicts "
        "of this one: what was learned from them since may have entered"
    )
    return [Caveat("test_reused", message)]


def doubt_origin(study: str, at: str) -> Caveat:
    """Warn that a study was imported: nothing of what it brought along was trained here."""
    message = (
        f"this study was imported from an export of {study} at {at}: what it brought along was "
        "not trained here, and is no evidence beyond the word of whoever exported it"
    )
    return Caveat("imported", message)


def doubt_held_out(
    spec: StudySpec,
    trials: Sequence[Trial],
    versus: Sequence[Versus],
    ends: Mapping[int, Mapping[int, Result]],
) -> list[Caveat]:
    """Warn if the held-out data do not bear out what validation says.

    Fresh seeds undo the luck of the seeds, not that of the validation data, on which the winner
    was chosen among many.

    Args:
        spec: of the study.
        trials: the arms, the winner first.
        versus: what validation says.
        ends: results in the second set by seed, by trial, of every arm.
    """
    on_test = {number: values_of(spec, found, HELD_OUT) for number, found in ends.items()}
    blocks = {number: blocks_of(found, HELD_OUT) for number, found in ends.items()}
    winner = trials[0].number
    ours = _finite(on_test[winner])
    rates = {trial.number: end_share(trial) for trial in trials}
    names, warmer = [], []
    for one in versus:
        theirs = _finite(on_test[one.trial])
        common = ours.keys() & theirs.keys()
        held = compare(
            ours,
            theirs,
            direction=spec.metric.direction,
            comparisons=len(on_test) - 1,
            blocks=(_only(blocks[winner], common), _only(blocks[one.trial], common)),
        )
        if held is None or held.is_better:
            continue
        is_claimed = not one.is_tie and not is_worse(spec, one)
        if is_claimed or not held.is_tie(spec.worthwhile):
            names.append(one.baseline)
            if rates[winner] < COOLER * rates[one.trial]:
                warmer.append(one.baseline)
    found = []
    if warmer:
        message = (
            f"at its end the winner learns far more slowly than {', '.join(warmer)}, and the "
            "held-out data, which may last longer than the horizon, do not bear it out: search "
            "over the horizon it will be used for"
        )
        found.append(Caveat("horizon_leak", message))
    if names:
        message = (
            f"on the held-out data the winner is not better than {', '.join(names)}, "
            "whatever validation says"
        )
        found.append(Caveat("test_disagrees", message))
    seeds = len(on_test[winner])
    if len(ours) < seeds:
        message = f"the winner blew up on the held-out data of {seeds - len(ours)} of {seeds} seeds"
        found.append(Caveat("test_disagrees", message))
    return found


def end_share(trial: Trial) -> float:
    """Mean learning rate of the last tenth of a schedule, over its largest."""
    table = trial.schedule.table()
    largest = float(table.max())
    return float(table[-max(1, len(table) // 10) :].mean()) / largest if largest > 0.0 else 0.0


def _too_wide(spec: StudySpec, versus: Sequence[Versus]) -> list[Caveat]:
    """Ties that are only owed to wide intervals, with what would narrow them."""
    open_ties = [
        one
        for one in versus
        if one.is_tie and one.half_width is not None and one.half_width > spec.worthwhile
    ]
    found = []
    by_seeds = [one for one in open_ties if one.dominant == "seeds"]
    needed = [one.seeds_needed for one in by_seeds if one.seeds_needed is not None]
    if needed:
        message = (
            f"{min(one.seeds for one in by_seeds)} fresh seeds cannot tell the winner from "
            f"{', '.join(one.baseline for one in by_seeds)} to within {100 * spec.worthwhile:.2g} "
            f"%; about {max(needed)} would"
        )
        found.append(Caveat("too_few_seeds", message))
    by_blocks = [one.baseline for one in open_ties if one.dominant == "blocks"]
    if by_blocks:
        message = (
            f"against {', '.join(by_blocks)} the blocks (days, folds, regimes) differ more than "
            "the seeds: more data would tell, more seeds would not"
        )
        found.append(Caveat("too_few_blocks", message))
    return found


def _finite(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def _only(blocks: Blocks, seeds: Collection[int]) -> Blocks:
    return {seed: losses for seed, losses in blocks.items() if seed in seeds}


def _is_at_edge(parameter: Parameter, value: float, *, is_capped: bool) -> bool:
    """Whether a value lies at an end of its range beyond which more is allowed.

    Beyond its upper end nothing is if `is_capped`.
    """
    if parameter.kind == "choice" or parameter.low == parameter.high:
        return False
    limits = PARAMETERS[parameter.name]
    low, high, here = float(parameter.low), float(parameter.high), value
    if parameter.log:
        low, high, here = math.log(low), math.log(high), math.log(here)
    share = (here - low) / (high - low)
    return (share < EDGE and parameter.low > limits.low) or (
        share > 1.0 - EDGE and parameter.high < limits.high and not is_capped
    )


def _peak_edges(spec: StudySpec, history: History, arms: Sequence[Arm]) -> list[Caveat]:
    """Baselines best at the first or last peak they were tried at: they may be under-tuned.

    Above a hard cap there is none to try.
    """
    found = []
    for arm in (one for one in arms if one.is_baseline):
        peaks = sorted(
            trial.schedule.peak
            for trial in history.trials
            if trial.phase is Phase.BASELINE and trial.params["family"] == arm.family
        )
        is_capped = spec.cap is Cap.HARD and arm.peak >= spec.space.parameters[PEAK].high
        if len(peaks) < FEWEST_PEAKS or arm.peak not in (peaks[0], peaks[-1]) or is_capped:
            continue
        message = (
            f"baseline {arm.family} is best at {arm.peak:.4g}, the "
            f"{'lowest' if arm.peak == peaks[0] else 'highest'} peak tried: another may be better"
        )
        found.append(Caveat(UNDER_TUNED, message))
    return found
