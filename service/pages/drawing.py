"""The charts of a study by name: what each reads, and what is said where there is nothing to draw.

The one idea: a chart is a line in one table; the page fetches them one by one, the report takes
several at once.
Not here: how they look (`service.ui.charts`).
"""

from collections.abc import Callable, Mapping

from service.pages.reading import Reading
from service.store import sketches
from service.ui.charts.chart import Chart
from service.ui.charts.families import families_chart
from service.ui.charts.importances import importances_chart
from service.ui.charts.live import Under, live_chart
from service.ui.charts.losses import losses_chart
from service.ui.charts.map import map_chart
from service.ui.charts.progress import progress_chart
from service.ui.charts.rungs import rungs_chart
from service.ui.charts.schedules import schedules_chart
from service.ui.charts.search import search_chart
from service.ui.charts.sensitivity import sensitivity_chart
from service.ui.charts.timeline import Stint, timeline_chart
from service.ui.standing import tell_purged

Drawn = Chart | str  # words in place of a chart

NOTHING_ENDED = "No trial has ended."


def _schedules(reading: Reading) -> Drawn:
    if not reading.arms:
        return "No trial has completed, so there is no schedule to show."
    return schedules_chart(reading.arms, reading.spec.horizon)


def _search(reading: Reading) -> Drawn:
    if not reading.outcomes:
        return NOTHING_ENDED
    return search_chart(reading.outcomes, reading.spec.metric, reading.looks, reading.best)


def _progress(reading: Reading) -> Drawn:
    spec = reading.spec
    drawn = progress_chart(reading.outcomes, spec.metric, reading.looks, spec.goal)
    return drawn or "No trial has a score."


def _losses(reading: Reading) -> Drawn:
    drawn = losses_chart(reading.spec, reading.story, reading.arms, reading.curves)
    return drawn or unmeasured(reading, "Nothing has been measured on a run that completed.")


def unmeasured(reading: Reading, words: str) -> str:
    """Why there is no curve: they are gone, or else as these words say."""
    return tell_purged(reading.study.curves_purged_at) or words


def _live(reading: Reading) -> Drawn:
    found, total = sketches.underway(reading.session, *reading.place)
    runs = [
        Under(
            run=one.curve.run,
            trial=one.curve.trial,
            family=one.family,
            phase=one.curve.phase,
            seed=one.curve.seed,
            updates=one.updates,
            steps=one.curve.steps,
            values=one.curve.values,
        )
        for one in found
    ]
    return live_chart(runs, total, reading.spec.metric, reading.looks)


def _families(reading: Reading) -> Drawn:
    return families_chart(reading.evidence, reading.looks) or "No trial has a score."


def _map(reading: Reading) -> Drawn:
    drawn = map_chart(reading.outcomes, reading.spec.metric, reading.looks, reading.best)
    return drawn or "No coordinate beside the peak has had two values yet."


def _importances(reading: Reading) -> Drawn:
    note = reading.importances.note
    return importances_chart(reading.importances) or f"{note[:1].upper()}{note[1:]}."


def _rungs(reading: Reading) -> Drawn:
    drawn = rungs_chart(reading.spec, reading.climbs, reading.looks)
    return drawn or "Everything was trained over the full horizon: there are no rungs."


def _sensitivity(reading: Reading) -> Drawn:
    drawn = sensitivity_chart(reading.verdict, reading.spec.metric.name)
    if drawn is None and reading.verdict is None:
        return "How well the winner bears another peak is measured for the verdict."
    return drawn or "No variant of the winner was measured."


def _timeline(reading: Reading) -> Drawn:
    found, total, now = sketches.stints(reading.session, *reading.place)
    stints = [
        Stint(
            run=one.run,
            trial=one.trial,
            family=one.family,
            phase=one.phase,
            seed=one.seed,
            state=one.state,
            worker=one.worker,
            begin=one.started,
            end=one.finished,
        )
        for one in found
    ]
    return timeline_chart(stints, total, now) or "No run was handed out yet."


DRAWINGS: Mapping[str, Callable[[Reading], Drawn]] = {
    "schedules": _schedules,
    "search": _search,
    "progress": _progress,
    "losses": _losses,
    "live": _live,
    "families": _families,
    "map": _map,
    "importances": _importances,
    "rungs": _rungs,
    "sensitivity": _sensitivity,
    "timeline": _timeline,
}
MOVING = frozenset({"live", "timeline"})  # while no event of the study tells of it
REPORTED = (
    "schedules",
    "search",
    "losses",
    "progress",
    "families",
    "map",
    "importances",
    "rungs",
    "sensitivity",
)


def draw(reading: Reading, name: str) -> Drawn:
    """A chart of a study, of `DRAWINGS`."""
    return DRAWINGS[name](reading)
