"""Charts of a trial: its schedule beside the best one, and what each of its runs measured.

The one idea: one look at what was tried and one at what came of it; runs over shorter horizons
stand over the share of their own training, so that one shape is compared with itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.charts.ranges import linear
from service.ui.looks import INKED, Look, band, phase_looks
from service.ui.typeset import compact
from tuning.records import Metric, Phase
from tuning.schedules import Schedule

POINTS = 500
DECADES = 4.0
FALL = 0.1  # share of a training in which a first fall may leave the linear frame


@dataclass(frozen=True, slots=True)
class Trace:
    """What a run of a trial measured of the compared metric; None where it is not finite."""

    run: str
    phase: Phase
    seed: int
    updates: int
    is_lost: bool
    steps: Sequence[int]
    values: Sequence[float | None]


def schedule_chart(
    schedule: Schedule, label: str, look: Look | None, best: tuple[str, Schedule] | None
) -> Chart:
    """Draw a schedule, and behind it the best one of the study, if that is another."""
    known = [(label, schedule, look or INKED, 3.2)]
    if best is not None:
        known.insert(0, (*best, INKED, 1.3))
    drawn = [_line(*one) for one in known]
    highest = max(one.peak for _, one, *_ in known) or 1.0
    lowest = min((lr for line in drawn for lr in line["y"] if lr), default=highest)
    low = max(lowest, highest * 10.0**-DECADES) / 1.25
    return Chart(
        name="schedule",
        title="Schedule",
        caption="Learning rate of every update over the full horizon."
        + (" The thin line is the best of the study." if best else ""),
        data=drawn,
        layout=layout(
            360,
            hovermode="x unified",
            xaxis=axis("update", range=[0, schedule.horizon], showgrid=False, tickformat=",d"),
            yaxis=axis("learning rate"),
        ),
        views=(
            View("linear", {"yaxis": {"type": "linear", "range": [0, 1.06 * highest]}}),
            View("log", {"yaxis": log_axis(low, highest * 1.4)}, [{"fill": "none"}] * len(drawn)),
        ),
        keys=tuple(
            Key(name, name, shown, is_winner=width > 2) for name, _, shown, width in known[::-1]
        ),
    )


def _line(name: str, schedule: Schedule, look: Look, width: float) -> Json:
    steps, lrs = schedule.preview(POINTS)
    is_own = width > 2
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": name,
        "x": steps.tolist(),
        "y": compact(lrs.tolist()),
        "line": {"color": look.light, "width": width, "simplify": False},
        "fill": "tozeroy" if is_own and look is not INKED else "none",
        **({"fillcolor": band(look.light)} if is_own and look is not INKED else {}),
        "hovertemplate": "%{y:.4g}",
    }


def runs_chart(traces: Sequence[Trace], metric: Metric) -> Chart | None:
    """Draw what the runs of a trial measured; None if nothing was."""
    known = [one for one in traces if any(value is not None for value in one.values)]
    if not known:
        return None
    looked = phase_looks()
    phases = [phase for phase in Phase if any(one.phase is phase for one in known)]
    numbers = [value for one in known for value in one.values if value is not None]
    views = [View("linear", {"yaxis": linear(*_frame(known))})]
    if min(numbers) > 0.0:
        views.append(View("log", {"yaxis": log_axis(min(numbers) / 1.03, max(numbers) * 1.03)}))
    return Chart(
        name="runs",
        title="Runs",
        caption=f"{metric.name} on validation of each run while it trained. Runs over a shorter "
        "horizon are thin; a broken line was lost.",
        data=[_curve(one, looked, max(o.updates for o in known)) for one in known],
        layout=layout(
            360,
            hovermode="closest",
            xaxis=axis("share of the run's own updates", range=[0, 1.01], tickformat=".0%"),
            yaxis=axis(f"{metric.name} on validation"),
        ),
        views=tuple(views),
        keys=tuple(Key(phase.value, phase.value, looked[phase]) for phase in phases),
    )


def _curve(one: Trace, looked: Mapping[Phase, Look], most: int) -> Json:
    title = f"{one.phase}, seed {one.seed}, {one.updates:,} updates"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": title,
        "legendgroup": one.phase.value,
        "x": compact(step / one.updates for step in one.steps),
        "y": compact(one.values),
        "customdata": list(one.steps),
        "line": {
            "color": looked[one.phase].light,
            "width": 1.3 if one.updates == most else 0.7,
            "dash": "dash" if one.is_lost else "solid",
        },
        "hovertemplate": f"{title}<br>after %{{customdata:,}}: %{{y:.5g}}<extra></extra>",
    }


def _frame(traces: Sequence[Trace]) -> tuple[float, float]:
    """All that was measured after the first fall; all, if nothing was."""
    later = [
        value
        for one in traces
        for step, value in zip(one.steps, one.values, strict=True)
        if value is not None and step >= FALL * one.updates
    ]
    everything = [value for one in traces for value in one.values if value is not None]
    return min(later or everything), max(later or everything)
