"""Rare moves of a study on SQLite and PostgreSQL, found by the machine of tests/chaos."""

from collections.abc import Callable

from service.store import generations, lifecycle, studies, work
from service.store.engine import Store
from tuning.records import StudyState

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim | None]
Tell = Callable[..., work.Reply]


def test_a_study_that_was_paused_meanwhile_is_not_given_up(
    store: Store, new_study: Make, queue: Queue
) -> None:
    """The planner gives up what it saw running; once it goes on, it is asked about again."""
    study = new_study()
    queue(study)
    with store.write() as session:
        paused = lifecycle.pause(session, "a", study)
        assert lifecycle.fail(session, "a", study, "planning failed") == paused
        assert lifecycle.resume(session, "a", study).state is StudyState.RUNNING
        assert lifecycle.fail(session, "a", study, "planning failed").state is StudyState.FAILED


def test_a_study_without_a_best_is_extended_without_one(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, confirm: Queue
) -> None:
    """Trials that have no value lead nothing."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0], outcome="failed")  # type: ignore[union-attr] # one is queued
    confirm(study, 1, (0,))
    tell(claim("c2").runs[0], outcome="failed")  # type: ignore[union-attr] # likewise
    with store.write() as session:
        assert generations.complete(session, "a", study, {"trial": 0, "arms": []})
        extended = lifecycle.extend(session, "a", study, expect=lambda _: 20, trials=20)
        assert (extended.best_trial, extended.best_value) == (None, None)
        assert studies.get(session, "a", study) == extended
