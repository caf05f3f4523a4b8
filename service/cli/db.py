"""`glideslope db upgrade | backup`: the store itself, without a running service."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from service.cli.options import AsJson
from service.cli.output import console, print_json
from service.settings import Settings

app = typer.Typer(help="Look after the database.", no_args_is_help=True)

Database = Annotated[
    str | None,
    typer.Option(
        help="SQLAlchemy URL of the store.", show_default="GLIDESLOPE_DATABASE_URL or its default"
    ),
]


@app.command()
def upgrade(database: Database = None, as_json: AsJson = False) -> None:
    """Bring the tables up to date; `serve` does so too when it starts."""
    # Here and not above: the store's libraries take a while to load; no other command needs them.
    from service.app import open_store  # noqa: PLC0415

    open_store(settings_of(database)).close()
    if as_json:
        print_json({"upgraded": True})
    else:
        console.print("the database is up to date")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    database: Database = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file of that name, in one step.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy an SQLite database, also while it is served; the copy is checked before it is there."""
    from service.store.backup import back_up  # noqa: PLC0415 # as above

    size = back_up(settings_of(database).database_url, file, overwrite=overwrite)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        console.print(f"{escape(str(file))}: {size:,} bytes, checked", highlight=False)


def settings_of(database: str | None) -> Settings:
    """The settings of the environment, with the store that an option names."""
    settings = Settings()
    return settings if database is None else settings.model_copy(update={"database_url": database})
