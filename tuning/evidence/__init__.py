"""Evidence: what the results of a study allow one to say, and what they do not.

The one idea: arms are compared seed by seed on common random numbers, with intervals that hold
for all comparisons at once; a difference too small to matter is called a tie.
Not here: choosing what to run next (`tuning.search`).
"""

from tuning.evidence.arms import arm_trials, choose_winner
from tuning.evidence.paired import Comparison, compare
from tuning.evidence.plan import ConfirmationPlan, evidence_steps, plan_confirmation
from tuning.evidence.score import conclude_trial, rank_trials
from tuning.evidence.verdict import Verdict, conclude_study
from tuning.evidence.words import describe, note_test_reads

__all__ = [
    "Comparison",
    "ConfirmationPlan",
    "Verdict",
    "arm_trials",
    "choose_winner",
    "compare",
    "conclude_study",
    "conclude_trial",
    "describe",
    "evidence_steps",
    "note_test_reads",
    "plan_confirmation",
    "rank_trials",
]
