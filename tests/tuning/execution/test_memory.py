"""Memory: lanes that do not fit together are trained in parts, to the same bits."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.execution.ledgers import LedgerProblem, ledger
from tuning.errors import NotEnoughMemory, TrainingCrashed
from tuning.execution import Block, Inline, Lane
from tuning.execution.memory import SHARE, available_bytes, split_to_fit, total_bytes
from tuning.execution.training import train
from tuning.execution.watch import resident_bytes
from tuning.records import Cause
from tuning.schedules import Schedule, build

MEBIBYTE = 2**20
MODULE = """
from dataclasses import replace
from tuning.objectives import OBJECTIVES as BUILT_IN

GREEDY = replace(
    BUILT_IN["realized_volatility"], name="greedy_for_memory", training_bytes=lambda *_: 2**60
)
OBJECTIVES = {"greedy_for_memory": GREEDY}
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


def block(*seeds: int) -> Block:
    """A block of one lane per seed."""
    schedule = Schedule(build("linear", 0.1, {}), 10)
    return Block("ledger", {}, 10, tuple(Lane(str(s), s, schedule) for s in seeds))


@given(st.integers(1, 64), st.integers(0, 2**30), st.integers(1, 2**30), st.integers(1, 2**33))
def test_parts_fit_and_hold_every_lane_once(
    lanes: int, shared_bytes: int, lane_bytes: int, free: int
) -> None:
    """As few parts as possible, each within the share of what is free, in order."""

    def bytes_of(count: int) -> int:
        return shared_bytes + count * lane_bytes

    if bytes_of(1) > SHARE * free:
        with pytest.raises(NotEnoughMemory):
            list(split_to_fit(range(lanes), bytes_of, free))
        return
    parts = list(split_to_fit(range(lanes), bytes_of, free))

    assert [lane for part in parts for lane in part] == list(range(lanes))
    assert all(bytes_of(len(part)) <= SHARE * free for part in parts)
    assert all(bytes_of(len(part) + 1) > SHARE * free for part in parts[:-1])


@pytest.mark.parametrize(
    ("bytes_of", "free"), [(None, 1), (lambda _: 0, 1), (lambda lanes: lanes, None)]
)
def test_lanes_stay_together_where_nobody_knows(
    bytes_of: Callable[[int], int] | None, free: int | None
) -> None:
    """No estimate, none of a need, or nothing known of the machine."""
    assert list(split_to_fit("abc", bytes_of, free)) == ["abc"]


@linux
def test_lanes_trained_in_parts_have_the_same_events() -> None:
    """Room for two lanes at a time: three lanes are two trainings, and no bit differs."""
    whole, parts = LedgerProblem(), LedgerProblem()
    needy = ledger(parts, training_bytes=lambda _, lanes, __: lanes * 100 * MEBIBYTE)
    allowed = resident_bytes(os.getpid()) + 310 * MEBIBYTE
    in_parts = list(train(block(0, 1, 2), needy, parts, allowed))
    together = list(train(block(0, 1, 2), ledger(whole), whole))

    assert [made.seeds for made in parts.made] == [[0, 1], [2]]
    assert [made.seeds for made in whole.made] == [[0, 1, 2]]
    for run in "012":
        assert [one for one in in_parts if one.run == run] == [
            one for one in together if one.run == run
        ]


@linux
def test_a_lane_that_does_not_fit_crashes_for_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is trained, and with what would be needed."""
    (tmp_path / "module_greedy_for_memory.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    one = Block("greedy_for_memory", {}, 10, block(0).lanes)
    with pytest.raises(TrainingCrashed, match=r"a lane needs [\d,]+ MiB") as crash:
        list(Inline(modules=("module_greedy_for_memory",)).run(one))
    assert crash.value.cause is Cause.MEMORY


@linux
def test_what_is_free_is_less_than_there_is() -> None:
    """And no more than what is allowed leaves beside what is held already."""
    free, total = available_bytes(), total_bytes()
    assert free is not None
    assert total is not None
    assert 0 < free < total
    assert available_bytes(1) == 0
    held = resident_bytes(os.getpid())
    assert available_bytes(held + MEBIBYTE) <= 64 * MEBIBYTE


@linux
def test_a_process_that_gives_way_is_ended_first() -> None:
    """Tried in a child, since it cannot be taken back."""
    program = (
        "from tuning.execution.memory import give_way; give_way(); "
        "print(open('/proc/self/oom_score_adj').read())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) >= 500
