"""Routes that move a study: pause, resume, stop, cancel, extend, delete.

The one idea: each is one call of `service.store.lifecycle`, answered with the study as it then
stands, so a client whose answer was lost simply asks again. One that says which revision it means
(`If-Match`) is refused for any other; after a lost answer that may be the one it made itself. The
answer has the tag of the study after it.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Response

from service.api.caller import Caller, Writer
from service.api.context import Context, Here, StudyId
from service.api.costs import within_quotas
from service.api.preconditions import IfMatch, check_match, etag
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

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves the study of a path for its caller, if it still is what the caller has seen."""

    study: str
    here: Context
    caller: Caller
    response: Response
    if_match: str | None

    def __call__(
        self, call: Callable[..., Study], cost: Mapping[str, int] | None = None
    ) -> StudyView:
        """The study after a call of the store with session, project and study.

        Args:
            call: what is done.
            cost: of the quotas of its project; none by default.
        """

        def shown(session: Any, project: str, study: str) -> StudyView:  # noqa: ANN401 # the store's own
            found = call(session, project, study)
            return study_view(found, history.best_trial(session, found, found.winner))

        view = self.make(shown, cost)
        self.response.headers["ETag"] = etag(view.revision)
        self.response.headers["Content-Location"] = f"/v1/studies/{view.id}"  # whose tag it is
        return view

    def make(self, call: Callable[..., Made], cost: Mapping[str, int] | None = None) -> Made:
        """What such a call makes of the study, of which no tag is told."""

        def made(session: Any) -> Made:  # noqa: ANN401 # the store's own
            project = self.caller.project
            # Its lock comes before the study's.
            with within_quotas(session, self.here, self.caller, cost) if cost else nullcontext():
                check_match(session, project, self.study, self.if_match)
                return call(session, project, self.study)

        done = self.here.store.attempt(made)
        self.here.on_progress()
        return done


# A coroutine, as a plain function would take a thread.
async def _mover(
    study: StudyId, here: Here, caller: Writer, response: Response, if_match: IfMatch = None
) -> Mover:
    return Mover(study, here, caller, response, if_match)


Move = Annotated[Mover, Depends(_mover)]


@router.post("/{study}:pause", responses=MATCHED)
def pause_study(move: Move) -> StudyView:
    """Pause a study: nothing more is handed out; what is being trained finishes and counts."""
    return move(lifecycle.pause)


@router.post("/{study}:resume", responses=MATCHED)
def resume_study(move: Move) -> StudyView:
    """Let a paused study go on where it was."""
    return move(lifecycle.resume)


@router.post("/{study}:stop", responses=MATCHED)
def stop_study(move: Move) -> StudyView:
    """End the search: what is being trained finishes, then the confirmation and the verdict."""
    return move(lifecycle.stop)


@router.post("/{study}:cancel", responses=MATCHED)
def cancel_study(move: Move) -> StudyView:
    """Cancel a study: its leases die, nothing more is trained, there is no verdict."""
    return move(lifecycle.cancel)


@router.post("/{study}:extend", responses=responses(Outdated, has_body=True))
def extend_study(body: ExtendRequest, move: Move) -> StudyView:
    """Let a completed study search on with a larger budget, to another verdict on new seeds."""
    wish = {**body.budget.model_dump(), "evidence_budget": body.evidence_budget}

    cost = {"running_studies": 1, "trials": 0, "storage_bytes": 0}
    extend = partial(lifecycle.extend, expect=expected_runs, allow=trial_limit, **wish)
    return move(extend, cost)


@router.post("/{study}:suggest", responses=responses(Outdated, has_body=True))
def suggest_schedule(body: SuggestRequest, move: Move) -> StudyView:
    """Hand a schedule to a study that searches: it is tried soon, unless the search ends before.

    It is one of the study's `candidates`, and one of the schedules of its budget.
    """
    schedule = laid_out(body.schedule)

    def hand_over(spec: StudySpec, generation: int, trials: int, candidates: int) -> StudySpec:
        return hand(spec, schedule, generation, Searched(trials, candidates))

    return move(partial(suggestions.suggest, hand=hand_over))


@router.patch("/{study}", responses=responses(Outdated, has_body=True))
def describe_study(body: StudyWords, move: Move) -> StudyView:
    """Change label, labels, notes or priority of a study, whatever its state."""
    return move(partial(studies.describe, **body.model_dump()))


@router.delete("/{study}", status_code=204, responses=MATCHED)
def delete_study(move: Move) -> None:
    """Remove a study that ended, with its trials, runs, curves, events and verdicts."""
    move.make(lifecycle.delete)


@router.post("/{study}/trials/{number}:cancel", responses=MATCHED)
def cancel_trial(number: Annotated[int, Path(ge=0, le=MAX_TRIALS)], move: Move) -> TrialView:
    """Cancel one trial: its leases die, and the search goes on without it.

    The revision of `If-Match` is the study's.
    """
    return trial_view(move.make(partial(lifecycle.cancel_trial, number=number)))
