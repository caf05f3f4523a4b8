"""The contract of a study's lifecycle on SQLite and PostgreSQL: pause, resume, stop, cancel."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import func, select

from service.errors import NotFound
from service.store import (
    deadlines,
    events,
    generations,
    history,
    lifecycle,
    models,
    studies,
    trials,
    work,
)
from service.store.engine import Store
from tuning.documents import write_run
from tuning.errors import IllegalCall, IllegalMove
from tuning.records import Budget, Phase, Run, RunState, StudySpec, StudyState, TrialState
from tuning.states import STUDY_CALLS, Call

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim | None]
Tell = Callable[..., work.Reply]
Beat = Callable[[work.ClaimedRun], work.Reply]
Advance = Callable[[float], None]
Ask = Callable[..., studies.Study]

CALLS: dict[Call, Ask] = {
    Call.PAUSE: lifecycle.pause,
    Call.RESUME: lifecycle.resume,
    Call.STOP: lifecycle.stop,
    Call.CANCEL: lifecycle.cancel,
}
BY_CALL = pytest.mark.parametrize("call", CALLS)


@pytest.fixture
def ask(store: Store) -> Ask:
    """Ask something of a study in a transaction of its own: `ask(Call.PAUSE, study)`."""

    def say(call: Call, study: str) -> studies.Study:
        with store.write() as session:
            return CALLS[call](session, "a", study)

    return say


@pytest.fixture
def until(store: Store) -> Callable[[str], tuple[datetime | None, float | None]]:
    """When the time of a study's search is up, or how many seconds are left of it."""

    def read(study: str) -> tuple[datetime | None, float | None]:
        with store.read() as session:
            row = session.get_one(models.Study, ("a", study))
            return row.search_until, row.search_left

    return read


def put(store: Store, study: str, state: StudyState) -> None:
    """Put a study into a state, as if it had come there."""
    with store.write() as session:
        session.get_one(models.Study, ("a", study)).state = state


def kinds(store: Store, study: str) -> list[str]:
    """What happened to a study, in order."""
    with store.read() as session:
        return [one.kind for one in events.after(session, "a", study, 0)]


def test_a_paused_study_hands_out_nothing_and_counts_what_runs(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, ask: Ask, beat: Beat
) -> None:
    """What is leased goes on, is told and counts; what is queued waits until the study resumes."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    held = claim("c1")
    assert held is not None
    assert ask(Call.PAUSE, study).state is StudyState.PAUSED
    assert claim("c2") is None
    assert beat(held.runs[0]).status is work.Status.OK
    assert tell(held.runs[0]).status is work.Status.OK
    assert ask(Call.PAUSE, study).finished_runs == 1
    assert ask(Call.RESUME, study).state is StudyState.RUNNING
    assert claim("c3") is not None


def test_no_generation_enters_a_paused_study(
    store: Store, new_study: Make, queue: Queue, ask: Ask
) -> None:
    """One that was computed before is computed again after it; the planner sees it no more."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    ask(Call.PAUSE, study)
    with store.write() as session:
        assert not generations.insert(session, "a", study, 1, [], [], confirming=False)
        assert generations.frontiers(session) == []
    ask(Call.RESUME, study)
    with store.read() as session:
        assert [place.next_generation for place in generations.frontiers(session)] == [1]


