"""The contract of leases, on SQLite and PostgreSQL: each run counts exactly once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf, nan

import pytest

from service.errors import Conflict
from service.store import generations, history, outcomes, studies, work
from service.store.engine import Store
from tuning.documents import read_number
from tuning.errors import InvalidValue
from tuning.records import (
    Direction,
    Metric,
    RunState,
    StudySpec,
    StudyState,
    TrialState,
)
from tuning.schedules import Schedule

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]


def _beat(store: Store, run: work.ClaimedRun) -> work.Reply:
    with store.write() as session:
        return work.heartbeat(session, [work.Beat(run.id, run.token)], lease_seconds=30)[0]


def _sweep(store: Store) -> int:
    with store.write() as session:
        return work.sweep(session, max_attempts=3)


def _rows(store: Store, study: str, trial: int = 0) -> list[history.RunRow]:
    with store.read() as session:
        return history.runs(session, "a", study, trial)


def _read(store: Store, study: str) -> studies.Study:
    with store.read() as session:
        return studies.get(session, "a", study)


def test_hands_out_the_oldest_runs_of_one_study(
    new_study: Make, queue: Queue, claim: Claim
) -> None:
    """A claim carries all that a worker needs to train a block."""
    study = new_study()
    queue(study, trials=2, seeds=2)
    block = claim("c1", lanes=3)
    assert (block.project, block.study, block.objective) == ("a", study, "realized_volatility")
    assert (block.horizon, block.phase, block.config["l2"]) == (100, "search", 1e-07)
    assert [run.id for run in block.runs] == [f"{study}.0.{i}" for i in range(3)]
    assert block.runs[0].seed == 2**32 - 1
    assert block.runs[0].splits == ("validation",)
    assert Schedule.from_document(dict(block.runs[0].schedule)).peak == 0.001
    assert len({run.token for run in block.runs}) == 3


def test_answers_a_repeated_claim_with_the_same_runs(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A lost answer costs nothing: the same claim id gets the same tokens, and later nothing."""
    queue(new_study())
    first = claim("c1", lanes=2)
    assert claim("c1", lanes=2) == first
    tell(first.runs[0])
    assert claim("c1", lanes=2).runs == first.runs[1:]
    tell(first.runs[1])
    assert claim("c1", lanes=2) is None
    assert claim("c2", lanes=2).runs != first.runs


