"""Static files of the pages: our own scripts and styles, and plotly.js as it is installed.

The one idea: a file is read and compressed once and addressed by a hash of what it holds, so a
browser keeps it for good and never shows an old one.
Not here: how they are sent (`service.pages.static`).
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePosixPath

from plotly.offline import get_plotlyjs

PLOTLY = "plotly.js"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, plain and compressed; `digest` names what it holds."""

    body: bytes
    zipped: bytes
    media_type: str
    digest: str


@cache
def names() -> frozenset[str]:
    """The names of all static files."""
    own = files("service.ui").joinpath("static").iterdir()
    return frozenset({PLOTLY, *(file.name for file in own)})


@cache
def asset(name: str) -> Asset:
    """A static file by its name, one of `names()`."""
    body = text(name).encode()
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    # Without a moment of making, so that the same file is always the same bytes.
    return Asset(body, gzip.compress(body, 6, mtime=0), media_type, sha256(body).hexdigest()[:16])


def address(name: str) -> str:
    """Where a page finds a static file: another address whenever the file has changed."""
    return f"/static/{name}?v={asset(name).digest}"


@cache
def text(name: str) -> str:
    """What a static file holds, with line ends as a browser reads them, so that hashes agree."""
    if name == PLOTLY:
        found = get_plotlyjs()
    else:
        found = files("service.ui").joinpath("static", name).read_text("utf-8")
    return str(found).replace("\r\n", "\n").replace("\r", "\n")
