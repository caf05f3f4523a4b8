"""The contract of failures on SQLite and PostgreSQL: what runs that went wrong said last."""

from collections.abc import Callable

import pytest

from service.errors import Conflict, NotFound
from service.store import history, lifecycle, outcomes, work
from service.store.engine import Store
from service.store.failure_models import Failure
from service.store.failures import NOTHING, LastWords
from tuning.records import RunState

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Rows = Callable[..., list[history.RunRow]]
Say = Callable[..., work.Reply]

WORDS = LastWords("Traceback: …\n  line 7\n", "epoch 1\n\x1b[31mwarning\n")


@pytest.fixture
def say(store: Store) -> Say:
    """Tell an end with last words: `say(run, "failed", lanes=2)`."""

    def tell(
        run: work.ClaimedRun, outcome: str, words: LastWords = WORDS, lanes: int = 1
    ) -> work.Reply:
        metrics = {"validation": {"mse": 0.5}} if outcome == "completed" else {}
        told = outcomes.Tell(
            run.id, run.token, outcomes.Outcome(outcome), metrics, lanes=lanes, words=words
        )
        with store.write() as session:
            return outcomes.tell(session, [told], max_attempts=3)[0]

    return tell


@pytest.mark.parametrize("outcome", ["failed", "diverged", "crashed"])
def test_what_a_run_said_last_is_kept(
    new_study: Make, queue: Queue, claim: Claim, say: Say, rows: Rows, outcome: str
) -> None:
    """To the letter, whatever the run's end; of the others nothing is known."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    assert say(claim("c1").runs[0], outcome).status == "ok"
    assert [row.words for row in rows(study)] == [WORDS, NOTHING]


@pytest.mark.parametrize("outcome", ["completed", "returned"])
def test_what_went_well_leaves_no_words(
    new_study: Make, queue: Queue, claim: Claim, say: Say, rows: Rows, outcome: str
) -> None:
    """Whatever a trainer sends."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    say(claim("c1").runs[0], outcome)
    assert rows(study)[0].words == NOTHING


def test_the_last_of_several_trainings_is_read(
    new_study: Make, queue: Queue, claim: Claim, say: Say, rows: Rows
) -> None:
    """A crash beside others says nothing about a run; the retry alone does, and the next one."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    say(claim("c1").runs[0], "crashed", lanes=2)
    assert rows(study)[0].words == NOTHING
    say(claim("c2").runs[0], "crashed", LastWords("first"))
    assert (rows(study)[0].state, rows(study)[0].words.traceback) == (RunState.QUEUED, "first")
    say(claim("c3").runs[0], "crashed", LastWords("second", "log"))
    assert rows(study)[0].words == LastWords("second", "log")
    say(claim("c4").runs[0], "completed", NOTHING)
    assert (rows(study)[0].state, rows(study)[0].words.log_tail) == (RunState.COMPLETED, "log")


def test_words_are_part_of_what_is_told(
    new_study: Make, queue: Queue, claim: Claim, say: Say
) -> None:
    """The same again is a duplicate, others are a conflict."""
    queue(new_study())
    run = claim("c1").runs[0]
    say(run, "failed")
    assert say(run, "failed").status == "duplicate"
    with pytest.raises(Conflict):
        say(run, "failed", LastWords("other"))


def test_no_other_tenant_reads_them_and_none_outlives_its_study(
    store: Store, new_study: Make, queue: Queue, claim: Claim, say: Say
) -> None:
    """They go with the study that they are about."""
    study = new_study()
    new_study(project="b")
    queue(study, trials=1, seeds=1)
    say(claim("c1").runs[0], "failed")
    with store.read() as session, pytest.raises(NotFound):
        history.runs(session, "b", study, 0)
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
        lifecycle.delete(session, "a", study)
        assert session.query(Failure).count() == 0
