"""Charts of several studies: their best schedules, and how their best got better for what it cost.

The one idea: a study keeps its colour in both; what was spent is counted in full trainings, so that
studies of unlike horizons and rungs stand on one axis.
Not here: whether their values compare (`service.ui.compare`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.ui.arms import ArmView, Outcome
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.charts.marks import records
from service.ui.charts.ranges import padded, span
from service.ui.looks import Look
from service.ui.typeset import compact
from tuning.records import StudySpec

DECADES = 4.0  # shown below the highest peak on a logarithmic axis


@dataclass(frozen=True, slots=True)
class Line:
    """A study as it is drawn; `arm` is its best schedule, `found` its trials that ended."""

    name: str
    look: Look
    spec: StudySpec
    arm: ArmView | None
    found: Sequence[Outcome] = ()


def best_schedules_chart(lines: Sequence[Line]) -> Chart | None:
    """The best schedule of each study; None while none has one."""
    drawn = [(line, line.arm) for line in lines if line.arm is not None]
    if not drawn:
        return None
    highest = max(arm.trial.schedule.peak for _, arm in drawn) or 1.0
    lowest = min((lr for _, arm in drawn for lr in arm.lrs if lr > 0.0), default=highest)
    low = max(lowest, highest * 10.0**-DECADES) / 1.25
    longest = max(line.spec.horizon for line in lines)
    views = [
        View("linear", {"yaxis": {"type": "linear", "range": [0, 1.06 * highest]}}),
        View("log", {"yaxis": log_axis(low, highest * 1.4)}),
    ]
    if len({line.spec.horizon for line in lines}) > 1:
        shares = [
            {"x": compact(step / line.spec.horizon for step in arm.steps)} for line, arm in drawn
        ]
        over = {"title": {"text": "share of the training"}, "range": [0, 1], "tickformat": ".0%"}
        views.append(View("by share", {"xaxis": over, **views[0].layout}, shares))
    return Chart(
        name="schedules",
        title="Best schedules",
        caption="The winner of each study, or its best so far: the learning rate of every update.",
        data=[
            {
                **_drawn(line, f"{line.name}: {arm.label}"),
                "x": arm.steps,
                "y": compact(arm.lrs),
                "hovertemplate": "%{y:.4g}",
            }
            for line, arm in drawn
        ],
        layout=layout(
            400,
            hovermode="x unified",
            xaxis=axis("update", range=[0, longest], showgrid=False, tickformat=",d"),
            yaxis=axis("learning rate", rangemode="tozero"),
        ),
        views=tuple(views),
        keys=_keys([line for line, _ in drawn]),
    )


def best_so_far_chart(lines: Sequence[Line], *, is_fair: bool) -> Chart | None:
    """The best so far over full trainings spent; relative to their last if values do not compare.

    None while no study has a score.
    """
    drawn = [(line, found) for line in lines if (found := _records(line))]
    if not drawn:
        return None
    scores = [[one.score or 0.0 for one in found] for _, found in drawn]
    ratios = [[value / one[-1] if one[-1] else 1.0 for value in one] for one in scores]
    direction = drawn[0][0].spec.metric.direction
    views = [
        View(
            "relative to its last",
            {
                "yaxis": {
                    "title": {"text": "best so far / its last"},
                    "range": padded(*_span(ratios)),
                }
            },
            [{"y": compact([*one, one[-1]])} for one in ratios],
        )
    ]
    if is_fair:
        name = drawn[0][0].spec.metric.name
        shown = span([value for one in scores for value in one], direction)
        views.insert(
            0,
            View(
                "values",
                {"yaxis": {"title": {"text": f"best {name}"}, "range": padded(*shown)}},
                [{"y": compact([*one, one[-1]])} for one in scores],
            ),
        )
    end = max(one.spent / line.spec.horizon for line, _ in drawn for one in line.found)
    return Chart(
        name="progress",
        title="Best so far",
        caption="The best so far, over the updates of the search counted in full trainings."
        + ("" if is_fair else " Values do not compare, so each is told as a multiple of its last."),
        data=[_steps(line, found, end) for line, found in drawn],
        layout=layout(
            380,
            hovermode="closest",
            xaxis=axis("full trainings spent on the search", rangemode="tozero"),
            yaxis=axis("best so far"),
        ),
        views=tuple(views),
        keys=_keys([line for line, _ in drawn]),
    )


def _records(line: Line) -> list[Outcome]:
    ordered = sorted(line.found, key=lambda one: (one.spent, one.number))
    return records(ordered, line.spec.metric.direction)


def _span(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    flat = [value for one in values for value in one]
    low, high = min(flat), max(flat)
    return (low, high) if low < high else (low - 0.05, high + 0.05)


def _steps(line: Line, found: Sequence[Outcome], end: float) -> Json:
    own = max(one.spent for one in line.found) / line.spec.horizon
    return {
        **_drawn(line, line.name),
        "x": compact([*(one.spent / line.spec.horizon for one in found), min(own, end)]),
        "mode": "lines+markers",
        "marker": {"color": line.look.light, "size": [*([6] * len(found)), 0], "opacity": 1},
        "line": {"color": line.look.light, "width": 2.2, "shape": "hv"},
        "text": [f"trial {one.number}, {one.family}" for one in (*found, found[-1])],
        "hovertemplate": "%{text}: %{y:.5g}<extra></extra>",
    }


def _drawn(line: Line, name: str) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": line.look.token,
        "line": {"color": line.look.light, "width": 2.4, "simplify": False},
    }


def _keys(lines: Sequence[Line]) -> tuple[Key, ...]:
    return tuple(Key(line.look.token, line.name, line.look) for line in lines)
