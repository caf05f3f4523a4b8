"""Chart: the best so far, over trials and over the updates that were spent on them.

The one idea: a thick line for the search as a whole, a thin one for each family: which one leads,
since when, and whether it still pays to go on.
"""

from collections.abc import Callable, Mapping, Sequence

from service.ui.arms import Outcome
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout
from service.ui.charts.marks import SHOWN, records
from service.ui.charts.ranges import padded, span
from service.ui.looks import INKED, MUTED, Look
from service.ui.typeset import compact, significant
from tuning.records import Metric

ALL = "all families"
FLATTERING = (
    "The best mean of the last iterate over the paired seeds, of all families and of each. It "
    "flatters: the best of many is partly luck."
)


def progress_chart(
    found: Sequence[Outcome],
    metric: Metric,
    looked: Mapping[str, Look],
    goal: float | None = None,
) -> Chart | None:
    """Draw the best score so far; None while nothing has one. `goal` would end the search."""
    ended = [one for one in found if one.state in SHOWN]
    scored = [one for one in ended if one.score is not None]
    if not scored:
        return None
    families = [family for family in looked if any(one.family == family for one in scored)]
    groups = {family: [one for one in scored if one.family == family] for family in families}
    groups[ALL] = scored
    best = [one for group in groups.values() for one in records(group, metric.direction)]
    ends = list(span([one.score for one in best if one.score is not None], metric.direction))
    if goal is not None:
        ends.append(goal)
    updates = {"title": {"text": "updates of all trainings of the search"}, "tickformat": "~s"}
    return Chart(
        name="progress",
        title="Best so far",
        caption=FLATTERING + (f" Dashed: the goal, {significant(goal)}." if goal else ""),
        data=[_line(name, looked.get(name, INKED)) for name in groups],
        layout=layout(
            380,
            hovermode="closest",
            xaxis=axis("trial", rangemode="tozero", tickformat=",d"),
            yaxis=axis(f"best {metric.name} on validation", range=padded(min(ends), max(ends))),
            shapes=[] if goal is None else [_goal_line(goal)],
        ),
        views=(
            View("by trial", {}, _steps(groups, ended, metric, lambda one: one.number)),
            View(
                "by updates",
                {"xaxis": updates},
                _steps(groups, ended, metric, lambda one: one.spent),
            ),
        ),
        keys=(
            Key(ALL, ALL, INKED, is_winner=True),
            *(Key(family, family, looked[family]) for family in families),
        ),
    )


def _steps(
    groups: Mapping[str, Sequence[Outcome]],
    ended: Sequence[Outcome],
    metric: Metric,
    place: Callable[[Outcome], int],
) -> list[Json]:
    """Where each line has its steps, up to now: the best stays the best."""
    end = max(place(one) for one in ended)
    drawn = []
    for group in groups.values():
        best = records(sorted(group, key=place), metric.direction)
        drawn.append(
            {
                "x": [*(place(one) for one in best), end],
                "y": compact(one.score for one in (*best, best[-1])),
                "text": [f"trial {one.number}, {one.family}" for one in (*best, best[-1])],
                "marker": {"size": [*([6] * len(best)), 0]},
            }
        )
    return drawn


def _line(name: str, look: Look) -> Json:
    return {
        "type": "scatter",
        "mode": "lines+markers" if name == ALL else "lines",
        "name": name,
        "legendgroup": name,
        "line": {"color": look.light, "width": 3 if name == ALL else 1.3, "shape": "hv"},
        "marker": {"color": look.light, "opacity": 1},
        "hovertemplate": "%{text}: %{y:.5g}<extra></extra>",
    }


def _goal_line(goal: float) -> Json:
    line = {"color": MUTED[0], "width": 1.2, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": goal, "y1": goal, "line": line}
