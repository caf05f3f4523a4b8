"""Routes that move a study: pause, resume, stop, cancel.

The one idea: each is one call of `service.store.lifecycle`, answered with the study as it then
stands, so a client whose answer was lost simply asks again.
"""

from collections.abc import Callable

from fastapi import APIRouter

from service.api.context import DEFAULT_PROJECT, Context, Here, StudyId
from service.api.problems import responses
from service.api.views import study_view
from service.errors import NotFound
from service.schemas.studies import StudyView
from service.store import history, lifecycle
from service.store.studies import Study
from tuning.errors import IllegalMove

router = APIRouter(
    prefix="/v1/studies", tags=["studies"], responses=responses(NotFound, IllegalMove)
)


@router.post("/{study}:pause")
def pause_study(study: StudyId, here: Here) -> StudyView:
    """Pause a study: nothing more is handed out; what is being trained finishes and counts."""
    return _move(lifecycle.pause, study, here)


@router.post("/{study}:resume")
def resume_study(study: StudyId, here: Here) -> StudyView:
    """Let a paused study go on where it was."""
    return _move(lifecycle.resume, study, here)


@router.post("/{study}:stop")
def stop_study(study: StudyId, here: Here) -> StudyView:
    """End the search: what is being trained finishes, then the confirmation and the verdict."""
    return _move(lifecycle.stop, study, here)


@router.post("/{study}:cancel")
def cancel_study(study: StudyId, here: Here) -> StudyView:
    """Cancel a study: its leases die, nothing more is trained, there is no verdict."""
    return _move(lifecycle.cancel, study, here)


def _move(call: Callable[..., Study], study: str, here: Context) -> StudyView:
    with here.store.write() as session:
        found = call(session, DEFAULT_PROJECT, study)
        view = study_view(found, history.best_trial(session, found))
    here.on_progress()
    return view
