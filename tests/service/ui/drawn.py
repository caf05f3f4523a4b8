"""What holds of every chart: plotly takes it, it goes dark, and it is light to send."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import plotly.graph_objects as go

from service.ui.charts.chart import CLEAR, Chart
from service.ui.looks import dark_of

MOST_BYTES = 500_000


def check_chart(chart: Chart) -> None:
    """Plotly's own classes take every view, every colour has a dark one, and it is not large."""
    document = chart.document()
    for view in document["views"] or [{"layout": {}, "data": []}]:
        patches = [*view["data"], *({} for _ in chart.data)]
        data = [merged(trace, patch) for trace, patch in zip(chart.data, patches, strict=False)]
        figure = go.Figure({"data": data, "layout": merged(chart.layout, view["layout"])})
        assert len(figure.data) == len(chart.data)
    used = {text for text in strings(document) if text.startswith(("#", "rgb"))}
    assert used - {CLEAR} <= dark_of().keys()
    assert len(json.dumps(document, allow_nan=False)) < MOST_BYTES


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script does to show a view."""
    both = dict(base)
    for name, value in patch.items():
        inner = both.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            both[name] = merged(inner, value)
        else:
            both[name] = value
    return both


def strings(value: object) -> Iterator[str]:
    """All texts within JSON-able values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
