"""The pages of a trial and of a run, with their charts.

The one idea: what one schedule is, what each of its trainings measured, and where one went wrong.
Not here: the study around them (`service.pages.study`).
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.responses import HTMLResponse

from service.api.caller import Reader
from service.api.context import Here, StudyId
from service.api.thinning import thin
from service.api.views import run_view, trial_view
from service.errors import NotFound
from service.pages import page
from service.pages.drawing import Drawn, unmeasured
from service.pages.reading import Reading
from service.pages.study import KINDS
from service.store import curves, history, trials
from service.store.curves import Curve
from service.ui.actions import WRITE
from service.ui.charts.run import run_chart
from service.ui.charts.trial import Trace, runs_chart, schedule_chart
from service.ui.facts import Fact
from service.ui.links import workbench_link
from service.ui.runs import list_runs, name_run, tell_run
from service.ui.standing import tell_purged
from service.ui.trial_table import tell_parameters
from service.ui.typeset import significant
from tuning.records import MAX_TRIALS, RunState, Trial, TrialState

router = page.router()

POINTS = 500  # of a curve

Number = Annotated[int, Path(ge=0, le=MAX_TRIALS)]
OPEN = (TrialState.PROPOSED, TrialState.RUNNING)


@router.get("/studies/{study}/trials/{number}")
def show_trial(
    request: Request, study: StudyId, number: Number, here: Here, caller: Reader
) -> HTMLResponse:
    """A trial: its schedule, its parameters, what it reached, and its runs."""
    with here.store.read() as session:
        reading = Reading(session, caller.project, study)
        row = trials.one(session, *reading.place, number)
        runs = history.runs(session, *reading.place, number)
    view = trial_view(row)
    can_cancel = WRITE in page.reader_of(request).scopes and row.state in OPEN
    return page.respond(
        request,
        "trial.html",
        study=reading.study,
        title=reading.spec.label or study,
        spec=reading.spec,
        trial=view,
        family=str(view.params["family"]),
        look=reading.looks.get(str(view.params["family"])),
        is_best=number == reading.best,
        is_judged=reading.verdict is not None,
        facts=[
            Fact(
                f"{reading.spec.metric.name} on validation",
                significant(view.value),
                "mean over its paired seeds",
            ),
            Fact("phase", view.phase, f"generation {view.generation}"),
            *tell_parameters(view.params),
        ],
        runs=list_runs([run_view(one) for one in runs], reading.spec),
        schedule_json=json.dumps(view.schedule, indent=2, ensure_ascii=False),
        workbench=workbench_link((f"{view.params['family']} {number}", view.schedule)),
        can_cancel=can_cancel and not reading.study.state.is_final,
        is_over=reading.study.state.is_final,
        kinds=KINDS,
        charts=f"/studies/{study}/trials/{number}/charts",
    )


@router.get("/studies/{study}/trials/{number}/charts/{name}")
def read_trial_chart(
    request: Request, study: StudyId, number: Number, name: str, here: Here, caller: Reader
) -> Response:
    """The schedule of a trial, or what its runs measured."""
    if name not in DRAWINGS:
        raise NotFound("chart", name)
    with here.store.read() as session:
        drawn = DRAWINGS[name](Reading(session, caller.project, study), number)
    return page.respond_chart(request, drawn)


def _draw_schedule(reading: Reading, number: int) -> Drawn:
    trial = history.trial(reading.session, *reading.place, number).trial
    family, best = str(trial.params["family"]), reading.best
    leader = None
    if best is not None and best != number:
        found = history.trial(reading.session, *reading.place, best).trial
        leader = (f"{found.params['family']}, trial {best}", found.schedule)
    label = f"{family}, trial {number}"
    return schedule_chart(trial.schedule, label, reading.looks.get(family), leader)


def _draw_runs(reading: Reading, number: int) -> Drawn:
    name = reading.spec.metric.name
    runs = {one.id: one for one in history.runs(reading.session, *reading.place, number)}
    traces = []
    for curve in curves.read(reading.session, *reading.place, trials=[number]):
        steps, values = _points(curve, name)
        run = runs[curve.run]
        is_lost = run.state in {RunState.DIVERGED, RunState.FAILED}
        updates = run.run.updates
        traces.append(Trace(curve.run, curve.phase, curve.seed, updates, is_lost, steps, values))
    drawn = runs_chart(traces, reading.spec.metric)
    return drawn or unmeasured(reading, "None of its runs has measured anything.")


def _points(curve: Curve, name: str) -> tuple[list[int], list[float | None]]:
    """The measurements of a metric, so many that no extreme is lost."""
    values = curve.values.get(name, ())
    places = thin(values, POINTS)
    return [curve.steps[place] for place in places], [values[place] for place in places]


DRAWINGS: Mapping[str, Callable[[Reading, int], Drawn]] = {
    "schedule": _draw_schedule,
    "runs": _draw_runs,
}


@router.get("/studies/{study}/runs/{run}")
def show_run(
    request: Request, study: StudyId, run: str, here: Here, caller: Reader
) -> HTMLResponse:
    """A run: its curve, its learning rate, how it ended and why."""
    with here.store.read() as session:
        reading = Reading(session, caller.project, study)
        row = history.one_run(session, *reading.place, run)
        trial = history.trial(session, *reading.place, row.run.trial)
    view = run_view(row)
    can_cancel = WRITE in page.reader_of(request).scopes and trial.state in OPEN
    return page.respond(
        request,
        "run.html",
        study=reading.study,
        title=reading.spec.label or study,
        spec=reading.spec,
        run=view,
        family=str(trial.trial.params["family"]),
        place=name_run(run),
        purged=tell_purged(reading.study.curves_purged_at),
        facts=tell_run(view, reading.spec),
        workbench=workbench_link((f"run {run}", row.run.laid_out(trial.trial.schedule).document())),
        can_cancel=can_cancel and not reading.study.state.is_final,
        is_over=row.state.is_final,
        kinds=KINDS,
        chart=f"/studies/{study}/runs/{run}/chart",
    )


@router.get("/studies/{study}/runs/{run}/chart")
def read_run_chart(
    request: Request, study: StudyId, run: str, here: Here, caller: Reader
) -> Response:
    """What a run measured, its learning rate, and where it diverged."""
    with here.store.read() as session:
        reading = Reading(session, caller.project, study)
        row = history.one_run(session, *reading.place, run)
        trial = history.trial(session, *reading.place, row.run.trial).trial
        found = curves.page(session, *reading.place, names=[run], limit=1).items
    return page.respond_chart(request, _draw_run(reading, row, trial, found))


def _draw_run(
    reading: Reading, row: history.RunRow, trial: Trial, found: tuple[Curve, ...]
) -> Drawn:
    steps, lrs = row.run.laid_out(trial.schedule).preview(POINTS)
    is_within = steps < row.run.updates
    lines = {name: _points(one, name) for one in found for name in one.values}
    end = row.result
    return run_chart(
        reading.spec.metric,
        row.run.updates,
        lines,
        (steps[is_within].tolist(), lrs[is_within].tolist()),
        end.step if end is not None and end.state is RunState.DIVERGED else None,
        unmeasured(reading, "The run has measured nothing."),
    )
