"""What people look at: the HTML report of a study and the picture of a schedule.

The one idea: pure functions from records to text and bytes; nothing here asks a store, a clock or
the network, so the same study always gives the same page.
Not here: routes (`service.api`), and any statistics (`tuning.evidence`).
"""
