"""The contract of results, on SQLite and PostgreSQL: each counts exactly once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf, nan

import pytest

from service.errors import Conflict
from service.store import history, outcomes, studies, trials, work
from service.store.engine import Store
from tuning.documents import read_number
from tuning.errors import InvalidValue
from tuning.records import (
    Cause,
    Direction,
    Metric,
    Result,
    RunState,
    StudySpec,
    StudyState,
)

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]
Rows = Callable[..., list[history.RunRow]]
Read = Callable[[str], studies.Study]


def test_counts_a_result_once(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, read: Read
) -> None:
    """The same tell again is a duplicate and changes nothing."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    run = claim("c1").runs[0]
    assert tell(run, value=0.5) == work.Reply(run.id, work.Status.OK)
    before = read(study)
    assert tell(run, value=0.5) == work.Reply(run.id, work.Status.DUPLICATE)
    assert read(study) == before
    assert before.finished_runs == 1


def test_refuses_another_result_under_the_same_token(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows
) -> None:
    """A trainer that changes its mind is told so, and the first result stands."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    tell(run, value=0.5)
    with pytest.raises(Conflict, match="another result"):
        tell(run, value=0.6)
    assert rows(study)[0].result.metrics == {"validation": {"mse": 0.5}}


def test_a_batch_is_stored_whole_or_not_at_all(
    store: Store, new_study: Make, queue: Queue, claim: Claim, read: Read
) -> None:
    """One item that does not fit its run refuses the batch and is named."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    runs = claim("c1", lanes=2).runs
    good, bad = (
        outcomes.Tell(run.id, run.token, outcomes.Outcome.COMPLETED, {"validation": {name: 1.0}})
        for run, name in zip(runs, ("mse", "typo"), strict=True)
    )
    with (
        pytest.raises(InvalidValue, match=r"results\[1\].metrics.validation.mse"),
        store.write() as s,
    ):
        outcomes.tell(s, [good, bad], max_attempts=3)
    assert read(study).finished_runs == 0
    with store.write() as session:
        told = outcomes.tell(session, [good, good], max_attempts=3)
    assert [one.status for one in told] == ["ok", "duplicate"]


@pytest.mark.parametrize("value", [1.1e60, -1.1e60, 1.7e308])
def test_refuses_a_score_so_large_that_means_and_squares_overflow(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, value: float, read: Read
) -> None:
    """It is told so when it comes, not when two of them are averaged."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    one, other = claim("c1", lanes=2).runs
    with pytest.raises(InvalidValue, match="up to 1e\\+60"):
        tell(one, value=value)
    assert [tell(run, value=1e60).status for run in (one, other)] == ["ok", "ok"]
    assert read(study).best_value == 1e60


def test_refuses_block_losses_so_large_that_squares_overflow(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """A block without a number may be told, one with an absurd number not."""
    queue(new_study(), trials=1, seeds=1)
    run = claim("c1").runs[0]
    told = outcomes.Tell(
        run.id,
        run.token,
        outcomes.Outcome.COMPLETED,
        {"validation": {"mse": 1.0}},
        {"validation": [1.0, 1.1e60]},
    )
    with pytest.raises(InvalidValue, match=r"blocks\.validation"), store.write() as session:
        outcomes.tell(session, [told], max_attempts=3)
    with store.write() as session:
        fine = replace(told, blocks={"validation": [1.0, None]})
        assert outcomes.tell(session, [fine], max_attempts=3)[0].status == "ok"


@pytest.mark.parametrize("value", [nan, inf, None])
def test_refuses_a_completed_run_without_a_finite_score(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, value: float | None, rows: Rows
) -> None:
    """What is compared must be a number; a run without one diverged."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    with pytest.raises(InvalidValue, match="diverged"):
        tell(run, value=value)
    assert tell(run, value=value, outcome="diverged").status == "ok"
    (row,) = rows(study)
    assert row.state is RunState.DIVERGED
    assert str(row.result.metrics["validation"]["mse"]) == str(read_number(None))


