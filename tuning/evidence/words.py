"""The verdict in plain words, so that a person can act on it.

The one idea: say first what to use, then how sure that is, then what to beware of.
Not here: any statistics; every figure is read from the `Verdict`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tuning.evidence.cautions import UNDER_TUNED, Caveat, doubt_origin, doubt_reread
from tuning.evidence.figures import Versus, is_worse
from tuning.evidence.verdict import LITTLE, Verdict
from tuning.records import StudySpec


def describe(spec: StudySpec, verdict: Verdict) -> str:
    """Put a verdict into a few sentences."""
    sentences = [_headline(spec, verdict), *_decided(spec, verdict), *_advice(verdict)]
    if verdict.spread is not None:
        sentences.append(_spread(spec, verdict))
    if verdict.smallest_detectable_effect:  # zero where seeds make no difference
        seeds = min(one.seeds for one in verdict.versus)
        sentences.append(
            f"With {seeds} fresh seeds a difference of "
            f"{_percent(verdict.smallest_detectable_effect)} could have been found."
        )
    sentences += _use(verdict)
    sentences += [_beware(one) for one in verdict.warnings if one.code != "no_signal"]
    return " ".join(sentences)


def note_test_reads(document: Mapping[str, Any], test_reads: int) -> dict[str, Any]:
    """A verdict's document and `words` once it is known how often its test split was read.

    The same as if `conclude_study` had known.

    >>> told = note_test_reads({"test_reads": 1, "warnings": [], "words": "A tie."}, 2)
    >>> told["test_reads"], [one["code"] for one in told["warnings"]], told["words"][:18]
    (2, ['test_reused'], 'A tie. Beware: the')
    """
    added = doubt_reread(test_reads)
    return {
        **document,
        "test_reads": test_reads,
        "test_reused": test_reads > 1,
        "warnings": [*document["warnings"], *map(asdict, added)],
        "words": " ".join([document["words"], *map(_beware, added)]),
    }


def note_origin(document: Mapping[str, Any], study: str, at: str) -> dict[str, Any]:
    """A verdict's document and `words` as a service tells them that did not make all of it.

    >>> told = note_origin({"warnings": [], "words": "A tie."}, "st_x", "2026-01-01")
    >>> told["words"][:24], told["warnings"][0]["code"]
    ('A tie. Beware: this stud', 'imported')
    """
    added = doubt_origin(study, at)
    return {
        **document,
        "warnings": [*document["warnings"], asdict(added)],
        "words": " ".join([document["words"], _beware(added)]),
    }


def _beware(warning: Caveat) -> str:
    return f"Beware: {warning.message}."


def _headline(spec: StudySpec, verdict: Verdict) -> str:
    winner = verdict.arms[0]
    name = f"{winner.family} (peak {winner.peak:.3g})"
    value = "no value" if winner.validation is None else f"{winner.validation:.5g}"
    score = f"{spec.metric.name} {value}"
    if not verdict.versus:
        return _uncompared(verdict, name, score)
    # A mean over the seeds that survived is no fair figure of a schedule that lost some; nor is a
    # difference between two data sets one between two schedules.
    is_whole = winner.seeds == winner.planned and all(one.same_data for one in verdict.versus)
    if not is_whole or any(warning.code == "winner_lost" for warning in verdict.warnings):
        return f"No clear winner: {name} led the search, {score} on fresh seeds."
    ahead = [one.baseline for one in verdict.versus if is_worse(spec, one)]
    first = f"came first with {score}"
    if ahead:  # then it led the search alone
        first = f"led the search, {score} on fresh seeds, where {_list(ahead)} came before it"
    if len(verdict.tie_with) == len(verdict.versus):
        rest = "none of them is clearly better" if ahead else "no tuned baseline is clearly worse"
        return f"A tie: {name} {first}, but {rest}."
    if verdict.tie_with:
        return f"{name} {first}, in a tie with {_list(verdict.tie_with)}."
    if any(warning.code == UNDER_TUNED for warning in verdict.warnings):
        return f"{name} wins: {score}, better than every baseline as far as they were tuned."
    return f"{name} wins: {score}, better than every tuned baseline."


def _uncompared(verdict: Verdict, name: str, score: str) -> str:
    if verdict.winner is None:
        return f"No winner: {name} led the search, but none of its fresh seeds completed."
    lack = "too few fresh seeds completed" if verdict.arms[1:] else "there was no baseline"
    return f"Best found: {name}, {score}; {lack} to compare it with."


def _advice(verdict: Verdict) -> list[str]:
    """What to use where the winner is not simply it."""
    one = verdict.recommended
    if not verdict.tie_with and one.trial == verdict.trial:
        return []
    return [f"Use {one.family} (peak {one.peak:.3g}): {one.reason}."]


def _use(verdict: Verdict) -> list[str]:
    """How far the peak may be off, what another horizon asks for, and what is saved."""
    said = []
    if verdict.peak_safe_range is not None:
        low, high = verdict.peak_safe_range
        said.append(f"Peaks of {verdict.winner} from {low:.3g} to {high:.3g} cost at most 1 %.")
    law = verdict.if_horizon_changes
    if law.peak_exponent is not None and law.ci95 is not None:
        low, high = law.ci95
        said.append(
            f"Over another horizon multiply the peak by the ratio of the horizons to the power "
            f"{law.peak_exponent:.2g} ({low:.2g} to {high:.2g})."
        )
    is_faster = verdict.speedup is not None and float(f"{verdict.speedup:.2g}") > 1.0
    if is_faster and not verdict.tie_with:
        said.append(
            f"The best baseline would need about {verdict.speedup:.2g} times the updates for the "
            "same loss."
        )
    return said


def _decided(spec: StudySpec, verdict: Verdict) -> list[str]:
    parts = [
        f"{_size(one)} {'worse' if is_worse(spec, one) else 'better'} than {_other(verdict, one)}"
        for one in verdict.versus
        if not one.is_tie and one.same_data
    ]
    return [f"It is {_list(parts)}."] if parts else []


def _other(verdict: Verdict, one: Versus) -> str:
    """A baseline by its family, and by its peak, too, if the winner is of the same family."""
    if one.baseline != verdict.winner:
        return one.baseline
    peak = next(arm.peak for arm in verdict.arms if arm.trial == one.trial)
    return f"{one.baseline} at peak {peak:.3g}"


def _spread(spec: StudySpec, verdict: Verdict) -> str:
    spread = verdict.spread or 0.0
    if verdict.matters is None:  # nothing was found, but nothing small could have been
        says = "It is open whether the schedule matters"
    elif verdict.matters:
        is_much = spread > LITTLE * spec.worthwhile
        says = "The schedule matters" if is_much else "The schedule matters a little"
    else:
        says = "The schedule hardly matters"
    return (
        f"{says} here: from the best to the worst of {len(verdict.arms)} tuned "
        f"schedules it is {_percent(spread)}."
    )


def _size(one: Versus) -> str:
    """How far apart winner and baseline are, in the metric's unit without a relative one."""
    return f"{abs(one.difference):.3g}" if one.relative is None else _percent(abs(one.relative))


def _percent(value: float) -> str:
    """A share as a percentage with two significant digits.

    >>> _percent(0.0123), _percent(0.5)
    ('1.2 %', '50 %')
    """
    return f"{float(f'{100 * value:.2g}'):g} %"


def _list(names: tuple[str, ...] | list[str]) -> str:
    """Join names as in a sentence.

    >>> _list(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
