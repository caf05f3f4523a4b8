"""`glideslope study export | import`: whole studies as files.

The one idea: what comes goes to a part file beside its place, which it takes when it is whole.
Not here: what the files of other programs look like (`tuning.search.optuna_files`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, print_json, print_study
from service.client import Client
from tuning.errors import InvalidValue, UnknownName

app = typer.Typer()

TABLES = ("trials", "runs")
FORMATS = ("json", *TABLES)


@app.command("export")
def export_study(
    study: StudyId,
    to: Annotated[
        str, typer.Option(help="json (can be imported), or trials or runs as CSV.")
    ] = "json",
    output: Annotated[
        Path | None, typer.Option(help="The file; STUDY.json or STUDY-trials.csv if left out.")
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Write a whole study to a file."""
    if to not in FORMATS:
        raise UnknownName("--to", to, FORMATS)
    path = output or Path(f"{study}.json" if to == "json" else f"{study}-{to}.csv")
    with Client(url) as client:
        blocks = (
            client.transfers.export(study)
            if to == "json"
            else client.transfers.export(study, table="trials" if to == "trials" else "runs")
        )
        write_whole(path, blocks)
    _tell(path, as_json=as_json)


@app.command("import")
def import_study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study exported as json.")],
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Store a study that was exported; it is marked as imported, and paused unless it ended."""
    if not file.is_file():
        raise InvalidValue("FILE", str(file), "a file that exists")
    with Client(url) as client:
        print_study(client.transfers.import_study(file), as_json=as_json)


def write_whole(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as stream:
            for block in blocks:
                stream.write(block)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _tell(path: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "bytes": path.stat().st_size})
    else:
        console.print(f"wrote {escape(str(path))}", highlight=False)
