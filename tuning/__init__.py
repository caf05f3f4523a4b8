"""The domain core: schedules, objectives, search, evidence and execution.

Usable from a notebook: no web and no SQL. Import what you need from its packages, for instance
`tuning.study.run_study`; this file imports nothing, so that a client of the service stays light.
"""