def test_a_confirming_study_resumes_confirming(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, confirm: Queue, ask: Ask
) -> None:
    """Whatever it was doing; stopping such a study only resumes it."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    for run in claim("c1").runs:  # type: ignore[union-attr]
        tell(run)
    confirm(study, 1, (0,))
    ask(Call.PAUSE, study)
    assert claim("c2") is None
    assert ask(Call.RESUME, study).state is StudyState.CONFIRMING
    ask(Call.PAUSE, study)
    assert ask(Call.STOP, study).state is StudyState.CONFIRMING
    assert claim("c3") is not None


def test_only_unpaused_time_is_spent(
    new_study: Make,
    spec: StudySpec,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    ask: Ask,
    until: Callable[[str], tuple[datetime | None, float | None]],
    read: Callable[[str], studies.Study],
) -> None:
    """The budget in seconds, and the pace that the ETA assumes, stand still during a pause."""
    study = new_study(spec=replace(spec, budget=Budget(trials=10, seconds=60.0)))
    queue(study, trials=3, seeds=1)
    ask(Call.PAUSE, study)
    advance(1_000)
    ask(Call.RESUME, study)
    assert until(study) == (None, None)
    assert claim("c1") is not None
    advance(40)
    ask(Call.PAUSE, study)
    assert until(study) == (None, 20.0)
    advance(1_000)
    ask(Call.RESUME, study)
    advance(19)
    assert claim("c2") is not None
    advance(1)
    assert claim("c3") is None
    assert read(study).finished_runs == 1


def test_a_pause_does_not_spoil_the_eta(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance, ask: Ask
) -> None:
    """One of four runs took 10 s: from the resumption on, the other three take 30."""
    study = new_study(expected_runs=4)
    queue(study, trials=4, seeds=1)
    held = claim("c1")
    assert held is not None
    advance(10)
    tell(held.runs[0])
    assert ask(Call.PAUSE, study).eta is None
    advance(1_000)
    resumed = ask(Call.RESUME, study)
    assert resumed.started is not None
    assert resumed.eta is not None
    assert (resumed.eta - resumed.started).total_seconds() == 1_040


def test_stop_drops_what_is_queued_and_lets_finish_what_runs(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, confirm: Queue, ask: Ask
) -> None:
    """Nothing more is searched, whatever comes back; confirmation follows, with the reason."""
    study = new_study()
    queue(study, trials=3, seeds=1)
    first, second = claim("c1"), claim("c2")
    assert first is not None
    assert second is not None
    assert ask(Call.STOP, study).finished_runs == 1
    assert claim("c3") is None
    assert tell(first.runs[0]).status is work.Status.OK
    tell(second.runs[0], outcome="returned")
    assert claim("c4") is None
    with store.write() as session:
        story = history.load(session, "a", study)
        assert not generations.insert(session, "a", study, 1, [], [], confirming=False)
    assert (story.closed_from, story.closed_because) == (1, lifecycle.STOPPED)
    assert [end.state for _, end in sorted(story.results.items())] == [
        RunState.COMPLETED,
        RunState.CANCELLED,
        RunState.CANCELLED,
    ]
    confirm(study, 1, (0,))
    assert ask(Call.STOP, study).state is StudyState.CONFIRMING
    assert claim("c5") is not None


def test_a_paused_study_that_is_stopped_goes_on_to_its_confirmation(
    new_study: Make, queue: Queue, ask: Ask
) -> None:
    """Its queue is dropped and it is planned again."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    ask(Call.PAUSE, study)
    stopped = ask(Call.STOP, study)
    assert (stopped.state, stopped.finished_runs) == (StudyState.RUNNING, 2)


def test_a_stopped_study_that_ended_may_be_stopped_again(
    store: Store, new_study: Make, queue: Queue, ask: Ask
) -> None:
    """Whoever repeats a call whose answer was lost gets the study as it is."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    ask(Call.STOP, study)
    put(store, study, StudyState.COMPLETED)
    assert ask(Call.STOP, study).state is StudyState.COMPLETED


def test_cancelled_runs_are_told_to_stop(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, beat: Beat, ask: Ask
) -> None:
    """The next heartbeat, report or end is answered `stop: cancelled`, and all runs are counted."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    held = claim("c1")
    assert held is not None
    (run,) = held.runs
    cancelled = ask(Call.CANCEL, study)
    assert (cancelled.state, cancelled.finished_runs) == (StudyState.CANCELLED, 2)
    with store.write() as session:
        (reported,) = work.report(session, [work.Report(run.id, run.token, 0, [1], {"mse": [1.0]})])
    stale = work.Reply(run.id, work.Status.STALE, work.Stop.CANCELLED)
    assert (beat(run), reported, tell(run)) == (stale, stale, stale)
    with store.read() as session:
        states = {row.state for row in trials.page(session, "a", study).items}
    assert states == {TrialState.CANCELLED}


