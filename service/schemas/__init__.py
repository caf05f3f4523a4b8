"""Schemas: the JSON that crosses the wire, in both directions.

The one idea: unknown fields are refused and numbers are finite; meaning and ranges are checked by
the core (`tuning.study.specify`), once, so that no rule stands twice.
Not here: what a request does (`service.api`).
"""
