"""A live progress line of a study: how far, the best so far, and when it will end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from service.cli.output import best_words, errors
from service.client import Client
from service.schemas.studies import StudyView

POLL_SECONDS = 0.25


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


def _left(eta: str | None) -> str:
    """The time until an absolute moment, in words."""
    if eta is None:
        return ""
    seconds = max(0, round((datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"
