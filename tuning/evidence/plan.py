"""The plan of the evidence: which runs it still lacks, as a pure function of spec and history.

The one idea: what is run next depends on how wide the intervals are, never on where they lie.
First the finalists on the first set of fresh seeds (validation only); then the arms on the second
set, which is doubled until every relative half-width is below `worthwhile`, seeds no longer
dominate, or the budget ends; last a few variants of the winner, which show how much it can bear.
Not here: who is in (`tuning.evidence.arms`), what comes of it (`tuning.evidence.verdict`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import pstdev

from tuning.evidence.arms import (
    HELD_OUT,
    arm_trials,
    blocks_of,
    finalists,
    is_measuring,
    is_variant,
    second_set,
    values_of,
)
from tuning.evidence.paired import Comparison, compare
from tuning.evidence.score import RANKED, SEARCHED
from tuning.evidence.variants import variant_trials
from tuning.records import MAX_SEEDS, History, Phase, Run, RunState, StudySpec, Trial
from tuning.seeds import derive

GROWTH = 4  # the default budget of evidence, in confirmations of the first size

LAST_ROUND = 1.5  # of the seeds there are: what is left of the budget goes in one round, not two


@dataclass(frozen=True, slots=True)
class ConfirmationPlan:
    """Runs to make next, all of one set, and the trials among them that are new."""

    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]


def evidence_steps(spec: StudySpec) -> int:
    """Updates that confirmation and test may spend."""
    if spec.evidence_budget is not None:
        return spec.evidence_budget
    return GROWTH * (1 + len(spec.baselines)) * spec.confirm_seeds * spec.horizon


def plan_confirmation(spec: StudySpec, history: History, number: int) -> ConfirmationPlan | None:
    """The next runs of the evidence; None when the verdict is due or no trial completed.

    Args:
        spec: of the study.
        history: of a search that is over; every run in it has ended.
        number: the generation that the runs will be.
    """
    arms = arm_trials(spec, history)
    if not arms:
        return None
    made = [run for run in history.runs if run.phase is Phase.CONFIRM]
    if not made and (chosen := _first_set(spec, history)):
        return _plan(
            spec, number, chosen, _seeds(spec, history, "select", 0, few_seeds(spec)), (SEARCHED,)
        )
    have = len({run.seed for run in made if is_measuring(run)})
    more = spec.confirm_seeds if not have else _growth(spec, history, arms, have)
    if more:
        seeds = _seeds(spec, history, "confirm", have, have + more)
        return _plan(spec, number, arms, seeds, (SEARCHED, HELD_OUT))
    if any(is_variant(history.trials[run.trial]) for run in made):
        return None
    variants = variant_trials(spec, history, arms[0], number)
    left = evidence_steps(spec) - _cost(made)
    if not variants or left < _variants_cost(spec, variants):
        return None
    seeds = _seeds(spec, history, "confirm", 0, few_seeds(spec))
    return _plan(spec, number, variants, seeds, (SEARCHED,), new=tuple(variants))


def few_seeds(spec: StudySpec) -> int:
    """Seeds of the first set, and of the variants: half of what a confirmation starts with."""
    return -(-spec.confirm_seeds // 2)


def compare_arms(
    spec: StudySpec, history: History, arms: Sequence[Trial]
) -> list[tuple[Trial, Comparison]]:
    """The winner, which is the first arm, against every other on the second set.

    An arm with fewer than two seeds in common with the winner is left out; the intervals are
    nevertheless adjusted for all.
    """
    ends = second_set(history)
    values = {t.number: values_of(spec, ends.get(t.number, {})) for t in arms}
    blocks = {t.number: blocks_of(ends.get(t.number, {})) for t in arms}
    winner, *baselines = arms
    found = []
    for trial in baselines:
        comparison = compare(
            values[winner.number],
            values[trial.number],
            direction=spec.metric.direction,
            comparisons=len(baselines),
            blocks=(blocks[winner.number], blocks[trial.number]),
        )
        if comparison is not None:
            found.append((trial, comparison))
    return found


def _first_set(spec: StudySpec, history: History) -> list[Trial]:
    """The finalists that a first set can tell apart and the budget allows; fewer than two: none."""
    ranked = finalists(spec, history)
    if _is_noiseless(spec, history, ranked):
        return []
    measuring = (1 + len(spec.baselines)) * spec.confirm_seeds * spec.horizon
    places = (evidence_steps(spec) - measuring) // (few_seeds(spec) * spec.horizon)
    chosen = ranked[: max(0, places)]
    return chosen if len(chosen) > 1 else []


def _is_noiseless(spec: StudySpec, history: History, trials: Sequence[Trial]) -> bool:
    """Whether seeds are known to make no difference to any of these."""
    values: dict[int, list[float]] = {trial.number: [] for trial in trials}
    for run in history.runs:
        end = history.results.get((run.generation, run.index))
        is_full = run.phase in RANKED and run.updates == spec.horizon
        is_scored = end is not None and end.state is RunState.COMPLETED
        if is_full and end is not None and is_scored and run.trial in values:
            values[run.trial].append(end.metrics[SEARCHED][spec.metric.name])
    return all(len(found) > 1 and pstdev(found) == 0.0 for found in values.values())


def _growth(spec: StudySpec, history: History, arms: Sequence[Trial], have: int) -> int:
    """Further seeds for all arms: as many again, or all that the budget still pays; 0: enough.

    It looks at widths alone, so the intervals keep their coverage.
    """
    if not any(_needs_seeds(spec, found) for _, found in compare_arms(spec, history, arms)):
        return 0
    made = [run for run in history.runs if run.phase is Phase.CONFIRM]
    reserve = _variants_cost(spec, variant_trials(spec, history, arms[0], 0))
    left = evidence_steps(spec) - _cost(made) - reserve
    most = max(0, min(left // (len(arms) * spec.horizon), MAX_SEEDS - have))
    return most if most <= LAST_ROUND * have else have


def _needs_seeds(spec: StudySpec, found: Comparison) -> bool:
    """Whether an interval is wider than what is worthwhile, and more seeds would narrow it."""
    width = found.half_width
    return width is not None and width > spec.worthwhile and found.seeds_share >= 0.5


def _variants_cost(spec: StudySpec, variants: Sequence[Trial]) -> int:
    return len(variants) * few_seeds(spec) * spec.horizon


def _cost(runs: Iterable[Run]) -> int:
    return sum(run.updates for run in runs)


def _seeds(spec: StudySpec, history: History, purpose: str, first: int, end: int) -> list[int]:
    """Seeds that neither the search nor an earlier round has seen."""
    rounds = len(history.extensions)
    path = (purpose, "round", rounds) if rounds else (purpose,)
    return [derive(spec.seed, *path, number) for number in range(first, end)]


def _plan(
    spec: StudySpec,
    number: int,
    trials: Sequence[Trial],
    seeds: Sequence[int],
    splits: tuple[str, ...],
    *,
    new: tuple[Trial, ...] = (),
) -> ConfirmationPlan:
    pairs = [(trial, seed) for trial in trials for seed in seeds]
    runs = tuple(
        Run(number, index, trial.number, Phase.CONFIRM, seed, spec.horizon, splits)
        for index, (trial, seed) in enumerate(pairs)
    )
    return ConfirmationPlan(new, runs)
