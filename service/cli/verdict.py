"""`glideslope study verdict | report`: what was proved, in words, as a table, and as a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, print_json
from service.client import Client

app = typer.Typer()


@app.command()
def verdict(
    study: StudyId,
    number: Annotated[
        int | None, typer.Option(min=1, help="Of an earlier verdict of an extended study.")
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show what was proved: the winner against every tuned baseline on fresh seeds."""
    with Client(url) as client:
        found = client.results.verdict(study, number)
    if as_json:
        print_json(found)
        return
    console.print(f"[bold]{escape(found['words'])}[/]", highlight=False)
    console.print(_arms(found))
    for one in found["warnings"]:
        console.print(f"[yellow]{escape(one['code'])}[/]: {escape(one['message'])}")


@app.command()
def report(
    study: StudyId,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Write the report of a study: one HTML file that needs nothing else."""
    with Client(url) as client:
        page = client.results.report(study)
    out.write_text(page)
    if as_json:
        print_json({"file": str(out), "characters": len(page)})
    else:
        console.print(escape(str(out)), highlight=False)


def _arms(found: Mapping[str, Any]) -> Table:
    """The winner, then the baselines with their distance from it."""
    table = Table(box=None, header_style="bold")
    for heading in ("arm", "peak", "validation", "test", "seeds", "to the winner", "95 %", ""):
        table.add_column(heading)
    versus = {one["trial"]: one for one in found["versus"]}
    for arm in found["arms"]:
        one = versus.get(arm["trial"])
        table.add_row(
            escape(arm["family"]),
            f"{arm['peak']:.3g}",
            _figure(arm["validation"]),
            _figure(arm["test"]),
            f"{arm['seeds']}/{arm['planned']}",
            "-" if one is None else _relative(one),
            "-" if one is None else f"{one['ci95'][0]:.3g} to {one['ci95'][1]:.3g}",
            "winner" if one is None and arm["trial"] == found["trial"] else _word(one),
        )
    return table


def _relative(one: Mapping[str, Any]) -> str:
    relative = one["relative"]
    return f"{one['difference']:.4g}" if relative is None else f"{relative:+.1%}"


def _word(one: Mapping[str, Any] | None) -> str:
    return "tie" if one and one["is_tie"] else ""


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
