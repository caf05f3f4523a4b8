"""The contract of the store, on SQLite and PostgreSQL: studies, generations, history, events."""

from collections.abc import Callable
from dataclasses import replace
from math import nextafter

import pytest

from service.errors import Conflict, KeyReused, NotFound
from service.store import (
    curves,
    events,
    generations,
    glances,
    history,
    idempotency,
    lifecycle,
    projects,
    studies,
    trials,
    work,
)
from service.store.engine import Store
from service.store.generations import Frontier
from service.store.listing import Wanted
from tuning.documents import write_trial
from tuning.errors import IllegalMove, InvalidValue
from tuning.records import Phase, RunState, StudySpec, StudyState, Trial

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]


def _kinds(store: Store, study: str) -> list[tuple[int, str]]:
    with store.read() as session:
        return [(one.revision, one.kind) for one in events.after(session, "a", study, 0)]


def _frontier(store: Store, study: str) -> tuple[int, int]:
    with store.read() as session:
        (found,) = (one for one in generations.frontiers(session) if one.study == study)
    return found.next_generation, found.settled_generation


def test_returns_a_study_as_it_was_stored(store: Store, spec: StudySpec, new_study: Make) -> None:
    """A specification comes back equal, to the last bit of every number."""
    name = new_study(expected_runs=9)
    with store.read() as session:
        study = studies.get(session, "a", name)
    assert study.spec == spec
    assert (study.id, study.project, study.objective) == (name, "a", "realized_volatility")
    assert (study.state, study.revision, study.expected_runs) == (StudyState.RUNNING, 1, 9)
    assert study.created.utcoffset() is not None
    assert (study.best_trial, study.verdict, study.eta, study.finished) == (None,) * 4


def test_ids_are_long_and_random(new_study: Make) -> None:
    """An id cannot be guessed from another: 100 random bits."""
    names = {new_study() for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("st_") and len(name) == 23 for name in names)


def test_rolls_back_what_an_error_interrupts(store: Store, spec: StudySpec) -> None:
    """A transaction that raises stores nothing."""

    def interrupted() -> None:
        with store.write() as session:
            projects.ensure(session, "a")
            studies.create(session, "a", spec, expected_runs=1)
            raise LookupError

    with pytest.raises(LookupError):
        interrupted()
    with store.read() as session:
        assert glances.page(session, "a").items == ()
        with pytest.raises(NotFound):
            projects.get(session, "a")


def test_no_study_without_a_project(store: Store, spec: StudySpec) -> None:
    """A study belongs to a project that exists."""
    with pytest.raises(NotFound, match="project 'nobody'"), store.write() as session:
        studies.create(session, "nobody", spec, expected_runs=1)


