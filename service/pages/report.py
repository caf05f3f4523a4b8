"""The report of a study, from the same reading as its page."""

from typing import Any

from service.pages.drawing import REPORTED, draw
from service.pages.reading import Reading
from service.ui import report


def render_report(session: Any, project: str, study: str) -> str:  # noqa: ANN401 # the store's own
    """The study as one HTML file that opens offline; raises NotFound."""
    reading = Reading(session, project, study)
    return report.render_report(reading.digest(), {name: draw(reading, name) for name in REPORTED})
