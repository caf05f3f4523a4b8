"""Options that many commands have, and what the shell completes for them.

The one idea: ids of studies, objectives and families are completed as the service knows them: it
is asked once, for at most a second, and nothing is said if anything is wrong, for nobody wants an
error in the middle of a line.
Not here: how a shell is set up (`glideslope --install-completion`).
"""

import os
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated

import typer

from service.client import Client, ClientError, Patience

DEFAULT_URL = "http://127.0.0.1:8000"
MOST = 50
ONCE = Patience(seconds=0.0, answer_seconds=1.0)

Choices = list[tuple[str, str]]


def complete_study(incomplete: str) -> Choices:
    """Ids of the newest studies, with what they are."""
    return _ask(
        incomplete,
        lambda client: (
            (one.id, f"{one.state}, {one.label or one.objective}")
            for one in islice(client.studies.list(limit=MOST), MOST)
        ),
    )


def complete_objective(incomplete: str) -> Choices:
    """Names of objectives."""
    return _ask(
        incomplete,
        lambda client: ((one.name, one.title) for one in client.catalogue.objectives()),
    )


def complete_family(incomplete: str) -> Choices:
    """Names of families."""
    return _ask(
        incomplete,
        lambda client: (
            (one.name, one.help.partition("\n")[0]) for one in client.catalogue.families()
        ),
    )


def _ask(incomplete: str, read: Callable[[Client], Iterable[tuple[str, str]]]) -> Choices:
    url = os.environ.get("GLIDESLOPE_URL", DEFAULT_URL)
    try:
        with Client(url, patience=ONCE) as client:
            return [one for one in read(client) if one[0].startswith(incomplete)]
    except ClientError:
        return []


Url = Annotated[str, typer.Option("--url", envvar="GLIDESLOPE_URL", help="Where the service is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StudyId = Annotated[
    str, typer.Argument(metavar="STUDY", help="Id of the study.", autocompletion=complete_study)
]
IfMatch = Annotated[
    int | None,
    typer.Option(metavar="REVISION", min=0, help="Only if the study is at this revision still."),
]
