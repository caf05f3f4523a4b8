"""`glideslope dataset add | list | show | delete`."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, Url
from service.cli.output import console, print_json
from service.client import Client
from service.schemas.datasets import DatasetView, KindName
from tuning.errors import UnknownName

app = typer.Typer(help="Upload tables that objectives train on.", no_args_is_help=True)

KINDS = get_args(KindName)

Id = Annotated[str, typer.Argument(metavar="DATASET", help="Id of a dataset, `ds_…`.")]


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table: CSV, CSV.GZ or Parquet, as it is.")
    ],
    kind: Annotated[
        str, typer.Option(help="What it holds: ohlcv (bars), or quotes (option quotes).")
    ] = "ohlcv",
    name: Annotated[
        str | None, typer.Option(help="Your own word; the file's name if left out.")
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Upload a table; the same content again is the dataset that is there."""
    if kind not in KINDS:
        raise UnknownName("--kind", kind, KINDS)
    with Client(url) as client:
        added = client.datasets.add(file, cast("KindName", kind), name=name)
    _print_dataset(added, as_json=as_json)


@app.command("list")
def list_datasets(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """List datasets, newest first."""
    with Client(url) as client:
        found = list(client.datasets.list())
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table(box=None, header_style="bold")
    for heading in ("dataset", "kind", "rows", "from", "to", "name"):
        table.add_column(heading)
    for one in found:
        cells = (one.id, one.kind, f"{one.rows:,}", one.begin[:10], one.end[:10], one.name)
        table.add_row(*map(escape, cells))
    console.print(table)


@app.command()
def show(dataset: Id, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show what is in a dataset: span, columns, what to beware of, the first rows."""
    with Client(url) as client:
        _print_dataset(client.datasets.get(dataset), as_json=as_json)


@app.command()
def delete(dataset: Id, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Remove a dataset that no study under way trains on."""
    with Client(url) as client:
        client.datasets.delete(dataset)
    if as_json:
        print_json({"deleted": dataset})
    else:
        console.print(f"deleted {escape(dataset)}", highlight=False)


def _print_dataset(one: DatasetView, *, as_json: bool) -> None:
    if as_json:
        print_json(one.model_dump(mode="json"))
        return
    table = Table(box=None, show_header=False)
    rows = {
        "dataset": one.id,
        "name": one.name,
        "holds": f"{one.kind}, {one.format}, {one.bytes:,} bytes",
        "rows": f"{one.rows:,}, of {one.moments:,} moments",
        "span": f"{one.begin} to {one.end}",
        "step": None if one.step_seconds is None else f"{one.step_seconds:,} s",
        "sha256": one.sha256,
        "data_hash": one.data_hash,
        "beware": "\n".join(f"{told.code}: {told.message}" for told in one.warnings) or None,
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(f"[bold]{name}", escape(value))
    console.print(table)
    first = Table(box=None, header_style="bold")
    for column in one.columns:
        first.add_column(escape(column))
    for row in one.preview:
        first.add_row(*map(escape, row))
    console.print(first)