def test_gives_nothing_when_nothing_fits(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """No queued run, another objective, or a study that ended: None."""
    assert claim("c0") is None
    study = new_study()
    queue(study)
    assert claim("c1", objectives=("heston_surface",)) is None
    with store.write() as session:
        studies.cancel(session, "a", study)
    assert claim("c2") is None


def test_does_not_mix_phases_in_a_block(
    new_study: Make, queue: Queue, confirm: Queue, claim: Claim
) -> None:
    """Confirmation runs read another split, so they come in a claim of their own."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    confirm(study, 1, (0,))
    assert [len(claim(f"c{i}", lanes=8).runs) for i in range(2)] == [2, 1]


def test_lays_a_schedule_out_over_the_horizon_of_the_run(
    store: Store, new_study: Make, trial: Callable[..., object], claim: Claim
) -> None:
    """A rung trains the same shape over fewer updates."""
    study = new_study()
    proposed = trial(0)
    run = generations.Run(0, 0, 0, proposed.phase, 1, 25)
    with store.write() as session:
        generations.insert(session, "a", study, 0, [proposed], [run], confirming=False)
    block = claim("c1")
    assert Schedule.from_document(dict(block.runs[0].schedule)) == proposed.schedule.at(25)


def test_shares_workers_between_projects_and_studies(
    new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """The project with the fewest leased lanes is served first, then its study with the fewest."""
    names = {}
    for name, project in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        names[new_study(project=project)] = name
        queue(list(names)[-1], project=project)
        advance(1)
    served = [names[claim(f"c{i}", lanes=1).study] for i in range(6)]
    assert served == ["a1", "b1", "a2", "b1", "a1", "b1"]


def test_counts_a_result_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """The same tell again is a duplicate and changes nothing."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    run = claim("c1").runs[0]
    assert tell(run, value=0.5) == work.Reply(run.id, work.Status.OK)
    before = _read(store, study)
    assert tell(run, value=0.5) == work.Reply(run.id, work.Status.DUPLICATE)
    assert _read(store, study) == before
    assert before.finished_runs == 1


def test_refuses_another_result_under_the_same_token(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A trainer that changes its mind is told so, and the first result stands."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    tell(run, value=0.5)
    with pytest.raises(Conflict, match="another result"):
        tell(run, value=0.6)
    assert _rows(store, study)[0].result.metrics == {"validation": {"mse": 0.5}}


def test_a_batch_is_stored_whole_or_not_at_all(
    store: Store, new_study: Make, queue: Queue, claim: Claim
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
    assert _read(store, study).finished_runs == 0
    with store.write() as session:
        told = outcomes.tell(session, [good, good], max_attempts=3)
    assert [one.status for one in told] == ["ok", "duplicate"]


@pytest.mark.parametrize("value", [nan, inf, None])
def test_refuses_a_completed_run_without_a_finite_score(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, value: float | None
) -> None:
    """What is compared must be a number; a run without one diverged."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    with pytest.raises(InvalidValue, match="diverged"):
        tell(run, value=value)
    assert tell(run, value=value, outcome="diverged").status == "ok"
    (row,) = _rows(store, study)
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


def test_keeps_a_lease_while_it_beats(
    store: Store, new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """Heartbeats move the expiry; without them the sweep takes the run back."""
    queue(new_study())
    run = claim("c1").runs[0]
    for _ in range(3):
        advance(29)
        assert _beat(store, run) == work.Reply(run.id, work.Status.OK)
    assert _sweep(store) == 0
    advance(30)
    assert _sweep(store) == 1


def test_fences_a_worker_that_lost_its_lease(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """After the sweep nothing the old token says counts; the new one's result does."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    old = claim("c1").runs[0]
    advance(31)
    _sweep(store)
    assert _beat(store, old) == work.Reply(old.id, work.Status.STALE, work.Stop.EXPIRED)
    assert tell(old, value=9.0).status == "stale"
    new = claim("c2", worker="other").runs[0]
    assert (new.id, new.attempt) == (old.id, 1)
    assert _beat(store, old) == work.Reply(old.id, work.Status.STALE, work.Stop.FENCED)
    assert tell(old, value=9.0) == work.Reply(old.id, work.Status.STALE, work.Stop.FENCED)
    assert tell(new, value=0.5).status == "ok"
    assert tell(old, value=9.0).stop == "fenced"
    assert _read(store, study).best_value == 0.5


def test_takes_a_late_result_that_nobody_replaced(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """A lease that expired while the server was away is still good until it is taken back."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    advance(3600)
    assert tell(run).status == "ok"
    assert _rows(store, study)[0].attempt == 0


def test_fails_a_run_whose_leases_keep_expiring(
    store: Store, new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """At most three attempts, the last one alone; then the run and its trial have failed."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    lanes = []
    for attempt in range(3):
        lanes.append(len(claim(f"c{attempt}", lanes=2).runs))
        if lanes[-1] == 1:
            claim("rest", lanes=2)
        advance(31)
        _sweep(store)
    assert lanes == [2, 2, 1]
    assert [(row.state, row.result.reason) for row in _rows(store, study)] == [
        (RunState.FAILED, "lost_worker")
    ] * 2
    with store.read() as session:
        assert history.trial(session, "a", study, 0).state is TrialState.FAILED
    assert _read(store, study).finished_runs == 2


def test_retries_the_runs_of_a_crashed_block_alone(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
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
    first, second = _rows(store, study)
    assert (first.state, first.result.reason) == (RunState.FAILED, "crashed: exit 139")
    assert (second.state, second.attempt) == (RunState.QUEUED, 0)


def test_a_hand_back_is_no_attempt(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A draining worker returns its runs as often as it likes."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    for i in range(5):
        run = claim(f"c{i}").runs[0]
        assert run.attempt == 0
        assert tell(run, outcome="returned").status == "ok"
    assert _rows(store, study)[0].state is RunState.QUEUED


def test_requeues_a_dead_local_worker_at_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """What the named worker held is queued again, not as an attempt; others keep theirs."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    held, other = claim("c1", worker="local").runs[0], claim("c2", worker="far").runs[0]
    with store.write() as session:
        assert work.requeue(session, "local") == 1
        assert work.requeue(session, "local") == 0
    assert _beat(store, held).stop == "expired"
    assert _beat(store, other).status == "ok"
    assert claim("c3").runs[0].attempt == 0


def test_tells_workers_of_a_cancelled_study_to_stop(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """Tokens die with the study; results that come later do not count."""
    study = new_study()
    queue(study)
    run = claim("c1").runs[0]
    with store.write() as session:
        assert studies.cancel(session, "a", study).state is StudyState.CANCELLED
    assert _beat(store, run) == work.Reply(run.id, work.Status.STALE, work.Stop.CANCELLED)
    assert tell(run).stop == "cancelled"
    assert {row.state for row in _rows(store, study)} == {RunState.CANCELLED}
    assert _read(store, study).finished_runs == 0


def test_knows_no_run_of_that_name(store: Store, tell: Tell) -> None:
    """An invented run is fenced like a lost one."""
    invented = work.ClaimedRun("st_x.0.0", "token", 1, ("validation",), 0, {})
    assert _beat(store, invented).stop == "fenced"
    assert tell(invented).stop == "fenced"


def test_stores_measurements_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A report counts once by its number, comes even after the tell, and non-finite is None."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    first = work.Report(run.id, run.token, 0, (10, 20), {"mse": (2.0, inf), "lr": (0.1, 0.2)})
    last = work.Report(run.id, run.token, 1, (30,), {"mse": (1.0,)})
    with store.write() as session:
        assert [one.status for one in work.report(session, [first, first])] == ["ok", "duplicate"]
    tell(run)
    with store.write() as session:
        assert [one.status for one in work.report(session, [first, last])] == ["duplicate", "ok"]
    with store.read() as session:
        (curve,) = history.curves(session, "a", study)
    assert (curve.run, curve.trial, curve.steps) == (run.id, 0, (10, 20, 30))
    assert curve.values == {"mse": (2.0, None, 1.0), "lr": (0.1, 0.2, None)}


def test_shows_only_the_accepted_training(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """Measurements of a lease that was lost are neither shown nor mixed with the next one's."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    for value, outcome in ((9.0, "returned"), (1.0, "completed")):
        run = claim(f"c{value}").runs[0]
        report = work.Report(run.id, run.token, 0, (10,), {"mse": (value,)})
        with store.write() as session:
            assert work.report(session, [report])[0].status == "ok"
        tell(run, outcome=outcome)
        with store.write() as session:
            late = work.report(session, [replace(report, token="lost", seq=1)])[0]
        assert late.status == "stale"
    with store.read() as session:
        (curve,) = history.curves(session, "a", study, trials=(0,))
    assert curve.values == {"mse": (1.0,)}


def test_refuses_columns_of_another_length(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """A report names the column that does not match its steps."""
    queue(new_study())
    run = claim("c1").runs[0]
    bad = work.Report(run.id, run.token, 0, (10, 20), {"mse": (2.0,)})
    with pytest.raises(InvalidValue, match=r"reports\[0\].values.mse"), store.write() as session:
        work.report(session, [bad])


@pytest.mark.parametrize(
    ("direction", "values", "best"),
    [
        (Direction.MINIMIZE, (3.0, 1.0, 2.0), [(0, 3.0), (1, 1.0), (1, 1.0)]),
        (Direction.MAXIMIZE, (1.0, 3.0, 3.0), [(0, 1.0), (1, 3.0), (1, 3.0)]),
    ],
)
def test_the_best_only_improves(  # fixtures
    store: Store,
    spec: StudySpec,
    new_study: Make,
    queue: Queue,
    claim: Claim,
    tell: Tell,
    direction: Direction,
    values: tuple[float, ...],
    best: list[tuple[int, float]],
) -> None:
    """Each finished trial is offered; only a better one replaces the best."""
    study = new_study(spec=replace(spec, metric=Metric("mse", direction)))
    queue(study, trials=3, seeds=1)
    seen = []
    for run, value in zip(claim("c1", lanes=3).runs, values, strict=True):
        tell(run, value=value)
        now = _read(store, study)
        seen.append((now.best_trial, now.best_value))
    assert seen == best


def test_the_best_does_not_depend_on_the_order_of_results(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """Of equal scores the earlier trial is the best, whichever ended first."""
    study = new_study()
    queue(study, trials=3, seeds=1)
    for run in reversed(claim("c1", lanes=3).runs):
        tell(run, value=1.0)
    assert _read(store, study).best_trial == 0


def test_concludes_a_trial_with_its_last_run(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A trial runs from its first claim, is scored by its last result, and fails by any."""
    study = new_study()
    queue(study, trials=2, seeds=2)

    def states() -> list[tuple[str, float | None]]:
        with store.read() as session:
            page = history.trials_page(session, "a", study)
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
    assert _read(store, study).best_value == 1.5


def test_confirmation_changes_neither_trial_nor_best(
    store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim, tell: Tell
) -> None:
    """Confirmation runs count as finished; the verdict, not the store, judges by them."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(claim("c1").runs[0], value=1.0)
    confirm(study, 1, (0,))
    tell(claim("c2").runs[0], value=0.2)
    now = _read(store, study)
    assert (now.best_value, now.finished_runs, now.state) == (1.0, 2, StudyState.CONFIRMING)
    with store.read() as session:
        assert history.trial(session, "a", study, 0).value == 1.0


def test_tells_when_it_will_be_done(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """The ETA is a moment: now, plus the time per finished run for each run still expected."""
    study = new_study(expected_runs=4)
    queue(study)
    runs = claim("c1", lanes=4).runs
    assert _read(store, study).eta is None
    advance(10)
    tell(runs[0])
    now = _read(store, study)
    assert (now.eta - now.started).total_seconds() == 40


def test_threads_claim_each_run_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """16 threads empty a queue of 500 runs: each is handed out once and counted once."""
    study = new_study(expected_runs=500)
    queue(study, trials=50, seeds=10)

    def drain(worker: int) -> list[str]:
        names: list[str] = []
        while (block := claim(f"{worker}.{len(names)}", lanes=5, worker=str(worker))) is not None:
            names.extend(run.id for run in block.runs)
            tell(block.runs[0])
        return names

    with ThreadPoolExecutor(16) as pool:
        claimed = Counter(name for names in pool.map(drain, range(16)) for name in names)
    assert len(claimed) == 500
    assert set(claimed.values()) == {1}
    now = _read(store, study)
    assert now.finished_runs == sum(
        row.state is RunState.COMPLETED for trial in range(50) for row in _rows(store, study, trial)
    )
    assert now.finished_runs >= 100


def test_threads_that_tell_the_same_result_count_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """Simultaneous repetitions of one tell: one is ok, the others are duplicates."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    with ThreadPoolExecutor(8) as pool:
        replies = Counter(pool.map(lambda _: tell(run).status, range(8)))
    assert replies == {"ok": 1, "duplicate": 7}
    assert _read(store, study).finished_runs == 1


def test_threads_that_repeat_a_claim_get_the_same_runs(
    new_study: Make, queue: Queue, claim: Claim
) -> None:
    """Simultaneous repetitions of one claim lease the runs once."""
    queue(new_study(), trials=4, seeds=2)
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda _: claim("c1", lanes=2), range(8)))
    assert all(block == blocks[0] for block in blocks)
