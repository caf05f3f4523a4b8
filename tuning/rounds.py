"""Rounds: a study that was extended, once it had a verdict, searches on and is judged anew.

The one idea: an extension is a record in the history, from a generation on. The policy and the
evidence look at the last round: all that was searched, but none of the evidence of rounds before,
on whose seeds nothing is decided again. So both stay pure functions, and a study replays.
Not here: who may extend what (`service.store.lifecycle`).
"""

from dataclasses import replace
from typing import Any

from tuning.errors import InvalidValue
from tuning.records import Budget, History, Phase, StudySpec


def round_start(history: History) -> int:
    """The first generation of the last round."""
    return history.extensions[-1].generation if history.extensions else 0


def last_round(history: History) -> History:
    """A history without the confirmation runs of rounds before the last."""
    start = round_start(history)
    if start == 0:
        return history
    runs = tuple(
        run for run in history.runs if run.phase is not Phase.CONFIRM or run.generation >= start
    )
    kept = {(run.generation, run.index) for run in runs}
    results = {key: end for key, end in history.results.items() if key in kept}
    return replace(history, runs=runs, results=results)


def rewind(spec: StudySpec, history: History, generation: int) -> tuple[StudySpec, History]:
    """Spec and history as they were when a generation was decided, but for results."""
    later = [one for one in history.extensions if one.generation > generation]
    view = history.up_to(generation - 1, generation - 1)
    if not later:
        return spec, view
    next_one = later[0]
    before = replace(spec, budget=next_one.budget, evidence_budget=next_one.evidence_budget)
    closed = {"closed_from": next_one.closed_from, "closed_because": next_one.closed_because}
    return before, replace(view, **closed)  # type: ignore[arg-type] # names of fields


def extend(
    spec: StudySpec,
    *,
    trials: int | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    evidence_budget: int | None = None,
) -> StudySpec:
    """The spec with a larger budget.

    Args:
        spec: of a study.
        trials: distinct schedules in all, those of before included; None: as many as before.
        steps: updates, likewise.
        seconds: unpaused wall time, likewise.
        evidence_budget: updates that the next confirmation may take; None: as many as before.

    Raises InvalidValue naming what would be smaller, or if nothing would be larger.
    """
    wanted: dict[str, Any] = {"trials": trials, "steps": steps, "seconds": seconds}
    asked = {name: value for name, value in wanted.items() if value is not None}
    for name, value in asked.items():
        _check_larger(f"budget.{name}", value, getattr(spec.budget, name))
    evidence = spec.evidence_budget
    if evidence_budget is not None:
        _check_larger("evidence_budget", evidence_budget, evidence)
        evidence = evidence_budget
    larger = replace(spec, budget=replace(spec.budget, **asked), evidence_budget=evidence)
    if larger == spec:
        raise InvalidValue("budget", _words(spec.budget), "a larger one: it is what there is")
    return larger


def _check_larger(name: str, value: float, before: float | None) -> None:
    if before is None and name != "evidence_budget":
        raise InvalidValue(name, value, "none, for there is no limit")
    if before is not None and value < before:
        raise InvalidValue(name, value, f"at least {before:,}, which it has")


def _words(budget: Budget) -> str:
    return f"{budget.trials} trials, {budget.steps} steps, {budget.seconds} seconds"
