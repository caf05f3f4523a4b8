"""Conditions: what a study is doing, or why it does not, since when.

The one idea: they follow from the row of the study alone and are brought up to date with every
change of it, so that a status stays one indexed read; a time is that of the last change of what a
condition says. Whatever happens to a study ends its stall.
Not here: who finds out that nothing happens (`stalls`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from service.store import models
from tuning.records import StudyState

PROGRESSING, PAUSED, STALLED = "Progressing", "Paused", "Stalled"
COMPLETED, FAILED, CANCELLED = "Completed", "Failed", "Cancelled"
ORDER = (PROGRESSING, PAUSED, STALLED, COMPLETED, FAILED, CANCELLED)


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether something holds of a study, why, in words, and since when (UTC, ISO 8601)."""

    type: str
    status: bool
    reason: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Stall:
    """Why a study makes no progress: a word for programs, and what to do about it."""

    reason: str
    message: str


def follow(row: models.Study, at: datetime, stall: Stall | None = None) -> None:
    """Bring the conditions of a locked study up to date with its row."""
    holding = {kind: (reason, message) for kind, reason, message in [_of_state(row)]}
    if stall is not None:
        holding[STALLED] = (stall.reason, stall.message)
    before = {one["type"]: one for one in row.conditions or ()}
    after = [
        _condition(kind, holding.get(kind), before.get(kind), at)
        for kind in ORDER
        if kind in holding or kind in before
    ]
    if after != row.conditions:
        row.conditions = after


def read(row: models.Study) -> tuple[Condition, ...]:
    """The conditions of a study that hold, or once did."""
    return tuple(Condition(**one) for one in row.conditions or ())


def _condition(
    kind: str, told: tuple[str, str] | None, before: Mapping[str, Any] | None, at: datetime
) -> dict[str, Any]:
    if told is None and before is not None:
        told = (before["reason"], before["message"])
        status = False
    else:
        status = True
    reason, message = told or ("", "")
    one = asdict(Condition(kind, status, reason, message, at.isoformat()))
    is_same = before is not None and all(before[name] == one[name] for name in one if name != "at")
    return dict(before) if is_same and before is not None else one


def _of_state(row: models.Study) -> tuple[str, str, str]:
    """The condition that a state stands for: type, reason, message."""
    over = row.end_reason or "the search ended"
    standing = {
        StudyState.PAUSED: (PAUSED, "PausedByUser", "no run is handed out until it is resumed"),
        StudyState.CONFIRMING: (PROGRESSING, "Confirming", over),
        StudyState.COMPLETED: (COMPLETED, "Judged", over),
        StudyState.FAILED: (FAILED, "GaveUp", row.error or ""),
        StudyState.CANCELLED: (CANCELLED, "CancelledByUser", "its runs were dropped"),
    }
    if (told := standing.get(StudyState(row.state))) is not None:
        return told
    if row.closed_from is not None:
        return PROGRESSING, "Stopping", row.closed_because or ""
    if row.started is None:
        return PROGRESSING, "Waiting", "no run was handed out yet"
    return PROGRESSING, "Searching", "schedules are tried"
