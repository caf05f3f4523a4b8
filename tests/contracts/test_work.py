"""The contract of leases, on SQLite and PostgreSQL: who holds a run, and who is fenced."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import pytest

from service.store import curves, generations, history, lifecycle, outcomes, studies, work
from service.store.engine import Store
from tuning.documents import write_run, write_trial
from tuning.errors import InvalidValue
from tuning.records import (
    Cause,
    Run,
    RunState,
    StudyState,
    TrialState,
)
from tuning.schedules import Schedule

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]
Beat = Callable[[work.ClaimedRun], work.Reply]
Sweep = Callable[[], int]
Rows = Callable[..., list[history.RunRow]]
Read = Callable[[str], studies.Study]


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
        lifecycle.cancel(session, "a", study)
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
    run = Run(0, 0, 0, proposed.phase, 1, 25)
    with store.write() as session:
        generations.insert(
            session, "a", study, 0, [write_trial(proposed)], [write_run(run)], confirming=False
        )
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


def test_what_a_paused_study_still_trains_counts_for_its_project(
    store: Store, new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """Its workers are the project's, until they have finished."""
    paused, own, other = new_study(project="a"), new_study(project="a"), new_study(project="b")
    for study, project in ((paused, "a"), (other, "b"), (own, "a")):
        queue(study, project=project)
        if study == paused:
            assert len(claim("c1", lanes=2, worker="w1").runs) == 2
            with store.write() as session:
                lifecycle.pause(session, "a", paused)
        advance(1)
    served = [claim(f"d{turn}", worker=f"v{turn}").study for turn in range(4)]
    assert served == [other, other, own, other]


def test_keeps_a_lease_while_it_beats(
    new_study: Make, queue: Queue, claim: Claim, advance: Advance, beat: Beat, sweep: Sweep
) -> None:
    """Heartbeats move the expiry; without them the sweep takes the run back."""
    queue(new_study())
    run = claim("c1").runs[0]
    for _ in range(3):
        advance(29)
        assert beat(run) == work.Reply(run.id, work.Status.OK)
    assert sweep() == 0
    advance(30)
    assert sweep() == 1


def test_fences_a_worker_that_lost_its_lease(
    new_study: Make,
    queue: Queue,
    claim: Claim,
    tell: Tell,
    advance: Advance,
    beat: Beat,
    sweep: Sweep,
    read: Read,
) -> None:
    """After the sweep nothing the old token says counts; the new one's result does."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    old = claim("c1").runs[0]
    advance(31)
    sweep()
    assert beat(old) == work.Reply(old.id, work.Status.STALE, work.Stop.EXPIRED)
    assert tell(old, value=9.0).status == "stale"
    new = claim("c2", worker="other").runs[0]
    assert (new.id, new.attempt) == (old.id, 1)
    assert beat(old) == work.Reply(old.id, work.Status.STALE, work.Stop.FENCED)
    assert tell(old, value=9.0) == work.Reply(old.id, work.Status.STALE, work.Stop.FENCED)
    assert tell(new, value=0.5).status == "ok"
    assert tell(old, value=9.0).stop == "fenced"
    assert read(study).best_value == 0.5


def test_takes_a_late_result_that_nobody_replaced(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance, rows: Rows
) -> None:
    """A lease that expired while the server was away is still good until it is taken back."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    advance(3600)
    assert tell(run).status == "ok"
    assert rows(study)[0].attempt == 0


def test_fails_a_run_whose_leases_keep_expiring(
    store: Store,
    new_study: Make,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    sweep: Sweep,
    rows: Rows,
    read: Read,
) -> None:
    """At most three attempts, the last one alone; then the run and its trial have failed."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    lanes = []
    for attempt in range(3):
        lanes.append(len(claim(f"c{attempt}", lanes=2).runs))
        if lanes[-1] == 1:
            claim("rest", lanes=2, worker="other")
        advance(31)
        sweep()
    assert lanes == [2, 2, 1]
    assert [(row.state, row.result.cause) for row in rows(study)] == [
        (RunState.FAILED, Cause.LOST_WORKER)
    ] * 2
    with store.read() as session:
        assert history.trial(session, "a", study, 0).state is TrialState.FAILED
    assert read(study).finished_runs == 2


def test_requeues_a_dead_local_worker_at_once(
    store: Store, new_study: Make, queue: Queue, claim: Claim, beat: Beat
) -> None:
    """What the named worker held is queued again, not as an attempt; others keep theirs."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    held, other = claim("c1", worker="local").runs[0], claim("c2", worker="far").runs[0]
    with store.write() as session:
        assert work.requeue(session, "local") == 1
        assert work.requeue(session, "local") == 0
    assert beat(held).stop == "expired"
    assert beat(other).status == "ok"
    assert claim("c3").runs[0].attempt == 0


def test_a_run_that_kills_its_local_worker_fails_in_the_end(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows
) -> None:
    """Whoever was in a worker that died comes alone from then on, and alone it counts."""
    study = new_study()
    queue(study, trials=1, seeds=3)
    lanes, culprit = [], f"{study}.0.1"
    for number in range(20):
        block = claim(f"c{number}", lanes=3)
        if block is None:
            break
        lanes.append(len(block.runs))
        if culprit in {run.id for run in block.runs}:
            with store.write() as session:
                assert work.bereave(session, "w", max_attempts=3) == len(block.runs)
        else:
            assert tell(block.runs[0]).status == "ok"
    assert lanes == [3, 1, 1, 1, 1, 1]
    ends = [(row.state, row.attempt) for row in rows(study)]
    assert ends == [(RunState.COMPLETED, 0), (RunState.FAILED, 3), (RunState.COMPLETED, 0)]
    assert rows(study)[1].result.cause is Cause.LOST_WORKER


