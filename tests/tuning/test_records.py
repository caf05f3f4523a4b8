"""Records: what may follow what, what is in range, and what a policy may look at."""

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.search.worlds import make_spec, play
from tuning.errors import IllegalMove, InvalidValue
from tuning.records import (
    Budget,
    Phase,
    Result,
    RunState,
    StudyState,
    TrialState,
    check_integer,
    check_number,
    move,
)
from tuning.states import MOVES

# Typed out again, so that a change of the table is a change of two places.
LEGAL = {
    StudyState: {
        "running": {"paused", "confirming", "failed", "cancelled"},
        "paused": {"running", "confirming", "cancelled"},
        "confirming": {"paused", "completed", "failed", "cancelled"},
        "completed": {"running"},
    },
    TrialState: {
        "proposed": {"running", "completed", "pruned", "diverged", "failed", "cancelled"},
        "running": {"completed", "pruned", "diverged", "failed", "cancelled"},
    },
    RunState: {
        "queued": {"leased", "cancelled"},
        "leased": {"queued", "completed", "diverged", "failed", "cancelled"},
    },
}
PAIRS = [(before, after) for kind in LEGAL for before, after in product(kind, kind)]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=str)
def test_only_legal_moves_are_made(
    before: StudyState | TrialState | RunState, after: StudyState | TrialState | RunState
) -> None:
    """Every pair of states: made if it is in the table, else refused naming both."""
    if str(after) in LEGAL[type(before)].get(str(before), set()):
        assert move(before, after) is after
    else:
        with pytest.raises(IllegalMove, match=f"cannot go from {before} to {after}"):
            move(before, after)


def test_every_kind_of_state_has_its_moves() -> None:
    """A new kind of state needs a table."""
    assert set(MOVES) == set(LEGAL)


def test_equal_names_of_two_kinds_do_not_mix() -> None:
    """A study that is `running` is no trial that is `running`: they may go different ways."""
    assert StudyState.RUNNING == TrialState.RUNNING  # as strings they are equal
    with pytest.raises(IllegalMove):
        move(TrialState.RUNNING, StudyState.CONFIRMING)  # type: ignore[type-var]


def test_nothing_follows_an_end() -> None:
    """But that a completed study may be extended."""
    ends = [state for kind in (StudyState, RunState) for state in kind if state.is_final]
    assert len(ends) == 7
    assert {end for end in ends if MOVES[type(end)].get(end)} == {StudyState.COMPLETED}


@pytest.mark.parametrize("value", [1, 7, 10])
def test_integers_in_range_pass(value: int) -> None:
    """Both ends included."""
    assert check_integer("n", value, 1, 10) == value


@pytest.mark.parametrize("value", [0, 11, -1, 2.0, "3", None, True, [1], 10**400, math.nan])
def test_other_integers_are_refused(value: object) -> None:
    """With the field, the value and the range."""
    with pytest.raises(InvalidValue, match=r"^n: .* is not allowed; allowed: an integer from 1 to"):
        check_integer("n", value, 1, 10)


@pytest.mark.parametrize("value", [0, 0.0, 0.25, 0.5])
def test_numbers_in_range_pass(value: float) -> None:
    """As floats, both ends included."""
    found = check_number("x", value, 0.0, 0.5)
    assert (found, type(found)) == (value, float)


@pytest.mark.parametrize(
    "value", [-1e-300, 0.6, math.nan, math.inf, -math.inf, "0.1", None, True, 10**400, -(10**400)]
)
def test_other_numbers_are_refused(value: object) -> None:
    """Integers beyond all floats included."""
    with pytest.raises(InvalidValue, match=r"^x: .* is not allowed; allowed: a number from 0 to"):
        check_number("x", value, 0.0, 0.5)


def test_a_number_without_an_upper_end_is_still_finite() -> None:
    """Infinity is in no range."""
    with pytest.raises(InvalidValue):
        check_number("x", math.inf, 0.0, math.inf)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon", 0),
        ("horizon", 10_000_001),
        ("batch", 65),
        ("seed", -1),
        ("seed", 2**53 + 1),
        ("seeds", 0),
        ("seeds", 1001),
        ("baseline_peaks", 51),
        ("confirm_seeds", 1),
        ("worthwhile", 0.51),
        ("worthwhile", math.nan),
        ("label", "x" * 129),
    ],
)
def test_a_spec_refuses_what_is_out_of_range(field: str, value: object) -> None:
    """Naming the field; the values at the ends are taken."""
    with pytest.raises(InvalidValue) as caught:
        make_spec(**{field: value})
    assert caught.value.field == field


def test_a_spec_takes_its_ends() -> None:
    """The largest study that can be asked for."""
    spec = make_spec(
        horizon=10_000_000, batch=64, seed=2**53, seeds=1000, confirm_seeds=1000, label="x" * 128
    )
    assert replace(spec, horizon=1, batch=1, seed=0, seeds=1, confirm_seeds=2).horizon == 1


@pytest.mark.parametrize(
    "change", [{"trials": 0}, {"trials": 10_001}, {"steps": 0}, {"steps": 1e6}]
)
def test_a_budget_refuses_what_is_out_of_range(change: dict[str, int]) -> None:
    """Naming the field."""
    with pytest.raises(InvalidValue) as caught:
        Budget(**change)
    assert caught.value.field == f"budget.{next(iter(change))}"


@pytest.mark.parametrize("state", list(RunState))
def test_a_result_is_an_end(state: RunState) -> None:
    """A queued or leased run has no result."""
    if state.is_final:
        assert Result(state).state is state
    else:
        with pytest.raises(InvalidValue, match="state"):
            Result(state)


HISTORY, _ = play(make_spec(), order=1)


@given(st.integers(-1, 8), st.integers(-1, 8))
def test_a_view_holds_what_was_known(proposals: int, results: int) -> None:
    """Trials and runs up to one generation, results up to another, in the order they came."""
    view = HISTORY.up_to(proposals, results)
    assert view.trials == tuple(t for t in HISTORY.trials if t.generation <= proposals)
    assert view.runs == tuple(r for r in HISTORY.runs if r.generation <= proposals)
    assert {key[0] for key in view.results} == {
        key[0] for key in HISTORY.results if key[0] <= results
    }
    assert all(HISTORY.results[key] is end for key, end in view.results.items())


def test_confirmation_alone_reads_the_test_split() -> None:
    """And only once the winner is fixed: on the seeds that choose it, nobody does."""
    confirming = [run for run in HISTORY.runs if run.phase is Phase.CONFIRM]
    readers = [run for run in HISTORY.runs if "test" in run.splits]
    assert {run.phase for run in readers} == {Phase.CONFIRM}
    first = min(run.generation for run in confirming)
    choosing = [run for run in confirming if run.generation == first]
    assert all(run.splits == ("validation",) for run in choosing)
    assert min(run.generation for run in readers) == first + 1
