"""`glideslope study pause`, `resume`, `stop`, `cancel`, `extend`, `clone` and others like them.

The one idea: each is one call of the service, prints the study as it then stands, and ends with 2
and the reason where the study's state does not allow it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from service.cli.files import read_object, read_schedule
from service.cli.options import DEFAULT_URL, AsJson, IfMatch, StudyId, Url
from service.cli.output import console, print_json, print_study
from service.cli.study import parse_labels, parse_setting
from service.client import Client
from service.schemas.studies import StudyView
from tuning.errors import InvalidValue

app = typer.Typer()


@app.command()
def pause(
    study: StudyId,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Pause a study: no run starts any more, those being trained finish and count."""
    _move(lambda client: client.studies.pause(study, if_match=if_match), url, as_json=as_json)


@app.command()
def resume(
    study: StudyId,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Let a paused study go on."""
    _move(lambda client: client.studies.resume(study, if_match=if_match), url, as_json=as_json)


@app.command()
def stop(
    study: StudyId,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """End the search of a study now; what was found is confirmed and judged."""
    _move(lambda client: client.studies.stop(study, if_match=if_match), url, as_json=as_json)


@app.command()
def cancel(
    study: StudyId,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Cancel this trial alone; the search goes on.")
    ] = None,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Cancel a study; nothing more is trained and there is no verdict."""

    def move(client: Client) -> StudyView:
        if trial is None:
            return client.studies.cancel(study, if_match=if_match)
        client.trials.cancel(study, trial, if_match=if_match)
        return client.studies.get(study)

    _move(move, url, as_json=as_json)


@app.command()
def suggest(
    study: StudyId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A schedule, as for `schedule preview`.")
    ],
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Hand a schedule to a study that searches; it is tried unless the search ends before."""
    schedule = read_schedule(file, "FILE")

    def move(client: Client) -> StudyView:
        return client.studies.suggest(study, schedule, if_match=if_match)

    _move(move, url, as_json=as_json)


@app.command()
def clone(
    study: StudyId,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A change, as budget.trials=100; repeatable."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A JSON file with changes; null takes one back.")
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Submit a study like another one, with changes."""
    changes = {} if file is None else read_object(file, "--file")
    for name, value in map(parse_setting, setting or []):
        *path, last = name.split(".")
        place = changes
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidValue("--set", name, "a name within an object")
        place[last] = value
    with Client(url) as client:
        print_study(client.studies.clone(study, changes), as_json=as_json)


@app.command()
def describe(
    study: StudyId,
    label: Annotated[str | None, typer.Option(help="Your own words.")] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=WORDS", help="All labels anew; repeatable."),
    ] = None,
    notes: Annotated[str | None, typer.Option(help="Your own words, at length.")] = None,
    priority: Annotated[
        float | None, typer.Option(help="Weight beside other studies, from 0.01 to 100.")
    ] = None,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Change the label, the labels, the notes or the priority of a study."""
    told = None if labels is None else parse_labels(labels)
    with Client(url) as client:
        changed = client.studies.describe(
            study, label=label, labels=told, notes=notes, priority=priority, if_match=if_match
        )
    print_study(changed, as_json=as_json)


@app.command()
def delete(
    study: StudyId,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Remove a study that ended, with its trials, curves and verdicts."""
    with Client(url) as client:
        client.studies.delete(study, if_match=if_match)
    if as_json:
        print_json({"deleted": study})
    else:
        console.print(f"{escape(study)} is deleted")


@app.command()
def extend(
    study: StudyId,
    trials: Annotated[int | None, typer.Option(help="Distinct schedules in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates in all.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Wall time in all.")] = None,
    evidence_budget: Annotated[
        int | None, typer.Option(help="Updates that the next confirmation may take.")
    ] = None,
    if_match: IfMatch = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Let a completed study search on with a larger budget, to another verdict on new seeds."""

    def move(client: Client) -> StudyView:
        return client.studies.extend(
            study,
            trials=trials,
            steps=steps,
            seconds=seconds,
            evidence_budget=evidence_budget,
            if_match=if_match,
        )

    _move(move, url, as_json=as_json)


def _move(call: Callable[[Client], StudyView], url: str, *, as_json: bool) -> None:
    with Client(url) as client:
        print_study(call(client), as_json=as_json)
