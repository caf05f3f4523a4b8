"""Surveying apart: a table of unknown origin is read in a child process that may die of it.

The one idea: an upload may be an archive that unpacks without end, or a file made to crash its
reader; the child that reads it has no secrets, no network where the kernel allows it, so much
memory, so much time, and the server goes on whatever becomes of it.
Not here: what is read (`tuning.objectives.datasets`), the child's program
(`tuning.execution.survey_child`).
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tuning.errors import BadCell, BadTable, DataError, TrainingCrashed, UnknownName
from tuning.execution.isolating import isolate
from tuning.execution.link import Link
from tuning.execution.watch import Allowance, Watch
from tuning.objectives.datasets import KINDS

ALLOWANCE = Allowance(run_seconds=600.0, memory_bytes=3 * 2**30)


def survey_apart(
    path: Path,
    kind: str,
    dataset: str,
    *,
    name: str,
    cache: Path | None = None,
    allowance: Allowance = ALLOWANCE,
) -> Mapping[str, Any]:  # Any: JSON values
    """The document of `tuning.objectives.datasets.survey`, made in a child process.

    Raises `UnknownName` for a kind that there is not, `DataError` if the table cannot be used or
    its reader died.
    """
    if kind not in KINDS:
        raise UnknownName("kind", kind, KINDS)
    request = {
        "path": str(path.absolute()),  # the child stands in another folder
        "kind": kind,
        "dataset": dataset,
        "name": name,
        "cache": None if cache is None else str(cache.absolute()),
    }
    isolation = isolate(allowance.network, allowance.user)
    with closing(Link.start("tuning.execution.survey_child", isolation=isolation)) as link:
        with Watch(link, allowance, lanes=1) as watch:
            with suppress(BrokenPipeError):  # the end of its pipe will tell
                link.send(request)
            reply = link.receive()
        if reply is None:
            raise DataError(f"{name}: {_end_of(watch.breach, link, allowance)}")
    if "error" in reply:
        raise read_error(reply["error"])
    survey: Mapping[str, Any] = reply["survey"]
    return survey


def _end_of(breach: TrainingCrashed | None, link: Link, allowance: Allowance) -> str:
    if breach is None:
        return f"cannot be read: {link.ending()}"
    if breach.cause == "timeout":
        return f"cannot be read within {allowance.run_seconds:g} s"
    return f"cannot be read within {(allowance.memory_bytes or 0) / 2**20:,.0f} MiB of memory"


def write_error(error: DataError) -> dict[str, Any]:  # Any: JSON values
    """An error as it travels over the link."""
    match error:
        case BadTable():
            return {"cells": [write_error(cell) for cell in error.cells], "is_all": error.is_all}
        case BadCell():
            names = ("table", "row", "column", "fault", "value", "allowed")
            return {name: getattr(error, name) for name in names}
    return {"message": str(error)}


def read_error(document: Mapping[str, Any]) -> DataError:
    """The error that `write_error` wrote.

    >>> str(read_error(write_error(BadCell("t", "line 2", "close", "'x' is no price"))))
    "t, line 2, column close: 'x' is no price"
    """
    if "cells" in document:
        cells = [BadCell(**cell) for cell in document["cells"]]
        return BadTable(cells, is_all=document["is_all"])
    return DataError(document["message"]) if "message" in document else BadCell(**document)
