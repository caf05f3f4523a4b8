"""Advice before a study: what a user should know before spending anything.

The one idea: they follow from the spec alone, so whoever validates a request can tell them.
Not here: warnings of a verdict, which follow from results (`tuning.evidence.cautions`).
"""

from tuning.evidence.cautions import Caveat, doubt_pruning, doubt_untested
from tuning.records import StudySpec
from tuning.schedules.lint import lint
from tuning.search.policy import trial_limit
from tuning.search.policy.spending import race_cost

FEW_SEARCHED = 10  # schedules
FEW_PEAKS = 3
TOO_USUAL = (
    "first_update_zero",
    "rebound",
)  # of a candidate: every warmup, and what is not trained


def foresee(spec: StudySpec) -> list[Caveat]:
    """Everything about a spec that needs telling before it starts."""
    found = doubt_pruning(spec) + doubt_untested(spec)
    searched = trial_limit(spec) - len(spec.baselines) * spec.baseline_peaks
    if searched < FEW_SEARCHED:
        message = f"the budget leaves {searched} schedules to the search beside the baselines"
        found.append(Caveat("small_budget", message))
    if spec.baselines and spec.baseline_peaks < FEW_PEAKS:
        message = (
            f"every baseline is tried at {spec.baseline_peaks} peaks: it may be under-tuned, and "
            "the winner's lead over it too large"
        )
        found.append(Caveat("few_peaks", message))
    if spec.seeds == 1 and not race_cost(spec):
        message = "every schedule is scored on one seed: the best of many is partly luck"
        found.append(Caveat("one_seed", message))
    found += [
        Caveat("candidate", f"candidate {place}: {one.message[:1].lower()}{one.message[1:]}")
        for place, candidate in enumerate(spec.candidates, start=1)
        for one in lint(candidate.schedule)
        if one.severity == "warning" and one.code not in TOO_USUAL
    ]
    if any(start.imported for start in spec.starts):
        message = (
            "it starts from scores of an imported study, which were not measured here; the best "
            "of them are trained again before they count"
        )
        found.append(Caveat("imported_starts", message))
    return found
