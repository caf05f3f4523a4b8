"""The contract of time: after it is up no run of the search starts, on SQLite and PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from service.store import (
    claims,
    deadlines,
    generations,
    history,
    lifecycle,
    models,
    projects,
    studies,
    trials,
    work,
)
from service.store.engine import Store
from service.store.locks import lock_study_if_free
from tests.conftest import FakeClock
from tuning.errors import InvalidValue
from tuning.records import Budget, RunState, StudySpec, StudyState, TrialState

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim | None]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]


@pytest.fixture
def timed(new_study: Make, spec: StudySpec) -> str:
    """A study that may search for 60 seconds."""
    return new_study(spec=replace(spec, budget=Budget(trials=10, seconds=60.0)))


def test_what_is_queued_is_dropped_and_what_runs_is_finished(
    store: Store, timed: str, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """The clock starts with the first run, not with the study."""
    queue(timed, trials=3, seeds=1)
    advance(1_000)
    first = claim("c1")
    assert first is not None
    advance(59)
    second = claim("c2")
    assert second is not None
    advance(1)
    assert claim("c3") is None
    for run in (*first.runs, *second.runs):
        assert tell(run).status is work.Status.OK
    with store.read() as session:
        story = history.load(session, "a", timed)
        states = [row.state for row in trials.page(session, "a", timed).items]
        found = studies.get(session, "a", timed)
    assert story.closed_from == 1
    assert [end.state for _, end in sorted(story.results.items())] == [
        RunState.COMPLETED,
        RunState.COMPLETED,
        RunState.CANCELLED,
    ]
    assert states == [TrialState.COMPLETED, TrialState.COMPLETED, TrialState.CANCELLED]
    assert (found.state, found.finished_runs) == (StudyState.RUNNING, 3)


def test_a_closed_search_takes_no_generation_but_the_confirmation(
    store: Store,
    timed: str,
    queue: Queue,
    confirm: Queue,
    claim: Claim,
    tell: Tell,
    advance: Advance,
) -> None:
    """One that was planned before the time was up comes too late."""
    queue(timed, trials=1, seeds=1)
    run = claim("c1")
    assert run is not None
    tell(run.runs[0])
    advance(60)
    with store.read() as session:
        assert deadlines.overdue(session) == [("a", timed)]
    with store.write() as session:
        deadlines.enforce(session, "a", timed)
        assert not generations.insert(session, "a", timed, 1, [], [], confirming=False)
        assert deadlines.overdue(session) == []
        assert [place.closed_from for place in generations.frontiers(session)] == [1]
    confirm(timed, 1, (0,))
    assert claim("c2") is not None


def test_a_run_that_comes_back_late_is_dropped(
    store: Store, timed: str, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """A worker that hands back after the end starts nothing again."""
    queue(timed, trials=1, seeds=1)
    held = claim("c1")
    assert held is not None
    advance(61)
    assert claim("c2") is None
    tell(held.runs[0], outcome="returned")
    assert claim("c3") is None
    with store.read() as session:
        (end,) = history.load(session, "a", timed).results.values()
    assert end.state is RunState.CANCELLED


def test_a_claim_that_waited_for_the_study_past_the_end_starts_nothing(
    timed: str,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts is the moment at which the study is locked, not the one of the request."""
    queue(timed, trials=2, seeds=1)
    assert claim("c1") is not None
    advance(59)

    def lock_late(session: Session, project: str, study: str) -> models.Study | None:
        advance(1)
        return lock_study_if_free(session, project, study)

    monkeypatch.setattr(claims, "lock_study_if_free", lock_late)
    assert claim("c2") is None


def test_a_deadline_ends_the_search_whatever_the_budget_and_pauses(
    store: Store, spec: StudySpec, queue: Queue, claim: Claim, advance: Advance, clock: FakeClock
) -> None:
    """At that moment, also of a study that was paused or never began."""
    with store.write() as session:
        projects.ensure(session, "a")
        until = clock() + timedelta(seconds=60)
        study = studies.create(session, "a", spec, expected_runs=4, deadline=until).id
    queue(study, trials=2, seeds=1)
    assert claim("c1") is not None
    with store.write() as session:
        lifecycle.pause(session, "a", study)
    advance(60)
    with store.write() as session:
        assert deadlines.overdue(session) == []
        lifecycle.resume(session, "a", study)
        assert deadlines.overdue(session) == [("a", study)]
    assert claim("c2") is None
    with store.write() as session:
        assert history.load(session, "a", study).closed_because == deadlines.PASSED
        with pytest.raises(InvalidValue, match="deadline"):
            studies.create(session, "a", spec, expected_runs=4, deadline=until)


def test_without_a_limit_time_does_not_matter(
    store: Store, new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """Nothing is closed, however long it takes."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    claim("c1")
    advance(10**6)
    assert claim("c2") is not None
    with store.read() as session:
        assert history.load(session, "a", study).closed_from is None
