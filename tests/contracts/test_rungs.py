"""The contract of rungs, on SQLite and PostgreSQL: a trial goes on, is dropped or is concluded."""

from collections.abc import Callable

import pytest

from service.store import generations, history, studies, trials, work
from service.store.engine import Store
from tuning.documents import write_run, write_trial
from tuning.records import Phase, Run, StudyState, Trial, TrialState
from tuning.schedules import Schedule

Make = Callable[..., str]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Insert = Callable[..., None]


@pytest.fixture
def insert(store: Store, trial: Callable[..., Trial]) -> Insert:
    """Insert runs of trials 0, 1, ... at a horizon: `insert(study, generation, (0, 1), 25)`."""

    def do(
        study: str,
        generation: int,
        numbers: tuple[int, ...],
        horizon: int,
        *,
        factor: float = 1.0,
        pruned: tuple[int, ...] = (),
        phase: Phase = Phase.SEARCH,
        reason: str = "",
    ) -> None:
        runs = [
            Run(generation, i, number, phase, 7 + generation, horizon, peak_factor=factor)
            for i, number in enumerate(numbers)
        ]
        own = Phase.SEARCH if phase is Phase.CONFIRM else phase
        new = [trial(number, 0, own) for number in numbers] if generation == 0 else []
        with store.write() as session:
            assert generations.insert(
                session,
                "a",
                study,
                generation,
                [write_trial(one) for one in new],
                [write_run(one) for one in runs],
                confirming=phase is Phase.CONFIRM,
                pruned=pruned,
                reason=reason,
            )

    return do


def _states(store: Store, study: str) -> list[tuple[TrialState, float | None]]:
    with store.read() as session:
        rows = trials.page(session, "a", study).items
    return [(row.state, row.value) for row in rows]


def test_a_rung_concludes_nothing_and_the_full_horizon_does(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """A trial that ended well at a rung goes on; its score is of the full horizon alone."""
    study = new_study()
    insert(study, 0, (0, 1), 25)
    for run in claim("c1", lanes=2).runs:
        tell(run, value=9.0)
    assert _states(store, study) == [(TrialState.RUNNING, None)] * 2
    insert(study, 1, (0,), 100, pruned=(1,))
    assert _states(store, study)[1] == (TrialState.PRUNED, None)
    tell(claim("c2").runs[0], value=2.0)
    assert _states(store, study) == [(TrialState.COMPLETED, 2.0), (TrialState.PRUNED, None)]
    with store.read() as session:
        found = studies.get(session, "a", study)
        story = history.load(session, "a", study)
    assert (found.best_trial, found.best_value) == (0, 2.0)
    assert (found.search_steps, found.evidence_steps) == (2 * 25 + 100, 0)
    assert story.pruned == {1: 1}


def test_a_trial_that_diverges_at_a_rung_is_over(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """It has no future at a longer horizon."""
    study = new_study()
    insert(study, 0, (0,), 25)
    tell(claim("c1").runs[0], outcome="diverged")
    assert _states(store, study) == [(TrialState.DIVERGED, None)]


def test_further_seeds_of_a_leader_leave_its_score(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """The best until now never gets worse: scores are compared on the seeds all trials have."""
    study = new_study()
    insert(study, 0, (0,), 100)
    tell(claim("c1").runs[0], value=1.0)
    insert(study, 1, (0,), 100)
    tell(claim("c2").runs[0], value=3.0)
    assert _states(store, study) == [(TrialState.COMPLETED, 1.0)]


def test_a_range_test_is_no_candidate(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """It is concluded by its short runs and never the best."""
    study = new_study()
    insert(study, 0, (0,), 5, phase=Phase.PROBE)
    tell(claim("c1").runs[0], value=0.1)
    assert _states(store, study) == [(TrialState.COMPLETED, None)]
    with store.read() as session:
        assert studies.get(session, "a", study).best_trial is None


def test_a_worker_gets_the_schedule_of_the_rung(
    new_study: Make, insert: Insert, claim: Claim, trial: Callable[..., Trial]
) -> None:
    """Laid out over the run's horizon, with its peak raised."""
    study = new_study()
    insert(study, 0, (0,), 25, factor=1.7)
    claimed = claim("c1")
    schedule = Schedule.from_document(claimed.runs[0].schedule)
    assert (claimed.horizon, schedule.horizon) == (25, 25)
    assert schedule.table() == pytest.approx(1.7 * trial(0).schedule.at(25).table(), rel=1e-12)


def test_the_end_of_the_search_is_told_with_its_reason(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """And the confirmation is charged to its own account."""
    study = new_study()
    insert(study, 0, (0,), 100)
    tell(claim("c1").runs[0], value=1.0)
    insert(study, 1, (0,), 100, phase=Phase.CONFIRM, reason="the budget is spent")
    with store.read() as session:
        found = studies.get(session, "a", study)
    assert (found.state, found.end_reason) == (StudyState.CONFIRMING, "the budget is spent")
    assert (found.search_steps, found.evidence_steps, found.expected_runs) == (100, 100, 2)
