"""Which studies of a project changed lately, and how their best got better, on both databases."""

import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from service.store import changes, leads, lifecycle, models, studies, work
from service.store.engine import Store
from tests.conftest import FakeClock
from tuning.evidence.score import is_better
from tuning.records import Direction

Make = Callable[..., str]
Look = Callable[..., list[tuple[str, int | None, str]]]


@pytest.fixture
def look(store: Store) -> Look:
    """What changed since a moment: study, revision, state."""

    def since(moment: datetime, project: str = "a") -> list[tuple[str, int | None, str]]:
        with store.read() as session:
            found = changes.since(session, project, moment)
        return [(one.study, one.revision, one.state) for one in found]

    return since


def test_a_change_is_told_once_per_study_as_it_stands_now(
    store: Store, new_study: Make, clock: FakeClock, look: Look
) -> None:
    """In the order of their last change, those of this project alone, and nothing older."""
    begin = clock()
    first, other = new_study(), new_study()
    new_study(project="b")
    clock.advance(1)
    with store.write() as session:
        lifecycle.pause(session, "a", first)
        lifecycle.resume(session, "a", first)
        lifecycle.pause(session, "a", first)
    assert look(begin) == [(other, 1, "running"), (first, 4, "paused")]
    assert look(clock()) == [(first, 4, "paused")]
    clock.advance(1)
    assert look(clock()) == []
    assert look(begin, "c") == []


def test_a_deleted_study_is_told_for_a_while(
    store: Store, new_study: Make, clock: FakeClock, look: Look
) -> None:
    """Without a revision; after a day, when another one is deleted, it is forgotten."""
    begin = clock()
    studies_made = [new_study() for _ in range(2)]
    for study in studies_made:
        clock.advance(1)
        with store.write() as session:
            lifecycle.cancel(session, "a", study)
            lifecycle.delete(session, "a", study)
        assert look(clock()) == [(study, None, changes.DELETED)]
        clock.advance(changes.FORGET_SECONDS + 1)
    assert look(begin) == [(studies_made[1], None, changes.DELETED)]


def test_a_look_reads_no_more_than_what_is_new(store: Store, new_study: Make) -> None:
    """Events by their moment, and the studies they are of; however many there are of both."""
    new_study()
    with store.read() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL decides by what there is")
        told: list[str] = []

        def explain(_: object, cursor: sqlite3.Cursor, statement: str, *rest: object) -> None:
            if not statement.startswith("EXPLAIN"):
                rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", rest[0])
                told.extend(row[3] for row in rows)

        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", explain)
        changes.since(session, "a", datetime.now(UTC))
        event.remove(engine, "before_cursor_execute", explain)
    plan = "\n".join(told)
    assert "SEARCH events USING COVERING INDEX ix_events_at (project=? AND at>?)" in plan, plan
    assert "SEARCH studies USING INDEX sqlite_autoindex_studies_1" in plan, plan
    assert "ix_deleted_studies_at" in plan, plan
    assert "SCAN events" not in plan, plan
    assert "SCAN studies" not in plan, plan


def test_whoever_looks_again_looks_back_a_little(clock: FakeClock) -> None:
    """A change may be visible some seconds after its moment."""
    assert (clock() - changes.overlap(clock())).total_seconds() == changes.LATE_SECONDS


@pytest.mark.parametrize("direction", Direction)
def test_leads_do_not_depend_on_the_order_in_which_trials_end(direction: Direction) -> None:
    """Whatever the order, they are those of the trials by number."""
    chance = random.Random(1)
    for _ in range(50):
        scores = [(number, float(chance.randrange(8))) for number in range(12)]
        best: list[tuple[int, float]] = []
        for number, value in scores:
            if not best or is_better(value, best[-1][1], direction):
                best.append((number, value))
        assert leads.of(scores, direction) == best
        chance.shuffle(scores)
        assert leads.of(scores, direction) == best


def test_there_are_never_too_many_leads() -> None:
    """First and last stay, and every lead is better than the one before."""
    found = leads.of([(number, float(-number)) for number in range(1000)], Direction.MINIMIZE)
    assert 10 < len(found) <= leads.MOST
    assert (found[0], found[-1]) == ((0, 0.0), (999, -999.0))
    assert found == sorted(found)


def test_a_study_knows_how_its_best_got_better(
    store: Store,
    new_study: Make,
    queue: Callable[..., None],
    claim: Callable[..., work.Claim],
    tell: Callable[..., work.Reply],
    read: Callable[[str], studies.Study],
) -> None:
    """As its trials end, whatever their order; the last lead is the best."""
    study = new_study()
    queue(study, trials=4, seeds=1)
    runs = claim("c1", lanes=4).runs
    for place, value in ((3, 0.5), (0, 3.0), (2, 4.0), (1, 1.0)):
        tell(runs[place], value=value)
    found = read(study)
    assert found.leads == ((0, 3.0), (1, 1.0), (3, 0.5))
    assert (found.best_trial, found.best_value) == found.leads[-1]
    with store.read() as session:
        row = session.get_one(models.Study, ("a", study))
        assert row.leads == [[0, 3.0], [1, 1.0], [3, 0.5]]
