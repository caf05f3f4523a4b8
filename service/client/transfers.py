"""Transfers: whole studies as files, out of a service and into another one.

The one idea: bytes pass through as they come, so a study of any size needs no memory. An export
that breaks off is refused whole, since the next one is of another moment.
Not here: what the file says (`service.schemas.transfer`).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar, final

import httpx2

from service.client.calls import JSON, Call, get, nothing, parsed, study_path
from service.client.drivers import Driver
from service.client.errors import Unreachable
from service.client.flows import Connect, Item, NextBlock, Outcome, Telling
from service.client.methods import call, listing
from service.client.patience import Patience
from service.client.stream import SILENCE_SECONDS, Tries, trouble_of
from service.client.studies import new_key
from service.schemas.studies import StudyView

D = TypeVar("D", bound=Driver)

TRANSFER_SECONDS = 300.0  # for the service to write, or to check and store, a large study

TableName = Literal["trials", "runs"]


@final
@dataclass(frozen=True, slots=True)
class Transfers(Generic[D]):
    """`client.transfers`."""

    driver: D

    @listing
    def export(self, study: str, *, table: TableName | None = None) -> Telling[bytes]:
        """The bytes of a whole study as `glideslope/study@1`, or of a table of it as CSV.

        Raises `Unreachable` if the connection breaks; then what came is no study.
        """
        wishes = {} if table is None else {"format": "csv", "table": table}
        asking = get(study_path(study) + "/export", nothing, wishes)
        patient = replace(self.driver.patience, answer_seconds=TRANSFER_SECONDS)
        return _blocks(asking, patient)

    @call
    def import_study(self, path: Path, *, idempotency_key: str | None = None) -> Call[StudyView]:
        """Store a study from a file that `export` wrote; it gets a new id and is marked.

        Args:
            path: of the file.
            idempotency_key: repeats an earlier import if it is the same; one is made up if None.

        Raises `Invalid` that names the record which makes no sense, `TooLarge`, and `OSError` if
        the file cannot be read.
        """
        return Call(
            "POST",
            "/v1/studies:import",
            parsed(StudyView),
            {},
            path,
            {
                **JSON,
                "Content-Length": str(path.stat().st_size),
                "Idempotency-Key": idempotency_key or new_key(),
            },
            replace(self.driver.patience, answer_seconds=TRANSFER_SECONDS),
        )


def _blocks(call: Call[None], patience: Patience) -> Telling[bytes]:
    tries = Tries.of(patience)
    while True:
        outcome: Outcome = yield Connect(call, patience.answer_seconds, SILENCE_SECONDS)
        trouble = trouble_of(outcome, patience)
        if isinstance(outcome, httpx2.Response) and trouble is None:
            while isinstance(block := (yield NextBlock()), bytes):
                yield Item(block)
            if block is None:
                return
            raise Unreachable(str(outcome.request.url), block) from block
        if (yield from tries.is_over()):
            lost = trouble or EOFError("there was no answer")
            raise Unreachable(str(outcome.request.url), lost) from trouble
