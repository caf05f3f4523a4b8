"""Costs: what a study will take, and that its project may take it.

The one idea: what is added is added first and checked then, in one transaction that a refusal
undoes; who adds at the same time waits. Not here: the sums (`service.store.quotas`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from service.api.caller import Caller
from service.api.context import Context
from service.errors import QuotaExceeded
from service.schemas.studies import Estimate
from service.store import quotas
from tuning.evidence import evidence_steps
from tuning.records import StudySpec
from tuning.search.policy import expected_runs, most_steps, trial_limit


def estimate(spec: StudySpec) -> Estimate:
    """What a study costs at most."""
    steps = most_steps(spec)
    return Estimate(
        trials=trial_limit(spec),
        runs=expected_runs(spec),
        search_steps=steps,
        fte=round(steps / spec.horizon, 4),
        evidence_steps=evidence_steps(spec),
    )


@contextmanager
def within_quotas(
    session: Any,  # noqa: ANN401 # the store's own
    here: Context,
    caller: Caller,
    asked: Mapping[str, int],
    spec: StudySpec | None = None,
) -> Iterator[None]:
    """Add `asked` of each quota in the block; raises QuotaExceeded at its end if it is too much.

    The refusal of a study, if there is a `spec`, says what it would cost.
    """
    quotas.hold(session, caller.project)
    yield
    try:
        quotas.check(session, caller.project, here.keyring.usual, asked)
    except QuotaExceeded as error:
        if spec is not None:
            error.estimate = estimate(spec).model_dump()
        raise
