"""The service around the tuning core: everything with I/O.

The one idea: the store owns the truth, the API is the only way to it, and planner and workers are
processes that may die at any instant. Not here: schedules, search and statistics (`tuning`).
"""
