"""`glideslope workers`: who is there, what they offer and train."""

from collections import Counter
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, Url
from service.cli.output import console, print_json
from service.client import Client
from service.schemas.workers import WorkerView


def workers(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """List the workers of the last day, and what they train now."""
    with Client(url) as client:
        found = client.workers.list()
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("worker", "state", "asked", "for", "offers", "trains"):
        table.add_column(heading)
    for one in found.items:
        table.add_row(
            escape(one.name),
            one.state,
            _asked(one),
            "all projects" if one.project is None else escape(one.project),
            "anything" if one.objectives is None else escape(", ".join(one.objectives)),
            escape(_training(one)),
        )
    console.print(table)
    console.print(f"{found.queued:,} runs are queued", highlight=False)


def _asked(worker: WorkerView) -> str:
    if worker.seen_at is None:
        return "-"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(worker.seen_at)).total_seconds()
    return f"{max(0, round(seconds)):,} s ago"


def _training(worker: WorkerView) -> str:
    runs = Counter((one.study, one.phase) for one in worker.runs)
    return ", ".join(f"{many} x {phase} of {study}" for (study, phase), many in runs.items()) or "-"
