"""`glideslope study trial | curves`: one schedule of a study, and what its runs measured."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.canvas import HEIGHT, WIDEST, Curve, draw
from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, print_json, printable
from service.client import Client
from service.schemas.results import CurveView
from service.schemas.studies import RunView, TrialView
from tuning.errors import InvalidValue, UnknownName

app = typer.Typer()

Number = Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="Number of the trial.")]


@app.command()
def trial(study: StudyId, number: Number, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show one trial: its parameters, and how each of its runs ended, or why it failed."""
    with Client(url) as client:
        found, runs = client.trials.get(study, number), client.trials.runs(study, number)
    if as_json:
        items = [one.model_dump(mode="json") for one in runs]
        print_json({**found.model_dump(mode="json"), "runs": items})
        return
    console.print(_facts(found))
    console.print(_run_table(runs))
    for one in runs:
        _print_words(one)


@app.command()
def curves(
    study: StudyId,
    trial: Annotated[
        list[int] | None, typer.Option(min=0, help="Of these trials, the best if left out.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Which metric; the study's own if left out.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis.")] = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Draw what the runs of trials measured, update by update."""
    with Client(url) as client:
        view = client.studies.get(study)
        if not trial and view.best is None:
            raise InvalidValue("--trial", None, "a trial, while the study has no best one")
        wanted = trial or ([] if view.best is None else [view.best.trial])
        found = list(client.trials.curves(study, trial=wanted, max_points=2 * WIDEST))
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    lines = _lines(found, metric, str(view.metric["name"]))
    if lines:
        console.print(draw(lines, width=min(WIDEST, console.width), height=HEIGHT, is_log=log))
    elif view.curves_purged_at is not None:
        console.print(f"curves of this study were purged on {view.curves_purged_at}")
    else:
        console.print("nothing was measured yet")


def _lines(found: list[CurveView], metric: str | None, own: str) -> list[Curve]:
    """A curve per run; the metric that was asked for, the study's own, or the first there is."""
    known = {name: None for one in found for name in one.series}
    if metric is not None and known and metric not in known:
        raise UnknownName("--metric", metric, known)
    name = metric or (own if own in known else next(iter(known), own))
    return [
        Curve(f"trial {one.trial}, {one.phase}, seed {one.seed}: {name}", shown.steps, shown.values)
        for one in found
        for shown in [one.series.get(name)]
        if shown is not None and shown.steps
    ]


def _facts(found: TrialView) -> Table:
    table = Table(box=None, show_header=False)
    rows = {
        "trial": f"{found.number}, {found.phase}, {found.state}",
        "value": "-" if found.value is None else f"{found.value:.6g}",
        **{name: str(value) for name, value in found.params.items()},
    }
    for name, words in rows.items():
        table.add_row(f"[bold]{escape(name)}", escape(words))
    return table


def _print_words(run: RunView) -> None:
    """What a run that went wrong said last, if anything is known."""
    for title, words in (("traceback", run.traceback), ("log", run.log_tail)):
        if words:
            console.print(f"\n[bold]{title} of {escape(run.id)}[/]")
            console.print(printable(words.rstrip("\n")), markup=False, highlight=False)


def _run_table(runs: list[RunView]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("run", "seed", "updates", "state", "metrics", "why"):
        table.add_column(heading)
    for one in runs:
        metrics = (
            f"{split}.{name}={'-' if value is None else f'{value:.5g}'}"
            for split, values in one.metrics.items()
            for name, value in values.items()
        )
        place = "" if one.step is None else f" after update {one.step:,}"
        why = f"{one.cause}{place}: {one.reason}" if one.cause else one.reason
        table.add_row(
            one.id,
            str(one.seed),
            f"{one.updates:,}",
            one.state,
            escape(" ".join(metrics)),
            escape(printable(why)),
        )
    return table
