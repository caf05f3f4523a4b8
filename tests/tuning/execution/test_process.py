"""The process executor: what a child does to itself harms nobody else."""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tuning.errors import TrainingCrashed
from tuning.execution import Allowance, Block, Ended, Lane, Measured, Process
from tuning.execution.watch import LOOK_SECONDS, Watch
from tuning.records import Cause, RunState
from tuning.schedules import Schedule, build

ODD = str(Path(__file__).parents[2] / "contracts")
SECONDS = 20  # patience on a busy machine


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """A process executor that knows the odd objectives."""
    monkeypatch.setenv("PYTHONPATH", ODD)
    executor = Process(modules=("odd_objectives",))
    yield executor
    executor.close()


def odd(behaviour: str = "calm") -> Block:
    """A block of one lane that behaves so after its first measurement."""
    lane = Lane("a", 1, Schedule(build("constant", 0.1, {}), 10))
    return Block("odd", {"behaviour": behaviour}, 10, (lane,))


def first_measured(events: Iterator[object]) -> int:
    """The id of the process (or helper) that the first measurement tells."""
    event = next(events)
    assert isinstance(event, Measured)
    return int(event.measurement.values["process"])


def completed(executor: Process) -> int:
    """Train a calm block to its end; the id of the child."""
    *_, measured, ended = executor.run(odd())
    assert isinstance(ended, Ended)
    assert ended.result.state is RunState.COMPLETED
    return first_measured(iter([measured]))


def test_the_child_is_kept_from_block_to_block(executor: Process) -> None:
    """Two blocks are trained by one process, even from two threads that come and go."""
    children: list[int] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: children.append(completed(executor)))
        thread.start()
        thread.join()

    assert children == [completed(executor)] * 2


def test_a_child_killed_in_the_middle_crashes_its_block_only(executor: Process) -> None:
    """A `kill -9` is an error that names the signal; the next block trains in a new child."""
    events = executor.run(odd("hangs"))
    child = first_measured(events)
    os.kill(child, signal.SIGKILL)

    with pytest.raises(TrainingCrashed, match="killed by SIGKILL"):
        list(events)
    assert completed(executor) != child


def test_training_code_that_exits_crashes_its_block_only(executor: Process) -> None:
    """An exit out of the blue is an error that names the code."""
    with pytest.raises(TrainingCrashed, match="exited with code 3"):
        list(executor.run(odd("exits")))
    completed(executor)


def test_a_child_that_raised_is_replaced(executor: Process) -> None:
    """After an exception nothing of the child is trusted."""
    before = completed(executor)
    with pytest.raises(TrainingCrashed, match="ValueError: the data are odd"):
        list(executor.run(odd("raises")))

    assert completed(executor) != before


def test_a_child_that_died_between_blocks_is_replaced(executor: Process) -> None:
    """No block suffers from a death that happened while nothing was trained."""
    child = completed(executor)
    os.kill(child, signal.SIGKILL)
    assert executor._link is not None
    assert executor._link.ending() == "the child process was killed by SIGKILL"

    assert completed(executor) != child


def test_stop_ends_a_block_at_once_from_another_thread(executor: Process) -> None:
    """The block ends with the reason "stopped", and what it started ends too."""
    events = executor.run(odd("hangs beside a helper"))
    helper = os.pidfd_open(first_measured(events))
    stopper = threading.Thread(target=executor.stop)
    stopper.start()

    with pytest.raises(TrainingCrashed, match=r"^stopped$"):
        list(events)
    stopper.join()
    assert select.select([helper], [], [], SECONDS)[0], "the helper is still running"
    os.close(helper)
    completed(executor)


def test_leaving_a_block_early_ends_its_child(executor: Process) -> None:
    """Events of a block that nobody waits for are not mixed into the next one's."""
    events = executor.run(odd("hangs"))
    child = first_measured(events)
    events.close()

    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    completed(executor)


def test_a_child_stopped_after_its_block_harms_no_other_block(executor: Process) -> None:
    """However shortly before the next block it was stopped, a new child trains that one."""
    before = completed(executor)
    for _ in range(5):
        executor.stop()
        after = completed(executor)
        assert after != before
        before = after


def test_stopping_and_closing_without_a_child_is_harmless(executor: Process) -> None:
    """An executor that never ran can be stopped and closed."""
    executor.stop()
    executor.close()
    executor.close()

    completed(executor)


def limited(monkeypatch: pytest.MonkeyPatch, **allowance: float) -> Process:
    """A process executor that allows so much."""
    monkeypatch.setenv("PYTHONPATH", ODD)
    return Process(modules=("odd_objectives",), allowance=Allowance(**allowance))


