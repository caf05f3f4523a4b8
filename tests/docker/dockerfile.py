"""A Dockerfile as a list of stages: enough of the language to say what ours must hold.

The one idea: what this does not understand it refuses, so that no check passes because a line was
not seen. Not here: good practice in general, which a linter knows (`test_lint.py`).
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = frozenset(
    {"CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}
)


@dataclass
class Stage:
    """One stage: its base, its name, and its instructions in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, kind: str) -> list[str]:
        """What stands behind every instruction of a kind."""
        return [rest for name, rest in self.steps if name == kind]

    def last(self, kind: str) -> str:
        """What stands behind the last of them, the one that counts."""
        return self.all(kind)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """The variables it sets."""
        return {
            name: text.strip('"')
            for rest in self.all("ENV")
            for name, text in re.findall(r'(\w+)=("[^"]*"|\S+)', rest)
        }


def read_stages(path: Path) -> list[Stage]:
    """The stages of a Dockerfile; raises ValueError for what is not understood."""
    stages: list[Stage] = []
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif kind in KNOWN and stages:
            stages[-1].steps.append((kind, rest.strip()))
        elif line.strip():
            raise ValueError(f"{path.name}: {line!r} is not understood")
    return stages


def words(rest: str) -> list[str]:
    """The words of an instruction in exec form; raises ValueError for one in shell form."""
    found: list[str] = json.loads(rest)
    return found
