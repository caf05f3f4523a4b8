"""A live progress line: of a study, of all of them, or of work on the store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from service.cli.output import best_words, errors, printable
from service.client import Client, NotFound
from service.schemas.live import StudyChange
from service.schemas.studies import StudyView

POLL_SECONDS = 0.25
UNDER_WAY = ("running", "confirming", "paused")


def watch(client: Client, study: str) -> StudyView:
    """Show a study's progress on standard error until it ends; returns it as it then stands.

    Interrupted, it says that the study goes on.
    """
    try:
        return _watch(client, study)
    except KeyboardInterrupt:
        again = f"glideslope study watch {study}"
        errors.print(f"\nThe study goes on; {again} shows it again.", highlight=False, markup=False)
        raise


def _watch(client: Client, study: str) -> StudyView:
    with _bar() as progress:
        task = progress.add_task("queued", total=None, best="-", eta="…")

        def show(view: StudyView) -> None:
            progress.update(
                task,
                description=view.state,
                completed=view.progress.finished_runs,
                total=view.progress.expected_runs,
                best=best_words(view),
                eta=_left(view.progress.eta),
            )

        return client.studies.wait(study, on_progress=show, poll_seconds=POLL_SECONDS)


def watch_all(client: Client, *, as_json: bool) -> None:
    """Print a line whenever something happened to a study, until none is under way."""
    under_way = {one.id for state in UNDER_WAY for one in client.studies.list(state=state)}
    if not under_way:
        errors.print("no study is under way", highlight=False)
        return
    for change in client.studies.changes():
        under_way.add(change.study)
        if change.state not in UNDER_WAY:
            under_way.discard(change.study)
        typer.echo(change.model_dump_json() if as_json else _line(client, change))
        if not under_way:
            return


def _line(client: Client, change: StudyChange) -> str:
    begin = f"{change.at:%H:%M:%S}  {change.study}  {change.state:<10}"
    try:
        view = client.studies.get(change.study)
    except NotFound:  # it was deleted
        return begin.rstrip()
    runs = f"{view.progress.finished_runs}/{view.progress.expected_runs}"
    return printable(f"{begin}  {runs:>9}  {best_words(view)}  {view.label}").rstrip()


@contextmanager
def _bar() -> Iterator[Progress]:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TextColumn("best {task.fields[best]}"),
        TextColumn("[cyan]{task.fields[eta]}"),
        console=errors,
    ) as progress:
        yield progress


@contextmanager
def measured() -> Iterator[tuple[Callable[[int], None], Callable[[str, int], None]]]:
    """A line for work that is counted: told how much there is, then what is done and how much more.

    Where no terminal shows it, nothing is printed.
    """
    with Progress(
        TextColumn("{task.description:<26}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as progress:
        task = progress.add_task("looking", total=None)
        yield (
            lambda total: progress.update(task, total=total),
            lambda words, more: progress.update(task, description=words, advance=more),
        )


def _left(eta: str | None) -> str:
    """The time until an absolute moment, in words."""
    if eta is None:
        return ""
    seconds = max(0, round((datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"
