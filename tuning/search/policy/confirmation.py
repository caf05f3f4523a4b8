"""Confirmation: the runs on seeds that the search has never seen.

The one idea: the arms are fixed before, and every arm is trained on the same fresh seeds.
Not here: which arms there are and what the seeds say (`tuning.evidence`).
"""

from tuning.evidence import conclude_trial
from tuning.evidence.arms import HELD_OUT, arm_trials
from tuning.evidence.score import SEARCHED
from tuning.records import History, Phase, Result, Run, StudySpec
from tuning.search.policy.decisions import Generation, GiveUp
from tuning.seeds import derive


def confirm(
    spec: StudySpec, history: History, number: int, pruned: tuple[int, ...], reason: str
) -> Generation | GiveUp:
    """The confirmation of a search that is over."""
    arms = arm_trials(spec, history)
    if not arms:
        return GiveUp(_why_nothing_completed(spec, history))
    runs = tuple(
        Run(
            generation=number,
            index=position * spec.confirm_seeds + seed,
            trial=trial.number,
            phase=Phase.CONFIRM,
            seed=derive(spec.seed, "confirm", seed),
            horizon=spec.horizon,
            splits=(SEARCHED, HELD_OUT),
        )
        for position, trial in enumerate(arms)
        for seed in range(spec.confirm_seeds)
    )
    return Generation(number, (), runs, pruned, reason)


def _why_nothing_completed(spec: StudySpec, history: History) -> str:
    ends: dict[str, list[Result]] = {}
    for run in history.runs:
        end = history.results.get((run.generation, run.index))
        if end is not None and run.phase is not Phase.PROBE:
            ends.setdefault(str(run.trial), []).append(end)
    counts: dict[str, int] = {}
    for results in ends.values():
        state, _ = conclude_trial(results, spec.metric)
        counts[state] = counts.get(state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    reasons = [end.reason for results in ends.values() for end in results if end.reason]
    first = f"; the first reason: {reasons[0].splitlines()[0]}" if reasons else ""
    return f"no trial completed ({told}){first}"
