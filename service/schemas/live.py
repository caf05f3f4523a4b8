"""Events on the wire: what a study's live stream tells."""

from datetime import datetime
from typing import Any

from service.schemas.base import Schema


class LastMeasurement(Schema):
    """What a run in training measured last; None for a value that is not finite."""

    run: str
    trial: int
    step: int
    values: dict[str, float | None]


class StudyEvent(Schema):
    """One change of a study, numbered by the study's revision after it.

    `measurements` are told without a number and a time: they are no change of the study.
    """

    study: str
    kind: str
    revision: int | None = None
    at: datetime | None = None
    data: dict[str, Any]


class StudyChange(Schema):
    """That something happened to a study: its revision and state now, and when it last did.

    The state of one that was deleted is `deleted`, and it has no revision.
    """

    study: str
    revision: int | None
    state: str
    at: datetime


class Changes(Schema):
    """What happened in a project since the message before: each study once."""

    studies: list[StudyChange]
