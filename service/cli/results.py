"""`glideslope study trials | families | importances`: what came of a study, as tables."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, print_json
from service.client import Client
from service.schemas.studies import TrialView

app = typer.Typer()


@app.command()
def trials(
    study: StudyId,
    sort: Annotated[
        str, typer.Option(help="A figure: value, peak, test.mse, ...; '-' before it: falling.")
    ] = "number",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="BOUND", help="As 'validation.mse <= 0.3'; repeatable."),
    ] = None,
    state: Annotated[list[str] | None, typer.Option(help="Of this state; repeatable.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Of this family; repeatable.")] = None,
    phase: Annotated[list[str] | None, typer.Option(help="Of this phase; repeatable.")] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the trials of a study that match, sorted by any figure."""
    with Client(url) as client:
        found = list(
            client.trials.list(
                study,
                sort=sort,
                where=where,
                state=state,
                family=family,
                phase=phase,
            )
        )
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        console.print(_trial_table(found))


def _trial_table(found: list[TrialView]) -> Table:
    table = _table("trial", "phase", "state", "family", "peak", "value", "parameters")
    for one in found:
        rest = [
            f"{name}={_figure(value) if isinstance(value, float) else value}"
            for name, value in one.params.items()
            if name not in {"family", "peak"}
        ]
        peak = float(one.params["peak"])
        table.add_row(
            str(one.number),
            one.phase,
            one.state,
            escape(str(one.params["family"])),
            f"{peak:.3g}",
            _figure(one.value),
            escape(" ".join(rest)),
        )
    return table


@app.command()
def families(
    study: StudyId,
    number: Annotated[int | None, typer.Option(min=1, help="Of an earlier verdict.")] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show what is known of every family, and how probable it is the best."""
    with Client(url) as client:
        found = client.results.families(study, number)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = _table("family", "P(best)", "trials", "best", "peak", "confirmed", "updates")
    for one in found.items:
        table.add_row(
            escape(one.family),
            "-" if one.chance is None else f"{one.chance:.2f}",
            str(sum(one.trials.values())),
            _figure(one.best.value if one.best else None),
            _figure(one.best.peak if one.best else None),
            _figure(one.confirmed.validation if one.confirmed else None),
            f"{one.search_steps + one.evidence_steps:,}",
        )
    console.print(table)


@app.command()
def importances(study: StudyId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show how much family, peak and shape decided whether a schedule was of the best."""
    with Client(url) as client:
        found = client.results.importances(study)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if found.note:
        console.print(escape(found.note))
    table = _table("parameter", "importance", "trials")
    for one in found.items:
        table.add_row(escape(one.name), f"{one.importance:.1%}", str(one.trials))
    if found.items:
        console.print(table)


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in headings:
        table.add_column(heading)
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
