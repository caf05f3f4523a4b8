"""External objectives on the wire: what a study declares of a problem that somebody else trains."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from service.schemas.base import Name, Number, Schema, Settings, Text

EXAMPLE: dict[str, JsonValue] = {
    "metrics": [
        {"name": "val_loss", "direction": "minimize"},
        {"name": "accuracy", "direction": "maximize"},
    ],
    "horizon": 1000,
    "peak": [0.0001, 0.1],
    "rungs": [0.25, 0.5],
    "applies_to": {"optimizer": "adamw", "betas": [0.9, 0.999], "batch": 64},
}


class MetricRequest(Schema):
    """A metric that every run tells; `unit` and `help` are for people."""

    name: Name
    direction: Literal["minimize", "maximize"] = "minimize"
    unit: Text = ""
    help: Text = ""


class ExternalRequest(Schema):
    """An objective that somebody else trains; the service knows nothing of it but this.

    Every end of a run tells all `metrics` on each of its splits; the first one is compared. `peak`
    is the range of the largest learning rate, up to `hard_cap` if there is one. `rungs` are shorter
    horizons, as fractions, over which the problem is the same in small. Without `test` there is no
    split but `validation`. `applies_to` says what optimiser the schedules are for.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    metrics: Annotated[list[MetricRequest], Field(min_length=1, max_length=32)]
    horizon: int
    peak: Annotated[list[Number], Field(min_length=2, max_length=2)]
    rungs: list[Number] = Field(default_factory=list)
    hard_cap: Number | None = None
    test: bool = True
    applies_to: Settings = Field(default_factory=dict)
