"""Translation: what a block says, as the wire has it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.schemas.work import LARGEST, ClaimedBlock, ClaimedRun, Report
from service.worker.leases import Lease
from service.worker.translate import (
    LONGEST_REASON,
    Outbox,
    block_of,
    report_of,
    shorten,
    tell_of,
)
from tests.service.worker.puppets import completed, measured
from tuning.errors import InvalidValue, TrainingCrashed
from tuning.execution import Ended
from tuning.execution.log import LONGEST_LOG
from tuning.provenance import Provenance
from tuning.records import Cause, Measurement, Result, RunState
from tuning.schedules import Schedule, build

A, B = Lease("a", "token of a"), Lease("b", "token of b")
SCHEDULE = Schedule(build("cosine", 0.1, {}), 10)


def claimed(schedule: dict[str, object]) -> ClaimedBlock:
    """A claimed block of one run."""
    return ClaimedBlock(
        study="st_a",
        objective="odd",
        config={"behaviour": "calm"},
        horizon=10,
        phase="search",
        splits=["validation"],
        runs=[ClaimedRun(run="a", token="t", seed=7, attempt=0, schedule=schedule)],
    )


def everyone(_: Lease) -> bool:
    """All leases are held."""
    return True


def test_a_schedule_crosses_the_wire_exactly() -> None:
    """The worker trains the very table that was proposed."""
    (lane,) = block_of(claimed(SCHEDULE.document())).lanes

    assert lane.schedule == SCHEDULE
    assert lane.schedule.table_sha256 == SCHEDULE.table_sha256
    assert (lane.run, lane.seed) == ("a", 7)


def test_a_block_ends_where_the_service_says() -> None:
    """After all of its horizon, unless it says something else."""
    whole = claimed(SCHEDULE.document())
    assert block_of(whole).updates == 10
    assert block_of(whole.model_copy(update={"updates": 4})).updates == 4


def test_a_schedule_this_version_does_not_know_is_a_typed_error() -> None:
    """A slot tells it as a crash, so another worker may try."""
    with pytest.raises(InvalidValue):
        block_of(claimed({**SCHEDULE.document(), "family": "from the future"}))


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_only_finite_numbers_cross_the_wire(values: list[float]) -> None:
    """What JSON cannot name, or nobody compute with, is null; everything else is exact."""
    measurements = [Measurement(step, {"loss": value}) for step, value in enumerate(values)]
    report = report_of(A, 0, measurements)
    read = Report.model_validate_json(report.model_dump_json())

    expected = [value if -LARGEST <= value <= LARGEST else None for value in values]
    assert read.values["loss"] == expected
    assert read.steps == list(range(len(values)))


def test_a_metric_that_is_missing_somewhere_is_null_there() -> None:
    """Columns are as long as the steps, whatever each measurement holds."""
    report = report_of(A, 0, [Measurement(1, {"loss": 1.0}), Measurement(2, {"skill": 2.0})])

    assert report.values == {"loss": [1.0, None], "skill": [None, 2.0]}


def test_a_result_carries_every_split_and_block() -> None:
    """Metrics and losses per block arrive under their splits."""
    result = Result(
        RunState.COMPLETED,
        {"validation": {"loss": 1.0}, "test": {"loss": math.inf}},
        {"validation": (0.5, 1.5), "test": (1.0, math.nan)},
    )
    tell = tell_of(A, result, lanes=2)

    assert tell.outcome == "completed"
    assert tell.metrics == {"validation": {"loss": 1.0}, "test": {"loss": None}}
    assert tell.blocks == {"validation": [0.5, 1.5], "test": [1.0, None]}


@given(st.text(max_size=3 * LONGEST_REASON))
def test_a_long_reason_keeps_its_beginning_and_its_end(reason: str) -> None:
    """It says what happened and where, within the limit of the wire."""
    short = shorten(reason)

    assert len(short) <= LONGEST_REASON
    assert short[:100] == reason[:100]
    assert short[-100:] == reason[-100:]


def test_reports_of_a_run_are_numbered_from_zero() -> None:
    """The number is what makes a repetition recognisable; each run has its own."""
    outbox = Outbox({"a": A, "b": B})
    numbers = []
    for run in "aba":
        outbox.add(measured(run))
        numbers += [(one.run, one.seq) for one in outbox.take_reports(everyone)]

    assert numbers == [("a", 0), ("b", 0), ("a", 1)]
    assert outbox.take_reports(everyone) == []


def test_nothing_is_said_about_runs_that_are_lost() -> None:
    """Neither measurements nor ends."""
    outbox = Outbox({"a": A, "b": B})
    for run in "ab":
        outbox.add(measured(run))
        outbox.add(completed(run))

    assert [one.run for one in outbox.take_reports(B.__eq__)] == ["b"]
    assert [one.run for one in outbox.take_tells(B.__eq__)] == ["b"]


def test_closing_puts_back_only_what_has_not_ended() -> None:
    """Each run gets exactly one end, and measurements of an unfinished attempt are dropped."""
    outbox = Outbox({"a": A, "b": B})
    outbox.add(Ended("a", Result(RunState.DIVERGED, reason="loss was nan")))
    outbox.add(measured("b"))

    assert outbox.close(None, "stopped") == 1
    assert outbox.close(TrainingCrashed("again")) == 0
    assert outbox.take_reports(everyone) == []
    tells = outbox.take_tells(everyone)
    assert [(one.run, one.outcome, one.lanes) for one in tells] == [
        ("a", "diverged", 2),
        ("b", "returned", 2),
    ]


def test_a_crash_tells_how_far_each_run_came() -> None:
    """The update and the learning rate of its last measurement, even if that was sent; or none."""
    outbox = Outbox({"a": A, "b": B})
    outbox.add(measured("a", step=5, loss=1.0, lr=0.25))
    outbox.take_reports(everyone)
    outbox.close(TrainingCrashed("too long", Cause.TIMEOUT))

    told = {one.run: (one.cause, one.step, one.lr) for one in outbox.take_tells(everyone)}
    assert told == {"a": ("timeout", 5, 0.25), "b": ("timeout", None, None)}


def test_where_a_run_diverged_crosses_the_wire() -> None:
    """A learning rate that nobody can compute with is null."""
    end = Result(RunState.DIVERGED, reason="up", cause=Cause.NON_FINITE, step=7, lr=0.1 + 0.2)
    tell = tell_of(A, end, 1)
    assert (tell.cause, tell.step, tell.lr) == ("non_finite", 7, 0.1 + 0.2)
    assert tell_of(A, Result(RunState.DIVERGED, lr=math.inf), 1).lr is None


def test_what_was_trained_on_and_with_goes_with_the_end() -> None:
    """Where the executor tells it."""
    told = Provenance("ab", {"jax": "1.0"})
    tell = tell_of(A, Result(RunState.DIVERGED, provenance=told), 1)
    assert (tell.data_hash, tell.versions) == ("ab", {"jax": "1.0"})
    tell = tell_of(A, Result(RunState.DIVERGED), 1)
    assert (tell.data_hash, tell.versions) == (None, {})


def test_waiting_counts_numbers_until_they_are_taken() -> None:
    """A slot flushes by this count."""
    outbox = Outbox({"a": A})
    outbox.add(measured("a", loss=1.0, lr=0.1))

    assert outbox.waiting == 3
    outbox.take_reports(everyone)
    assert outbox.waiting == 0


def test_a_reason_may_hold_what_no_database_stores() -> None:
    """An exception may say anything; its words still reach the service, NUL written out."""
    outbox = Outbox({A.run: A})
    crash = TrainingCrashed("ValueError: \0 \ud800", trace="\0at line 7")
    crash.log_tail = "x" * LONGEST_LOG + "\0"
    outbox.close(crash)
    (tell,) = outbox.take_tells(lambda _: True)

    assert (tell.reason, tell.traceback) == ("ValueError: \\x00 \\ud800", "\\x00at line 7")
    assert tell.log_tail == "x" * (LONGEST_LOG - 4) + "\\x00"


def test_a_run_that_failed_tells_what_was_printed() -> None:
    """Where the executor listened."""
    outbox = Outbox({"a": A})
    outbox.add(Ended("a", Result(RunState.FAILED, reason="impossible"), "epoch 1\n"))
    (tell,) = outbox.take_tells(everyone)
    assert (tell.outcome, tell.log_tail) == ("failed", "epoch 1\n")
