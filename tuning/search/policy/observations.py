"""Observations: what samplers and the model of curves are told of a study.

The one idea: every trial at every horizon it was trained over, with the peak it was trained with,
beside what earlier studies know. Not here: what they make of it (`tuning.search.samplers`).
"""

from tuning.given import is_candidate
from tuning.records import History, Phase, Run, RunState, StudySpec, Trial
from tuning.search.likeness import nearest_point
from tuning.search.policy.ladder import mean_score
from tuning.search.samplers import Observation
from tuning.search.space import PEAK


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
    seen = (
        _observation(spec, view, view.trials[number], updates, group)
        for (number, updates), group in sorted(runs.items())
    )
    return earlier + [one for one in seen if one is not None]


def _observation(
    spec: StudySpec, view: History, trial: Trial, updates: int, runs: list[Run]
) -> Observation | None:
    """What is known of a trial over one horizon; None of a candidate that no point is like."""
    params = nearest_point(trial.schedule) if is_candidate(trial.params) else trial.params
    if params is None:
        return None
    ends = [view.results.get((run.generation, run.index)) for run in runs]
    # What was cancelled says nothing about the schedule.
    ends = [end for end in ends if end is None or end.state is not RunState.CANCELLED]
    done = [end for end in ends if end is not None and end.state is RunState.COMPLETED]
    is_bad = any(end is not None and end.state is not RunState.COMPLETED for end in ends)
    # A leader whose further seeds are under way keeps the score it has.
    is_known = len(done) >= spec.seeds and not is_bad
    peak = float(params[PEAK]) * runs[0].peak_factor
    return Observation(
        {**params, PEAK: peak},
        mean_score(spec, done) if is_known else None,
        is_bad=is_bad,
        horizon=updates,
        is_prefix=runs[0].is_prefix,
        seeds=max(1, len(done)),
    )
