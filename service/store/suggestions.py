"""Suggestions: schedules that a study is handed while it searches.

The one idea: a suggestion becomes part of the study's spec, from the generation after the next on:
the next one may be worked out this moment by a planner that knows nothing of it. So whoever decides
a generation, before or after, decides the same.
Not here: which schedules a study takes (`tuning.search.handed`).
"""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store import models
from service.store.clock import now
from service.store.families import FAMILY
from service.store.locks import lock_study
from service.store.studies import Study, note, to_study
from tuning.documents import read_spec, write_spec
from tuning.given import CANDIDATE
from tuning.records import Phase, StudySpec, StudyState
from tuning.states import Call, check_call

# The spec with a candidate from a generation on, of a study whose search has proposed so many
# schedules, so many of them candidates.
Hand = Callable[[StudySpec, int, int, int], StudySpec]


def suggest(session: Session, project: str, study: str, *, hand: Hand) -> Study:
    """Hand a schedule to a study that searches; it is tried unless the search ends before.

    A study that has it already stays as it is. Raises NotFound, and IllegalCall unless the search
    goes on, and whatever `hand` does.
    """
    row = lock_study(session, project, study)
    is_over = row.closed_from is not None or row.end_reason is not None
    state = StudyState(row.state)
    check_call(StudyState.CONFIRMING if is_over and not state.is_final else state, Call.SUGGEST)
    before = read_spec(row.spec)
    after = hand(before, row.next_generation + 1, *_count_searched(session, row))
    if after != before:
        row.spec = write_spec(after)
        given = after.candidates[-1]
        data = {"generation": given.generation, "candidate": len(after.candidates)}
        note(session, row, "suggested", {"state": row.state, **data}, now(session))
    return to_study(row)


def _count_searched(session: Session, row: models.Study) -> tuple[int, int]:
    """Searched trials until now, and how many of them are candidates."""
    trial = models.Trial
    is_handed = FAMILY.startswith(f"{CANDIDATE}_", autoescape=True)
    query = select(func.count(), func.count().filter(is_handed)).where(
        trial.project == row.project, trial.study == row.id, trial.phase == Phase.SEARCH
    )
    found = session.execute(query).one()
    return found[0], found[1]
