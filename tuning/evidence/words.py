"""The verdict in plain words, so that a person can act on it.

The one idea: say first what to use, then how sure that is, then what to beware of.
Not here: any statistics; every figure is read from the `Verdict`.
"""

from tuning.evidence.figures import Versus, is_worse
from tuning.evidence.verdict import Verdict
from tuning.records import StudySpec

LITTLE = 5.0  # up to this many times what is worthwhile, the schedule matters only a little


def describe(spec: StudySpec, verdict: Verdict) -> str:
    """Put a verdict into a few sentences."""
    sentences = [_headline(spec, verdict), *_decided(spec, verdict)]
    if verdict.spread is not None:
        sentences.append(_spread(spec, verdict))
    if verdict.smallest_detectable_effect is not None:
        seeds = min(one.seeds for one in verdict.versus)
        sentences.append(
            f"With {seeds} fresh seeds a difference of "
            f"{_percent(verdict.smallest_detectable_effect)} could have been found."
        )
    sentences += [
        f"Beware: {warning.message}." for warning in verdict.warnings if warning.code != "no_signal"
    ]
    return " ".join(sentences)


def _headline(spec: StudySpec, verdict: Verdict) -> str:
    winner = verdict.arms[0]
    name = f"{verdict.winner} (peak {winner.peak:.3g})"
    value = "no value" if winner.validation is None else f"{winner.validation:.5g}"
    score = f"{spec.metric.name} {value}"
    if not verdict.versus:
        lack = "too few fresh seeds completed" if verdict.arms[1:] else "there was no baseline"
        return f"Best found: {name}, {score}; {lack} to compare it with."
    if len(verdict.tie_with) == len(verdict.versus):
        return f"A tie: {name} came first with {score}, but no tuned baseline is clearly worse."
    # A mean over the seeds that survived is no fair figure of a schedule that lost some.
    is_whole = winner.seeds == spec.confirm_seeds
    if not is_whole or any(warning.code == "winner_lost" for warning in verdict.warnings):
        return f"No clear winner: {name} led the search, {score} on fresh seeds."
    if verdict.tie_with:
        return f"{name} came first with {score}, in a tie with {_list(verdict.tie_with)}."
    return f"{name} wins: {score}, better than every tuned baseline."


def _decided(spec: StudySpec, verdict: Verdict) -> list[str]:
    parts = [
        f"{_size(one)} {'worse' if is_worse(spec, one) else 'better'} than {one.baseline}"
        for one in verdict.versus
        if not one.is_tie
    ]
    return [f"It is {_list(parts)}."] if parts else []


def _spread(spec: StudySpec, verdict: Verdict) -> str:
    spread = verdict.spread or 0.0
    little = LITTLE * spec.worthwhile
    effect = verdict.smallest_detectable_effect
    if verdict.matters:
        says = "The schedule matters" if spread > little else "The schedule matters a little"
    elif effect is not None and effect <= little:
        says = "The schedule hardly matters"
    else:  # nothing was found, but nothing small could have been
        says = "It is open whether the schedule matters"
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
