"""The race: leaders get more seeds before one is recommended.

The one idea: among many scores on few seeds the lowest is lucky. The leaders are trained on further
paired seeds in rounds; each round doubles the seeds and keeps the better half (successive halving
over seeds), until a few have `leader_seeds`. Where seeds make no difference there is no race.
Not here: rungs over the horizon (`ladder`), the confirmation on seeds nobody has seen (evidence).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from tuning.evidence.score import SEARCHED, full_ends, rank_trials
from tuning.records import History, Result, Run, StudySpec
from tuning.rounds import round_start
from tuning.search.policy.ladder import paired_runs


def race_runs(spec: StudySpec, history: History, generation: int, updates: float) -> list[Run]:
    """The runs of the next round; empty when the race is over.

    Args:
        spec: of the study.
        history: with every result.
        generation: of the runs; their `index` is still to be given.
        updates: what the round may cost at most.
    """
    ranked = [trial for trial, _ in rank_trials(history, spec.metric)]
    ends = full_ends(history)
    values = {trial.number: _values(spec, ends[trial.number]) for trial in ranked}
    have = max(map(len, values.values()), default=0)
    want = min(2 * have, spec.leader_seeds)
    if have < spec.seeds or have >= want:
        return []
    cost = (want - have) * spec.horizon
    contenders = [trial for trial in ranked if len(values[trial.number]) == have]
    places = min(_places(spec, have), len(contenders))
    size = int(min(updates, places * cost) // cost)
    if size < 2 or (have > 1 and _is_noiseless(values[ranked[0].number])):
        return []
    further = range(have, want)
    return [
        run
        for trial in contenders[:size]
        for run in paired_runs(spec, trial, further, generation, spec.horizon)
    ]


def newcomers(history: History) -> History:
    """A history of the last round's trials alone: they race for a place beside earlier leaders."""
    start = round_start(history)
    runs = (run for run in history.runs if history.trials[run.trial].generation >= start)
    return replace(history, runs=tuple(runs))


def _places(spec: StudySpec, have: int) -> int:
    """Trials in the round that begins with so many seeds."""
    seeds, places = spec.seeds, spec.leaders
    while seeds < have:
        seeds, places = min(2 * seeds, spec.leader_seeds), math.ceil(places / 2)
    return places


def _values(spec: StudySpec, ends: Sequence[Result | None]) -> list[float]:
    """What a trial that completed reached over the full horizon, by seed."""
    return [end.metrics[SEARCHED][spec.metric.name] for end in ends if end is not None]


def _is_noiseless(values: Sequence[float]) -> bool:
    return max(values) == min(values)
