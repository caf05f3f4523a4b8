"""Charts of a story, and what holds of every chart: plotly takes it, it goes dark, it is light."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from service.ui.arms import LOST, arm_views, outcomes
from service.ui.charts.chart import CLEAR, Chart
from service.ui.charts.losses import losses_chart
from service.ui.charts.map import map_chart
from service.ui.charts.progress import progress_chart
from service.ui.charts.rungs import rungs_chart
from service.ui.charts.schedules import schedules_chart
from service.ui.charts.search import search_chart
from service.ui.charts.sensitivity import sensitivity_chart
from service.ui.climbs import Climb, Step, join_steps
from service.ui.looks import dark_of, looks
from tests.service.ui.stories import Story
from tuning.evidence.score import RANKED
from tuning.records import History, Phase, Result, RunState, StudySpec

MOST_BYTES = 500_000


def draw(story: Story) -> dict[str, Chart | None]:
    """The charts that a report of this study shows, by name."""
    spec = story.spec
    arms = arm_views(spec, story.history, story.verdict)
    found, looked = outcomes(spec, story.history), looks(spec)
    best = arms[0].trial.number if arms else None
    return {
        "schedules": schedules_chart(arms, spec.horizon) if arms else None,
        "search": search_chart(found, spec.metric, looked, best) if found else None,
        "losses": losses_chart(spec, story.history, arms, story.curves),
        "progress": progress_chart(found, spec.metric, looked),
        "map": map_chart(found, spec.metric, looked, best),
        "rungs": rungs_chart(spec, climbs(spec, story.history), looked),
        "sensitivity": sensitivity_chart(story.verdict, spec.metric.name),
    }


def climbs(spec: StudySpec, history: History) -> list[Climb]:
    """The climbs of a whole history, by number."""
    families = {trial.number: str(trial.params["family"]) for trial in history.trials}
    groups: dict[tuple[int, Phase, int], list[Result | None]] = {}
    for run in history.runs:
        if run.phase in RANKED:
            end = history.results.get((run.generation, run.index))
            groups.setdefault((run.trial, run.phase, run.updates), []).append(end)
    steps = (
        _step(spec, families[number], number, phase, updates, ends)
        for (number, phase, updates), ends in sorted(groups.items(), key=lambda pair: pair[0])
    )
    return join_steps(steps, spec.seeds)


def _step(
    spec: StudySpec,
    family: str,
    number: int,
    phase: Phase,
    updates: int,
    ends: Sequence[Result | None],
) -> Step:
    states = Counter(None if end is None else end.state for end in ends)
    values = [
        end.metrics["validation"][spec.metric.name]
        for end in ends
        if end is not None and end.state is RunState.COMPLETED
    ]
    return Step(
        number=number,
        family=family,
        phase=phase,
        updates=updates,
        mean=fmean(values) if values else None,
        completed=len(values),
        lost=sum(states[state] for state in LOST),
        open=states[None],
    )


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
