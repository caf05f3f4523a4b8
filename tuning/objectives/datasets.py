"""Datasets: tables that users upload, of a kind that objectives can be trained on.

The one idea: a dataset is read once, when it comes in, by the very code that will train on it; so
what is accepted can be used, and what was read is kept for whoever trains. The survey also tells
what an honest eye would look at first: gaps, and rows that repeat the one before, which make a
forecast look better than it is. These are told and not repaired.
Not here: where uploads lie (`tuning.objectives.dataset_files`), and who may use them (the service).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from tuning.errors import UnknownName
from tuning.objectives import bars, quotes, samples, tables
from tuning.objectives.table_files import format_of
from tuning.objectives.tables import Roles, Table

PREVIEW_ROWS = 5
MOST_ERRORS = 20  # rows that are told
GAP = 1.5  # times the usual step
RARE = 0.05  # of all steps; longer ones that are not rare are the calendar of a market


@final
@dataclass(frozen=True, slots=True)
class Caution:
    """What to beware of in a dataset; `code` is stable."""

    code: str
    message: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is in a dataset.

    Args:
        kind: a name in `KINDS`.
        format: `csv`, `csv.gz` or `parquet`.
        rows: below the header.
        columns: as the header spells them.
        begin: the first moment, UTC seconds since 1970, whatever the order of the rows.
        end: the last one.
        step_seconds: the usual time from one moment to the next; None if there is only one.
        moments: distinct moments: bars, or snapshots of quotes.
        data_hash: of the values that are trained on, as the provenance of a run tells it.
        cautions: what to beware of.
        preview: the first rows as they stand.
    """

    kind: str
    format: str
    rows: int
    columns: tuple[str, ...]
    begin: int
    end: int
    step_seconds: int | None
    moments: int
    data_hash: str
    cautions: tuple[Caution, ...]
    preview: tuple[tuple[str, ...], ...]

    def document(self) -> dict[str, Any]:  # Any: JSON values
        """The survey as JSON."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "columns": list(self.columns),
            "cautions": [{"code": one.code, "message": one.message} for one in self.cautions],
            "preview": [list(row) for row in self.preview],
        }


@dataclass(frozen=True, slots=True)
class _Content:
    """What a kind finds in a table: moment of every row, hash, rows that repeat the one before."""

    seconds: NDArray[np.int64]
    data_hash: str
    repeated: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of dataset: its columns, and how it is read and kept."""

    columns: Roles
    take: Callable[[Table, str, Path | None], _Content]


def _take_bars(table: Table, dataset: str, cache: Path | None) -> _Content:
    found = bars.parse(table, most_errors=MOST_ERRORS)
    bars.keep(found, dataset, cache)
    samples.keep(samples.of_bars(found), dataset, cache)
    prices = np.stack([found.high, found.low, found.close])
    is_repeated = (prices[:, 1:] == prices[:, :-1]).all(axis=0)
    return _Content(found.times, found.sha256, found.times[1:][is_repeated])


def _take_quotes(table: Table, dataset: str, cache: Path | None) -> _Content:
    found, rows = quotes.parse(table, most_errors=MOST_ERRORS)
    quotes.keep(found, dataset, cache)
    samples.keep(samples.of_quotes(found), dataset, cache)
    moments = np.unique(rows.seconds)
    held = found.weights > 0
    is_repeated = np.array(
        [
            (held[at] == held[at - 1]).all()
            and (found.vols[at] == found.vols[at - 1]).all()
            and (found.earlier[at][held[at]] == found.vols[at][held[at]]).all()
            for at in range(1, len(moments))
        ],
        dtype=bool,
    )
    return _Content(rows.seconds, found.sha256, moments[1:][is_repeated])


KINDS: Mapping[str, _Kind] = MappingProxyType(
    {"ohlcv": _Kind(bars.COLUMNS, _take_bars), "quotes": _Kind(quotes.COLUMNS, _take_quotes)}
)


def survey(
    path: Path, kind: str, dataset: str, *, name: str | None = None, cache: Path | None = None
) -> Survey:
    """Read a table and tell what is in it.

    Args:
        path: the file: CSV, gzipped or not, or Parquet.
        kind: a name in `KINDS`.
        dataset: its id, under which its values are kept.
        name: what errors call the file.
        cache: where what was read is kept for objectives; None keeps nothing.

    Raises `UnknownName`, or `DataError` naming rows, columns and values that cannot be used.
    """
    if kind not in KINDS:
        raise UnknownName("kind", kind, KINDS)
    table = tables.open_table(path, KINDS[kind].columns, name)
    found = KINDS[kind].take(table, dataset, cache)
    moments = np.unique(found.seconds)
    steps = np.diff(moments)
    return Survey(
        kind=kind,
        format=format_of(path),
        rows=len(found.seconds),
        columns=table.file.header,
        begin=int(moments[0]),
        end=int(moments[-1]),
        step_seconds=int(np.median(steps)) if len(steps) else None,
        moments=len(moments),
        data_hash=found.data_hash,
        cautions=(*_gaps(moments, steps), *_repeated(found.repeated)),
        preview=tuple(tuple(row) for row in tables.preview(path, PREVIEW_ROWS)),
    )


def _gaps(moments: NDArray[np.int64], steps: NDArray[np.int64]) -> tuple[Caution, ...]:
    """Steps much longer than the usual one, unless they are usual, too (bars skip weekends)."""
    usual = np.median(steps) if len(steps) else 0.0
    is_gap = steps > GAP * usual
    if not is_gap.any() or is_gap.mean() > RARE:
        return ()
    longest = int(steps.argmax())
    message = (
        f"{int(is_gap.sum()):,} gaps: the step is {_lasting(float(usual))}, the longest gap, after "
        f"{_moment(int(moments[longest]))}, {_lasting(float(steps[longest]))}; a forecast over a "
        "gap spans more time than the others"
    )
    return (Caution("gaps", message),)


def _repeated(moments: NDArray[np.int64]) -> tuple[Caution, ...]:
    if not len(moments):
        return ()
    message = (
        f"{len(moments):,} moments repeat the values of the one before, the first at "
        f"{_moment(int(moments[0]))}; stale values are forecast without any skill"
    )
    return (Caution("repeated", message),)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _lasting(seconds: float) -> str:
    """A time in its largest whole unit.

    >>> _lasting(3600), _lasting(90)
    ('1 h', '90 s')
    """
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
