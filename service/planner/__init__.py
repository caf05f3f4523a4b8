"""The planner: computes what studies do next, beside the server.

The one idea: `decide` costs CPU, so it runs in a child process that opens no database and knows
only what it is sent; a thread of the server feeds it and commits its answers. Killing the child
loses nothing: a fresh one is told what it remembered.
Not here: the policy itself (`tuning.search.policy`).
"""
