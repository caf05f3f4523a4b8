"""Routes that move a study: pause, resume, stop, cancel, extend, delete.

The one idea: each is one call of `service.store.lifecycle`, answered with the study as it then
stands, so a client whose answer was lost simply asks again. One that says which revision it means
(`If-Match`) is refused for any other; after a lost answer that may be the one it made itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path

from service.api.caller import Caller, Writer
from service.api.context import Context, Here, StudyId
from service.api.costs import within_quotas
from service.api.preconditions import IfMatch, check_match
from service.api.problems import responses
from service.api.schedules import laid_out
from service.api.views import study_view, trial_view
from service.errors import NotFound, Outdated
from service.schemas.studies import (
    ExtendRequest,
    StudyView,
    StudyWords,
    SuggestRequest,
    TrialView,
)
from service.store import history, lifecycle, studies, suggestions
from service.store.studies import Study
from tuning.errors import IllegalMove
from tuning.records import MAX_TRIALS, StudySpec
from tuning.search.handed import Searched, hand
from tuning.search.policy import expected_runs, trial_limit

router = APIRouter(
    prefix="/v1/studies", tags=["studies"], responses=responses(NotFound, IllegalMove)
)

MATCHED = responses(Outdated)


@router.post("/{study}:pause", responses=MATCHED)
def pause_study(study: StudyId, here: Here, caller: Writer, if_match: IfMatch = None) -> StudyView:
    """Pause a study: nothing more is handed out; what is being trained finishes and counts."""
    return _move(lifecycle.pause, study, here, caller, if_match)


@router.post("/{study}:resume", responses=MATCHED)
def resume_study(study: StudyId, here: Here, caller: Writer, if_match: IfMatch = None) -> StudyView:
    """Let a paused study go on where it was."""
    return _move(lifecycle.resume, study, here, caller, if_match)


@router.post("/{study}:stop", responses=MATCHED)
def stop_study(study: StudyId, here: Here, caller: Writer, if_match: IfMatch = None) -> StudyView:
    """End the search: what is being trained finishes, then the confirmation and the verdict."""
    return _move(lifecycle.stop, study, here, caller, if_match)


@router.post("/{study}:cancel", responses=MATCHED)
def cancel_study(study: StudyId, here: Here, caller: Writer, if_match: IfMatch = None) -> StudyView:
    """Cancel a study: its leases die, nothing more is trained, there is no verdict."""
    return _move(lifecycle.cancel, study, here, caller, if_match)


@router.post("/{study}:extend", responses=responses(Outdated, has_body=True))
def extend_study(
    study: StudyId, body: ExtendRequest, here: Here, caller: Writer, if_match: IfMatch = None
) -> StudyView:
    """Let a completed study search on with a larger budget, to another verdict on new seeds."""
    wish = {**body.budget.model_dump(), "evidence_budget": body.evidence_budget}

    def extend(session: Any, project: str, name: str) -> Study:  # noqa: ANN401 # the store's own
        cost = {"running_studies": 1, "trials": 0, "storage_bytes": 0}
        with within_quotas(session, here, caller, cost):  # whose lock comes before the study's
            check_match(session, project, name, if_match)
            return lifecycle.extend(
                session, project, name, expect=expected_runs, allow=trial_limit, **wish
            )

    return _move(extend, study, here, caller, None)


@router.post("/{study}:suggest", responses=responses(Outdated, has_body=True))
def suggest_schedule(
    study: StudyId, body: SuggestRequest, here: Here, caller: Writer, if_match: IfMatch = None
) -> StudyView:
    """Hand a schedule to a study that searches: it is tried soon, unless the search ends before.

    It is one of the study's `candidates`, and one of the schedules of its budget.
    """
    schedule = laid_out(body.schedule)

    def hand_over(spec: StudySpec, generation: int, trials: int, candidates: int) -> StudySpec:
        return hand(spec, schedule, generation, Searched(trials, candidates))

    return _move(partial(suggestions.suggest, hand=hand_over), study, here, caller, if_match)


@router.patch("/{study}", responses=responses(Outdated, has_body=True))
def describe_study(
    study: StudyId, body: StudyWords, here: Here, caller: Writer, if_match: IfMatch = None
) -> StudyView:
    """Change label, labels, notes or priority of a study, whatever its state."""
    return _move(partial(studies.describe, **body.model_dump()), study, here, caller, if_match)


@router.delete("/{study}", status_code=204, responses=MATCHED)
def delete_study(study: StudyId, here: Here, caller: Writer, if_match: IfMatch = None) -> None:
    """Remove a study that ended, with its trials, runs, curves, events and verdicts."""

    def delete(session: Any) -> None:  # noqa: ANN401 # the store's own
        check_match(session, caller.project, study, if_match)
        lifecycle.delete(session, caller.project, study)

    here.store.attempt(delete)
    here.on_progress()


@router.post("/{study}/trials/{number}:cancel")
def cancel_trial(
    study: StudyId, number: Annotated[int, Path(ge=0, le=MAX_TRIALS)], here: Here, caller: Writer
) -> TrialView:
    """Cancel one trial: its leases die, and the search goes on without it."""
    found = here.store.attempt(
        lambda session: lifecycle.cancel_trial(session, caller.project, study, number)
    )
    here.on_progress()
    return trial_view(found)


def _move(
    call: Callable[..., Study], study: str, here: Context, caller: Caller, if_match: str | None
) -> StudyView:
    def move(session: Any) -> StudyView:  # noqa: ANN401 # the store's own
        check_match(session, caller.project, study, if_match)
        found = call(session, caller.project, study)
        return study_view(found, history.best_trial(session, found, found.winner))

    view = here.store.attempt(move)
    here.on_progress()
    return view
