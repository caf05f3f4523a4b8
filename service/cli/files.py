"""JSON files that commands are given."""

import json
from pathlib import Path
from typing import Any

from tuning.errors import InvalidValue


def read_object(path: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises `InvalidValue` naming `name`, the option or argument, if there is none.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidValue(name, str(path), f"a readable JSON file ({error})") from error
    if not isinstance(content, dict):
        raise InvalidValue(name, str(path), "a JSON object")
    return content