def test_a_paused_study_can_be_cancelled(new_study: Make, queue: Queue, ask: Ask) -> None:
    """And takes nothing after that."""
    study = new_study()
    queue(study)
    ask(Call.PAUSE, study)
    assert ask(Call.CANCEL, study).state is StudyState.CANCELLED
    with pytest.raises(IllegalCall, match="resume: the study is cancelled; allowed: delete"):
        ask(Call.RESUME, study)


@BY_CALL
def test_a_call_may_be_repeated(
    store: Store, new_study: Make, queue: Queue, ask: Ask, call: Call
) -> None:
    """The second time nothing happens, and the answer is the same."""
    study = new_study()
    queue(study)
    if call is Call.RESUME:
        ask(Call.PAUSE, study)
    first = ask(call, study)
    before = kinds(store, study)
    assert ask(call, study) == first
    assert kinds(store, study) == before


@BY_CALL
@pytest.mark.parametrize("state", StudyState)
def test_a_call_is_refused_where_the_table_does_not_have_it(
    store: Store, new_study: Make, ask: Ask, call: Call, state: StudyState
) -> None:
    """Naming what is allowed instead; a study that is there already is left alone."""
    already = {
        Call.PAUSE: {StudyState.PAUSED},
        Call.RESUME: {StudyState.RUNNING, StudyState.CONFIRMING},
        Call.STOP: {StudyState.CONFIRMING},
        Call.CANCEL: {StudyState.CANCELLED},
    }[call]
    study = new_study()
    put(store, study, state)
    if state in STUDY_CALLS[call] or state in already:
        ask(call, study)
        return
    with pytest.raises(IllegalCall, match=f"{call}: the study is {state}; allowed: "):
        ask(call, study)


def test_an_extension_counts_the_time_that_was_left(
    store: Store,
    new_study: Make,
    spec: StudySpec,
    queue: Queue,
    confirm: Queue,
    claim: Claim,
    tell: Tell,
    advance: Advance,
    until: Callable[[str], tuple[datetime | None, float | None]],
) -> None:
    """Neither the confirmation nor the time before the extension is spent; the leader is back."""
    study = new_study(spec=replace(spec, budget=Budget(trials=10, seconds=60.0)))
    queue(study, trials=2, seeds=1)
    for run, value in zip(claim("c1", lanes=2).runs, (1.0, 2.0), strict=True):  # type: ignore[union-attr]
        tell(run, value=value)
    advance(45)
    confirm(study, 1, (1,))
    advance(1_000)
    tell(claim("c2").runs[0])  # type: ignore[union-attr]
    with store.write() as session:
        verdict = {"trial": 1, "arms": [{"trial": 1, "validation": 0.5}]}
        assert generations.complete(session, "a", study, verdict)
        assert studies.get(session, "a", study).best_trial == 1
    advance(1_000)
    with store.write() as session:
        extended = lifecycle.extend(session, "a", study, expect=lambda _: 20, seconds=100.0)
        again = lifecycle.extend(session, "a", study, expect=lambda _: 20, seconds=100.0)
        story = history.load(session, "a", study)
        shown = history.best_trial(session, extended, extended.winner)
    assert again == extended
    assert (extended.state, extended.expected_runs) == (StudyState.RUNNING, 21)
    assert (extended.best_trial, extended.best_value) == (0, 1.0)
    assert shown is not None
    assert shown.number == 1
    assert [(one.generation, one.budget.seconds) for one in story.extensions] == [(2, 60.0)]
    assert extended.spec.budget.seconds == 100.0
    ends, left = until(study)
    assert left is None
    assert ends is not None
    assert extended.started is not None
    assert (ends - extended.started).total_seconds() == 45 + 2_000 + 15 + 40
    queue(study, trials=1, seeds=1, generation=2)
    assert claim("c3") is not None


