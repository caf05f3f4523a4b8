"""What commands print: to people on a terminal, to programs as JSON."""

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from service.schemas.studies import StudyView

console = Console()
errors = Console(stderr=True)


def fail(message: str, *, code: int) -> NoReturn:
    """Say what is wrong in one paragraph on standard error, and end with `code`."""
    errors.print(f"[bold red]error:[/] {message}", highlight=False, markup=True, soft_wrap=True)
    sys.exit(code)


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document for people and programs alike."""
    console.print_json(data=dict(document))


def study_table(studies: list[StudyView]) -> Table:
    """Studies as a table, one a row."""
    table = Table(box=None, header_style="bold")
    for heading in ("study", "state", "objective", "runs", "best", "label"):
        table.add_column(heading)
    for one in studies:
        table.add_row(
            one.id,
            one.state,
            one.objective,
            f"{one.progress.finished_runs}/{one.progress.expected_runs}",
            best_words(one),
            one.label,
        )
    return table


def best_words(study: StudyView) -> str:
    """The best so far in a few words."""
    if study.best is None:
        return "-"
    best = study.best
    return f"{best.value:.5g} {best.family} (peak {best.peak:.3g})"
