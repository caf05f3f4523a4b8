"""`glideslope db upgrade | backup | copy | purge`: the store itself, without a running service."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import AsJson
from service.cli.output import console, print_json
from service.cli.progress import measured
from service.settings import Settings
from tuning.errors import InvalidValue

if TYPE_CHECKING:
    from service.store.copying import Copy

MOST_DAYS = 36_500

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


@app.command()
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE_URL", help="The store to copy; it may be served.")
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET_URL", help="Where to: a database that is empty, or is made."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Copy a whole store, SQLite to PostgreSQL or back, at one moment; all of it or nothing.

    A password is better in PGPASSWORD or ~/.pgpass than in a URL, which others on this machine can
    read.
    """
    from service.store.copying import copy_store  # noqa: PLC0415 # as above

    with measured() as (begin, advance):
        copied = copy_store(source, target, begin, advance)
    if as_json:
        print_json({**asdict(copied), "at": copied.at.isoformat()})
        return
    table = Table(box=None, header_style="bold")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("digest, on both sides")
    for one in copied.tables:
        table.add_row(one.name, f"{one.rows:,}", one.digest[:32])
    console.print(table)
    for line in _caveats(copied):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _caveats(copied: "Copy") -> Iterator[str]:
    """What whoever copied a store should know."""
    yield (
        f"{copied.target} now is what {copied.source} was at {copied.at:%Y-%m-%d %H:%M:%S} UTC; "
        "what is written there later is not in it."
    )
    if copied.studies:
        yield (
            f"{copied.studies:,} studies had not ended, {copied.leased_runs:,} runs were being "
            "trained: a server on the copy waits for their leases to end, gives them out again and "
            "goes on. Serve only one of the two from now on."
        )
    if copied.datasets:
        yield (
            f"The {copied.datasets:,} datasets ({copied.dataset_bytes / 2**20:,.1f} MiB) are files "
            "in the folder GLIDESLOPE_DATASET_FOLDER, not in the database: take it along."
        )


@app.command()
def purge(
    age: Annotated[
        str,
        typer.Option(
            "--curves-older-than", metavar="DAYS", help="How long ago a study ended: 90d, say."
        ),
    ],
    keep_best: Annotated[
        bool, typer.Option("--keep-best", help="Keep those of the schedules that are compared.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option(help="Folder that every study is written to before its curves go."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=100_000, help="Reports that go in one transaction.")
    ] = 1_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how much would go.")
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Remove what runs of old studies measured while they were trained; all results stay.

    A server on PostgreSQL goes on meanwhile. One on SQLite has its file to itself: it does this by
    itself, as GLIDESLOPE_CURVE_DAYS says, or is stopped first.
    """
    from service.api.archives import Policy, Purger  # noqa: PLC0415 # as above
    from service.app import open_store  # noqa: PLC0415

    policy = Policy(_days(age), keep_best, archive, batch)
    with closing(open_store(settings_of(database))) as store:
        purger = Purger(store, policy)
        due = [one for one in purger.find() if one.has_any or not dry_run]
        reports, size = purger.weigh(due)
        if not dry_run:
            with measured() as (begin, advance):
                begin(reports)
                reports = sum(purger.purge(one, partial(advance, "purging")) for one in due)
    studies = [one.study for one in due if one.has_any]
    folder = None if archive is None or dry_run else str(archive)
    if as_json:
        told = {"studies": studies, "reports": reports, "bytes": size, "archive": folder}
        print_json({**told, "is_dry_run": dry_run})
        return
    console.print(
        f"{'would remove' if dry_run else 'removed'} {reports:,} reports ({size / 2**20:,.1f} MiB) "
        f"of {len(studies):,} studies" + (f"; they are whole in {folder}" if folder else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _days(age: str) -> int:
    """How many days `90d` are."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})d", age)
    if found is None or int(found[1]) > MOST_DAYS:
        raise InvalidValue("--curves-older-than", age, f"1d to {MOST_DAYS}d")
    return int(found[1])


def settings_of(database: str | None) -> Settings:
    """The settings of the environment, with the store that an option names."""
    settings = Settings()
    return settings if database is None else settings.model_copy(update={"database_url": database})
