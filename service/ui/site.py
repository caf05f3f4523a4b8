"""The site: what all pages have around them.

The one idea: a page is a template inside `site.html`, and knows who looks at it, so it shows
nothing that its reader may not do.
Not here: which pages there are (`service.pages`), the standalone report (`service.ui.report`).
"""

from dataclasses import dataclass

from service.ui.looks import dark_of
from service.ui.templating import render


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page: the project, what the key is called if there is one, and the scopes.

    Whoever signed in with the key (`is_session`) can sign out.
    """

    project: str
    key: str | None
    scopes: frozenset[str]
    is_session: bool = False


NOBODY = Reader("", None, frozenset())


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the menu; `scope` is what its reader needs."""

    name: str
    path: str
    scope: str


PLACES = (
    Place("Studies", "/", "studies:read"),
    Place("Workbench", "/workbench", "studies:read"),
    Place("Objectives", "/objectives", "studies:read"),
    Place("Datasets", "/datasets", "studies:read"),
    Place("Workers", "/workers", "studies:read"),
    Place("Keys", "/keys", "admin"),
)


def render_page(template: str, reader: Reader, path: str, **values: object) -> str:
    """A page of the site.

    Args:
        template: its file among the templates.
        reader: who looks at it.
        path: its address, by which the menu knows where the reader is.
        values: what its template shows.
    """
    places = [place for place in PLACES if place.scope in reader.scopes]
    here = max(
        (place.path for place in places if path.startswith(place.path) and place.path != "/"),
        key=len,
        default="/" if path == "/" or path.startswith("/studies") else "",
    )
    return render(
        template, reader=reader, places=places, here=here, data={"dark": dark_of()}, **values
    )
