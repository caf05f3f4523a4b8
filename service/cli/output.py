"""What commands print: to people on a terminal, to programs as JSON."""

import sys
import unicodedata
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.api.fields import allowed_range
from service.schemas.studies import StudyCheck, StudyView
from tuning.errors import show

WIDE = 1000  # columns, where no terminal cuts them: whoever reads a pipe wants whole words

console = Console(width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True)


def fail(message: str, *, code: int) -> NoReturn:
    """Say what is wrong in one paragraph on standard error, and end with `code`."""
    errors.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def misfit_words(error: ValidationError) -> str:
    """What does not fit a schema or the settings: one line per field."""
    return "\n".join(
        f"{'.'.join(map(str, one['loc']))}: {show(str(one['input']))} is not allowed; "
        f"allowed: {allowed_range(one)}"
        if one["loc"]
        else one["msg"].removeprefix("Value error, ")
        for one in error.errors()
    )


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document for people and programs alike."""
    console.print_json(data=dict(document))


def printable(text: str) -> str:
    r"""A text that tells a terminal nothing: control characters but line ends and tabs written out.

    >>> printable("a\tb\n\x1b[31mred\r\x9b")
    'a\tb\n\\x1b[31mred\\r\\x9b'
    """
    return "".join(
        repr(character)[1:-1] if _commands(character) else character for character in text
    )


def _commands(character: str) -> bool:
    """Whether a character may be an order to a terminal, or turn what follows around."""
    return unicodedata.category(character) in {"Cc", "Cf"} and character not in "\n\t"


def study_table(studies: list[StudyView]) -> Table:
    """Studies as a table, one a row."""
    table = Table(box=None, header_style="bold")
    for heading in ("study", "state", "objective", "runs", "best", "label"):
        table.add_column(heading)
    for one in studies:
        table.add_row(
            one.id,
            one.state,
            escape(one.objective),
            f"{one.progress.finished_runs}/{one.progress.expected_runs}",
            escape(best_words(one)),
            escape(one.label),
        )
    return table


def best_words(study: StudyView) -> str:
    """The best so far in a few words."""
    if study.best is None:
        return "-"
    best = study.best
    return f"{best.value:.5g} {best.family} (peak {best.peak:.3g})"


def print_study(study: StudyView, *, as_json: bool) -> None:
    """Print a study as it stands."""
    if as_json:
        print_json(study.model_dump(mode="json"))
        return
    table = Table(box=None, show_header=False)
    rows = {
        "study": study.id,
        "state": study.state,
        "objective": study.objective,
        "runs": f"{study.progress.finished_runs} of {study.progress.expected_runs}",
        "updates": f"{study.progress.search_steps:,} of the search "
        f"({study.progress.fte:g} full trainings), {study.progress.evidence_steps:,} of evidence",
        "best": best_words(study),
        "search ended": study.search_ended,
        "deadline": study.deadline,
        "priority": None if study.priority == 1.0 else f"{study.priority:g}",
        "label": study.label or None,
        "labels": ", ".join(f"{name}={words}" for name, words in study.labels.items()) or None,
        "notes": study.notes or None,
        "condition": "\n".join(
            f"{one.type} ({one.reason}) since {one.at}: {one.message}"
            for one in study.conditions
            if one.status
        )
        or None,
        "curves": study.curves_purged_at and f"purged on {study.curves_purged_at}",
        "beware": "\n".join(f"{one.code}: {one.message}" for one in study.warnings) or None,
        "error": study.error,
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(f"[bold]{name}", escape(value))
    console.print(table)


def print_check(check: StudyCheck, *, as_json: bool) -> None:
    """Print what a study would be and cost."""
    if as_json:
        print_json(check.model_dump(mode="json"))
        return
    cost, spec = check.estimate, check.spec
    table = Table(box=None, show_header=False)
    rows = {
        "objective": spec["objective"],
        "horizon": f"{spec['horizon']:,} updates",
        "families": ", ".join(spec["space"]["families"]),
        "trials": f"{cost.trials:,}",
        "runs": f"{cost.runs:,}",
        "updates": f"at most {cost.search_steps:,} of the search ({cost.fte:g} full trainings), "
        f"{cost.evidence_steps:,} of evidence",
        "beware": "\n".join(f"{one.code}: {one.message}" for one in check.warnings) or None,
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(f"[bold]{name}", escape(value))
    console.print(table)
