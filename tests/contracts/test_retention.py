"""The contract of retention on SQLite and PostgreSQL: old curves go, what stands on them stays."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from service.errors import Conflict, NotFound
from service.store import (
    clock,
    curves,
    events,
    generations,
    history,
    idempotency,
    lifecycle,
    models,
    retention,
    studies,
    work,
)
from service.store.engine import Store
from service.store.retention import Batch, Due, Left

DAY = 86_400.0
REPORTS = 3  # of every run

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim | None]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]
Measure = Callable[..., str]


@pytest.fixture
def measured(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, confirm: Queue
) -> Measure:
    """A study of two trials, each with two runs of three reports, which is over: `measured()`."""

    def make(name: str = "c", *, is_judged: bool = True) -> str:
        study = new_study()
        queue(study, trials=2, seeds=2)
        block = claim(name, lanes=4)
        assert block is not None
        for place, run in enumerate(block.runs):
            with store.write() as session:
                told = [
                    work.Report(run.id, run.token, seq, [seq + 1], {"mse": [1.0]})
                    for seq in range(REPORTS)
                ]
                work.report(session, told)
            tell(run, value=1.0 + place)
        if is_judged:
            confirm(study, 1, (1,))
            last = claim(f"{name}, confirmation")
            assert last is not None
            tell(last.runs[0])
        with store.write() as session:
            if is_judged:
                verdict = {"trial": 1, "arms": [{"trial": 1, "validation": 3.5}]}
                assert generations.complete(session, "a", study, verdict)
            else:
                lifecycle.cancel(session, "a", study)
        return study

    return make


def before(store: Store, days: float = 1) -> datetime:
    """So many days ago by the clock of the store."""
    with store.read() as session:
        return clock.now(session) - timedelta(days=days)


def find(store: Store, days: float = 1, *, keep_best: bool = False) -> list[Due]:
    """What may be purged that ended so long ago."""
    with store.read() as session:
        return retention.due(session, before(store, days), keep_best=keep_best)


def purge(store: Store, study: str, limit: int = 100, *, keep_best: bool = False) -> Batch:
    """Purge a batch of a study that ended a day ago."""
    with store.write() as session:
        return retention.purge(session, "a", study, before(store), keep_best=keep_best, limit=limit)


def count(store: Store, study: str) -> int:
    """How many reports there are of a study."""
    row = models.Measurement
    with store.read() as session:
        query = select(func.count()).select_from(row).where(row.study == study)
        return session.scalar(query) or 0


def left(store: Store, study: str) -> str | None:
    """What the study itself says that it has."""
    with store.read() as session:
        return session.get_one(models.Study, ("a", study)).curves_left


def test_curves_go_in_batches_and_results_stay(
    store: Store, measured: Measure, advance: Advance, read: Callable[[str], studies.Study]
) -> None:
    """It is noted with the first batch, once; what stands on results is as it was."""
    study = measured()
    earlier = read(study)
    with store.read() as session:
        story = history.load(session, "a", study)
        size = session.get_one(models.Study, ("a", study)).stored_bytes
    advance(2 * DAY)
    assert find(store) == [Due("a", study, has_any=True)]
    assert purge(store, study, limit=5) == Batch(5, is_last=False)
    noted = read(study)
    assert noted.revision == earlier.revision + 1
    assert noted.curves_purged_at == before(store, 0)
    assert (count(store, study), left(store, study)) == (7, Left.SOME)
    advance(60)
    assert find(store) == [Due("a", study, has_any=True)]
    assert purge(store, study, limit=5) == Batch(5, is_last=False)
    assert purge(store, study, limit=5) == Batch(2, is_last=True)
    assert (count(store, study), left(store, study)) == (0, Left.NONE)
    assert read(study) == noted
    assert find(store) == []
    assert purge(store, study) == Batch(0, is_last=True)
    assert read(study) == noted
    with store.read() as session:
        assert history.load(session, "a", study) == story
        assert curves.read(session, "a", study) == []
        assert studies.purged_at(session, "a", study) == noted.curves_purged_at
        (told,) = events.after(session, "a", study, earlier.revision)
        assert size > session.get_one(models.Study, ("a", study)).stored_bytes == 0
    assert told.kind == "purged"
    assert told.data == {"state": "completed", "keep_best": False}


def test_only_what_ended_long_ago_goes(
    store: Store, measured: Measure, new_study: Make, advance: Advance
) -> None:
    """A cancelled study, too; not one that goes on, is paused, or came here lately."""
    cancelled = measured("c1", is_judged=False)
    _, paused = new_study(), new_study()
    with store.write() as session:
        lifecycle.pause(session, "a", paused)
    imported = measured("c2")
    advance(2 * DAY)
    young = measured("c3")
    with store.write() as session:
        session.get_one(models.Study, ("a", imported)).created = before(store, 0)
    assert [one.study for one in find(store)] == [cancelled]
    for study in (young, imported):
        assert purge(store, study) == Batch(0, is_last=True)
        assert (count(store, study), left(store, study)) == (12, None)
    advance(2 * DAY)
    assert {one.study for one in find(store)} == {cancelled, young, imported}
    with pytest.raises(NotFound):
        purge(store, "st_x")


@pytest.mark.parametrize(("is_judged", "kept"), [(True, 1), (False, 0)])
def test_curves_of_what_is_compared_may_stay(
    store: Store, measured: Measure, advance: Advance, is_judged: bool, kept: int
) -> None:
    """The arms of the verdict, or who led; a later purge may take them, too."""
    study = measured(is_judged=is_judged)
    advance(2 * DAY)
    with store.read() as session:
        reports, size = retention.weigh(session, Due("a", study, has_any=True), keep_best=True)
    assert (reports, size > 0) == (6, True)
    assert purge(store, study, keep_best=True) == Batch(6, is_last=True)
    with store.read() as session:
        assert {one.trial for one in curves.read(session, "a", study)} == {kept}
    assert (left(store, study), find(store, keep_best=True)) == (Left.BEST, [])
    advance(60)
    assert find(store) == [Due("a", study, has_any=True)]
    assert purge(store, study) == Batch(6, is_last=True)
    with store.read() as session:
        kinds = [one.kind for one in events.after(session, "a", study, 0)]
        assert studies.purged_at(session, "a", study) == before(store, 0)
    assert kinds.count("purged") == 2


def test_a_study_that_keeps_all_it_has_is_not_said_to_be_purged(
    store: Store, measured: Measure, advance: Advance, read: Callable[[str], studies.Study]
) -> None:
    """And is not looked at again."""
    study = measured()
    with store.write() as session:
        row = session.get_one(models.Study, ("a", study))
        row.verdict = {"trial": 1, "arms": [{"trial": n, "validation": 1.0} for n in (0, 1)]}
    earlier = read(study)
    advance(2 * DAY)
    assert find(store, keep_best=True) == [Due("a", study, has_any=False)]
    assert purge(store, study, keep_best=True) == Batch(0, is_last=True)
    assert (read(study), count(store, study)) == (earlier, 12)
    assert find(store, keep_best=True) == []


def test_a_study_that_goes_on_keeps_what_it_has_left(
    store: Store, measured: Measure, advance: Advance
) -> None:
    """Extended between two batches of its purge; after its next end its turn comes again."""
    study = measured()
    advance(2 * DAY)
    purge(store, study, limit=5)
    with store.write() as session:
        lifecycle.extend(session, "a", study, expect=lambda _: 9, allow=lambda _: 9, trials=12)
    assert purge(store, study) == Batch(0, is_last=True)
    assert (count(store, study), left(store, study), find(store)) == (7, None, [])
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
    advance(2 * DAY)
    assert [one.study for one in find(store)] == [study]


def test_the_answer_of_a_key_goes_with_its_study(store: Store, measured: Measure) -> None:
    """Nothing is made a second time, and nothing is told of what was deleted."""
    study = measured()
    body = {"id": study, "notes": "secret"}
    with store.write() as session:
        idempotency.remember(session, "a", "create", "k", "hash", status=202, body=body)
    with store.write() as session:
        assert idempotency.recall(session, "a", "create", "k", "hash").body == body
        lifecycle.delete(session, "a", study)
    with store.write() as session:
        with pytest.raises(Conflict, match=f"study {study}, which this key made, was deleted"):
            idempotency.recall(session, "a", "create", "k", "hash")
        (kept,) = session.scalars(select(models.IdempotencyKey.response))
        assert kept == {}


def test_answers_are_forgotten_after_a_week(
    store: Store, new_study: Make, advance: Advance
) -> None:
    """Whoever repeats a request does so long before."""
    new_study()
    for key in ("old", "new"):
        with store.write() as session:
            idempotency.remember(session, "a", "create", key, "hash", status=202, body={"id": "x"})
        advance(4 * DAY)
    with store.write() as session:
        idempotency.forget(session)
        assert idempotency.recall(session, "a", "create", "old", "hash") is None
        assert idempotency.recall(session, "a", "create", "new", "hash") is not None
