"""The verdict: winner, tie set and baselines, from seeds the search has never seen.

The one idea: the winner is fixed by the search before the confirmation runs start; the confirmation
then only measures it, beside every baseline at its own best peak, on fresh common seeds.
Not here: the words for it (`tuning.evidence.words`), and which runs are made (`tuning.search`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from tuning.errors import InvalidValue
from tuning.evidence.paired import Comparison, compare, standard_error
from tuning.evidence.score import SEARCHED, rank_trials
from tuning.records import (
    Direction,
    History,
    Phase,
    Result,
    RunState,
    StudySpec,
    Trial,
)
from tuning.schedules import PARAMETERS, Parameter

HELD_OUT = "test"
EDGE = 0.03  # a value this close to an end of its (log) range is at the edge


@dataclass(frozen=True, slots=True)
class Arm:
    """A trial measured in the confirmation: means over its fresh seeds that completed.

    A mean is None if nothing completed, or if one of its values is not finite.
    `peak_runs` counts the peaks it was chosen from: a baseline's grid, or all of a family's peaks
    if the search proposed it.
    """

    trial: int
    family: str
    peak: float
    is_baseline: bool
    peak_runs: int
    seeds: int
    diverged: int
    validation: float | None
    test: float | None
    stderr: float
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Versus:
    """The winner against one baseline on validation; `ci95` is simultaneous over all baselines.

    `relative` is None if the baseline's mean is zero.
    `blocks_better` says on how many blocks (folds, days) the winner's mean was the better one.
    """

    baseline: str
    trial: int
    difference: float
    relative: float | None
    ci95: tuple[float, float]
    adjusted: bool
    seeds: int
    peak_runs: tuple[int, int]
    blocks_better: tuple[int, int]
    is_tie: bool


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something about the evidence that a reader must know before acting on it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The statistical answer of a study.

    `spread` is the gap between the best and the worst confirmed arm, relative to the best: how much
    the choice among tuned schedules may matter. `matters` says whether it surely does; False is no
    proof that it does not. `smallest_detectable_effect` is the largest, over the baselines, of the
    relative differences that would have been found with probability 0.8.
    """

    winner: str
    trial: int
    tie_with: tuple[str, ...]
    versus: tuple[Versus, ...]
    arms: tuple[Arm, ...]
    spread: float | None
    matters: bool
    smallest_detectable_effect: float | None
    test_reads: int
    warnings: tuple[Caveat, ...]

    def document(self) -> dict[str, Any]:
        """The verdict as JSON-able values."""
        return asdict(self)


def arm_trials(spec: StudySpec, history: History) -> list[Trial]:
    """The trials to confirm: the winner first, then each baseline at its best peak.

    A baseline that never completed has no arm; the winner is not repeated when it is a baseline.
    Empty when no trial completed.
    """
    ranked = rank_trials(history, spec.metric)
    if not ranked:
        return []
    arms = [ranked[0][0]]
    for family in spec.baselines:
        tuned = [t for t, _ in ranked if t.phase is Phase.BASELINE and t.params["family"] == family]
        if tuned and tuned[0] is not arms[0]:
            arms.append(tuned[0])
    return arms


def conclude_study(spec: StudySpec, history: History) -> Verdict:
    """Judge a study whose confirmation runs have all ended.

    Raises InvalidValue if no trial completed.
    """
    trials = arm_trials(spec, history)
    if not trials:
        raise InvalidValue("history", "no completed trial", "at least one completed trial")
    ends = {trial.number: _confirmed(history, trial.number) for trial in trials}
    arms = tuple(_measure(spec, history, trial, ends[trial.number]) for trial in trials)
    winner, baselines = trials[0], trials[1:]
    versus = []
    effects = []
    for trial in baselines:
        found = compare(
            _values(spec, ends[winner.number]),
            _values(spec, ends[trial.number]),
            direction=spec.metric.direction,
            comparisons=len(baselines),
        )
        if found is None:
            continue
        if found.detectable is not None:
            effects.append(found.detectable)
        blocks = _blocks_better(spec, ends[winner.number], ends[trial.number])
        versus.append(_versus(spec, arms[0], arms[trials.index(trial)], found, blocks))
    spread = _spread(arms, spec.metric.direction)
    warnings = _warnings(spec, history, winner, arms, versus)
    warnings += _test_disagrees(spec, trials, ends, versus)
    return Verdict(
        winner=str(winner.params["family"]),
        trial=winner.number,
        tie_with=tuple(one.baseline for one in versus if one.is_tie),
        versus=tuple(versus),
        arms=arms,
        spread=spread,
        matters=spread is not None
        and spread > spec.worthwhile
        and any(not one.is_tie for one in versus),
        smallest_detectable_effect=max(effects) if effects else None,
        test_reads=1,
        warnings=tuple(warnings),
    )


