"""Arms: which schedules the evidence compares, and what they reached on fresh seeds.

The one idea: two sets of fresh seeds. The first one only chooses the winner among the finalists of
the search; the second measures winner and baselines, carries every interval, and is the only one
that reads the test split. So no interval rests on a seed that had a say in who is compared.
Not here: which runs are made (`tuning.evidence.plan`), what the figures mean (`verdict`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import fmean

from tuning.evidence.score import RANKED, SEARCHED, is_better, rank_trials
from tuning.records import History, Phase, Result, Run, RunState, StudySpec, Trial

HELD_OUT = "test"
FINALISTS = 4  # trials of which the first set chooses one


def finalists(spec: StudySpec, history: History) -> list[Trial]:
    """The trials that the search ranks first, best first."""
    return [trial for trial, _ in rank_trials(history, spec.metric)[:FINALISTS]]


def choose_winner(spec: StudySpec, history: History) -> Trial | None:
    """The winner: fixed by the search, or by the first set once that has ended.

    After the first set it is the finalist with the best mean over all seeds that the finalists
    share, those of the search included; one that did not complete the first set is out. None if no
    trial completed.
    """
    return _chosen(spec, history, finalists(spec, history))


def arm_trials(spec: StudySpec, history: History) -> list[Trial]:
    """The trials to compare: the winner first, then each baseline at its best peak.

    A baseline that never completed has no arm; the winner is not repeated when it is a baseline.
    Empty when no trial completed.
    """
    ranked = [trial for trial, _ in rank_trials(history, spec.metric)]
    winner = _chosen(spec, history, ranked[:FINALISTS])
    if winner is None:
        return []
    found: dict[object, Trial] = {}
    for trial in ranked:
        if trial.phase is Phase.BASELINE:
            found.setdefault(trial.params["family"], trial)
    rivals = [found[name] for name in spec.baselines if name in found]
    return [winner, *(trial for trial in rivals if trial is not winner)]


def _chosen(spec: StudySpec, history: History, ranked: Sequence[Trial]) -> Trial | None:
    if not ranked:
        return None
    first = first_set(history)
    whole = [
        trial
        for trial in ranked
        if trial.number in first
        and all(end.state is RunState.COMPLETED for end in first[trial.number].values())
    ]
    if not whole:
        return ranked[0]
    searched = _searched(spec, history, {trial.number for trial in whole})
    values = {n: found | values_of(spec, first[n]) for n, found in searched.items()}
    shared = set.intersection(*map(set, values.values()))
    if not shared:  # while the first set is still being trained
        return ranked[0]
    means = {number: fmean(found[seed] for seed in shared) for number, found in values.items()}
    best = whole[0]
    for trial in whole:
        if is_better(means[trial.number], means[best.number], spec.metric.direction):
            best = trial
    return best


def is_measuring(run: Run) -> bool:
    """Whether a run is of the second set, which carries the intervals."""
    return run.phase is Phase.CONFIRM and HELD_OUT in run.splits


def first_set(history: History) -> dict[int, dict[int, Result]]:
    """Ends of the finalists' runs in the first set, by trial and seed."""
    return _ends(
        history, lambda run: not is_measuring(run) and not is_variant(history.trials[run.trial])
    )


def second_set(history: History) -> dict[int, dict[int, Result]]:
    """Ends of the arms' runs in the second set, by trial and seed."""
    return _ends(history, is_measuring)


def variant_set(history: History) -> dict[int, dict[int, Result]]:
    """Ends of the runs of the winner's variants, by trial and seed; seeds of the second set."""
    return _ends(history, lambda run: is_variant(history.trials[run.trial]))


def is_variant(trial: Trial) -> bool:
    """Whether a trial was made for the evidence: the winner with something changed."""
    return trial.phase is Phase.CONFIRM


def values_of(
    spec: StudySpec, ends: Mapping[int, Result], split: str = SEARCHED
) -> dict[int, float]:
    """The compared metric by seed; on held-out data it need not be finite."""
    name = spec.metric.name
    return {
        seed: end.metrics[split][name]
        for seed, end in ends.items()
        if end.state is RunState.COMPLETED and name in end.metrics.get(split, {})
    }


def blocks_of(ends: Mapping[int, Result], split: str = SEARCHED) -> dict[int, tuple[float, ...]]:
    """Losses per block by seed, of the runs that tell them."""
    return {
        seed: end.blocks[split]
        for seed, end in ends.items()
        if end.state is RunState.COMPLETED and split in end.blocks
    }


def _ends(history: History, wanted: Callable[[Run], bool]) -> dict[int, dict[int, Result]]:
    found: dict[int, dict[int, Result]] = {}
    for run in history.runs:
        if run.phase is Phase.CONFIRM and wanted(run):
            end = history.results.get((run.generation, run.index))
            if end is not None:
                found.setdefault(run.trial, {})[run.seed] = end
    return found


def _searched(
    spec: StudySpec, history: History, trials: Collection[int]
) -> dict[int, dict[int, float]]:
    """What the search saw of these trials over the full horizon, by trial and seed."""
    ends: dict[int, dict[int, Result]] = {number: {} for number in trials}
    for run in history.runs:
        if run.trial in ends and run.phase in RANKED and run.updates == spec.horizon:
            end = history.results.get((run.generation, run.index))
            if end is not None:
                ends[run.trial][run.seed] = end
    return {number: values_of(spec, found) for number, found in ends.items()}
