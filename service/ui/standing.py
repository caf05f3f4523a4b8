"""How a study stands: how far it is, when it should end, what it has spent and may spend.

The one idea: figures with words, in the order a reader asks; a time is told as it is, and how far
off that is. Not here: what was found (`service.ui.facts`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.schemas.studies import StudyView
from service.ui.typeset import duration, moment
from tuning.records import StudySpec, StudyState


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a study is; `share` is of its runs, from 0 to 1, and `words` say the rest."""

    share: float
    words: tuple[str, ...]


def stand(view: StudyView, spec: StudySpec, now: datetime) -> Standing:
    """Tell how a study stands."""
    state, done = StudyState(view.state), view.progress.finished_runs
    expected = max(view.progress.expected_runs, done)
    share = 1.0 if state.is_final else done / expected if expected else 0.0
    words = (*_runs(state, done, expected), *_times(view, now), *_spent(view, spec))
    return Standing(round(share, 4), words)


def tell_purged(at: datetime | None) -> str:
    """That curves of a study are gone; nothing if none are.

    >>> from datetime import UTC
    >>> tell_purged(datetime(2026, 11, 26, 9, 5, tzinfo=UTC)), tell_purged(None)
    ('Curves of this study were purged on 2026-11-26 09:05 UTC.', '')
    """
    return f"Curves of this study were purged on {moment(at)}." if at else ""


def _runs(state: StudyState, done: int, expected: int) -> Iterator[str]:
    yield f"{done:,} runs" if state.is_final else f"{done:,} of about {expected:,} runs"


def _times(view: StudyView, now: datetime) -> Iterator[str]:
    ended, begun, eta, deadline = map(
        _read, (view.finished_at, view.started_at, view.progress.eta, view.deadline)
    )
    is_over = StudyState(view.state).is_final
    if ended is not None and is_over:
        took = duration((ended - begun).total_seconds()) if begun else "nothing was begun"
        yield f"ended {moment(ended)}" + (f", after {took}" if begun else f", {took}")
    elif begun is None:
        yield "no worker has begun"
    elif eta is not None and view.state != StudyState.PAUSED:
        yield f"done about {moment(eta)}, in {duration((eta - now).total_seconds())}"
    if deadline is not None and not is_over:
        yield f"the search ends by {moment(deadline)}"
    if (purged := _read(view.curves_purged_at)) is not None:
        yield f"curves purged {moment(purged)}"


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _spent(view: StudyView, spec: StudySpec) -> Iterator[str]:
    search, evidence = view.progress.search_steps, view.progress.evidence_steps
    yield f"{_count(search / spec.horizon)} full trainings of search"
    if evidence:
        yield f"{_count(evidence / spec.horizon)} of evidence"
    if spec.budget.steps is not None:
        yield f"{search:,} of {spec.budget.steps:,} updates"
    if spec.budget.seconds is not None:
        yield f"at most {duration(spec.budget.seconds)} of search"


def _count(trainings: float) -> str:
    """A number of trainings: with a fraction while there are few.

    >>> _count(1.25), _count(10_184.3)
    ('1.2', '10,184')
    """
    return f"{trainings:,.0f}" if trainings >= 100 else f"{trainings:.1f}"
