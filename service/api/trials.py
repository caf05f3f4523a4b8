"""Routes of what a study has tried: its trials, their runs, and the curves these measured."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.api.caller import Reader
from service.api.context import Here, StudyId
from service.api.problems import responses
from service.api.thinning import thin
from service.api.views import run_view, trial_view
from service.errors import NotFound
from service.schemas.base import Text
from service.schemas.results import CurvePage, CurveView, Series
from service.schemas.studies import RunList, TrialPage, TrialView
from service.store import curves, history, studies, trials
from service.store.curves import Curve
from service.store.trials import LONGEST, MAX_BOUNDS, Wanted, parse_bounds
from tuning.records import MAX_TRIALS, Phase, TrialState

router = APIRouter(prefix="/v1/studies", tags=["results"])

MAX_POINTS = 10_000
MAX_NAMES = 64  # of each kind that a list may be narrowed to

Cursor = Annotated[str | None, Query(max_length=1024)]
Number = Annotated[int, Path(ge=0, le=MAX_TRIALS)]
Names = Annotated[list[Annotated[Text, Query(max_length=128)]], Query(max_length=MAX_NAMES)]
Phases = Annotated[list[Phase], Query(max_length=len(Phase))]


@router.get("/{study}/trials", responses=responses(NotFound))
def list_trials(
    study: StudyId,
    here: Here,
    caller: Reader,
    state: Annotated[list[TrialState], Query(max_length=len(TrialState))] = [],  # noqa: B006 # FastAPI copies it
    family: Names = [],  # noqa: B006
    phase: Phases = [],  # noqa: B006
    where: Annotated[
        list[Annotated[Text, Query(max_length=LONGEST)]],
        Query(
            max_length=MAX_BOUNDS,
            description="`FIGURE <= NUMBER` or `>=`; all must hold",
            examples=["validation.mse <= 0.3"],
        ),
    ] = [],  # noqa: B006
    sort: Annotated[
        Text,
        Query(
            max_length=LONGEST,
            description="`number`, `value`, a parameter as `peak`, or `SPLIT.METRIC`; "
            "`-` before it: falling. Trials without the figure come last",
            examples=["-validation.mse"],
        ),
    ] = "number",
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> TrialPage:
    """A page of a study's trials that match, in the order of their numbers or of any figure.

    `metrics` of a trial are means over its completed runs over the full horizon; on the test split,
    over those of the confirmation.
    """
    wanted = Wanted(state, family, phase, parse_bounds(where), sort)
    with here.store.read() as session:
        page = trials.page(session, caller.project, study, wanted, cursor=cursor, limit=limit)
    return TrialPage(items=[trial_view(row) for row in page.items], next=page.next)


@router.get("/{study}/trials/{number}", responses=responses(NotFound))
def read_trial(study: StudyId, number: Number, here: Here, caller: Reader) -> TrialView:
    """A trial of a study with its schedule, its score and the means of its metrics."""
    with here.store.read() as session:
        return trial_view(trials.one(session, caller.project, study, number))


@router.get("/{study}/trials/{number}/runs", responses=responses(NotFound))
def list_runs(study: StudyId, number: Number, here: Here, caller: Reader) -> RunList:
    """The runs of a trial: how each ended, why it failed or where it diverged."""
    with here.store.read() as session:
        rows = history.runs(session, caller.project, study, number)
    return RunList(items=[run_view(row) for row in rows])


@router.get("/{study}/curves", responses=responses(NotFound))
def list_curves(
    study: StudyId,
    here: Here,
    caller: Reader,
    max_points: Annotated[int, Query(ge=2, le=MAX_POINTS)] = 200,
    trial: Annotated[
        list[Annotated[int, Query(ge=0, le=MAX_TRIALS)]], Query(max_length=MAX_NAMES)
    ] = [],  # noqa: B006
    run: Names = [],  # noqa: B006
    metric: Names = [],  # noqa: B006
    phase: Phases = [],  # noqa: B006
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CurvePage:
    """A page of what the runs of a study measured, each metric thinned to at most `max_points`.

    The first and the last measurement and the extremes of every stretch in between stay. Of a run
    that was trained more than once, the last training is shown.
    """
    with here.store.read() as session:
        page = curves.page(
            session,
            caller.project,
            study,
            trials=trial,
            names=run,
            phases=phase,
            cursor=cursor,
            limit=limit,
        )
        purged = studies.purged_at(session, caller.project, study)
    items = [_curve_view(one, set(metric), max_points) for one in page.items]
    purged_at = None if purged is None else purged.isoformat()
    return CurvePage(items=items, next=page.next, purged_at=purged_at)


def _curve_view(curve: Curve, wanted: set[str], points: int) -> CurveView:
    series = {}
    for name, values in curve.values.items():
        if not wanted or name in wanted:
            places = thin(values, points)
            series[name] = Series(
                measured=len(values),
                steps=[curve.steps[place] for place in places],
                values=[values[place] for place in places],
            )
    return CurveView(
        run=curve.run, trial=curve.trial, phase=curve.phase.value, seed=curve.seed, series=series
    )