def test_refuses_the_test_split_of_a_search_run(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """The test split cannot leak into the search, whatever a trainer sends."""
    queue(new_study())
    run = claim("c1").runs[0]
    metrics = {"validation": {"mse": 1.0}, "test": {"mse": 1.0}}
    told = outcomes.Tell(run.id, run.token, outcomes.Outcome.COMPLETED, metrics)
    with pytest.raises(InvalidValue, match=r"metrics\.test"), store.write() as session:
        outcomes.tell(session, [told], max_attempts=3)


def test_retries_the_runs_of_a_crashed_block_alone(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows
) -> None:
    """A crash in company is nobody's attempt; alone it is, and the third one fails the run."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    for run in claim("c1", lanes=2).runs:
        assert tell(run, outcome="crashed", lanes=2).status == "ok"
    attempts = []
    for i in range(3):
        (run,) = claim(f"alone{i}", lanes=2).runs
        attempts.append(run.attempt)
        assert tell(run, outcome="crashed", reason="exit 139").status == "ok"
        assert tell(run, outcome="crashed", reason="exit 139").status == "duplicate"
    assert attempts == [0, 1, 2]
    first, second = rows(study)
    assert (first.state, first.result.reason) == (RunState.FAILED, "exit 139")
    assert (second.state, second.attempt) == (RunState.QUEUED, 0)


@pytest.mark.parametrize(("cause", "attempts"), [("timeout", 1), ("memory", 3), ("raised", 3)])
def test_a_run_that_used_up_its_time_alone_is_not_tried_again(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows, cause: str, attempts: int
) -> None:
    """In company nobody is to blame; alone it had all its time, other crashes may be chance."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    for run in claim("c1", lanes=2).runs:
        tell(run, outcome="crashed", lanes=2, cause=cause)
    assert [row.attempt for row in rows(study)] == [0, 0]
    for attempt in range(attempts):
        (run,) = claim(f"alone{attempt}").runs
        tell(run, outcome="crashed", cause=cause, step=7, lr=0.5)
    first, second = rows(study)
    assert (first.state, first.attempt) == (RunState.FAILED, attempts)
    assert first.result == Result(
        RunState.FAILED, reason="crashed", cause=Cause(cause), step=7, lr=0.5
    )
    assert second.state is RunState.QUEUED


def test_a_diverged_run_keeps_where_it_diverged(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows
) -> None:
    """Cause, update and learning rate are stored as they were told, and tell results apart."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    assert tell(run, outcome="diverged", cause="blew_up", step=30, lr=0.1 + 0.2).status == "ok"
    assert tell(run, outcome="diverged", cause="blew_up", step=30, lr=0.1 + 0.2).status == (
        "duplicate"
    )
    with pytest.raises(Conflict, match="another result"):
        tell(run, outcome="diverged", cause="non_finite", step=30, lr=0.1 + 0.2)
    end = rows(study)[0].result
    assert (end.cause, end.step, end.lr) == (Cause.BLEW_UP, 30, 0.1 + 0.2)


def test_a_hand_back_is_no_attempt(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows
) -> None:
    """A draining worker returns its runs as often as it likes."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    for i in range(5):
        run = claim(f"c{i}").runs[0]
        assert run.attempt == 0
        assert tell(run, outcome="returned").status == "ok"
    assert rows(study)[0].state is RunState.QUEUED


@pytest.mark.parametrize(
    ("direction", "values", "best"),
    [
        (Direction.MINIMIZE, (3.0, 1.0, 2.0), [(0, 3.0), (1, 1.0), (1, 1.0)]),
        (Direction.MAXIMIZE, (1.0, 3.0, 3.0), [(0, 1.0), (1, 3.0), (1, 3.0)]),
    ],
)
def test_the_best_only_improves(  # fixtures
    spec: StudySpec,
    new_study: Make,
    queue: Queue,
    claim: Claim,
    tell: Tell,
    direction: Direction,
    values: tuple[float, ...],
    best: list[tuple[int, float]],
    read: Read,
) -> None:
    """Each finished trial is offered; only a better one replaces the best."""
    study = new_study(spec=replace(spec, metric=Metric("mse", direction)))
    queue(study, trials=3, seeds=1)
    seen = []
    for run, value in zip(claim("c1", lanes=3).runs, values, strict=True):
        tell(run, value=value)
        now = read(study)
        seen.append((now.best_trial, now.best_value))
    assert seen == best


def test_the_best_does_not_depend_on_the_order_of_results(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, read: Read
) -> None:
    """Of equal scores the earlier trial is the best, whichever ended first."""
    study = new_study()
    queue(study, trials=3, seeds=1)
    for run in reversed(claim("c1", lanes=3).runs):
        tell(run, value=1.0)
    assert read(study).best_trial == 0


def test_concludes_a_trial_with_its_last_run(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, read: Read
) -> None:
    """A trial runs from its first claim, is scored by its last result, and fails by any."""
    study = new_study()
    queue(study, trials=2, seeds=2)

    def states() -> list[tuple[str, float | None]]:
        with store.read() as session:
            page = trials.page(session, "a", study)
        return [(row.state, row.value) for row in page.items]

    runs = claim("c1", lanes=3).runs
    assert states() == [("running", None), ("running", None)]
    tell(runs[0], value=1.0)
    assert states()[0] == ("running", None)
    tell(runs[1], value=2.0)
    tell(runs[2], value=inf, outcome="diverged")
    assert states() == [("completed", 1.5), ("running", None)]
    tell(claim("c2").runs[0], value=0.1)
    assert states()[1] == ("diverged", None)
    assert read(study).best_value == 1.5


def test_confirmation_changes_neither_trial_nor_best(
    store: Store,
    new_study: Make,
    queue: Queue,
    confirm: Queue,
    claim: Claim,
    tell: Tell,
    read: Read,
) -> None:
    """Confirmation runs count as finished; the verdict, not the store, judges by them."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0], value=1.0)
    confirm(study, 1, (0,))
    tell(claim("c2").runs[0], value=0.2)
    now = read(study)
    assert (now.best_value, now.finished_runs, now.state) == (1.0, 2, StudyState.CONFIRMING)
    with store.read() as session:
        assert history.trial(session, "a", study, 0).value == 1.0


def test_tells_when_it_will_be_done(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance, read: Read
) -> None:
    """The ETA is a moment: now, plus the time per finished run for each run still expected."""
    study = new_study(expected_runs=4)
    queue(study)
    runs = claim("c1", lanes=4).runs
    assert read(study).eta is None
    advance(10)
    tell(runs[0])
    now = read(study)
    assert (now.eta - now.started).total_seconds() == 40


def test_threads_that_tell_the_same_result_count_once(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, read: Read
) -> None:
    """Simultaneous repetitions of one tell: one is ok, the others are duplicates."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    with ThreadPoolExecutor(8) as pool:
        replies = Counter(pool.map(lambda _: tell(run).status, range(8)))
    assert replies == {"ok": 1, "duplicate": 7}
    assert read(study).finished_runs == 1
