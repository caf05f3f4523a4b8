"""`glideslope study export | import`: whole studies as files, ours and those of other programs.

The one idea: what comes goes to a part file beside its place, which it takes when it is whole.
Files of Optuna and runs of MLflow are made here, on the user's machine, from what the service
exports. Not here: how (`service.cli.optuna_studies`, `service.cli.mlflow_runs`).
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, print_json, print_study
from service.cli.study import parse_setting
from service.client import Client
from service.schemas.studies import StudyView
from tuning.errors import InvalidValue, UnknownName

app = typer.Typer()

FILES = {
    "json": "{}.json",
    "trials": "{}-trials.csv",
    "runs": "{}-runs.csv",
    "optuna": "{}-optuna.db",
}
TARGETS = (*FILES, "mlflow")
SOURCES = ("json", "optuna")


@app.command("export")
def export_study(
    study: StudyId,
    to: Annotated[
        str,
        typer.Option(
            help="json (can be imported); trials or runs as CSV; optuna (a database that "
            "optuna-dashboard opens); mlflow."
        ),
    ] = "json",
    output: Annotated[
        Path | None, typer.Option(help="The file; named after the study if left out.")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="Of MLflow; its own setting if left out.")
    ] = None,
    experiment: Annotated[
        str, typer.Option(help="Of MLflow; made if it is not there.")
    ] = "glideslope",
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Write a whole study to a file, or to MLflow."""
    if to not in TARGETS:
        raise UnknownName("--to", to, TARGETS)
    with Client(url) as client:
        if to == "mlflow":
            runs = _export_to_mlflow(client, study, tracking_uri, experiment)
            print_json({"experiment": experiment, "runs": runs}) if as_json else console.print(
                f"wrote {runs} runs to experiment {escape(experiment)}", highlight=False
            )
            return
        path = output or Path(FILES[to].format(study))
        if to == "json":
            write_whole(path, client.transfers.export(study))
        elif to == "optuna":
            _export_to_optuna(client, study, path)
        else:
            table = client.transfers.export(study, table="trials" if to == "trials" else "runs")
            write_whole(path, table)
    if as_json:
        print_json({"file": str(path), "bytes": path.stat().st_size})
    else:
        console.print(f"wrote {escape(str(path))}", highlight=False)


@app.command("import")
def import_study(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A study exported as json, or Optuna's SQLite.")
    ],
    source: Annotated[str, typer.Option("--from", help="json or optuna.")] = "json",
    objective: Annotated[
        str | None, typer.Option(help="Of an Optuna study: what it trained, by its name here.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Of an Optuna study: updates of a training.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--study", help="Which study of an Optuna file.")
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=OURS", help="What a parameter is called here; repeatable."),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter that was not varied; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A parameter to leave out; repeatable."),
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Store a study from a file; it is marked as imported, and paused unless it ended."""
    if source not in SOURCES:
        raise UnknownName("--from", source, SOURCES)
    if not file.is_file():
        raise InvalidValue("FILE", str(file), "a file that exists")
    with Client(url) as client:
        if source == "json":
            found = client.transfers.import_study(file)
        else:
            request = {"objective": objective, "horizon": horizon}
            given = {key: value for key, value in request.items() if value is not None}
            renamed = {key: str(value) for key, value in map(parse_setting, rename or [])}
            fixed = dict(map(parse_setting, fix or []))
            found = _import_from_optuna(client, file, name, given, renamed, fixed, ignore or ())
    print_study(found, as_json=as_json)


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


def _export_to_optuna(client: Client, study: str, path: Path) -> None:
    # Here and not above, as below: no other command needs the libraries behind it.
    from service.cli.exported import read_exported  # noqa: PLC0415
    from service.cli.optuna_studies import write_optuna  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "study.json"
        write_whole(whole, client.transfers.export(study))
        write_optuna(path, read_exported(whole))


def _export_to_mlflow(client: Client, study: str, tracking_uri: str | None, experiment: str) -> int:
    from service.cli.exported import read_exported  # noqa: PLC0415
    from service.cli.mlflow_runs import log_study  # noqa: PLC0415
    from service.client import Conflict  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "study.json"
        write_whole(whole, client.transfers.export(study))
        try:
            best = client.results.best(study, table=True).model_dump(mode="json")
        except Conflict:  # there is none yet
            best = None
        return log_study(read_exported(whole), best, tracking_uri, experiment)


def _import_from_optuna(
    client: Client,
    file: Path,
    name: str | None,
    request: dict[str, Any],
    renamed: dict[str, str],
    fixed: dict[str, Any],
    ignored: Sequence[str],
) -> StudyView:
    from service.cli.optuna_studies import read_optuna  # noqa: PLC0415
    from tuning.search.optuna_files import read_study  # noqa: PLC0415

    if "objective" not in request:
        raise InvalidValue("--objective", None, "the objective here that the study trained")
    text = read_optuna(
        client,
        read_study(file, name),
        request,
        renamed=renamed,
        fixed=fixed,
        ignored=ignored,
    )
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "study.json"
        write_whole(whole, (part.encode() for part in text))
        return client.transfers.import_study(whole)