def _confirmed(history: History, trial: int) -> dict[int, Result]:
    """Results of a trial's confirmation runs by seed."""
    found = {}
    for run in history.runs:
        if run.trial == trial and run.phase is Phase.CONFIRM:
            end = history.results.get((run.generation, run.index))
            if end is not None:
                found[run.seed] = end
    return found


def _values(spec: StudySpec, ends: Mapping[int, Result], split: str = SEARCHED) -> dict[int, float]:
    """The compared metric by seed; on held-out data it need not be finite."""
    name = spec.metric.name
    return {
        seed: end.metrics[split][name]
        for seed, end in ends.items()
        if end.state is RunState.COMPLETED and name in end.metrics.get(split, {})
    }


def _finite(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def _measure(spec: StudySpec, history: History, trial: Trial, ends: Mapping[int, Result]) -> Arm:
    validation = list(_values(spec, ends).values())
    test = list(_values(spec, ends, HELD_OUT).values())
    family, is_baseline = trial.params["family"], trial.phase is Phase.BASELINE
    peaks = {
        other.schedule.peak
        for other in history.trials
        if other.params["family"] == family and (other.phase is Phase.BASELINE or not is_baseline)
    }
    return Arm(
        trial=trial.number,
        family=str(family),
        peak=trial.schedule.peak,
        is_baseline=is_baseline,
        peak_runs=len(peaks),
        seeds=len(validation),
        diverged=sum(end.state is RunState.DIVERGED for end in ends.values()),
        validation=_mean(validation),
        test=_mean(test),
        stderr=standard_error(validation) if validation else 0.0,
        metrics=_mean_metrics(ends.values()),
    )


def _mean(values: Sequence[float]) -> float | None:
    """The mean; None if there is no value, or one that is not finite."""
    return fmean(values) if values and all(map(math.isfinite, values)) else None


def _mean_metrics(ends: Iterable[Result]) -> dict[str, dict[str, float | None]]:
    collected: dict[str, dict[str, list[float]]] = {}
    for end in ends:
        if end.state is RunState.COMPLETED:
            for split, values in end.metrics.items():
                for name, value in values.items():
                    collected.setdefault(split, {}).setdefault(name, []).append(value)
    return {
        split: {name: _mean(values) for name, values in named.items()}
        for split, named in collected.items()
    }


def _blocks_better(
    spec: StudySpec, arm: Mapping[int, Result], reference: Mapping[int, Result]
) -> tuple[int, int]:
    """On how many validation blocks the arm's mean over common seeds is the better one."""
    pairs = [
        (arm[seed].blocks[SEARCHED], reference[seed].blocks[SEARCHED])
        for seed in sorted(arm.keys() & reference.keys())
        if SEARCHED in arm[seed].blocks and SEARCHED in reference[seed].blocks
    ]
    if not pairs:
        return (0, 0)
    count = min(len(losses) for pair in pairs for losses in pair)
    sign = 1.0 if spec.metric.direction is Direction.MINIMIZE else -1.0
    gaps = [fmean(sign * (ours[i] - theirs[i]) for ours, theirs in pairs) for i in range(count)]
    return (sum(gap < 0.0 for gap in gaps), count)


def _versus(
    spec: StudySpec, winner: Arm, baseline: Arm, found: Comparison, blocks: tuple[int, int]
) -> Versus:
    return Versus(
        baseline=baseline.family,
        trial=baseline.trial,
        difference=found.difference,
        relative=found.relative,
        ci95=(found.low, found.high),
        adjusted=True,
        seeds=found.seeds,
        peak_runs=(winner.peak_runs, baseline.peak_runs),
        blocks_better=blocks,
        is_tie=found.is_tie(spec.worthwhile),
    )


def _spread(arms: Sequence[Arm], direction: Direction) -> float | None:
    values = [arm.validation for arm in arms if arm.validation is not None]
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    best = low if direction is Direction.MINIMIZE else high
    return (high - low) / abs(best) if best else None


def _warnings(
    spec: StudySpec,
    history: History,
    winner: Trial,
    arms: Sequence[Arm],
    versus: Sequence[Versus],
) -> list[Caveat]:
    found = [
        Caveat(
            "range_edge",
            f"the winner's {name} {value:.4g} is at the edge of its range "
            f"{parameter.low:g} to {parameter.high:g}: widen it and search again",
        )
        for name, parameter in spec.space.parameters.items()
        if isinstance(value := winner.params.get(name), int | float)
        and _is_at_edge(parameter, float(value))
    ]
    found += [
        Caveat(
            "unstable",
            f"{arm.family} diverged on {arm.diverged} of {arm.diverged + arm.seeds} fresh seeds",
        )
        for arm in arms
        if arm.diverged
    ]
    found += [
        Caveat("incomplete", f"{arm.family} failed on {lost} of {spec.confirm_seeds} fresh seeds")
        for arm in arms
        if (lost := spec.confirm_seeds - arm.seeds - arm.diverged) > 0
    ]
    found += _grid_edges(history, arms)
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
            Caveat("no_signal", "no baseline can be told from the winner with these seeds")
        )
    return found


