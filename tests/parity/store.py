"""Store: the stored answers, which tests compare with where no library is installed.

The one idea: the cases written by hand and the first draws of every row, one case per line in their
own order, so that a change shows as such.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "tuning" / "schedules" / "interop" / "stored"
DRAWS = 8  # of every row
HIDDEN = ("index", "public")


def write(framework: str, answer: dict[str, Any]) -> Path:
    """Write the answers of a library, or of all feedback rules."""
    path = FOLDER / f"{framework}.json"
    parts = [f'"versions": {json.dumps(answer["versions"])}']
    for name in ("cases", "refused"):
        kept = (case for case in answer[name] if case["index"] < DRAWS)
        lines = ",\n".join(json.dumps(_shown(case)) for case in kept)
        parts.append(f'"{name}": [\n{lines}\n]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    return path


def _shown(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in case.items() if name not in HIDDEN}


def read(framework: str) -> dict[str, Any]:
    """The stored answers."""
    return json.loads((FOLDER / f"{framework}.json").read_text(encoding="utf-8"))
