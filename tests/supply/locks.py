"""Locks: the requirements files that everything is installed from, as they stand.

The one idea: a line is a name, one version and the hashes that a file of it may have, and nothing
else; whatever does not look so is told.
Not here: what is known of these versions (`tests.supply.audit`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "tests/full.lock", "tests/parity/requirements.txt")
PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z0-9,._-]+\])?==(?P<version>[0-9][0-9a-z.!+-]*)"
    r"( ; (?P<marker>[^\\#]+?))?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


@dataclass(frozen=True)
class Locked:
    """One version of a package, and what its files may hash to."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


def read_lock(text: str) -> tuple[list[Locked], list[str]]:
    """What a lock holds, and the lines of it that are something else."""
    found, odd = [], []
    for line in _joined(text):
        match = PINNED.fullmatch(line)
        if match is None:
            odd.append(line)
            continue
        hashes = frozenset(re.findall(r"sha256:([0-9a-f]{64})", match["hashes"]))
        found.append(Locked(match["name"], match["version"], match["marker"] or "", hashes))
    return found, odd


def _joined(text: str) -> Iterator[str]:
    """The requirements of a text, each in one line, without comments."""
    whole = re.sub(r"\s*\\\n\s*", " ", text)
    for line in whole.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield " ".join(line.split())
