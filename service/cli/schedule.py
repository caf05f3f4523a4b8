"""`glideslope schedule preview | plot | lint | convert | families`."""

import json
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.canvas import HEIGHT, WIDEST, Curve, draw
from service.cli.files import read_schedule, read_text
from service.cli.options import DEFAULT_URL, AsJson, Url
from service.cli.output import console, errors, print_json
from service.client import Client
from service.schemas.schedules import FindingView, PreviewView
from tuning.errors import InvalidValue

app = typer.Typer(help="Look at schedules and translate them.", no_args_is_help=True)

POINTS = 2000  # of a schedule in a picture
BAR = 40  # characters of the largest learning rate in a preview
COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}

PictureKind = Literal["png", "svg"]
Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="A schedule's document, or what `study best` prints.")
]
Horizon = Annotated[int | None, typer.Option(help="Updates to lay it out over.")]


@app.command()
def preview(
    file: Source,
    points: Annotated[int, typer.Option(help="At most so many points.")] = 24,
    horizon: Horizon = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show a schedule's learning rates, no extreme lost."""
    body = {"schedule": read_schedule(file, "FILE"), "points": points, "horizon": horizon}
    with Client(url) as client:
        seen = client.schedules.preview(body)
    if as_json:
        print_json(seen.model_dump(mode="json"))
    else:
        console.print(_picture(seen))


@app.command()
def plot(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Schedules, as for `preview`; drawn together."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="A .png or .svg file to draw to, not the terminal.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis in the terminal.")] = False,
    horizon: Horizon = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Draw schedules in the terminal or into a file."""
    kind = None if out is None else _picture_kind(out)
    points = POINTS if out else 2 * console.width
    with Client(url) as client:
        seen = {
            str(file): client.schedules.preview(
                {"schedule": read_schedule(file, "FILE"), "points": points, "horizon": horizon}
            )
            for file in files
        }
    if out and kind:
        out.write_bytes(_drawn(seen, kind))
        errors.print(escape(str(out)), highlight=False)
    if as_json:
        print_json({name: one.model_dump(mode="json") for name, one in seen.items()})
    elif out is None:
        curves = [Curve(_label(name, one), one.steps, one.values) for name, one in seen.items()]
        console.print(draw(curves, width=min(WIDEST, console.width), height=HEIGHT, is_log=log))


@app.command()
def families(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """List the families of schedules and the parameters that a search moves."""
    with Client(url) as client:
        found = client.catalogue.families()
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table(box=None, header_style="bold")
    for heading in ("family", "parameters", ""):
        table.add_column(heading)
    for one in found:
        names = " ".join(parameter.name for parameter in one.parameters)
        table.add_row(escape(one.name), escape(names), escape(one.help.partition("\n")[0]))
    console.print(table)


@app.command()
def lint(
    file: Source,
    updates: Annotated[
        int | None, typer.Option(help="Updates that the training really takes.")
    ] = None,
    max_jump: Annotated[
        float, typer.Option(help="Factor by which neighbouring learning rates may differ.")
    ] = 10.0,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Say what is suspicious about a schedule; ends with 1 if there is an error."""
    body = {"schedule": read_schedule(file, "FILE"), "updates": updates, "max_jump": max_jump}
    with Client(url) as client:
        found = client.schedules.lint(body)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        console.print(_list(found.findings) if found.findings else "nothing found")
    if any(one.severity == "error" for one in found.findings):
        raise typer.Exit(1)


@app.command()
def convert(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A schedule's document; or use --call.")
    ] = None,
    framework: Annotated[
        str | None, typer.Option("--from", help="The library of the call, such as torch.")
    ] = None,
    call: Annotated[
        str | None, typer.Option(help="A call of that library, such as CosineAnnealingLR.")
    ] = None,
    kwargs: Annotated[str, typer.Option(help="Arguments of the call, a JSON object.")] = "{}",
    base_lr: Annotated[
        float | None, typer.Option(help="Learning rate of the optimiser of the call.")
    ] = None,
    horizon: Horizon = None,
    source: Annotated[
        Path | None,
        typer.Option(
            help="Lines of a program with a scheduler, a file or - ; nothing of it is run."
        ),
    ] = None,
    knots: Annotated[
        int | None, typer.Option(help="As a smooth curve through so many knots.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Print code of this library instead of the document.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Turn a library's call into a schedule, and a schedule into a library's code."""
    origin = {"framework": framework, "call": call, "kwargs": _parse_object(kwargs)}
    is_call = call is not None or (framework is not None and source is None)
    body = {
        "schedule": None if file is None else read_schedule(file, "FILE"),
        "from": origin if is_call else None,
        "source": None if source is None else read_text(source, "--source"),
        "framework": None if is_call else framework,
        "knots": knots,
        "base_lr": base_lr,
        "horizon": horizon,
        "to": to,
    }
    with Client(url) as client:
        made = client.schedules.convert(body)
    for note in made.notes:
        errors.print(f"[dim]{note.code}:[/] {escape(note.message)}", highlight=False)
    if made.code is None:
        print_json(made.schedule)
    else:
        errors.print(f"[dim]{escape(made.code.why)}[/]", highlight=False)
        typer.echo(made.code.code)


def _picture_kind(out: Path) -> PictureKind:
    kinds: dict[str, PictureKind] = {".png": "png", ".svg": "svg"}
    kind = kinds.get(out.suffix.lower())
    if kind is None:
        raise InvalidValue("--out", str(out), "a file that ends in .png or .svg")
    return kind


def _drawn(seen: Mapping[str, PreviewView], kind: PictureKind) -> bytes:
    # Here and not above: Matplotlib takes half a second to load.
    from service.ui.picture import Line, draw_schedules  # noqa: PLC0415

    lines = [
        Line(_label(name, one), one.steps, [nan if lr is None else lr for lr in one.values])
        for name, one in seen.items()
    ]
    return draw_schedules(lines, kind=kind)


def _label(name: str, seen: PreviewView) -> str:
    return f"{seen.schedule.get('family', 'schedule')} ({name})"


def _parse_object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("--kwargs", text, "a JSON object") from error
    if not isinstance(content, dict):
        raise InvalidValue("--kwargs", text, "a JSON object")
    return content


def _picture(seen: PreviewView) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("update", justify="right")
    table.add_column("learning rate", justify="right")
    table.add_column("")
    largest = max((value for value in seen.values if value is not None), default=0.0)
    for step, value in zip(seen.steps, seen.values, strict=True):
        length = 0 if value is None or largest <= 0.0 else round(BAR * max(0.0, value) / largest)
        table.add_row(f"{step:,}", "-" if value is None else f"{value:.6g}", "█" * length)
    return table


def _list(findings: list[FindingView]) -> Table:
    table = Table(box=None, show_header=False)
    for one in findings:
        colour = COLOURS[one.severity]
        table.add_row(f"[{colour}]{one.severity}[/]", one.code, escape(one.message))
    return table
