"""Store: the stored answers, which tests compare with where no library is installed.

The one idea: one case per line, in the order of the cases, so that a change shows as such.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "tuning" / "schedules" / "interop" / "stored"
DRAWS = 8  # of every row


def write(framework: str, answer: dict[str, Any]) -> Path:
    """Write the answers of a library, or of all feedback rules."""
    path = FOLDER / f"{framework}.json"
    parts = [f'"versions": {json.dumps(answer["versions"])}']
    for name in ("cases", "refused"):
        if name in answer:
            lines = ",\n".join(json.dumps(case) for case in answer[name])
            parts.append(f'"{name}": [\n{lines}\n]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    return path


def read(framework: str) -> dict[str, Any]:
    """The stored answers."""
    return json.loads((FOLDER / f"{framework}.json").read_text(encoding="utf-8"))
