"""Table files: CSV, gzipped CSV and Parquet as lines of text cells, whatever their size.

The one idea: a file may be hostile or endless, so nothing of it is held but the line at hand, and
what comes out of an archive is counted while it is unpacked. Lines of text are counted exactly as
an editor does; Parquet, whose cells have types, is written out as text, so that one reader of cells
serves all.
Not here: what a cell may hold (`tuning.objectives.tables`).
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from tuning.errors import DataError
from tuning.objectives.plain_files import open_plain, pinned

MAX_BYTES = 2**30  # of text, or of what a Parquet file unpacks to
LONGEST_LINE = 2**16  # characters
MOST_COLUMNS = 1_000
BATCH_ROWS = 4_096

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"

Wanted = Callable[[tuple[str, ...]], Iterable[int]]


Cells = tuple[int, list[str]]  # of one row, after its number


@dataclass(frozen=True, slots=True)
class TableFile:
    """An open file, whose rows can be read once.

    Args:
        header: columns as they are spelled.
        unit: what the numbers of rows count: a `line` of text, the header being line 1, or a `row`.
        rows: that are not blank, in order.
    """

    header: tuple[str, ...]
    unit: str
    rows: Iterator[Cells]


def format_of(path: Path) -> str:
    """What a file is by its first bytes: `csv`, `csv.gz` or `parquet`.

    Raises `DataError` if it cannot be read.
    """
    with _read_errors(path.name), open_plain(path) as stream:
        first = stream.read(4)
    if first == PARQUET:
        return "parquet"
    is_packed = first.startswith(GZIP) or path.name.lower().endswith(".gz")
    return "csv.gz" if is_packed else "csv"


def open_file(path: Path, name: str, wanted: Wanted) -> TableFile:
    """Open the file of a table; of Parquet all cells but the `wanted` ones are empty.

    Args:
        path: the file.
        name: what errors call it.
        wanted: which columns of a header are read.

    Raises `DataError` if the file is no table, as do the rows.
    """
    kind = format_of(path)
    return _open_parquet(path, name, wanted) if kind == "parquet" else _open_text(path, name, kind)


def _open_text(path: Path, name: str, kind: str) -> TableFile:
    rows = _text_rows(path, name, kind)
    _, header = next(rows, (1, []))
    return TableFile(_checked(name, header), "line", rows)


def _checked(name: str, header: list[str]) -> tuple[str, ...]:
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{name}: more than {MOST_COLUMNS:,} columns")
    return tuple(header)


def _text_rows(path: Path, name: str, kind: str) -> Iterator[Cells]:
    """The header, and the lines that are not blank."""
    with _read_errors(name), open_plain(path) as packed:
        raw = packed if kind == "csv" else gzip.GzipFile(fileobj=packed)
        counted = io.BufferedReader(_Counted(raw, name), 2**18)
        text = io.TextIOWrapper(counted, encoding="utf-8-sig", newline="")
        rows = csv.reader(_lines(text, name))
        try:
            for cells in rows:
                if cells or rows.line_num == 1:
                    yield rows.line_num, cells
        except csv.Error as error:
            raise DataError(f"{name}, line {rows.line_num}: {error}") from error


def _lines(text: IO[str], name: str) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise DataError(f"{name}, line {number}: longer than {LONGEST_LINE:,} characters")
        yield line


class _Counted(io.RawIOBase):
    """A stream that refuses to go on beyond `MAX_BYTES`."""

    def __init__(self, raw: IO[bytes] | gzip.GzipFile, name: str) -> None:
        self._raw = raw
        self._name = name
        self._left = MAX_BYTES

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - Python 3.11 has no name for buffers
        """Read as the stream below does."""
        content = self._raw.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise DataError(f"{self._name}: longer than {MAX_BYTES:,} bytes of text")
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def _read_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not UTF-8 text: {error}") from error


def _open_parquet(path: Path, name: str, wanted: Wanted) -> TableFile:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415 - a quarter of a second, for few

    try:
        with pinned(path) as own:
            file = parquet.ParquetFile(own)  # which opens it once more, and for good
    except (ArrowException, OSError) as error:
        raise DataError(f"{name}: cannot be read: {error}") from error
    shape = file.metadata
    unpacked = sum(shape.row_group(at).total_byte_size for at in range(shape.num_row_groups))
    if unpacked > MAX_BYTES:
        raise DataError(f"{name}: longer than {MAX_BYTES:,} bytes when unpacked")
    header = _checked(name, file.schema_arrow.names)
    rows = _parquet_rows(file, name, header, sorted(set(wanted(header))))
    return TableFile(header, "row", rows)


def _parquet_rows(
    file: Any,  # noqa: ANN401 - pyarrow's own, which has no types
    name: str,
    header: tuple[str, ...],
    wanted: list[int],
) -> Iterator[Cells]:
    from pyarrow import ArrowException  # noqa: PLC0415 - as above

    number = 0
    names = [header[at] for at in wanted]
    with file:
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
                columns = [_texts(batch.column(spelled)) for spelled in names]
                for values in zip(*columns, strict=True):
                    number += 1
                    cells = [""] * len(header)
                    for at, value in zip(wanted, values, strict=True):
                        cells[at] = value
                    yield number, cells
        except (ArrowException, OSError, KeyError) as error:
            raise DataError(f"{name}, after row {number}: cannot be read: {error}") from error


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - pyarrow's own, which has no types
    """The values of a column as text; a moment without time zone is taken for UTC, as in CSV."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)
