"""Actions: what a reader may do to a study as it stands.

The one idea: a button is there only if the study's state allows the call and the reader's key has
the scope for it; what it calls is the public API, which decides all the same.
Not here: what a call does (`service.store.lifecycle`).
"""

from collections.abc import Collection
from dataclasses import dataclass

from service.ui.links import WORKBENCH
from tuning.states import STUDY_CALLS, Call, StudyState

WRITE = "studies:write"


@dataclass(frozen=True, slots=True)
class Action:
    """A button.

    Args:
        label: what it says.
        call: method and path; empty where it opens a dialog.
        question: what is asked before; empty for nothing.
        done: what is said after.
        then: where to go after; empty to stay.
        opens: the dialog it opens instead.
        link: where it leads instead.
        tone: how it is drawn: plain, strong or danger.
    """

    label: str
    call: str = ""
    question: str = ""
    done: str = ""
    then: str = ""
    opens: str = ""
    link: str = ""
    tone: str = "plain"


def actions(study: str, state: StudyState, scopes: Collection[str]) -> list[Action]:
    """The moves of a study that are legal now, and allowed to whoever has these scopes."""
    if WRITE not in scopes:
        return []
    legal = [call for call, states in STUDY_CALLS.items() if state in states]
    return [_action(study, call) for call in legal]


def _action(study: str, call: Call) -> Action:  # noqa: PLR0911 # one for each call
    at, page = f"/v1/studies/{study}", f"/studies/{study}"
    match call:
        case Call.PAUSE:
            done = "Paused: what is in training finishes, nothing more is handed out."
            return Action("Pause", f"POST {at}:pause", done=done)
        case Call.RESUME:
            done = "It goes on where it was."
            return Action("Resume", f"POST {at}:resume", done=done, then=page, tone="strong")
        case Call.STOP:
            question = "End the search now? What is in training finishes, then the verdict follows."
            done = "The search ends; confirmation and verdict follow."
            return Action("Stop the search", f"POST {at}:stop", question, done)
        case Call.CANCEL:
            question = "Cancel the study? What is in training is dropped, and there is no verdict."
            return Action("Cancel", f"POST {at}:cancel", question, "Cancelled.", tone="danger")
        case Call.SUGGEST:
            return Action("Suggest a schedule", link=f"{WORKBENCH}?study={study}")
        case Call.EXTEND:
            return Action("Extend", opens="extend")
        case Call.DELETE:
            question = "Delete the study with all its trials, runs, curves and verdicts, for good?"
            return Action("Delete", f"DELETE {at}", question, then="/", tone="danger")
