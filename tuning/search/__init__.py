"""Search: which schedule to train next.

The one idea: the policy is a pure function of the study's spec and its history, so a study can be
replayed, and any process may compute the next generation. Optuna is named in this package only.
Not here: training (`tuning.execution`) and judging (`tuning.evidence`).
"""
