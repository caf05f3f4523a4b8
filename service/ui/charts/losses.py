"""Chart: loss curves of the arms, with the learning rate under them.

The one idea: mean over seeds as a line, all seeds within a band, over the same updates as the
learning rate that caused it. Confirmation runs if there are any, else those of the search.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from service.ui.arms import ArmView
from service.ui.charts.chart import Chart, Json, View, log_axis
from service.ui.charts.panels import panels
from service.ui.charts.ranges import linear
from service.ui.charts.schedules import arm_keys
from service.ui.looks import band
from service.ui.typeset import compact
from tuning.evidence.arms import is_measuring
from tuning.records import Direction, History, Phase, Run, RunState, StudySpec

Curves = Mapping[str, Sequence[Mapping[str, Any]]]

CLOSE_UP = 0.7  # share of the horizon at which the view of the end begins
FALL = 0.2  # share of the horizon in which a first fall may leave the frame
REACH = 4.0  # times the gap from the best value to the worst after that fall


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric over updates, over the seeds of one arm."""

    arm: ArmView
    steps: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: int


def losses_chart(
    spec: StudySpec, history: History, arms: Sequence[ArmView], curves: Curves
) -> Chart | None:
    """Draw the compared metric of the arms while they train; None if nothing was measured."""
    phase_runs = _shown_runs(spec, history, arms)
    found = [
        curve
        for arm in arms
        if (curve := _curve(arm, phase_runs.get(arm.trial.number, []), curves, spec.metric.name))
    ]
    if not found:
        return None
    is_confirmed = any(run.phase is Phase.CONFIRM for runs in phase_runs.values() for run in runs)
    seeds = "fresh seeds of the confirmation" if is_confirmed else "paired seeds of the search"
    drawn = [trace for curve in reversed(found) for trace in _traces(curve)]
    return Chart(
        name="losses",
        title="Training",
        caption=f"{spec.metric.name} on validation while training: mean over the {seeds}, "
        "band from the lowest to the highest seed. A first fall may leave the linear frame. "
        "Below, the learning rate.",
        data=[*drawn, *(_rate(curve.arm) for curve in reversed(found))],
        layout=panels(f"{spec.metric.name} on validation"),
        views=_views(spec, found),
        keys=arm_keys([curve.arm for curve in found]),
    )


def _shown_runs(spec: StudySpec, history: History, arms: Sequence[ArmView]) -> dict[int, list[Run]]:
    """Completed runs of the arms at the full horizon, of one phase for all arms alike."""
    numbers = {arm.trial.number for arm in arms}
    done = [
        run
        for run in history.runs
        if run.trial in numbers
        and run.updates == spec.horizon
        and (end := history.results.get((run.generation, run.index))) is not None
        and end.state is RunState.COMPLETED
    ]
    confirmed = [run for run in done if is_measuring(run)]
    grouped: dict[int, list[Run]] = {}
    for run in confirmed or done:
        grouped.setdefault(run.trial, []).append(run)
    return grouped


def _curve(arm: ArmView, runs: Sequence[Run], curves: Curves, name: str) -> Curve | None:
    """Join the runs of an arm, at the updates where each of them was measured."""
    by_place = {tuple(key.rsplit(".", 2)[1:]): reports for key, reports in curves.items()}
    lines = [
        line
        for run in runs
        if (line := _values(by_place.get((str(run.generation), str(run.index)), ()), name))
    ]
    if not lines:
        return None
    steps = sorted(set(lines[0]).intersection(*lines[1:]))
    at = [[line[step] for line in lines] for step in steps]
    return Curve(
        arm=arm,
        steps=steps,
        mean=[fmean(values) for values in at],
        low=[min(values) for values in at],
        high=[max(values) for values in at],
        seeds=len(lines),
    )


def _values(reports: Sequence[Mapping[str, Any]], name: str) -> dict[int, float]:
    """Finite values of a metric by step."""
    return {
        int(step): float(value)
        for report in reports
        for step, value in zip(report["steps"], report["values"].get(name, ()), strict=False)
        if value is not None and math.isfinite(value)
    }


def _traces(curve: Curve) -> list[Json]:
    """The band (two edges) and the mean of one arm."""
    arm = curve.arm
    common = {"type": "scatter", "mode": "lines", "x": curve.steps, "legendgroup": arm.group}
    edge = {**common, "line": {"width": 0, "color": arm.look.light}, "hoverinfo": "skip"}
    mean = {
        **common,
        "name": arm.label,
        "y": compact(curve.mean),
        "line": {
            "color": arm.look.light,
            "width": 3.2 if arm.is_winner else 1.6,
            "dash": arm.dash,
        },
        "customdata": [
            list(pair) for pair in zip(compact(curve.low), compact(curve.high), strict=True)
        ],
        "hovertemplate": "%{y:.5g}  (%{customdata[0]:.4g} to %{customdata[1]:.4g})",
    }
    return [
        {**edge, "y": compact(curve.low)},
        {**edge, "y": compact(curve.high), "fill": "tonexty", "fillcolor": band(arm.look.light)},
        mean,
    ]


def _rate(arm: ArmView) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "yaxis": "y2",
        "legendgroup": arm.group,
        "x": arm.steps,
        "y": compact(arm.lrs),
        "line": {
            "color": arm.look.light,
            "width": 2.4 if arm.is_winner else 1.2,
            "dash": arm.dash,
            "simplify": False,
        },
        "hoverinfo": "skip",
    }


def _views(spec: StudySpec, found: Sequence[Curve]) -> tuple[View, ...]:
    """The training without its first fall, all of it on a logarithmic axis, and its end alone."""
    whole = {"range": [0, spec.horizon]}
    views = [View("linear", {"xaxis": whole, "yaxis": linear(*_frame(spec, found))})]
    least = min(value for curve in found for value in curve.low)
    most = max(value for curve in found for value in curve.high)
    if least > 0.0:
        views.append(View("log", {"xaxis": whole, "yaxis": log_axis(least / 1.03, most * 1.03)}))
    end = _values_from(found, CLOSE_UP * spec.horizon)
    if end:
        near = {"range": [CLOSE_UP * spec.horizon, spec.horizon]}
        views.append(View("the end", {"xaxis": near, "yaxis": linear(min(end), max(end))}))
    return tuple(views)


def _frame(spec: StudySpec, found: Sequence[Curve]) -> tuple[float, float]:
    """From the best value to `REACH` times as far as the worst after the first fall."""
    everything = _values_from(found, 0.0)
    later = _values_from(found, FALL * spec.horizon) or everything
    low, high = min(everything), max(everything)
    if spec.metric.direction is Direction.MINIMIZE:
        return low, min(high, low + REACH * (max(later) - low))
    return max(low, high - REACH * (high - min(later))), high


def _values_from(found: Sequence[Curve], first: float) -> list[float]:
    """Both edges of all bands from update `first` on."""
    return [
        value
        for curve in found
        for step, *edges in zip(curve.steps, curve.low, curve.high, strict=True)
        for value in edges
        if step >= first
    ]
