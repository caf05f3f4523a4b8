"""`glideslope objective list | show | check`."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, Url
from service.cli.output import console, print_json
from service.cli.study import parse_setting
from service.client import Client
from service.schemas.catalogue import ObjectiveView
from service.settings import Settings
from tuning.errors import UnknownName
from tuning.execution.inspection import Check, inspect_objective
from tuning.objectives import find, load

app = typer.Typer(help="Look at objectives and check them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Registered objective.")]
VERDICTS = {True: "[green]kept[/]", False: "[bold red]broken[/]", None: "[dim]-[/]"}


@app.command("list")
def list_objectives(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """List what the service can train."""
    with Client(url) as client:
        found = client.catalogue.objectives()
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table(box=None, header_style="bold")
    for heading in ("objective", "metric", "horizon", "peak", "title"):
        table.add_column(heading)
    for one in found:
        low, high = one.peak
        metric = one.metrics[0].name
        cells = (one.name, metric, f"{one.default_horizon:,}", f"{low:g} to {high:g}", one.title)
        table.add_row(*map(escape, cells))
    console.print(table)


@app.command()
def show(name: Name, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show an objective with its metrics and settings."""
    with Client(url) as client:
        found = {one.name: one for one in client.catalogue.objectives()}
    if name not in found:
        raise UnknownName("NAME", name, found)
    if as_json:
        print_json(found[name].model_dump(mode="json"))
    else:
        _print_objective(found[name])


@app.command()
def check(
    name: Name,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the objective; repeatable."),
    ] = None,
    module: Annotated[
        list[str] | None,
        typer.Option(help="An importable module with a table OBJECTIVES; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train an objective shortly, here, and say which promises it keeps; ends with 1 if not all."""
    settings = Settings()
    objective = find(name, load((*settings.modules, *(module or []))))
    config = dict(map(parse_setting, setting or []))
    checks = list(inspect_objective(objective, config, settings.folders))
    if as_json:
        items = [{"name": one.name, "passed": one.passed, "words": one.words} for one in checks]
        print_json({"items": items})
    else:
        console.print(_checks(checks))
    if any(one.passed is False for one in checks):
        raise typer.Exit(1)


def _checks(checks: list[Check]) -> Table:
    table = Table(box=None, show_header=False)
    for one in checks:
        table.add_row(one.name, VERDICTS[one.passed], escape(one.words))
    return table


def _print_objective(one: ObjectiveView) -> None:
    console.print(f"[bold]{escape(one.title)}[/] ({escape(one.name)})", highlight=False)
    console.print(escape(one.help), highlight=False)
    table = Table(box=None, show_header=False)
    for metric in one.metrics:
        unit = f", in {metric.unit}" if metric.unit else ""
        words = f"{metric.direction}{unit}{': ' if metric.help else ''}{metric.help}"
        table.add_row("metric", escape(metric.name), escape(words))
    for name, schema in one.config_schema.get("properties", {}).items():
        table.add_row("setting", escape(name), escape(_setting_words(schema)))
    for need, amount in one.needs.model_dump(exclude_none=True).items():
        table.add_row("needs", need, f"{amount:,}")
    for name, value in one.applies_to.items():
        table.add_row("applies to", escape(name), escape(str(value)))
    console.print(table)


def _setting_words(schema: dict[str, Any]) -> str:
    kinds = [_kind_words(one) for one in schema.get("anyOf", [schema])]
    return f"{' or '.join(kinds)}, {schema.get('default')!r} by default"


def _kind_words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any")
    ends = [schema.get(end) for end in ("minimum", "maximum")]
    return kind if None in ends else f"{kind} from {ends[0]} to {ends[1]}"
