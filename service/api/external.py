"""External objectives: what a request declares, as the core's record."""

from service.schemas.external import ExternalRequest
from tuning.records import Direction, External, Metric


def read_external(body: ExternalRequest | None) -> External | None:
    """The declaration of a request, if it has one; raises InvalidValue naming the field."""
    if body is None:
        return None
    return External(
        metrics=tuple(
            Metric(one.name, Direction(one.direction), one.unit, one.help) for one in body.metrics
        ),
        horizon=body.horizon,
        peak=(body.peak[0], body.peak[1]),
        rungs=tuple(body.rungs),
        hard_cap=body.hard_cap,
        test=body.test,
        applies_to=body.applies_to,
    )
