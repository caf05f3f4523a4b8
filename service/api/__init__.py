"""The HTTP API: routes that parse, call one function of the store or the core, and answer.

The one idea: a write is one transaction inside the route, committed before the answer leaves; the
route holds one thread for the whole of it, so a full thread pool cannot deadlock with the one
writer connection of SQLite. Not here: SQL (`service.store`), planning (`service.planner`).
"""
