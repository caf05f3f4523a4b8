"""Measured: an arm's figures on the second set of fresh seeds.

The one idea: every figure of an arm comes from the same runs, those on seeds that had no say in
who is compared. Not here: differences between arms (`tuning.evidence.paired`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from tuning.evidence.arms import HELD_OUT, blocks_of, is_measuring, values_of
from tuning.evidence.figures import Arm, Spent
from tuning.evidence.paired import critical, standard_error
from tuning.evidence.score import sign_of
from tuning.evidence.simplicity import count_settings
from tuning.records import History, Phase, Result, RunState, StudySpec, Trial


def measure_arms(
    spec: StudySpec,
    history: History,
    trials: Sequence[Trial],
    ends: Mapping[int, Mapping[int, Result]],
) -> tuple[Arm, ...]:
    """The figures of the arms, of which `ends` are the results in the second set, by seed."""
    planned = Counter(run.trial for run in history.runs if is_measuring(run))
    spent = _spent(history, trials)
    return tuple(
        _measure(spec, history, trial, ends[trial.number], planned[trial.number], one)
        for trial, one in zip(trials, spent, strict=True)
    )


def _measure(
    spec: StudySpec,
    history: History,
    trial: Trial,
    ends: Mapping[int, Result],
    planned: int,
    spent: Spent,
) -> Arm:
    validation = list(values_of(spec, ends).values())
    is_baseline = trial.phase is Phase.BASELINE
    mean = mean_of(validation)
    error = standard_error(validation) if validation else 0.0
    return Arm(
        trial=trial.number,
        family=str(trial.params["family"]),
        peak=trial.schedule.peak,
        is_baseline=is_baseline,
        peak_runs=_count_peaks(history, trial),
        seeds=len(validation),
        planned=planned,
        diverged=sum(end.state is RunState.DIVERGED for end in ends.values()),
        validation=mean,
        test=mean_of(list(values_of(spec, ends, HELD_OUT).values())),
        stderr=error,
        ci95=_interval(mean, error, len(validation)),
        worst_block=_worst_block(spec, ends),
        complexity=count_settings(trial.schedule),
        spent=spent,
        metrics=_mean_metrics(ends.values()),
    )


def _count_peaks(history: History, trial: Trial) -> int:
    """Peaks a baseline was chosen from, or all of its family's if the search proposed it."""
    phases = {Phase.BASELINE, trial.phase}
    family = trial.params["family"]
    return len(
        {
            other.schedule.peak
            for other in history.trials
            if other.phase in phases and other.params["family"] == family
        }
    )


def blocks_better(
    spec: StudySpec, arm: Mapping[int, Result], reference: Mapping[int, Result]
) -> tuple[int, int]:
    """On how many validation blocks the arm's mean over common seeds is the better one."""
    ours, theirs = blocks_of(arm), blocks_of(reference)
    pairs = [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
    if not pairs:
        return (0, 0)
    count = min(len(losses) for pair in pairs for losses in pair)
    sign = sign_of(spec.metric.direction)
    gaps = [fmean(sign * (mine[i] - other[i]) for mine, other in pairs) for i in range(count)]
    return (sum(gap < 0.0 for gap in gaps), count)


def mean_of(values: Sequence[float]) -> float | None:
    """The mean; None if there is no value, or one that is not finite."""
    return fmean(values) if values and all(map(math.isfinite, values)) else None


def _interval(mean: float | None, error: float, seeds: int) -> tuple[float, float] | None:
    if mean is None or seeds < 2:
        return None
    half = critical(seeds - 1, 1) * error
    return mean - half, mean + half


def _worst_block(spec: StudySpec, ends: Mapping[int, Result]) -> tuple[int, float] | None:
    found = list(blocks_of(ends).values())
    count = min(map(len, found), default=0)
    means = [fmean(losses[i] for losses in found) for i in range(count)]
    known = [i for i in range(count) if math.isfinite(means[i])]
    if not known:
        return None
    worst = max(known, key=lambda i: sign_of(spec.metric.direction) * means[i])
    return worst, means[worst]


def _spent(history: History, trials: Sequence[Trial]) -> list[Spent]:
    """Per arm the updates of all it was chosen among, and of its own fresh seeds."""
    searched = 0
    by_family: Counter[object] = Counter()
    evidence: Counter[int] = Counter()
    for run in history.runs:
        if run.phase is Phase.SEARCH:
            searched += run.updates
        elif run.phase is Phase.BASELINE:
            by_family[history.trials[run.trial].params["family"]] += run.updates
        elif run.phase is Phase.CONFIRM:
            evidence[run.trial] += run.updates
    return [
        Spent(
            searched if trial.phase is Phase.SEARCH else by_family[trial.params["family"]],
            evidence[trial.number],
        )
        for trial in trials
    ]


def _mean_metrics(ends: Iterable[Result]) -> dict[str, dict[str, float | None]]:
    collected: dict[str, dict[str, list[float]]] = {}
    for end in ends:
        if end.state is RunState.COMPLETED:
            for split, values in end.metrics.items():
                for name, value in values.items():
                    collected.setdefault(split, {}).setdefault(name, []).append(value)
    return {
        split: {name: mean_of(values) for name, values in named.items()}
        for split, named in collected.items()
    }
