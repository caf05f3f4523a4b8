"""`glideslope study create | list | show | watch | best | verdict`; moves are in `lifecycle`."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from service.cli.files import Given, located, read_given, read_schedule
from service.cli.options import (
    DEFAULT_URL,
    AsJson,
    StudyId,
    Url,
    complete_family,
    complete_objective,
    complete_study,
)
from service.cli.output import console, errors, print_check, print_json, print_study, study_table
from service.cli.progress import watch as watch_progress
from service.cli.progress import watch_all
from service.client import Client
from service.schemas.studies import PickName, SortName, StudyView
from tuning.errors import InvalidValue

app = typer.Typer(help="Create and read studies.", no_args_is_help=True)

PARTS = ("budget", "space", "config")  # of a request, that options are merged into
LIST_LIMIT = 100


@app.command()
def create(
    objective: Annotated[
        str | None,
        typer.Argument(help="Registered objective.", autocompletion=complete_objective),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Distinct schedules to try.")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates to spend, over all phases.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Wall time after which no run of the search starts.")
    ] = None,
    evidence_budget: Annotated[
        int | None, typer.Option(help="Updates that confirmation and test may take.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="Updates of a full training.")] = None,
    seed: Annotated[int | None, typer.Option(help="Everything random derives from it.")] = None,
    sampler: Annotated[str | None, typer.Option(help="How schedules are proposed.")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="A family to search; repeatable.", autocompletion=complete_family),
    ] = None,
    peak: Annotated[
        tuple[float, float] | None, typer.Option(help="Range of the peak learning rate.")
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(metavar="BOUND", help="As 'final_lr <= 1e-5'; repeatable."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the objective; repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Paired seeds of every schedule.")] = None,
    leaders: Annotated[
        int | None, typer.Option(help="Schedules that get more seeds before one is chosen.")
    ] = None,
    rung: Annotated[
        list[float] | None,
        typer.Option(help="A shorter horizon to begin with, as a fraction; repeatable."),
    ] = None,
    no_rungs: Annotated[
        bool, typer.Option("--no-rungs", help="Train over the full horizon only.")
    ] = False,
    climb: Annotated[
        bool | None, typer.Option(help="Begin schedules over the first rung, not the full horizon.")
    ] = None,
    pruning: Annotated[
        str | None,
        typer.Option(help="Prune on prefixes of the full training (asha, median); misleads."),
    ] = None,
    early_stop: Annotated[
        bool | None, typer.Option(help="End when nothing worthwhile is to be expected.")
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(metavar="STUDY", help="An earlier study to start from; repeatable."),
    ] = None,
    candidate: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A schedule to try before others; repeatable."),
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option(help="Runs that may fail before the study gives up.")
    ] = None,
    goal: Annotated[
        float | None, typer.Option(help="A value of the metric that ends the search.")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(help="When the search ends at the latest, ISO 8601.")
    ] = None,
    priority: Annotated[
        float | None, typer.Option(help="Weight beside other studies, from 0.01 to 100.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Your own words.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            help="A YAML or JSON file with the request, '-': standard input; options override it.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Do not submit it: say what it would be and cost.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Wait and show the progress.")] = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Submit a study."""
    source = None if file is None else _read_request(file)
    body = {} if source is None else dict(source.content)
    if no_rungs and rung:
        raise InvalidValue("--rung", rung, "none beside --no-rungs")
    given = {
        "objective": objective,
        "horizon": horizon,
        "seed": seed,
        "sampler": sampler,
        "seeds": seeds,
        "leaders": leaders,
        "rungs": [] if no_rungs else rung,
        "climb": climb,
        "pruning": pruning,
        "evidence_budget": evidence_budget,
        "early_stop": early_stop,
        "warm_start": warm_start,
        "candidates": _read_candidates(candidate),
        "max_failures": max_failures,
        "goal": goal,
        "deadline": deadline,
        "priority": priority,
        "label": label,
    }
    body |= {name: value for name, value in given.items() if value is not None}
    parts: dict[str, dict[str, Any]] = {
        "budget": {"trials": trials, "steps": steps, "seconds": seconds},
        "space": {
            "families": family,
            "peak": None if peak is None else list(peak),
            "constraints": constraint,
        },
        "config": dict(map(parse_setting, setting or [])),
    }
    for part, values in parts.items():
        chosen = {name: value for name, value in values.items() if value is not None}
        if chosen:
            body[part] = {**body.get(part, {}), **chosen}
    with Client(url) as client:
        if check:
            with located(source, body):
                print_check(client.studies.validate(body), as_json=as_json)
            return
        with located(source, body):
            study = client.studies.create(body)
        if watch:
            study = watch_progress(client, study.id)
    print_study(study, as_json=as_json)
    _end_with(study if watch else None)


