"""Arms and outcomes: what a study has found until now, joined for showing.

The one idea: everything on the page that is about a trial is joined here once (trial, outcome,
verdict's figures, look), so plots and table cannot disagree.
Not here: judging; scores, arms and verdict come from `tuning.evidence`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.ui.looks import Look, looks
from tuning.evidence.arms import arm_trials
from tuning.evidence.paired import standard_error
from tuning.evidence.score import RANKED, SEARCHED, conclude_trial, full_ends
from tuning.records import (
    History,
    ParameterValue,
    Phase,
    Result,
    RunState,
    StudySpec,
    Trial,
    TrialState,
)

POINTS = 500  # of a line; more than a page is wide
LOST = (RunState.DIVERGED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial of the search whose runs have all ended.

    `spent` counts the updates that the search had planned once its last run was: where it stands
    among all trainings. `stderr` is zero where nobody computed it.
    """

    number: int
    phase: Phase
    state: TrialState
    params: Mapping[str, ParameterValue]
    score: float | None
    stderr: float = 0.0
    reason: str = ""
    spent: int = 0

    @property
    def family(self) -> str:
        """The family of its schedule."""
        return str(self.params["family"])

    @property
    def peak(self) -> float:
        """The largest learning rate of its schedule."""
        return float(self.params["peak"])


@dataclass(frozen=True, slots=True)
class ArmView:
    """The winner, or a baseline at its best peak.

    `steps` and `lrs` are its schedule as drawn: at most `POINTS` updates, no extreme lost.
    `confirmed` and `versus` are the arm's and the comparison's documents in the verdict; both are
    None while there is none, `versus` also for the winner.
    """

    trial: Trial
    label: str
    is_winner: bool
    look: Look
    outcome: Outcome | None
    steps: list[int]
    lrs: list[float]
    confirmed: Mapping[str, Any] | None
    versus: Mapping[str, Any] | None

    @property
    def group(self) -> str:
        """What joins its lines across the panels of a chart."""
        return f"arm{self.trial.number}"

    @property
    def dash(self) -> str:
        """Solid for the winner, broken for a baseline of the winner's own family."""
        return "dash" if self.label.endswith("baseline") else "solid"


def outcomes(spec: StudySpec, history: History) -> list[Outcome]:
    """The trials whose runs over the full horizon have all ended, or that were lost before.

    A loss over a shorter horizon, or of a range test, has no place beside theirs.
    """
    ends, shorter, spent = full_ends(history), _lost(history), _spent(history)
    found = []
    for trial in history.trials:
        known = ends.get(trial.number) or shorter.get(trial.number, [])
        finished = [end for end in known if end is not None]
        if finished and len(finished) == len(known):
            found.append(_outcome(spec, trial, finished, spent[trial.number]))
    return found


def _lost(history: History) -> dict[int, list[Result | None]]:
    """Ends of the trials that diverged or failed over a shorter horizon; None: open."""
    ends: dict[int, list[Result | None]] = {}
    for run in history.runs:
        if run.phase in RANKED:
            end = history.results.get((run.generation, run.index))
            ends.setdefault(run.trial, []).append(end)
    return {
        number: known
        for number, known in ends.items()
        if any(end is not None and end.state in LOST for end in known)
    }


def _outcome(spec: StudySpec, trial: Trial, ends: Sequence[Result], spent: int) -> Outcome:
    state, score = conclude_trial(ends, spec.metric)
    values = [
        end.metrics[SEARCHED][spec.metric.name] for end in ends if end.state is RunState.COMPLETED
    ]
    return Outcome(
        number=trial.number,
        phase=trial.phase,
        state=state,
        params=trial.params,
        score=score,
        stderr=standard_error(values) if values else 0.0,
        reason=next((end.reason for end in ends if end.reason), ""),
        spent=spent,
    )


def _spent(history: History) -> dict[int, int]:
    """By trial, the updates of all runs of the search up to its last one, in order of proposal."""
    total = 0
    found = {}
    for run in history.runs:
        if run.phase is not Phase.CONFIRM:
            total += run.updates
            found[run.trial] = total
    return found


def arm_numbers(spec: StudySpec, history: History, verdict: Mapping[str, Any] | None) -> list[int]:
    """The trials that are arms, winner first: those of the verdict, or those to confirm now."""
    if verdict is not None:
        return [arm["trial"] for arm in verdict["arms"]]
    return [trial.number for trial in arm_trials(spec, history)]


def arm_views(
    spec: StudySpec,
    history: History,
    verdict: Mapping[str, Any] | None,
    numbers: Sequence[int] | None = None,
) -> list[ArmView]:
    """The arms, winner first.

    Args:
        spec: of the study.
        history: what happened, at least to the arms.
        verdict: what they are told by; None while there is none.
        numbers: the trials that are arms, where the history is not the whole one.
    """
    trials = {trial.number: trial for trial in history.trials}
    confirmed = {arm["trial"]: arm for arm in verdict["arms"]} if verdict else {}
    versus = {one["trial"]: one for one in verdict["versus"]} if verdict else {}
    known = arm_numbers(spec, history, verdict) if numbers is None else numbers
    chosen = [trials[number] for number in known]
    ended = {outcome.number: outcome for outcome in outcomes(spec, history)}
    looked = looks(spec)
    views = []
    for position, (trial, label) in enumerate(zip(chosen, _labels(chosen), strict=True)):
        steps, lrs = trial.schedule.preview(POINTS)
        view = ArmView(
            trial=trial,
            label=label,
            is_winner=position == 0,
            look=looked[str(trial.params["family"])],
            outcome=ended.get(trial.number),
            steps=steps.tolist(),
            lrs=lrs.tolist(),
            confirmed=confirmed.get(trial.number),
            versus=versus.get(trial.number),
        )
        views.append(view)
    return views


def _labels(trials: Sequence[Trial]) -> list[str]:
    """Family names; a baseline of the winner's own family says that it is one."""
    families = [str(trial.params["family"]) for trial in trials]
    counts = Counter(families)
    return [
        f"{family} baseline" if position and counts[family] > 1 else family
        for position, family in enumerate(families)
    ]
