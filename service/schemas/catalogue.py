"""What the service offers: objectives, families, health."""

from typing import Any, Literal

from service.schemas.base import Schema


class MetricView(Schema):
    """A metric of an objective."""

    name: str
    direction: str
    unit: str
    help: str


class NeedsView(Schema):
    """What one training process takes of a machine; `memory_mib` is null if nobody knows."""

    cpus: int
    gpus: float
    memory_mib: int | None


class ObjectiveView(Schema):
    """A registered objective; `config_schema` is the JSON Schema of its settings.

    `score` is `last`, or `mean` over the updates beyond `score_begin` of the horizon; `rungs` are
    shorter horizons, as fractions, over which it is the same in small; `hard_cap` is the largest
    learning rate its default settings allow; `has_fixed_horizon` says that its data allow one
    horizon only, `trains_per_split` that each split has a training of its own. `needs` is what
    workers on a Ray cluster ask for, and its cores are how many threads a training then has.
    """

    name: str
    title: str
    help: str
    metrics: list[MetricView]
    default_horizon: int
    peak: list[float]
    measurements: int
    score: str
    score_begin: float
    rungs: list[float]
    hard_cap: float | None
    has_fixed_horizon: bool
    trains_per_split: bool
    needs: NeedsView
    applies_to: dict[str, Any]
    config_schema: dict[str, Any]


class ParameterView(Schema):
    """A search coordinate, shared by name across families."""

    name: str
    kind: str
    low: float | None
    high: float | None
    log: bool
    choices: list[str]
    help: str


class FamilyView(Schema):
    """A family of schedules; `schema` describes its fields."""

    name: str
    help: str
    parameters: list[ParameterView]


class ObjectiveList(Schema):
    """All registered objectives."""

    items: list[ObjectiveView]


class FamilyList(Schema):
    """All families."""

    items: list[FamilyView]


HealthStatus = Literal["ok", "ending", "no database", "migrating", "no planner", "no room"]


class Health(Schema):
    """Health of the service."""

    status: HealthStatus