def _test_disagrees(
    spec: StudySpec,
    trials: Sequence[Trial],
    ends: Mapping[int, Mapping[int, Result]],
    versus: Sequence[Versus],
) -> list[Caveat]:
    """Warn if the held-out data do not bear out what validation says.

    Fresh seeds undo the luck of the seeds, not that of the validation data, on which the winner
    was chosen among many.
    """
    on_test = {number: _values(spec, found, HELD_OUT) for number, found in ends.items()}
    ours = _finite(on_test[trials[0].number])
    names = []
    for one in versus:
        held = compare(
            ours,
            _finite(on_test[one.trial]),
            direction=spec.metric.direction,
            comparisons=len(trials) - 1,
        )
        if held is None or held.is_better:
            continue
        is_claimed = not one.is_tie and not is_worse(spec, one)
        if is_claimed or not held.is_tie(spec.worthwhile):
            names.append(one.baseline)
    found = []
    if names:
        message = (
            f"on the held-out data the winner is not better than {', '.join(names)}, "
            "whatever validation says"
        )
        found.append(Caveat("test_disagrees", message))
    seeds = len(on_test[trials[0].number])
    if len(ours) < seeds:
        message = f"the winner blew up on the held-out data of {seeds - len(ours)} of {seeds} seeds"
        found.append(Caveat("test_disagrees", message))
    return found


def is_worse(spec: StudySpec, one: Versus) -> bool:
    """Whether the winner's mean is the worse of the two."""
    if spec.metric.direction is Direction.MINIMIZE:
        return one.difference > 0.0
    return one.difference < 0.0


def _is_at_edge(parameter: Parameter, value: float) -> bool:
    """Whether a value lies at an end of its range beyond which the table allows more."""
    if parameter.kind == "choice" or parameter.low == parameter.high:
        return False
    limits = PARAMETERS[parameter.name]
    low, high, here = float(parameter.low), float(parameter.high), value
    if parameter.log:
        low, high, here = math.log(low), math.log(high), math.log(here)
    share = (here - low) / (high - low)
    return (share < EDGE and parameter.low > limits.low) or (
        share > 1.0 - EDGE and parameter.high < limits.high
    )


def _grid_edges(history: History, arms: Sequence[Arm]) -> list[Caveat]:
    """Baselines whose best peak is the first or last of the grid: they may be under-tuned."""
    grid = sorted({t.schedule.peak for t in history.trials if t.phase is Phase.BASELINE})
    if len(grid) < 3:
        return []
    return [
        Caveat(
            "range_edge",
            f"baseline {arm.family} is best at {arm.peak:.4g}, the "
            f"{'lowest' if arm.peak == grid[0] else 'highest'} peak tried",
        )
        for arm in arms
        if arm.is_baseline and arm.peak in (grid[0], grid[-1])
    ]
