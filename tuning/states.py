"""States: where a study, a trial and a run may stand, and the other closed lists of words.

The one idea: every kind of state has one table of legal moves, and `move` is the only way along
them. Not here: the records that are in these states (`tuning.records`, which exports them too).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from tuning.errors import IllegalCall, IllegalMove

State = TypeVar("State", bound=StrEnum)


class Direction(StrEnum):
    """Which way a metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Phase(StrEnum):
    """What a run is for."""

    PROBE = "probe"
    BASELINE = "baseline"
    SEARCH = "search"
    CONFIRM = "confirm"


class Cap(StrEnum):
    """Where the upper end of the range of the peak comes from.

    The user gave it; the objective declares a hard one; a range test estimates it and it may move.
    """

    GIVEN = "given"
    HARD = "hard"
    SOFT = "soft"


class Pruning(StrEnum):
    """By which rule searched trials are pruned at the end of a prefix of their training, if any.

    `asha`: the best share of those that completed the prefix goes on (asynchronous successive
    halving, Li et al., 2020). `median`: whoever is no worse than their median does (Golovin et al.,
    2017).
    """

    NONE = "none"
    ASHA = "asha"
    MEDIAN = "median"


class Comparator(StrEnum):
    """Which way a constraint bounds."""

    AT_MOST = "<="
    AT_LEAST = ">="


class StudyState(StrEnum):
    """Where a study stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CONFIRMING = "confirming"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen any more."""
        return self in STUDY_ENDS


class TrialState(StrEnum):
    """Where a trial stands."""

    PROPOSED = "proposed"
    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    LEASED = "leased"
    COMPLETED = "completed"
    DIVERGED = "diverged"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the run counts and will not be trained again."""
        return self not in {RunState.QUEUED, RunState.LEASED}


STUDY_ENDS = (StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED)
_TRIAL_ENDS = (
    TrialState.COMPLETED,
    TrialState.PRUNED,
    TrialState.DIVERGED,
    TrialState.FAILED,
    TrialState.CANCELLED,
)
_RUN_ENDS = (RunState.COMPLETED, RunState.DIVERGED, RunState.FAILED, RunState.CANCELLED)

# One table per type: members of two string enums with one name are equal, hence one key.
STUDY_MOVES: Mapping[StudyState, tuple[StudyState, ...]] = {
    StudyState.RUNNING: (
        StudyState.PAUSED,
        StudyState.CONFIRMING,
        StudyState.FAILED,
        StudyState.CANCELLED,
    ),
    StudyState.PAUSED: (StudyState.RUNNING, StudyState.CONFIRMING, StudyState.CANCELLED),
    StudyState.CONFIRMING: (
        StudyState.PAUSED,
        StudyState.COMPLETED,
        StudyState.FAILED,
        StudyState.CANCELLED,
    ),
    StudyState.COMPLETED: (StudyState.RUNNING,),
}
TRIAL_MOVES: Mapping[TrialState, tuple[TrialState, ...]] = {
    TrialState.PROPOSED: (TrialState.RUNNING, *_TRIAL_ENDS),
    TrialState.RUNNING: _TRIAL_ENDS,
}
RUN_MOVES: Mapping[RunState, tuple[RunState, ...]] = {
    RunState.QUEUED: (RunState.LEASED, RunState.CANCELLED),
    RunState.LEASED: (RunState.QUEUED, *_RUN_ENDS),
}
MOVES: Mapping[type[StrEnum], Mapping[Any, tuple[StrEnum, ...]]] = {
    StudyState: STUDY_MOVES,
    TrialState: TRIAL_MOVES,
    RunState: RUN_MOVES,
}


def move(before: State, after: State) -> State:
    """Return `after` if it may follow `before`, else raise `IllegalMove`.

    >>> move(RunState.QUEUED, RunState.LEASED)
    <RunState.LEASED: 'leased'>
    """
    if after not in MOVES[type(before)].get(before, ()):
        raise IllegalMove(type(before).__name__.removesuffix("State").lower(), before, after)
    return after


class Call(StrEnum):
    """What a user may ask of a study."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CANCEL = "cancel"
    SUGGEST = "suggest"
    EXTEND = "extend"
    DELETE = "delete"


# The states in which a call changes something; the table above says to what.
STUDY_CALLS: Mapping[Call, tuple[StudyState, ...]] = {
    Call.PAUSE: (StudyState.RUNNING, StudyState.CONFIRMING),
    Call.RESUME: (StudyState.PAUSED,),
    Call.STOP: (StudyState.RUNNING, StudyState.PAUSED),
    Call.CANCEL: (StudyState.RUNNING, StudyState.PAUSED, StudyState.CONFIRMING),
    Call.SUGGEST: (StudyState.RUNNING, StudyState.PAUSED),
    Call.EXTEND: (StudyState.COMPLETED,),
    Call.DELETE: STUDY_ENDS,
}


def check_call(state: StudyState, call: Call) -> None:
    """Raise `IllegalCall`, which names the calls that are allowed, unless this one is.

    >>> check_call(StudyState.COMPLETED, Call.PAUSE)
    Traceback (most recent call last):
    tuning.errors.IllegalCall: pause: the study is completed; allowed: extend, delete
    """
    if state not in STUDY_CALLS[call]:
        allowed = [other for other, states in STUDY_CALLS.items() if state in states]
        raise IllegalCall("study", state, call, allowed)


class Cause(StrEnum):
    """Why a run diverged or failed, for programs; its `reason` is for people.

    Diverged: the compared metric was not finite, or blew up. Failed: the training code raised, or
    refused what it was told to train; it took longer, or more memory, than it may; its process
    exited or was killed; the worker was lost over it; its loss is lower than any can be.
    """

    NON_FINITE = "non_finite"
    BLEW_UP = "blew_up"
    RAISED = "raised"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    EXITED = "exited"
    KILLED = "killed"
    LOST_WORKER = "lost_worker"
    IMPOSSIBLE = "impossible"
