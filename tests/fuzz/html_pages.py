"""Whether pages show what is stored as text, and run nothing of it.

The one idea: a page is read as a browser reads it; what attackers stored may be in texts and in
quoted values, but never a script, a handler, or an address that runs something.
"""

import json
from html.parser import HTMLParser
from typing import Any

from tests.fuzz.corpus import FORGED, PRODUCT

ADDRESSES = ("href", "src", "action", "formaction", "xlink:href", "data")


class Reader(HTMLParser):
    """Reads a page and notes what would run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins; its attributes are as they are meant."""
        self._open = tag
        for name, value in attrs:
            told = (value or "").strip().lower()
            if name.startswith("on") and FORGED in told:
                self.found.append(f"<{tag} {name}={value!r}>")
            if name in ADDRESSES and (told.startswith("javascript:") or "//forged" in told[:10]):
                self.found.append(f"<{tag} {name}={value!r}>")
            if name == "srcdoc" and FORGED in told:
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 # as the library has it
        """An element ends."""
        self._open = ""

    def handle_data(self, data: str) -> None:
        """A text; that of a script is run, unless it is data, which a script reads as text."""
        if self._open == "script" and f"{FORGED}()" in data and not _is_data(data):
            self.found.append(f"a script: {data[:200]!r}")


def _is_data(text: str) -> bool:
    """Whether a script element holds nothing but JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def check(page: str, where: str) -> list[str]:
    """What a page would run that it should only show."""
    reader: Any = Reader()
    reader.feed(page)
    reader.close()
    found = [f"{where} would run {one}" for one in reader.found]
    if PRODUCT in page:
        found.append(f"{where} computed a template that was stored")
    return found
