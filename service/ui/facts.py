"""The words and figures at the head of the page: what was found, on how much evidence.

The one idea: say it as the verdict says it; while there is none, say that, and mark every figure as
the search's own. Not here: the verdict's sentences (`tuning.evidence.words`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.ui.arms import ArmView, Outcome
from service.ui.forest import relative_interval
from service.ui.typeset import beside, decimals, fixed, percent, significant
from tuning.records import Direction, Pruning, StudySpec, StudyState

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
BEWARE = "Beware:"
MAX_REASONS = 5
FLATTERED = (
    "That is the search's own figure, which flatters the best of many; the verdict is made on "
    "seeds the search has not seen."
)


@dataclass(frozen=True, slots=True)
class Head:
    """The headline, what follows it, and its tone: win, partial, tie, lost or open."""

    tone: str
    badge: str
    headline: str
    lead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many trials were made and how they ended, and how many runs."""

    baselines: int = 0
    searched: int = 0
    diverged: int = 0
    failed: int = 0
    pruned: int = 0
    ended_runs: int = 0
    planned_runs: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure about the study, and what stands under it."""

    name: str
    value: str
    note: str = ""


def head(
    state: str,
    spec: StudySpec,
    arms: Sequence[ArmView],
    found: Sequence[Outcome],
    verdict: Mapping[str, Any] | None,
) -> Head:
    """The answer in words, or what there is instead of one."""
    if verdict is not None:
        headline, *rest = SENTENCE.split(str(verdict["words"]).strip())
        how, badge = tone(verdict)
        lead = tuple(sentence for sentence in rest if not sentence.startswith(BEWARE))
        return Head(how, badge, headline, lead)
    is_over = state in {StudyState.FAILED, StudyState.CANCELLED}
    opening = f"No verdict: the study {'was ' * (state == StudyState.CANCELLED)}{state}."
    if not is_over:
        opening = "No verdict yet: the study is under way."
    return Head(
        "open", "no verdict" if is_over else "under way", opening, _so_far(spec, arms, found)
    )


def tone(verdict: Mapping[str, Any]) -> tuple[str, str]:
    """How a verdict ended: its tone (see `Head`), and the same in a word or two."""
    versus = verdict["versus"]
    if not versus:
        return "open", "no comparison"
    if any(warning["code"] == "winner_lost" for warning in verdict["warnings"]):
        return "lost", "no clear winner"
    if all(one["is_tie"] for one in versus):
        return "tie", "tie"
    if verdict["tie_with"]:
        return "partial", "shared first place"
    return "win", "clear winner"


def _so_far(spec: StudySpec, arms: Sequence[ArmView], found: Sequence[Outcome]) -> tuple[str, ...]:
    if not arms or arms[0].outcome is None:
        return ("No trial has completed.", *_ends(found))
    best = arms[0].outcome
    score = beside(best.score, best.stderr)
    arm = f"{arms[0].label} (peak {best.peak:.3g})"
    figure = f"{spec.metric.name} {score} on {spec.seeds} paired seeds"
    return (f"Best so far: {arm}, {figure}.", FLATTERED)


def _ends(found: Sequence[Outcome]) -> list[str]:
    """How the trials ended instead, with the commonest reasons."""
    if not found:
        return []
    states = Counter(one.state.value for one in found)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    reasons = Counter(one.reason for one in found if one.reason).most_common(MAX_REASONS)
    return [
        f"Trials that ended: {told}.",
        *(f"{count} times: {reason}" for reason, count in reasons),
    ]


def facts(spec: StudySpec, counts: Counts, verdict: Mapping[str, Any] | None) -> list[Fact]:
    """What was searched, on how much evidence."""
    better = "lower" if spec.metric.direction is Direction.MINIMIZE else "higher"
    fresh = verdict["arms"][0].get("planned", spec.confirm_seeds) if verdict else spec.confirm_seeds
    unit = f", {spec.metric.unit}" if spec.metric.unit else ""
    shown = [
        Fact("objective", spec.objective, f"{spec.sampler} search, seed {spec.seed}"),
        Fact("metric", spec.metric.name, f"{better} is better{unit}"),
        Fact("horizon", f"{spec.horizon:,}", "updates of a full training"),
        Fact(
            "trials",
            f"{counts.baselines + counts.searched:,} of {spec.budget.trials:,}",
            f"{counts.baselines:,} for baselines; {counts.diverged:,} diverged, "
            f"{counts.failed:,} failed"
            + (f", {counts.pruned:,} pruned {_pruned_where(spec)}" if counts.pruned else ""),
        ),
        Fact("runs", f"{counts.ended_runs:,} of {counts.planned_runs:,}", "finished of planned"),
        Fact(
            "seeds",
            f"{spec.seeds} + {fresh}",
            "paired in the search + fresh for the verdict",
        ),
        Fact("test reads", str(verdict["test_reads"] if verdict else 0), "of the held-out split"),
        Fact("worthwhile", percent(spec.worthwhile), "a smaller difference counts as a tie"),
    ]
    return [*shown, *_resolution(verdict)]


def _pruned_where(spec: StudySpec) -> str:
    if spec.pruning is Pruning.NONE:
        return "at a shorter horizon"
    return f"on a prefix ({spec.pruning})"


def _resolution(verdict: Mapping[str, Any] | None) -> list[Fact]:
    """How much the choice matters, and how small a difference would have shown."""
    if verdict is None:
        return []
    effect, spread = verdict["smallest_detectable_effect"], verdict["spread"]
    return [
        *([Fact("detectable", percent(effect), "found with probability 0.8")] if effect else []),
        *([Fact("spread", percent(spread), "from the best arm to the worst")] if spread else []),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """An arm in the table, every figure already in words."""

    arm: ArmView
    role: str
    peak: str
    peak_note: str
    validation: str
    error: str
    seeds: str
    difference: str
    interval: str
    call: str
    call_tone: str
    blocks: str
    test: str


def rows(spec: StudySpec, arms: Sequence[ArmView]) -> list[Row]:
    """The table of arms."""
    places = decimals(_measured(spec, arm)[1] for arm in arms)
    return [_row(spec, arm, places) for arm in arms]


def _row(spec: StudySpec, arm: ArmView, places: int | None) -> Row:
    confirmed = arm.confirmed or {}
    value, error, seeds = _measured(spec, arm)
    call, tone = _call(spec, arm)
    diverged = confirmed.get("diverged", 0)
    peaks = confirmed.get("peak_runs")
    return Row(
        arm=arm,
        role=_role(arm),
        peak=significant(arm.trial.schedule.peak, 3),
        peak_note=f"{peaks} peaks tried" if peaks else "",
        validation=fixed(value, places),
        error=fixed(error, places) if error else "",
        seeds=f"{seeds} seeds" + (f", {diverged} diverged" if diverged else ""),
        difference=_difference(arm.versus),
        interval=_interval(arm.versus),
        call=call,
        call_tone=tone,
        blocks=_blocks(arm.versus),
        test=fixed(confirmed.get("test"), places),
    )


def _role(arm: ArmView) -> str:
    if not arm.is_winner:
        return "baseline"
    return "winner" if arm.confirmed else "best so far"


def _measured(spec: StudySpec, arm: ArmView) -> tuple[float | None, float, int]:
    """Mean, standard error and seeds: of the confirmation, or of the search until it is in."""
    if arm.confirmed is not None:
        return arm.confirmed["validation"], arm.confirmed["stderr"], arm.confirmed["seeds"]
    if arm.outcome is not None:
        return arm.outcome.score, arm.outcome.stderr, spec.seeds
    return None, 0.0, 0


def _difference(versus: Mapping[str, Any] | None) -> str:
    return percent(versus["relative"], signed=True) if versus else ""


def _interval(versus: Mapping[str, Any] | None) -> str:
    """The simultaneous interval, relative if the baseline's mean gives a scale."""
    if versus is None:
        return ""
    relative = relative_interval(versus)
    if relative is not None:
        low, _, high = relative
        return f"{percent(low, signed=True)} to {percent(high, signed=True)}"
    low, high = versus["ci95"]
    error = (high - low) / 2
    return f"{beside(low, error)} to {beside(high, error)}"


def _call(spec: StudySpec, arm: ArmView) -> tuple[str, str]:
    """What the comparison says about the winner, and how to colour it."""
    if arm.versus is None:
        return "", ""
    if arm.versus["is_tie"]:
        return "tie", "tie"
    is_lower = arm.versus["difference"] < 0.0
    if is_lower is (spec.metric.direction is Direction.MINIMIZE):
        return "winner better", "win"
    return "winner worse", "lost"


def _blocks(versus: Mapping[str, Any] | None) -> str:
    if versus is None or not versus["blocks_better"][1]:
        return ""
    better, count = versus["blocks_better"]
    return f"better on {better} of {count} folds"
