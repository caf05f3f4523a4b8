"""The verdict: winner, tie set and baselines, from seeds the search has never seen.

The one idea: the winner is fixed by the search before the confirmation runs start; the confirmation
then only measures it, beside every baseline at its own best peak, on fresh common seeds.
Not here: what to beware of (`tuning.evidence.cautions`), the words (`tuning.evidence.words`),
which runs are made (`tuning.search`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from tuning.errors import InvalidValue
from tuning.evidence.arms import HELD_OUT, arm_trials
from tuning.evidence.cautions import Caveat, doubt_held_out, look_for_trouble
from tuning.evidence.figures import Arm, Versus
from tuning.evidence.paired import Comparison, compare, standard_error
from tuning.evidence.score import SEARCHED
from tuning.records import (
    Direction,
    History,
    Phase,
    Result,
    RunState,
    StudySpec,
    Trial,
)


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
    on_test = {number: _values(spec, found, HELD_OUT) for number, found in ends.items()}
    warnings = look_for_trouble(spec, history, winner, arms, versus)
    warnings += doubt_held_out(spec, winner, versus, on_test)
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
