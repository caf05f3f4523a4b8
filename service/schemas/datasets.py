"""Datasets on the wire: what was uploaded and what is in it."""

from typing import Literal

from service.schemas.base import Schema
from service.schemas.studies import Warned

KindName = Literal["ohlcv", "quotes"]


class DatasetView(Schema):
    """A dataset.

    `sha256` is of its bytes, and `id` begins it; `data_hash` is of the values that are trained on,
    as runs tell it in their provenance. `begin` and `end` are the first and last moment, whatever
    the order of the rows, `step_seconds` the usual time between two of the `moments` (bars, or
    snapshots of quotes). `warnings` tell gaps and rows that repeat the one before; `preview` holds
    the first rows as they stand.
    """

    id: str
    name: str
    kind: KindName
    format: str
    sha256: str
    data_hash: str
    bytes: int
    rows: int
    moments: int
    begin: str
    end: str
    step_seconds: int | None
    columns: list[str]
    warnings: list[Warned]
    preview: list[list[str]]
    created_at: str


class DatasetPage(Schema):
    """A page of datasets, newest first; `next` is the cursor of the one after."""

    items: list[DatasetView]
    next: str | None
