"""Datasets: tables of your own for objectives to train on.

The one idea: an upload may be repeated, since the same bytes are the same dataset; content that is
fetched goes on where its connection broke, and comes with the hash that the service has of it.
Not here: what the service reads in a table.
"""

import hashlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Generic, TypeVar, final

import httpx2

from service.client.calls import Call, get, nothing, parsed, post, segment
from service.client.drivers import Driver
from service.client.errors import BadAnswer, Unreachable
from service.client.flows import Connect, Item, NextBlock, Outcome, Telling, pages
from service.client.methods import call, listing
from service.client.patience import Patience
from service.client.stream import SILENCE_SECONDS, Tries, trouble_of
from service.schemas.datasets import DatasetPage, DatasetView, KindName

D = TypeVar("D", bound=Driver)

PATH = "/v1/datasets"
UPLOAD_SECONDS = 900.0  # for the service to read a table of a million rows
TYPES = {".csv": "text/csv", ".gz": "application/gzip"}
PARQUET = "application/vnd.apache.parquet"


@final
@dataclass(frozen=True, slots=True)
class Datasets(Generic[D]):
    """`client.datasets`."""

    driver: D

    @call
    def add(self, path: Path, kind: KindName, *, name: str | None = None) -> Call[DatasetView]:
        """Upload a table as it is; the same content again is the dataset that is there.

        Args:
            path: CSV, gzipped or not, or Parquet.
            kind: `ohlcv` for bars, `quotes` for option quotes.
            name: your own word for it; by default the name of the file.

        Raises `Invalid` that names rows, columns and values which cannot be used, `TooLarge`, and
        `OSError` if the file cannot be read.
        """
        return Call(
            "POST",
            PATH,
            parsed(DatasetView),
            {"kind": kind, "name": name or path.name},
            path,
            {
                "Content-Length": str(path.stat().st_size),
                "Content-Type": TYPES.get(path.suffix.lower(), PARQUET),
            },
            replace(self.driver.patience, answer_seconds=UPLOAD_SECONDS),
        )

    @listing
    def list(self, *, limit: int | None = None) -> Telling[DatasetView]:
        """All datasets, newest first; `limit` is the size of the pages they come in."""
        return pages(get(PATH, parsed(DatasetPage), {"limit": limit}), self.driver.patience)

    @call
    def get(self, dataset: str) -> Call[DatasetView]:
        """A dataset with the first of its rows."""
        return get(_path(dataset), parsed(DatasetView))

    @listing
    def content(self, dataset: str) -> Telling[bytes]:
        """The bytes of a dataset as they were uploaded, block by block.

        Raises `BadAnswer` at the end if they are not what the service has.
        """
        return _content(dataset, self.driver.patience)

    @call
    def delete(self, dataset: str) -> Call[None]:
        """Remove a dataset; `Conflict` while a study under way trains on it."""
        return post(_path(dataset), nothing, method="DELETE")


def _content(dataset: str, patience: Patience) -> Telling[bytes]:
    call, digest = get(f"{_path(dataset)}/content", nothing), hashlib.sha256()
    seen, etag, tries = 0, "", Tries.of(patience)
    while True:
        rest = {"Range": f"bytes={seen}-", "If-Range": etag} if seen else {}
        outcome: Outcome = yield Connect(
            replace(call, headers=rest), patience.answer_seconds, SILENCE_SECONDS
        )
        trouble = trouble_of(outcome, patience)
        if isinstance(outcome, httpx2.Response) and trouble is None:
            if seen and outcome.status_code != HTTPStatus.PARTIAL_CONTENT:
                raise BadAnswer(f"the rest of dataset {dataset} cannot be had")
            etag = outcome.headers.get("ETag", "")
            while isinstance(block := (yield NextBlock()), bytes):
                seen, tries = seen + len(block), Tries.of(patience)  # it works: begin anew
                digest.update(block)
                yield Item(block)
            if block is None:
                break
            trouble = block
        if (yield from tries.is_over()):
            lost = trouble or EOFError("the content ended too early")
            raise Unreachable(str(outcome.request.url), lost) from trouble
    if etag.strip('"') != digest.hexdigest():
        raise BadAnswer(f"dataset {dataset} did not come as the service has it")


def _path(dataset: str) -> str:
    return f"{PATH}/{segment(dataset)}"