def test_another_project_sees_nothing(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """Every call with another project's study is the same NotFound as for an invented one."""
    study = new_study(project="a")
    queue(study)
    claim("c1")
    new_study(project="b")
    with store.write() as session:
        calls: list[Callable[[str], object]] = [
            lambda name: studies.get(session, "b", name),
            lambda name: lifecycle.cancel(session, "b", name),
            lambda name: lifecycle.fail(session, "b", name, "why"),
            lambda name: history.load(session, "b", name),
            lambda name: history.trial(session, "b", name, 0),
            lambda name: trials.page(session, "b", name),
            lambda name: history.runs(session, "b", name, 0),
            lambda name: curves.read(session, "b", name),
            lambda name: events.append(session, "b", name, "kind", {}),
            lambda name: events.after(session, "b", name, 0),
            lambda name: generations.insert(session, "b", name, 0, [], [], confirming=False),
            lambda name: generations.complete(session, "b", name, {}),
        ]
        for call in calls:
            for name in (study, "st_invented"):
                with pytest.raises(NotFound):
                    call(name)
        assert [one.study.project for one in glances.page(session, "b").items] == ["b"]
    assert len(_kinds(store, study)) == 3


def test_pages_newest_first_without_gaps(
    store: Store, spec: StudySpec, new_study: Make, advance: Advance
) -> None:
    """Pages follow one another, whatever is created meanwhile; equal moments are no trouble."""
    names = []
    for number in range(5):
        names.append(new_study(spec=replace(spec, label=f"n{number % 2}")))
        advance(number % 2)
    seen: list[str] = []
    cursor = None
    with store.read() as session:
        for _ in range(3):
            page = glances.page(session, "a", cursor=cursor, limit=2)
            seen += [one.study.id for one in page.items]
            cursor = page.next
        running = Wanted(label="n1", state=StudyState.RUNNING)
        labelled = glances.page(session, "a", running).items
        assert glances.page(session, "a", Wanted(objective="other")).items == ()
    assert cursor is None
    assert sorted(seen) == sorted(names)
    assert seen[0] == names[4]
    assert {one.study.label for one in labelled} == {"n1"}
    assert len(labelled) == 2


@pytest.mark.parametrize("cursor", ["x", "é", "bm8", "WzFd", "WyJhIiwgMV0", "-" * 1000])
def test_refuses_a_cursor_it_did_not_write(store: Store, new_study: Make, cursor: str) -> None:
    """Anything but a cursor of this list is refused, naming the field."""
    new_study()
    with store.read() as session, pytest.raises(InvalidValue, match=r"^cursor"):
        glances.page(session, "a", cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_refuses_a_limit_outside_its_range(store: Store, limit: int) -> None:
    """A page has from 1 to 1,000 items."""
    with store.read() as session, pytest.raises(InvalidValue, match=r"^limit"):
        glances.page(session, "a", limit=limit)


def test_history_comes_back_as_it_was_proposed(
    store: Store,
    new_study: Make,
    trial: Callable[..., Trial],
    queue: Queue,
    claim: Claim,
    tell: Tell,
) -> None:
    """The planner reads equal records, and results to the last bit."""
    study = new_study()
    queue(study, trials=2, seeds=2)
    value = nextafter(0.1, 1.0)
    tell(claim("c1").runs[0], value=value)
    with store.read() as session:
        story = history.load(session, "a", study)
    assert story.trials == (trial(0), trial(1))
    assert [(run.generation, run.index, run.trial, run.seed) for run in story.runs] == [
        (0, 0, 0, 2**32 - 1),
        (0, 1, 0, 2**32 - 2),
        (0, 2, 1, 2**32 - 1),
        (0, 3, 1, 2**32 - 2),
    ]
    assert story.results.keys() == {(0, 0)}
    assert story.results[0, 0].metrics == {"validation": {"mse": value}}


def test_history_holds_all_trials_in_order(store: Store, new_study: Make, queue: Queue) -> None:
    """Pages of trials go by number."""
    study = new_study()
    queue(study, trials=3, seeds=1)
    queue(study, trials=3, seeds=1, generation=1)
    with store.read() as session:
        first = trials.page(session, "a", study, limit=4)
        second = trials.page(session, "a", study, limit=4, cursor=first.next)
        with pytest.raises(NotFound, match="trial"):
            history.runs(session, "a", study, 6)
    assert [row.trial.number for row in (*first.items, *second.items)] == list(range(6))
    assert second.next is None


def test_inserts_a_generation_once(
    store: Store, new_study: Make, trial: Callable[..., Trial], queue: Queue
) -> None:
    """A second replica's insert changes nothing; a gap is a mistake."""
    study = new_study()
    queue(study)
    before = _kinds(store, study)
    with store.write() as session:
        assert not generations.insert(
            session, "a", study, 0, [write_trial(trial(0))], [], confirming=False
        )
    with pytest.raises(Conflict), store.write() as session:
        generations.insert(session, "a", study, 2, [], [], confirming=False)
    assert _kinds(store, study) == before


def test_frontier_moves_when_generations_settle(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A generation is settled when all runs of it and of all before have ended."""
    study = new_study()
    assert _frontier(store, study) == (0, -1)
    queue(study, trials=1, seeds=1)
    queue(study, trials=1, seeds=1, generation=1)
    first, second = claim("c1", lanes=2).runs
    assert _frontier(store, study) == (2, -1)
    tell(second)
    assert _frontier(store, study) == (2, -1)
    tell(first)
    assert _frontier(store, study) == (2, 1)


def test_frontiers_are_of_active_studies_of_all_projects(
    store: Store, new_study: Make, advance: Advance
) -> None:
    """The planner serves every project and nothing that ended."""
    first = new_study(project="a")
    advance(1)
    second = new_study(project="b")
    ended = new_study(project="b")
    with store.write() as session:
        lifecycle.cancel(session, "b", ended)
        assert generations.frontiers(session) == [
            Frontier("a", first, StudyState.RUNNING, 1, 0, -1),
            Frontier("b", second, StudyState.RUNNING, 1, 0, -1),
        ]
        assert [one.study for one in generations.frontiers(session, ("b", second))] == [second]
        assert generations.frontiers(session, ("b", first)) == []
        assert generations.frontiers(session, ("b", ended)) == []


def test_completes_a_study_once(
    store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim, tell: Tell
) -> None:
    """The verdict is stored with the move to completed; a second verdict is not taken."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0])
    confirm(study, 1, (0,))
    with pytest.raises(Conflict, match="not ended"), store.write() as session:
        generations.complete(session, "a", study, {"winner": "cosine"})
    tell(claim("c2").runs[0])
    with store.write() as session:
        assert generations.complete(session, "a", study, {"winner": "cosine"})
        assert not generations.complete(session, "a", study, {"winner": "linear"})
        assert not generations.insert(session, "a", study, 2, [], [], confirming=False)
        done = studies.get(session, "a", study)
    assert (done.state, done.verdict) == (StudyState.COMPLETED, {"winner": "cosine"})
    assert (done.eta, done.error) == (None, None)
    assert done.finished is not None


@pytest.mark.parametrize(("confirmed", "best"), [(0.5, 1), (None, 0)])
def test_the_best_becomes_the_winner_only_if_it_was_confirmed(
    store: Store,
    new_study: Make,
    queue: Queue,
    confirm: Queue,
    claim: Claim,
    tell: Tell,
    confirmed: float | None,
    best: int,
) -> None:
    """Without a figure on fresh seeds the leader of the search stands, with its own value."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    for run, value in zip(claim("c1", lanes=2).runs, (1.0, 2.0), strict=True):
        tell(run, value=value)
    confirm(study, 1, (1,))
    tell(claim("c2").runs[0])
    verdict = {"trial": 1, "arms": [{"validation": confirmed}]}
    with store.write() as session:
        assert generations.complete(session, "a", study, verdict)
        done = studies.get(session, "a", study)
    assert (done.best_trial, done.best_value) == (best, 1.0)


def test_a_verdict_needs_a_confirmation(store: Store, new_study: Make) -> None:
    """A study that never confirmed cannot complete."""
    study = new_study()
    with pytest.raises(IllegalMove), store.write() as session:
        generations.complete(session, "a", study, {})


def test_cancels_once_and_for_all(store: Store, new_study: Make, queue: Queue) -> None:
    """Cancelling drops what is queued; again, it changes nothing; trials are cancelled too."""
    study = new_study()
    queue(study)
    with store.write() as session:
        first = lifecycle.cancel(session, "a", study)
        assert lifecycle.cancel(session, "a", study) == first
        assert lifecycle.fail(session, "a", study, "late") == first
        assert history.trial(session, "a", study, 0).state == "cancelled"
        story = history.load(session, "a", study)
    assert {end.state for end in story.results.values()} == {RunState.CANCELLED}
    assert first.finished is not None


def test_does_not_cancel_what_completed(
    store: Store, new_study: Make, trial: Callable[..., Trial]
) -> None:
    """A study with a verdict keeps it."""
    study = new_study()
    with store.write() as session:
        generations.insert(session, "a", study, 0, [write_trial(trial(0))], [], confirming=True)
        generations.complete(session, "a", study, {})
    with pytest.raises(IllegalMove, match="completed"), store.write() as session:
        lifecycle.cancel(session, "a", study)


def test_gives_a_study_up_with_its_reason(store: Store, new_study: Make, queue: Queue) -> None:
    """A failed study says why; its runs are dropped."""
    study = new_study()
    queue(study)
    with store.write() as session:
        failed = lifecycle.fail(session, "a", study, "no trial completed")
    assert (failed.state, failed.error) == (StudyState.FAILED, "no trial completed")
    assert _kinds(store, study)[-1] == (3, "failed")


def test_every_change_is_an_event_numbered_by_the_revision(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """Revisions have no gaps, and the study's revision is its last event's."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0], value=0.5)
    with store.write() as session:
        assert events.append(session, "a", study, "note", {"by": "hand"}) == 5
    seen = [(1, "created"), (2, "planned"), (3, "claimed"), (4, "progress"), (5, "note")]
    assert _kinds(store, study) == seen
    with store.read() as session:
        assert studies.get(session, "a", study).revision == 5
        (progress,) = events.after(session, "a", study, 3, limit=1)
    assert (progress.revision, progress.data["best_value"]) == (4, 0.5)


def test_remembers_an_answer_by_its_key(store: Store, new_study: Make) -> None:
    """The same key and body get the stored answer, per project and route; another body an error."""
    new_study(project="a")
    new_study(project="b")
    with store.write() as session:
        assert idempotency.recall(session, "a", "create", "k", "hash") is None
        idempotency.remember(session, "a", "create", "k", "hash", status=202, body={"id": "x"})
    with store.write() as session:
        known = idempotency.recall(session, "a", "create", "k", "hash")
        assert known == idempotency.Answer(202, {"id": "x"})
        assert idempotency.recall(session, "b", "create", "k", "hash") is None
        assert idempotency.recall(session, "a", "other", "k", "hash") is None
        with pytest.raises(KeyReused):
            idempotency.recall(session, "a", "create", "k", "another")


def test_survives_reopening(
    store: Store, database_url: str, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """What was committed is there for the next server, leases included."""
    study = new_study()
    queue(study)
    run, held = claim("c1", lanes=2).runs
    tell(run, value=0.25)
    with store.read() as session:
        before = studies.get(session, "a", study), history.load(session, "a", study)
    store.close()
    again = Store(database_url)
    with again.read() as session:
        after = studies.get(session, "a", study), history.load(session, "a", study)
    with again.write() as session:
        (reply,) = work.heartbeat(session, [work.Beat(held.id, held.token)], lease_seconds=30)
    again.close()
    assert after == before
    assert reply.status == "ok"


def test_reading_cannot_write(store: Store, new_study: Make, spec: StudySpec) -> None:
    """A reading transaction that tries to store something fails and stores nothing."""
    new_study()
    with pytest.raises(Exception, match=r"(?i)read-?only"), store.read() as session:
        studies.create(session, "a", spec, expected_runs=1)
    with store.read() as session:
        assert len(glances.page(session, "a").items) == 1


def test_a_read_sees_one_moment(store: Store, new_study: Make) -> None:
    """All queries of a reading transaction agree, whatever is committed meanwhile."""
    new_study()
    with store.read() as session:
        before = [one.study.id for one in glances.page(session, "a").items]
        new_study()
        assert [one.study.id for one in glances.page(session, "a").items] == before


def test_phases_survive_storage(store: Store, new_study: Make, queue: Queue, claim: Claim) -> None:
    """Names come back as the core's own values, not as bare strings."""
    study = new_study()
    queue(study)
    block = claim("c1")
    with store.read() as session:
        row = history.runs(session, "a", study, 0)[0]
    assert block.phase is Phase.SEARCH
    assert row.run.phase is Phase.SEARCH
    assert row.state is RunState.LEASED
