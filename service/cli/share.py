"""`glideslope study share | unshare`: a link for others, and the end of all of them."""

from typing import Annotated

import typer
from rich.markup import escape

from service.cli.options import DEFAULT_URL, AsJson, StudyId, Url
from service.cli.output import console, errors, print_json
from service.client import Client
from service.schemas.shares import MOST_HOURS, USUAL_HOURS

app = typer.Typer()


@app.command()
def share(
    study: StudyId,
    hours: Annotated[
        float, typer.Option(min=0, max=MOST_HOURS, help="How long the link is valid.")
    ] = USUAL_HOURS,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Print a link to the report of a study that needs no key, until it expires."""
    with Client(url) as client:
        made = client.shares.create(study, hours=hours)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    errors.print(f"Whoever has the link reads this study until {made.expires_at}.", highlight=False)
    console.print(url.rstrip("/") + made.url, highlight=False, soft_wrap=True, markup=False)


@app.command()
def unshare(study: StudyId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """End all links to a study."""
    with Client(url) as client:
        client.shares.revoke(study)
    if as_json:
        print_json({"unshared": study})
    else:
        console.print(f"No link leads to {escape(study)} any more.", highlight=False)
