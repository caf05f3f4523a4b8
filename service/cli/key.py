"""`glideslope key create | list | revoke`: who may ask the service for what.

The one idea: on the store itself, so that the first key can be made before anybody is served; or
through a service that runs, with `--url`, since on SQLite a running server has the store to itself.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.db import Database, settings_of
from service.cli.options import AsJson
from service.cli.output import console, errors, print_json
from service.cli.project import check_name
from service.client import Client
from service.schemas.keys import KeyMade, KeyRequest, KeyView, Scope

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

USUAL = [Scope.READ, Scope.WRITE, Scope.WORK]
MOST_DAYS = 36_500

Url = Annotated[
    str | None, typer.Option("--url", help="A running service to ask, instead of the store itself.")
]


class Keys(Protocol):
    """What is done to keys, here on a store or by a service."""

    def create(
        self,
        label: str,
        scopes: list[str],
        *,
        expires_at: str | None = None,
        project: str | None = None,
        all_projects: bool = False,
    ) -> KeyMade:
        """Make one."""

    def list(self) -> Iterable[KeyView]:
        """Tell all."""

    def revoke(self, key: str) -> None:
        """Let one open nothing any more."""


@app.command()
def create(
    label: Annotated[str, typer.Option(help="Whose or what for; your own words.")] = "",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What its holder may do; repeatable. All but admin if left out."),
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Whose it is; made if there is none of the name.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0, max=MOST_DAYS, help="After how many days it ends.")
    ] = None,
    all_projects: Annotated[
        bool, typer.Option("--all-projects", help="Let it work and administer for every project.")
    ] = False,
    as_json: AsJson = False,
    database: Database = None,
    url: Url = None,
) -> None:
    """Make an API key and print it, this once; from the first one on the service needs keys."""
    end = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    wish = _checked(label or "key", scope or USUAL, project)
    with _keys(url, database) as keys:
        made = keys.create(
            wish.label,
            list(wish.scopes),
            expires_at=end,
            project=wish.project,
            all_projects=all_projects,
        )
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    errors.print(
        f"Key {made.id} of project {made.project}: {', '.join(made.scopes)}"
        f"{' of all projects' if made.all_projects else ''}; "
        f"ends {made.expires_at or 'never'}. It is shown this once; give it to programs as "
        "GLIDESLOPE_API_KEY.",
        highlight=False,
    )
    console.print(made.token, highlight=False, soft_wrap=True)


@app.command("list")
def list_keys(as_json: AsJson = False, database: Database = None, url: Url = None) -> None:
    """List API keys, without their secrets."""
    with _keys(url, database) as keys:
        found = list(keys.list())
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table(box=None, header_style="bold")
    for heading in ("key", "project", "label", "scopes", "ends", "last used"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            one.id,
            one.project + " and all" * one.all_projects,
            escape(one.label),
            " ".join(one.scopes),
            f"revoked {one.revoked_at}" if one.revoked_at else one.expires_at or "never",
            one.last_used_at or "never",
        )
    console.print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key, as the list shows it.")],
    as_json: AsJson = False,
    database: Database = None,
    url: Url = None,
) -> None:
    """Revoke an API key: it opens nothing any more."""
    with _keys(url, database) as keys:
        keys.revoke(key)
    if as_json:
        print_json({"revoked": key})
    else:
        console.print(f"Key {escape(key)} is revoked.", highlight=False)


def _checked(label: str, scopes: list[Scope], project: str | None) -> KeyRequest:
    """What is wished for, as the service would check it."""
    if project is not None:
        check_name(project, "--project")
    return KeyRequest(label=label, scopes=scopes, project=project)


@contextmanager
def _keys(url: str | None, database: str | None) -> Iterator[Keys]:
    """The keys of a service, or of a store."""
    if url is not None:
        with Client(url) as client:
            yield client.keys
        return
    # Here and not above: the store takes a second to load; no other command needs it.
    from service.cli.desk import open_desk  # noqa: PLC0415

    with open_desk(settings_of(database)) as desk:
        yield desk
