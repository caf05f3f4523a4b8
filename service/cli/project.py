"""`glideslope project create | list | set`: tenants, and what they may use up.

The one idea: on the store itself, for a project has nobody yet who could ask for it.
Not here: how quotas are kept (`service.store.quotas`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from service.cli.db import Database, settings_of
from service.cli.options import AsJson
from service.cli.output import console, print_json
from service.schemas.keys import ProjectName
from service.schemas.projects import ProjectView
from tuning.errors import InvalidValue

if TYPE_CHECKING:
    from service.cli.desk import Desk

app = typer.Typer(help="Make and list projects, and limit them.", no_args_is_help=True)

USUAL = "usual"
LARGEST = 2**53

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="Name of the project.")]
WORDS = "N|usual"


@app.command()
def create(project: Name, as_json: AsJson = False, database: Database = None) -> None:
    """Make a project; it is left as it is if it is there."""
    with _desk(database) as desk:
        made = desk.create_project(check_name(project, "PROJECT"))
    _print(made, as_json=as_json)


@app.command("list")
def list_projects(as_json: AsJson = False, database: Database = None) -> None:
    """List projects: what they use, and which limits they have of their own."""
    with _desk(database) as desk:
        found = desk.projects()
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table(box=None, header_style="bold")
    for heading in ("project", "running studies", "trials", "storage", "limits of its own"):
        table.add_column(heading)
    for one in found:
        table.add_row(*_row(one))
    console.print(table)


@app.command("set")
def limit(
    project: Name,
    running_studies: Annotated[
        str | None, typer.Option(metavar=WORDS, help="Studies that have not ended.")
    ] = None,
    trials: Annotated[
        str | None, typer.Option(metavar=WORDS, help="Trials its studies may make.")
    ] = None,
    storage_mib: Annotated[
        str | None, typer.Option(metavar=WORDS, help="MiB of datasets and curves.")
    ] = None,
    requests: Annotated[
        str | None, typer.Option(metavar=WORDS, help="Requests in a minute.")
    ] = None,
    streams: Annotated[
        str | None,
        typer.Option(metavar=WORDS, help="Live streams and waiting requests on one server."),
    ] = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Give a project limits of its own; `usual` takes one back."""
    storage = _limit("--storage-mib", storage_mib)
    given = {
        "running_studies": (running_studies, _limit("--running-studies", running_studies)),
        "trials": (trials, _limit("--trials", trials)),
        "storage_bytes": (storage_mib, None if storage is None else storage * 2**20),
        "requests_per_minute": (requests, _limit("--requests", requests)),
        "streams": (streams, _limit("--streams", streams)),
    }
    changes = {name: value for name, (told, value) in given.items() if told is not None}
    if not changes:
        raise InvalidValue("options", [], "at least one limit")
    with _desk(database) as desk:
        changed = desk.set_quotas(project, changes)
    _print(changed, as_json=as_json)


def check_name(project: str, option: str) -> str:
    """Return the name of a project; raises InvalidValue for what cannot be one."""
    try:
        return TypeAdapter(ProjectName).validate_python(project)
    except ValidationError as error:
        allowed = "1 to 63 of a-z, 0-9, - and _, the first a letter or digit"
        raise InvalidValue(option, project, allowed) from error


def _limit(option: str, told: str | None) -> int | None:
    """A limit as it was typed; None for the usual one."""
    if told in {None, USUAL}:
        return None
    if not str(told).isdecimal() or int(str(told)[:17]) > LARGEST:
        raise InvalidValue(option, told, "a whole number, or 'usual'")
    return int(str(told))


def _row(project: ProjectView) -> tuple[str, ...]:
    used = project.used
    own = ", ".join(f"{name} {limit:,}" for name, limit in project.quotas.items())
    return (
        project.name,
        f"{used['running_studies']:,}",
        f"{used['trials']:,}",
        f"{used['storage_bytes'] / 2**20:,.1f} MiB",
        own or "none",
    )


def _print(project: ProjectView, *, as_json: bool) -> None:
    if as_json:
        print_json(project.model_dump(mode="json"))
        return
    name, running, trials, storage, own = _row(project)
    console.print(
        f"Project {name}: {running} running studies, {trials} trials, {storage}; limits of its "
        f"own: {own}",
        highlight=False,
    )


@contextmanager
def _desk(database: str | None) -> Iterator["Desk"]:
    # Here and not above: the store takes a second to load; no other command needs it.
    from service.cli.desk import open_desk  # noqa: PLC0415

    with open_desk(settings_of(database)) as desk:
        yield desk
