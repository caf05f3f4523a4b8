"""Tables of a study: its trials and its runs as CSV, a row each.

The one idea: the columns are known before the first row, so rows are written as they are read.
Texts that a spreadsheet would take for a formula are quoted with an apostrophe.
Not here: the records (`service.store.exports`).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")
TRIAL = ("number", "generation", "phase", "state", "value")
RUN = (
    "generation",
    "index",
    "trial",
    "phase",
    "seed",
    "horizon",
    "updates",
    "state",
    "attempt",
    "worker",
    "started_at",
    "finished_at",
    "provenance",
)
END = ("cause", "reason", "step", "lr")


def write_trials(trials: Iterable[Mapping[str, Any]], parameters: Sequence[str]) -> Iterator[str]:
    """Lines of the table of trials; `parameters` name its columns of coordinates."""
    names = [f"params.{name}" for name in parameters]
    yield line([*TRIAL, *names])
    for one in trials:
        params = one["params"]
        yield line([*(one[name] for name in TRIAL), *(params.get(name) for name in parameters)])


def write_runs(
    runs: Iterable[Mapping[str, Any]], figures: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """Lines of the table of runs; `figures` are split and metric of its columns of results."""
    yield line([*RUN, *END, *(f"{split}.{metric}" for split, metric in figures)])
    for one in runs:
        end = one["result"] or {}
        metrics = end.get("metrics", {})
        yield line(
            [
                *(one[name] for name in RUN),
                *(end.get(name) for name in END),
                *(metrics.get(split, {}).get(metric) for split, metric in figures),
            ]
        )


def line(values: Sequence[object]) -> str:
    """One line; None is an empty cell.

    >>> print(line(["=1+1", -1.5, None, "a, b"]).strip())
    '=1+1,-1.5,,"a, b"
    """
    text = io.StringIO()
    csv.writer(text).writerow([_cell(value) for value in values])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