def test_runs_of_a_crashed_block_are_alone_in_their_blocks_only(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A worker trains several of them in processes of their own, and others beside them."""
    queue(new_study(), trials=1, seeds=4)
    for run in claim("c1", lanes=2).runs:
        tell(run, outcome="crashed", lanes=2)
    held = [[run.id[-1] for run in claim(f"c{number}", lanes=4).runs] for number in (2, 3, 4)]
    assert held == [["0"], ["1"], ["2", "3"]]


def test_a_suspect_has_a_worker_for_itself(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """It waits until a worker trains nothing; that worker, and any that waits for it, gets no more.

    So whoever is blamed for the death of its worker did it.
    """
    queue(new_study(), trials=1, seeds=4)
    claim("c1", lanes=2)
    with store.write() as session:
        assert work.bereave(session, "w", max_attempts=3) == 2
    (first,) = claim("c2", lanes=4).runs
    assert first.id.endswith(".0")
    assert claim("c3", lanes=4) is None  # the worker is the suspect's
    (second,) = claim("c4", lanes=4, worker="other").runs
    assert second.id.endswith(".1")
    assert tell(first).status == "ok"
    assert [run.id[-1] for run in claim("c5", lanes=4).runs] == ["2", "3"]
    assert tell(second, outcome="returned").status == "ok"
    with store.read() as session:
        assert not work.has_queued(session, "w")
        assert work.has_queued(session, "other")
    assert claim("c6") is None
    assert [run.id for run in claim("c7", worker="other").runs] == [second.id]


def test_a_busy_worker_waits_for_a_suspect_whose_turn_it_is(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """With what other studies have queued it would be busy for ever."""
    suspected = new_study()
    advance(1)
    other = new_study()
    queue(suspected, trials=1, seeds=1)
    queue(other, trials=1, seeds=3)
    (suspect,) = claim("c1").runs
    assert suspect.id.startswith(suspected)
    advance(1)
    (beside,) = claim("c2").runs
    with store.write() as session:
        assert work.bereave(session, "w", max_attempts=3) == 2
    # Both are suspects now; the study that was served longest ago comes first.
    (alone,) = claim("c3").runs
    assert (alone.id, alone.attempt) == (suspect.id, 0)
    busy = claim("c4", worker="busy").runs
    assert [run.id for run in busy] == [beside.id]
    assert claim("c5", worker="busy") is None
    assert tell(alone).status == "ok"
    assert claim("c6").runs[0].id.startswith(other)
    assert tell(busy[0], outcome="returned").status == "ok"
    assert claim("c7") is None  # its turn: "w" gets no more before it is done
    assert [run.id for run in claim("c8", worker="busy").runs] == [beside.id]


def test_tells_workers_of_a_cancelled_study_to_stop(
    store: Store,
    new_study: Make,
    queue: Queue,
    claim: Claim,
    tell: Tell,
    beat: Beat,
    rows: Rows,
    read: Read,
) -> None:
    """Tokens die with the study; results that come later do not count."""
    study = new_study()
    queue(study)
    run = claim("c1").runs[0]
    with store.write() as session:
        cancelled = lifecycle.cancel(session, "a", study)
    assert cancelled.state is StudyState.CANCELLED
    assert beat(run) == work.Reply(run.id, work.Status.STALE, work.Stop.CANCELLED)
    assert tell(run).stop == "cancelled"
    assert {row.state for row in rows(study)} == {RunState.CANCELLED}
    assert read(study) == cancelled


def test_knows_no_run_of_that_name(tell: Tell, beat: Beat) -> None:
    """An invented run is fenced like a lost one."""
    invented = work.ClaimedRun("st_x.0.0", "token", 1, ("validation",), 0, {})
    assert beat(invented).stop == "fenced"
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
        (curve,) = curves.read(session, "a", study)
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
        (curve,) = curves.read(session, "a", study, trials=(0,))
    assert curve.values == {"mse": (1.0,)}


def test_measurements_may_come_with_the_end(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """They are stored before it, all or nothing; repeated, both are duplicates."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    run = claim("c1").runs[0]
    last = work.Report(run.id, run.token, 0, (10, 20), {"mse": (2.0, 1.0)})
    end = outcomes.Tell(
        run.id, run.token, outcomes.Outcome.COMPLETED, metrics={"validation": {"mse": 1.0}}
    )
    bad = replace(last, values={"mse": (1.0,)})
    with pytest.raises(InvalidValue, match=r"reports\[0\]"), store.write() as session:
        outcomes.tell(session, [end], max_attempts=3, reports=[bad])
    for status in ("ok", "duplicate"):
        with store.write() as session:
            replies = outcomes.tell(session, [end], max_attempts=3, reports=[last])
        assert [one.status for one in replies] == [status, status]
    with store.read() as session:
        (curve,) = curves.read(session, "a", study)
    assert (curve.steps, curve.values) == ((10, 20), {"mse": (2.0, 1.0)})


def test_refuses_columns_of_another_length(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """A report names the column that does not match its steps."""
    queue(new_study())
    run = claim("c1").runs[0]
    bad = work.Report(run.id, run.token, 0, (10, 20), {"mse": (2.0,)})
    with pytest.raises(InvalidValue, match=r"reports\[0\].values.mse"), store.write() as session:
        work.report(session, [bad])