def test_a_deleted_study_leaves_nothing_but_its_reads(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, ask: Ask
) -> None:
    """Only one that ended; its neighbour, and a worker that is late, are not disturbed."""
    study, other = new_study(), new_study()
    queue(study, trials=1, seeds=2)
    (run,) = claim("c1").runs  # type: ignore[union-attr]
    queue(other, trials=1, seeds=1)
    with store.write() as session:
        work.report(session, [work.Report(run.id, run.token, 0, [1], {"mse": [1.0]})])
    refused = "delete: the study is running; allowed: pause, stop, cancel"
    with pytest.raises(IllegalCall, match=refused), store.write() as session:
        lifecycle.delete(session, "a", study)
    ask(Call.CANCEL, study)
    with store.write() as session:
        lifecycle.delete(session, "a", study)
    late = tell(run)
    assert (late.status, late.stop) == (work.Status.STALE, work.Stop.FENCED)
    with store.write() as session:
        for table in (models.Run, models.Trial, models.Event, models.Measurement):
            mine = select(func.count()).select_from(table).where(table.study == study)
            assert session.scalar(mine) == 0
        with pytest.raises(NotFound):
            lifecycle.delete(session, "a", study)
    assert claim("c2") is not None


def test_a_cancelled_trial_is_dropped_and_the_search_goes_on(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, beat: Beat
) -> None:
    """Its runs stop and count as cancelled; a run that a later generation has of it, too."""
    study = new_study()
    queue(study, trials=2, seeds=2)
    run, second = claim("c1", lanes=2).runs  # type: ignore[union-attr]
    tell(second)
    with store.write() as session:
        dropped = lifecycle.cancel_trial(session, "a", study, 0)
        assert lifecycle.cancel_trial(session, "a", study, 0) == dropped
        story = history.load(session, "a", study)
        late = Run(1, 0, 0, Phase.SEARCH, 7, 100)
        assert generations.insert(session, "a", study, 1, [], [write_run(late)], confirming=False)
        found = studies.get(session, "a", study)
        with pytest.raises(NotFound):
            lifecycle.cancel_trial(session, "a", study, 9)
    assert (dropped.state, dropped.value) == (TrialState.CANCELLED, None)
    assert beat(run).stop is work.Stop.CANCELLED
    assert dict(story.pruned) == {0: 1}
    assert {key: end.state for key, end in story.results.items()} == {
        (0, 0): RunState.CANCELLED,
        (0, 1): RunState.COMPLETED,
    }
    assert (found.state, found.finished_runs) == (StudyState.RUNNING, 3)
    assert [one.id for one in claim("c2", lanes=4).runs] == [f"{study}.0.2", f"{study}.0.3"]  # type: ignore[union-attr]


def test_a_trial_that_ended_is_not_cancelled(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """It counts."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0])  # type: ignore[union-attr]
    with pytest.raises(IllegalMove, match="from completed to cancelled"), store.write() as session:
        lifecycle.cancel_trial(session, "a", study, 0)


def test_an_overdue_study_that_is_paused_is_not_closed(
    store: Store,
    new_study: Make,
    spec: StudySpec,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    ask: Ask,
) -> None:
    """Its time stands still, so it cannot run out."""
    study = new_study(spec=replace(spec, budget=Budget(trials=10, seconds=60.0)))
    queue(study, trials=2, seeds=1)
    assert claim("c1") is not None
    ask(Call.PAUSE, study)
    advance(10**6)
    with store.write() as session:
        assert deadlines.overdue(session) == []
        deadlines.enforce(session, "a", study)
    with store.read() as session:
        assert history.load(session, "a", study).closed_from is None
