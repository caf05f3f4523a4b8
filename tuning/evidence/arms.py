"""Arms: which schedules the evidence compares, and what they reached on fresh seeds.

The one idea: two sets of fresh seeds. The first one only chooses the winner among the finalists of
the search; the second measures winner and baselines, carries every interval, and is the only one
that reads the test split. So no interval rests on a seed that had a say in who is compared.
Not here: which runs are made (`tuning.evidence.plan`), what the figures mean (`verdict`).
"""

from collections.abc import Iterator, Mapping
from statistics import fmean

from tuning.evidence.score import RANKED, SEARCHED, is_better, rank_trials
from tuning.records import Direction, History, Phase, Result, Run, RunState, StudySpec, Trial

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
    ranked = finalists(spec, history)
    if not ranked:
        return None
    first = {trial.number: first_set(history, trial.number) for trial in ranked}
    whole = [
        trial
        for trial in ranked
        if first[trial.number]
        and all(end.state is RunState.COMPLETED for end in first[trial.number].values())
    ]
    values = {
        trial.number: _searched(spec, history, trial) | values_of(spec, first[trial.number])
        for trial in whole
    }
    shared = set.intersection(*map(set, values.values())) if values else set()
    best = whole[0] if whole else ranked[0]
    means = {number: fmean(found[seed] for seed in shared) for number, found in values.items()}
    for trial in whole:
        if is_better(means[trial.number], means[best.number], spec.metric.direction):
            best = trial
    return best


def arm_trials(spec: StudySpec, history: History) -> list[Trial]:
    """The trials to compare: the winner first, then each baseline at its best peak.

    A baseline that never completed has no arm; the winner is not repeated when it is a baseline.
    Empty when no trial completed.
    """
    winner = choose_winner(spec, history)
    if winner is None:
        return []
    arms = [winner]
    found: dict[object, Trial] = {}
    for trial, _ in rank_trials(history, spec.metric):
        if trial.phase is Phase.BASELINE:
            found.setdefault(trial.params["family"], trial)
    arms += [found[name] for name in spec.baselines if name in found and found[name] is not winner]
    return arms


def is_measuring(run: Run) -> bool:
    """Whether a run is of the second set, which carries the intervals."""
    return run.phase is Phase.CONFIRM and HELD_OUT in run.splits


def first_set(history: History, trial: int) -> dict[int, Result]:
    """Ends of a finalist's runs in the first set, by seed."""
    return {
        run.seed: end
        for run, end in _confirmed(history, trial)
        if not is_measuring(run) and history.trials[trial].phase is not Phase.CONFIRM
    }


def second_set(history: History, trial: int) -> dict[int, Result]:
    """Ends of an arm's runs in the second set, by seed."""
    return {run.seed: end for run, end in _confirmed(history, trial) if is_measuring(run)}


def variant_set(history: History, trial: int) -> dict[int, Result]:
    """Ends of the runs of a variant of the winner, by seed; seeds of the second set."""
    return {run.seed: end for run, end in _confirmed(history, trial)}


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


def blocks_of(ends: Mapping[int, Result]) -> dict[int, tuple[float, ...]]:
    """Validation losses per block by seed, of the runs that tell them."""
    return {
        seed: end.blocks[SEARCHED]
        for seed, end in ends.items()
        if end.state is RunState.COMPLETED and SEARCHED in end.blocks
    }


def sign_of(direction: Direction) -> float:
    """What makes a metric one that is minimised: 1 or -1."""
    return 1.0 if direction is Direction.MINIMIZE else -1.0


def _confirmed(history: History, trial: int) -> Iterator[tuple[Run, Result]]:
    for run in history.runs:
        if run.trial == trial and run.phase is Phase.CONFIRM:
            end = history.results.get((run.generation, run.index))
            if end is not None:
                yield run, end


def _searched(spec: StudySpec, history: History, trial: Trial) -> dict[int, float]:
    """What the search saw of a trial over the full horizon, by seed."""
    ends = {
        run.seed: end
        for run in history.runs
        if run.trial == trial.number
        and run.phase in RANKED
        and run.horizon == spec.horizon
        and (end := history.results.get((run.generation, run.index))) is not None
    }
    return values_of(spec, ends)
