"""The policy: what to run next, as a pure function of spec and history.

The one idea: a decision is computed, never remembered, so a study can be replayed and any process
may compute the next generation. Each file holds one idea: the ladder of horizons, the cap on the
peak, what is spent, what is proposed, the race of the leaders, and how all of it makes a decision.
"""

from tuning.search.policy.decide import LAG, decide
from tuning.search.policy.decisions import Conclude, Decision, Generation, GiveUp, Wait
from tuning.search.policy.spending import (
    expected_runs,
    least_steps,
    most_steps,
    trial_limit,
)

__all__ = [
    "LAG",
    "Conclude",
    "Decision",
    "Generation",
    "GiveUp",
    "Wait",
    "decide",
    "expected_runs",
    "least_steps",
    "most_steps",
    "trial_limit",
]
