"""The evidence of a made-up study, played to its end: a function says what every run comes to."""

from collections.abc import Callable
from dataclasses import replace

from tuning.evidence import plan_confirmation
from tuning.evidence.plan import ConfirmationPlan
from tuning.records import History, Result, Run, RunState, StudySpec, Trial

Value = Callable[[Trial, Run], float | Result]


def play(spec: StudySpec, history: History, value: Value) -> tuple[History, list[ConfirmationPlan]]:
    """Make every run that the plan asks for, until it asks for none; also the plans, in order."""
    plans: list[ConfirmationPlan] = []
    number = 1 + max(run.generation for run in history.runs)
    while (plan := plan_confirmation(spec, history, number)) is not None:
        plans.append(plan)
        trials = (*history.trials, *plan.trials)
        ends = {
            (run.generation, run.index): _end(value(trials[run.trial], run), run)
            for run in plan.runs
        }
        history = replace(
            history,
            trials=trials,
            runs=(*history.runs, *plan.runs),
            results={**history.results, **ends},
        )
        number += 1
    return history, plans


def _end(found: float | Result, run: Run) -> Result:
    if isinstance(found, Result):
        return found
    return Result(RunState.COMPLETED, {split: {"loss": found} for split in run.splits})
