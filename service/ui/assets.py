"""Static files of the pages: our own scripts and styles, and plotly.js as it is installed.

The one idea: a file is read and compressed once and addressed by a hash of what it holds, so a
browser keeps it for good and never shows an old one. What a script imports is addressed likewise:
under another address the same module would be another one, and do all its work twice.
Not here: how they are sent (`service.pages.static`).
"""

import gzip
import re
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


# A module that a script of ours imports; none imports one that imports it.
IMPORTED = re.compile(r'(?<=from ")\./([\w-]+\.js)(?=")')


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
    kind = PurePosixPath(name).suffix
    is_own_script = kind == ".js" and name != PLOTLY
    body = (IMPORTED.sub(_address_of, text(name)) if is_own_script else text(name)).encode()
    # Without a moment of making, so that the same file is always the same bytes.
    zipped, digest = gzip.compress(body, 6, mtime=0), sha256(body).hexdigest()[:16]
    return Asset(body, zipped, MEDIA_TYPES[kind], digest)


def address(name: str) -> str:
    """Where a page finds a static file: another address whenever the file has changed."""
    return f"/static/{name}?v={asset(name).digest}"


def _address_of(found: re.Match[str]) -> str:
    return address(found[1])


@cache
def text(name: str) -> str:
    """What a static file holds, with line ends as a browser reads them, so that hashes agree."""
    if name == PLOTLY:
        found = get_plotlyjs()
    else:
        found = files("service.ui").joinpath("static", name).read_text("utf-8")
    return str(found).replace("\r\n", "\n").replace("\r", "\n")
