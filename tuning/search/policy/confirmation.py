"""Confirmation: the runs on seeds that the search has never seen.

The one idea: the evidence says what it still lacks, knowing every result; the policy only asks.
Not here: which arms and seeds these are and what they say (`tuning.evidence`).
"""

from tuning.evidence import conclude_trial, plan_confirmation
from tuning.records import History, Phase, Result, StudySpec
from tuning.search.policy.decisions import Conclude, Generation, GiveUp


def confirm(
    spec: StudySpec, history: History, number: int, pruned: tuple[int, ...], reason: str
) -> Generation | GiveUp:
    """The confirmation of a search that is over."""
    plan = plan_confirmation(spec, history, number)
    if plan is None:
        return GiveUp(f"{reason}, and {_why_nothing_completed(spec, history)}")
    return Generation(number, plan.trials, plan.runs, pruned, reason)


def go_on(spec: StudySpec, history: History, number: int) -> Generation | Conclude:
    """What a confirmation whose runs have all ended still needs."""
    plan = plan_confirmation(spec, history, number)
    if plan is None:
        return Conclude()
    return Generation(number, plan.trials, plan.runs)


def _why_nothing_completed(spec: StudySpec, history: History) -> str:
    ends: dict[str, list[Result]] = {}
    for run in history.runs:
        end = history.results.get((run.generation, run.index))
        if end is not None and run.phase is not Phase.PROBE:
            ends.setdefault(str(run.trial), []).append(end)
    if not ends:
        why = "no trial completed, for none was proposed"
        return f"{why}: see whether constraints leave any" if spec.space.constraints else why
    counts: dict[str, int] = {}
    for results in ends.values():
        state, _ = conclude_trial(results, spec.metric)
        counts[state] = counts.get(state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    reasons = [end.reason for results in ends.values() for end in results if end.reason]
    first = f"; the first reason: {reasons[0].splitlines()[0]}" if reasons else ""
    return f"no trial completed ({told}){first}"
