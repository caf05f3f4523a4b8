"""Provenance: what a run was trained on, and with which versions of what.

The one idea: nobody but who trains can know it, so it is told with the end of every run; the runs
of a process share one value, which costs next to nothing beside a run.
Not here: what follows when runs of one study differ in it (`tuning.evidence.origins`).
"""

import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from tuning.errors import InvalidValue

LONGEST_HASH = 128  # characters
ALWAYS = ("glideslope", "numpy")  # whatever is trained
PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a run was trained on and with.

    Args:
        data_hash: of the data trained and scored on, SHA-256 in hexadecimal where the objective is
            ours; None if nobody told.
        versions: of the packages its figures depend on, by name.
    """

    data_hash: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no hash, whoever gave it."""
        told: object = self.data_hash  # of somebody else's objective, typed or not
        if told is not None and not (isinstance(told, str) and 0 < len(told) <= LONGEST_HASH):
            raise InvalidValue("data_hash", told, f"a text of 1 to {LONGEST_HASH} characters")

    @property
    def identity(self) -> str:
        """SHA-256 of all of it, in hexadecimal: equal if and only if what was told is."""
        text = json.dumps([self.data_hash, dict(self.versions)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def installed(packages: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Versions of Python, `ALWAYS` and these packages, as installed here; looked up once.

    Raises `InvalidValue` naming `packages` if one is not installed.

    >>> sorted(installed(("scipy",)))
    ['glideslope', 'numpy', 'python', 'scipy']
    """
    found = {PYTHON: platform.python_version()}
    for name in sorted({*ALWAYS, *packages}):
        try:
            found[name] = version(name)
        except PackageNotFoundError as error:
            allowed = "names of installed packages, as pip spells them"
            raise InvalidValue("packages", name, allowed) from error
    return MappingProxyType(dict(sorted(found.items())))


__all__ = ["ALWAYS", "LONGEST_HASH", "PYTHON", "Provenance", "installed"]
