"""Scores of trials: one number per trial, from all its paired seeds or none.

The one idea: a trial is comparable only when every one of its seeds finished at the full horizon,
so its score is their mean or it has no score; shorter trainings decide what is worth that.
Not here: whether a difference between scores means anything (`tuning.evidence.paired`).
"""

from collections.abc import Sequence
from statistics import fmean

from tuning.records import Direction, History, Metric, Phase, Result, RunState, Trial, TrialState

SEARCHED = "validation"
RANKED = (Phase.BASELINE, Phase.SEARCH)


def conclude_trial(results: Sequence[Result], metric: Metric) -> tuple[TrialState, float | None]:
    """The state of a trial whose runs all ended, and its score if it has one.

    The score is the mean over runs of the last iterate's validation `metric`. One failed run fails
    the trial, one diverged run makes it diverged: a schedule that blows up on one seed of three is
    no candidate.

    >>> ends = [Result(RunState.COMPLETED, {"validation": {"mse": x}}) for x in (1.0, 3.0)]
    >>> conclude_trial(ends, Metric("mse"))
    (<TrialState.COMPLETED: 'completed'>, 2.0)
    """
    states = {result.state for result in results}
    for run_state, trial_state in (
        (RunState.CANCELLED, TrialState.CANCELLED),
        (RunState.FAILED, TrialState.FAILED),
        (RunState.DIVERGED, TrialState.DIVERGED),
    ):
        if run_state in states:
            return trial_state, None
    return (
        TrialState.COMPLETED,
        fmean(result.metrics[SEARCHED][metric.name] for result in results),
    )


def is_better(value: float, than: float, direction: Direction) -> bool:
    """Whether `value` beats `than` in this direction; equal values do not.

    >>> is_better(1.0, 2.0, Direction.MINIMIZE)
    True
    """
    return value < than if direction is Direction.MINIMIZE else value > than


def sign_of(direction: Direction) -> float:
    """What makes a metric one that is minimised: 1 or -1."""
    return 1.0 if direction is Direction.MINIMIZE else -1.0


def rank_trials(history: History, metric: Metric) -> list[tuple[Trial, float]]:
    """Trials with a score, best first; the earlier trial wins a draw.

    A trial is ranked if its full-horizon runs of baseline or search have all ended and completed.
    Those on more seeds come first: leaders get further seeds in rounds, and the worse of them drop
    out, so more seeds mean better on all the seeds before. One that was dropped is not ranked.
    """
    ends = full_ends(history)
    ranked = []
    for trial in history.trials:
        results = ends.get(trial.number, [])
        finished = [end for end in results if end is not None]
        is_dropped = trial.number in history.pruned
        if finished and len(finished) == len(results) and not is_dropped:
            _, score = conclude_trial(finished, metric)
            if score is not None:
                ranked.append((trial, score))
    sign = sign_of(metric.direction)
    return sorted(
        ranked, key=lambda pair: (-len(ends[pair[0].number]), sign * pair[1], pair[0].number)
    )


def full_ends(history: History) -> dict[int, list[Result | None]]:
    """Ends of the runs that score a trial, by trial: full horizon, no confirmation; None: open.

    A run that was cancelled, for the search's time was up, says nothing.
    """
    horizons = {trial.number: trial.schedule.horizon for trial in history.trials}
    ends: dict[int, list[Result | None]] = {}
    for run in history.runs:
        if run.phase in RANKED and run.updates == horizons[run.trial]:
            end = history.results.get((run.generation, run.index))
            if end is None or end.state is not RunState.CANCELLED:
                ends.setdefault(run.trial, []).append(end)
    return ends
