"""`glideslope webhook add | list | delete | deliveries`."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.options import DEFAULT_URL, AsJson, Url
from service.cli.output import console, print_json
from service.client import Client

app = typer.Typer(help="Have addresses told of what happens to studies.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of a webhook, `wh_…`.")]


@app.command()
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where events are POSTed.")],
    study: Annotated[
        str | None, typer.Option(help="Whose events; of every study if left out.")
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help="A kind, as completed; repeatable; all but frequent ones if left out."),
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Have an address told of events; shows the secret that signs them, this once."""
    with Client(url) as client:
        made = client.webhooks.create(address, study=study, events=event)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        console.print(f"{made.id} is told of {', '.join(made.events)}", highlight=False)
        console.print(f"secret, shown this once: {made.secret}", highlight=False)


@app.command("list")
def list_webhooks(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """List webhooks, oldest first."""
    with Client(url) as client:
        found = client.webhooks.list()
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table("webhook", "study", "address", "gone", box=None, header_style="bold")
    for one in found:
        table.add_row(one.id, one.study or "all", escape(one.url), one.gone_at or "-")
    console.print(table)


@app.command()
def delete(webhook: Id, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Remove a webhook; what was still to be sent to it is dropped."""
    with Client(url) as client:
        client.webhooks.delete(webhook)
    if as_json:
        print_json({"deleted": webhook})
    else:
        console.print(f"deleted {escape(webhook)}", highlight=False)


@app.command()
def deliveries(webhook: Id, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show what was sent to a webhook and what came of it, newest first."""
    with Client(url) as client:
        found = list(client.webhooks.deliveries(webhook))
    if as_json:
        print_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    table = Table("event", "kind", "state", "tries", "last", box=None, header_style="bold")
    for one in found:
        last = one.tries[-1] if one.tries else None
        told = "-" if last is None else str(last.status or last.error)
        table.add_row(one.event, one.kind, one.state, str(one.attempts), escape(told))
    console.print(table)
