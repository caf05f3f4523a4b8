"""The checker itself: silent over a good history, and every invariant can fail."""

from dataclasses import replace

import pytest

from tests.chaos.checker import Refusal, Seen, Stored, Told, check
from tuning.records import RunState, StudyState, TrialState

GOOD = Seen(
    state=StudyState.COMPLETED,
    expected_runs=2,
    finished_runs=2,
    told=(
        Told("s.0.0", "a", 1.0, "ok"),
        Told("s.0.0", "a", 1.0, "duplicate"),
        Told("s.0.1", "b", 2.0, "stale"),
        Told("s.0.1", "c", 3.0, "ok"),
        Told("s.0.1", "d", 4.0, None),
    ),
    stored=(
        Stored("s.0.0", 0, RunState.COMPLETED, 0, "a", 1.0),
        Stored("s.0.1", 0, RunState.COMPLETED, 1, "c", 3.0, taken_back=2),
    ),
    trials=((0, TrialState.COMPLETED, 2.0),),
    bests=(("search", 3.0), ("search", 2.0), ("confirmed", 2.5)),
    revisions=(1, 2, 3),
    moves={"study": (StudyState.RUNNING, StudyState.CONFIRMING, StudyState.COMPLETED)},
    best_value=2.0,
    most_trials=1,
    spent_trials=1,
    handed=(("s.0.0", "a"), ("s.0.0", "a"), ("s.0.1", "b"), ("s.0.1", "c"), ("s.0.1", "d")),
    refusals=(Refusal(503, can_wait=True),),
)


def test_a_good_history_has_no_violations() -> None:
    """Stale and unanswered tells, repetitions, a worse confirmed value, a 503: all are fine."""
    assert check(GOOD) == []


@pytest.mark.parametrize(
    ("invariant", "bad"),
    [
        ("I1", replace(GOOD, stored=GOOD.stored[1:], finished_runs=1)),
        ("I1", replace(GOOD, told=(Told("s.0.0", "a", 1.5, "ok"),))),
        ("I2", replace(GOOD, told=(*GOOD.told, Told("s.0.0", "z", 1.0, "ok")))),
        ("I2", replace(GOOD, finished_runs=3, expected_runs=3)),
        ("I3", replace(GOOD, trials=((0, TrialState.FAILED, None), (2, TrialState.FAILED, None)))),
        ("I4", replace(GOOD, expected_runs=3)),
        ("I4", replace(GOOD, spent_trials=2)),
        (
            "I5",
            replace(GOOD, stored=(replace(GOOD.stored[0], state=RunState.LEASED), GOOD.stored[1])),
        ),
        ("I6", replace(GOOD, bests=(("search", 2.0), ("search", 2.1)))),
        ("I6", replace(GOOD, bests=(("confirmed", 2.0), ("search", 2.0)))),
        ("I6", replace(GOOD, best_value=1.5)),
        ("I6", replace(GOOD, best_value=None)),
        ("I7", replace(GOOD, moves={"study": (StudyState.RUNNING, StudyState.COMPLETED)})),
        ("I8", replace(GOOD, told=(Told("s.0.0", "other", 1.0, "ok"),))),
        ("I9", replace(GOOD, handed=(*GOOD.handed, ("s.0.0", "z")))),
        ("I9", replace(GOOD, stored=(GOOD.stored[0], replace(GOOD.stored[1], taken_back=1)))),
        ("I10", replace(GOOD, refusals=(Refusal(500, can_wait=False),))),
        ("I10", replace(GOOD, refusals=(Refusal(503, can_wait=False),))),
        ("I10", replace(GOOD, refusals=(Refusal(502, can_wait=True),))),
        ("I11", replace(GOOD, revisions=(1, 2, 2, 3))),
        ("I11", replace(GOOD, revisions=(1, 3))),
        ("I12", replace(GOOD, trials=((0, TrialState.COMPLETED, 2.5),))),
    ],
)
def test_each_invariant_finds_a_history_that_breaks_it(invariant: str, bad: Seen) -> None:
    """A check that cannot fail would prove nothing."""
    assert any(violation.startswith(f"{invariant}:") for violation in check(bad))
