"""Chart: what the families of a search look like over their ranges.

The one idea: every family in its usual form, with a few schedules drawn from its ranges behind it;
as shapes, which say how it moves, and as learning rates, which say how far.
Not here: how they are drawn from the space (`service.ui.form.shapes`).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.form.shapes import Shape
from service.ui.looks import Look, band
from tuning.schedules.curves import Floats

FAINT = 3  # schedules behind the usual form of a family
FEW, SOME = 3, 5  # families; of more, bands would hide each other, and faint lines as well
DECADES = 3.0  # of a shape on a logarithmic axis
DECADES_OF_RATES = 5  # below the highest
FAINT_ALPHA = 0.4

Line = tuple[Json, list[float | None]]  # a trace, and its values as learning rates


def preview_chart(shapes: Sequence[Shape], looks: Mapping[str, Look], horizon: int) -> Chart:
    """Draw families over a horizon."""
    lines = [line for one in shapes for line in _lines(one, looks[one.family], len(shapes))]
    highest = max(float(one.peaks.max()) for one in shapes)
    return Chart(
        name="preview",
        title="Families",
        caption=_caption(len(shapes)),
        data=[trace for trace, _ in lines],
        layout=layout(
            360,
            xaxis=axis("update", range=[0, horizon], showgrid=False, tickformat="~s"),
            yaxis=axis("share of the peak"),
        ),
        views=(
            View("shape", {"yaxis": {"type": "linear", "range": [0, 1.04]}}),
            View("shape, log", {"yaxis": log_axis(10.0**-DECADES, 1.2)}),
            View(
                "learning rate",
                {
                    "yaxis": {
                        **log_axis(_lowest(shapes, highest), 1.3 * highest),
                        "title": {"text": "learning rate"},
                    }
                },
                [{"y": rates} for _, rates in lines],
            ),
        ),
        keys=tuple(Key(one.family, one.family, looks[one.family]) for one in shapes),
    )


def _caption(shown: int) -> str:
    behind = ", and schedules drawn from its ranges behind it" if shown <= SOME else ""
    return f"The usual form of every family{behind}. Names show and hide them."


def _lines(shape: Shape, look: Look, shown: int) -> list[Line]:
    """The traces of a family, from the back to the front."""
    rates = shape.curves * shape.peaks[:, None]
    steps: list[float | None] = shape.steps.tolist()
    lines: list[Line] = []
    if shown <= FEW:
        for reduce, fill in ((np.min, "none"), (np.max, "tonexty")):
            one = _line(shape, look, steps, reduce(shape.curves, 0), reduce(rates, 0))
            one[0].update(fill=fill, fillcolor=band(look.light), hoverinfo="skip")
            one[0]["line"]["width"] = 0
            lines.append(one)
    if shown <= SOME:
        few = slice(1, 1 + FAINT)
        many = _joined(np.broadcast_to(shape.steps, shape.curves[few].shape))
        behind = _line(shape, look, many, _gapped(shape.curves[few]), _gapped(rates[few]))
        behind[0].update(opacity=FAINT_ALPHA, hoverinfo="skip")
        lines.append(behind)
    usual = _line(shape, look, steps, shape.curves[0], rates[0])
    usual[0]["line"]["width"] = 2.4
    return [*lines, usual]


def _line(
    shape: Shape, look: Look, steps: list[float | None], values: Floats, rates: Floats
) -> Line:
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": shape.family,
        "legendgroup": shape.family,
        "x": steps,
        "y": _rounded(values),
        "line": {"color": look.light, "width": 1, "simplify": False},
        "hovertemplate": "%{y:.3g} at %{x:,d}",
    }
    return trace, _rounded(rates)


def _gapped(values: Floats) -> Floats:
    """Several curves as one, with nothing between them."""
    return np.pad(values.astype(np.float64), ((0, 0), (0, 1)), constant_values=np.nan).ravel()


def _rounded(values: Floats, digits: int = 4) -> list[float | None]:
    """Numbers for the eye, None where there is nothing to draw."""
    return [float(f"{one:.{digits}g}") if math.isfinite(one) else None for one in values.tolist()]


def _joined(steps: Floats) -> list[float | None]:
    return _rounded(_gapped(steps), 9)


def _lowest(shapes: Sequence[Shape], highest: float) -> float:
    """The lowest learning rate that is shown on a logarithmic axis."""
    rates = np.concatenate([(one.curves * one.peaks[:, None]).ravel() for one in shapes])
    positive = rates[rates > 0.0]
    lowest = float(positive.min(initial=highest))
    return max(lowest, highest / 10.0**DECADES_OF_RATES) / 1.25