def test_a_training_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all it started, and with a reason that says what was allowed; a block gets more."""
    lanes = tuple(replace(odd().lanes[0], run=str(number)) for number in range(16))
    calm = replace(odd(), lanes=lanes)
    with closing(limited(monkeypatch, run_seconds=3.0)) as executor:
        list(executor.run(calm))  # the child has started
        events = executor.run(odd("hangs beside a helper"))
        helper = os.pidfd_open(first_measured(events))
        with pytest.raises(TrainingCrashed, match=r"longer than 3 s \(1 run, 3 s each\)") as crash:
            list(events)
        assert crash.value.cause is Cause.TIMEOUT
        assert select.select([helper], [], [], SECONDS)[0], "the helper is still running"
        os.close(helper)
        *_, ended = executor.run(calm)
        assert ended.result.state is RunState.COMPLETED


def test_time_that_a_listener_takes_is_not_the_training_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without network, say, holds its runs up; that is no fault of theirs."""
    with closing(limited(monkeypatch, run_seconds=1e-6)) as executor:
        watch = Watch(executor._connect(), Allowance(run_seconds=1e-6), 1)
        with watch.paused(), watch:
            time.sleep(5 * LOOK_SECONDS)
        assert watch.breach is None


@pytest.mark.parametrize("behaviour", ["eats", "has a helper that eats"])
def test_a_training_that_takes_too_much_memory_is_killed(
    monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    """Whichever process of its group holds it; the next block trains in a new child."""
    with closing(limited(monkeypatch, memory_bytes=600 * 2**20)) as executor:
        with pytest.raises(TrainingCrashed, match=r"MiB with what it started; 600 are") as crash:
            list(executor.run(odd(behaviour)))
        assert crash.value.cause is Cause.MEMORY
        completed(executor)


@pytest.mark.parametrize(
    ("behaviour", "cause", "words"),
    [
        ("raises", Cause.RAISED, "ValueError: the data are odd"),
        ("exits", Cause.EXITED, "exited with code 3"),
        ("kills itself", Cause.KILLED, "killed by SIGKILL"),
        ("closes everything", Cause.KILLED, "killed by SIGKILL"),
        ("babbles", Cause.RAISED, "no message"),
        ("returns wrong shapes", Cause.RAISED, r"loss of evaluate\('validation'\) is of shape"),
        ("returns wrong names", Cause.RAISED, "the objective's metrics are loss, process"),
    ],
)
def test_every_crash_has_its_cause(
    executor: Process, behaviour: str, cause: Cause, words: str
) -> None:
    """For programs as a code, for people in words; the next block is sound."""
    with pytest.raises(TrainingCrashed, match=words) as crash:
        list(executor.run(odd(behaviour)))
    assert crash.value.cause == cause
    completed(executor)


@pytest.mark.parametrize("behaviour", ["floods", "forks"])
def test_noise_and_helpers_are_no_crime(executor: Process, behaviour: str) -> None:
    """Megabytes of print, or a process that outlives the block, and the run completes."""
    *_, ended = executor.run(odd(behaviour))
    assert isinstance(ended, Ended)
    assert ended.result.state is RunState.COMPLETED


@pytest.mark.parametrize(
    ("behaviour", "words", "where"),
    [
        ("mutters and exits", "exited with code 3", ""),
        ("mutters and raises", "ValueError: the data are odd", "in raise_odd"),
    ],
)
def test_what_a_training_said_last_is_told(
    executor: Process, behaviour: str, words: str, where: str
) -> None:
    """Everything that it printed anywhere, however it ended, and where it raised if it did."""
    with pytest.raises(TrainingCrashed, match=words) as crash:
        list(executor.run(odd(behaviour)))
    said = "step 5: loss 0.5\n\x1b[31mwarning\x00 \xff\n\\xff\\xfe\n"
    assert crash.value.log_tail == said
    assert where in crash.value.trace
    assert bool(crash.value.trace) == bool(where)


def test_a_fault_of_compiled_code_says_where_it_was(executor: Process) -> None:
    """The line of Python from which it was called, though no exception was raised."""
    with pytest.raises(TrainingCrashed, match="killed by SIGSEGV") as crash:
        list(executor.run(odd("faults")))
    assert "Segmentation fault" in crash.value.log_tail
    assert "in fault" in crash.value.log_tail


def test_of_a_long_log_the_end_is_kept(executor: Process) -> None:
    """From the first whole line on."""
    with pytest.raises(TrainingCrashed) as crash:
        list(executor.run(odd("shouts")))
    first, *_, last = crash.value.log_tail.splitlines()
    assert 7_000 < len(crash.value.log_tail) <= 8_192
    assert (first.split()[0], last.split()[:2]) == ("line", ["line", "16383"])


def test_what_another_block_said_is_not_told(executor: Process) -> None:
    """It may have been somebody else's."""
    list(executor.run(odd("mutters")))
    with pytest.raises(TrainingCrashed) as crash:
        list(executor.run(odd("raises")))
    assert crash.value.log_tail == ""


def test_training_code_sees_no_secrets(executor: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is cleared, libraries get one thread, and it gives way to the server."""
    monkeypatch.setenv("SECRET", "swordfish")
    own = os.getpriority(os.PRIO_PROCESS, 0)

    with pytest.raises(TrainingCrashed) as crash:
        list(executor.run(odd("tells")))
    told = str(crash.value).splitlines()[0]
    assert "'SECRET': None, 'OMP_NUM_THREADS': '1'" in told
    assert f"nice={min(own + 10, 19)} group of its own=True" in told