@app.command("list")
def list_studies(
    state: Annotated[str | None, typer.Option(help="Of this state, as running.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="Of this objective.", autocompletion=complete_objective)
    ] = None,
    label: Annotated[str | None, typer.Option(help="With this label.")] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=WORDS", help="With this among its labels; repeatable."),
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="That have this in id, label, labels or notes.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help=f"{', '.join(get_args(SortName))}.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = LIST_LIMIT,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the studies that match, newest first."""
    with Client(url) as client:
        matching = client.studies.list(
            state=state,
            objective=objective,
            label=label,
            labels=parse_labels(labels),
            q=search,
            sort=cast("SortName | None", sort),  # the service says which there are
        )
        found = list(islice(matching, limit))
        has_more = next(matching, None) is not None
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        console.print(study_table(found))
    if has_more:
        errors.print(f"[dim]there are more; --limit {10 * limit} shows them[/]", highlight=False)


@app.command()
def show(study: StudyId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show a study as it stands."""
    with Client(url) as client:
        print_study(client.studies.get(study), as_json=as_json)


@app.command()
def watch(
    study: Annotated[
        str | None,
        typer.Argument(metavar="[STUDY]", help="Id of the study.", autocompletion=complete_study),
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show a study's progress until it ends; without one, a line for each change of any.

    That ends when no study is under way.
    """
    with Client(url) as client:
        if study is None:
            watch_all(client, as_json=as_json)
            return
        found = watch_progress(client, study)
    print_study(found, as_json=as_json)
    _end_with(found)


@app.command()
def events(
    study: StudyId,
    after: Annotated[int, typer.Option(min=0, help="Begin after this revision.")] = 0,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Print everything that happens to a study, a line each, until it ends."""
    with Client(url) as client:
        for event in client.studies.events(study, after=after):
            if as_json:
                typer.echo(event.model_dump_json())
            else:
                typer.echo(f"{event.revision:>6}  {event.at:%H:%M:%S}  {event.kind}")


@app.command()
def best(
    study: StudyId,
    table: Annotated[bool, typer.Option("--table", help="With its learning rates.")] = False,
    framework: Annotated[
        str | None,
        typer.Option("--format", help="As code of a library (torch, optax, ...) or as csv."),
    ] = None,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="What the verdict recommends: simplest of a tie.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as without it.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Print the best schedule as JSON, or as code."""
    if as_json and framework not in {None, "json"}:
        raise InvalidValue("--format", framework, "none beside --json")
    pick: PickName = "recommended" if recommended else "winner"
    with Client(url) as client:
        if framework not in {None, "json"}:
            typer.echo(client.results.best_code(study, str(framework), pick=pick))
            return
        print_json(client.results.best(study, table=table, pick=pick).model_dump(mode="json"))


def _end_with(watched: StudyView | None) -> None:
    """End with 1 if a study that was watched has no winner."""
    if watched is not None and watched.state != "completed":
        raise typer.Exit(1)


def _read_candidates(files: Sequence[Path] | None) -> list[dict[str, Any]] | None:
    return None if files is None else [read_schedule(one, "--candidate") for one in files]


def _read_request(file: Path) -> Given:
    given = read_given(file, "--file")
    for part in PARTS:
        if not isinstance(given.content.get(part, {}), dict):
            allowed = f"an object (line {given.lines.get(f'/{part}', 1)})"
            raise InvalidValue(f"{part} of --file", given.content[part], allowed)
    return given


def parse_labels(texts: Sequence[str] | None) -> dict[str, str]:
    """Labels from NAME=WORDS."""
    pairs = [text.partition("=") for text in texts or []]
    for name, separator, _ in pairs:
        if not separator or not name:
            raise InvalidValue("--set", name, "NAME=WORDS")
    return {name: words for name, _, words in pairs}


def parse_setting(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE; the value is JSON if it parses, else text.

    >>> parse_setting("target_bars=24"), parse_setting("file=btc.csv.gz")
    (('target_bars', 24), ('file', 'btc.csv.gz'))
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InvalidValue("--set", text, "NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
