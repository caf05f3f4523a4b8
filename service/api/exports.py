"""A schedule as a file of a framework: Python code, CSV or JSON.

The one idea: what is downloaded can be used as it is; why it is written this way stands in it as a
comment, where the format has comments.
Not here: the code itself (`tuning.schedules.interop`).
"""

import textwrap
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response

from tuning.schedules import Schedule
from tuning.schedules.interop import FRAMEWORKS, write_code
from tuning.schedules.limits import Among

PYTHON = "text/x-python"
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}
WIDTH = 96


async def _known_format(
    framework: Annotated[
        str, Query(alias="format", max_length=128, json_schema_extra={"enum": list(FRAMEWORKS)})
    ] = "json",
) -> str:
    """The name of a framework; any other is refused before anything is read."""
    return Among(FRAMEWORKS)("format", framework)


Format = Annotated[str, Depends(_known_format)]


def code_response(schedule: Schedule, framework: str) -> Response:
    """The code of a framework that makes a schedule, with the reason for its form."""
    written = write_code(schedule, framework)
    media_type = MEDIA_TYPES.get(framework, PYTHON)
    why = _comment(written.why) if media_type == PYTHON else ""
    return Response(why + written.code, media_type=media_type)


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - 2, break_long_words=False)
    return "".join(f"# {line}\n" for line in lines)
