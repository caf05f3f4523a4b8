"""The contract of runs that end before their horizon does, on SQLite and PostgreSQL."""

from collections.abc import Callable

import pytest

from service.store import generations, history, studies, trials, work
from service.store.engine import Store
from tuning.documents import write_run, write_trial
from tuning.records import Phase, Run, Trial, TrialState
from tuning.schedules import Schedule

Make = Callable[..., str]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Insert = Callable[..., None]


@pytest.fixture
def insert(store: Store, trial: Callable[..., Trial]) -> Insert:
    """Insert runs that end after so many of 100 updates: `insert(study, 0, {0: 25, 1: 50})`."""

    def do(study: str, generation: int, ends: dict[int, int], pruned: tuple[int, ...] = ()) -> None:
        runs = [
            Run(generation, i, number, Phase.SEARCH, 7 + generation, 100, updates=updates)
            for i, (number, updates) in enumerate(ends.items())
        ]
        new = [trial(number) for number in ends] if generation == 0 else []
        with store.write() as session:
            assert generations.insert(
                session,
                "a",
                study,
                generation,
                [write_trial(one) for one in new],
                [write_run(one) for one in runs],
                confirming=False,
                pruned=pruned,
            )

    return do


def test_a_prefix_concludes_nothing_and_only_its_updates_are_counted(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """A trial that ended well on a prefix goes on or is pruned; its score is of the whole run."""
    study = new_study()
    insert(study, 0, {0: 25, 1: 25})
    for run in claim("c1", lanes=2).runs:
        tell(run, value=0.5)
    insert(study, 1, {0: 100}, pruned=(1,))
    tell(claim("c2").runs[0], value=2.0)
    with store.read() as session:
        rows = trials.page(session, "a", study).items
        found = studies.get(session, "a", study)
        story = history.load(session, "a", study)
    assert [(row.state, row.value) for row in rows] == [
        (TrialState.COMPLETED, 2.0),
        (TrialState.PRUNED, None),
    ]
    assert (found.best_trial, found.best_value) == (0, 2.0)
    assert (found.search_steps, found.evidence_steps) == (2 * 25 + 100, 0)
    assert [(run.horizon, run.updates) for run in story.runs] == [(100, 25), (100, 25), (100, 100)]


def test_a_worker_is_told_where_the_training_ends(
    new_study: Make, insert: Insert, claim: Claim, trial: Callable[..., Trial]
) -> None:
    """The schedule is that of the full horizon, to the last bit."""
    insert(new_study(), 0, {0: 25})
    claimed = claim("c1")
    schedule = Schedule.from_document(claimed.runs[0].schedule)
    assert (claimed.horizon, claimed.updates) == (100, 25)
    assert schedule.table_sha256 == trial(0).schedule.table_sha256


def test_runs_of_another_end_are_claimed_apart(
    new_study: Make, insert: Insert, claim: Claim
) -> None:
    """A block ends at one update; a repeated claim says the same."""
    insert(new_study(), 0, {0: 25, 1: 50, 2: 25})
    first = claim("c1", lanes=3)
    assert (first.updates, len(first.runs)) == (25, 2)
    again = claim("c1", lanes=3)
    assert (again.updates, [run.id for run in again.runs]) == (25, [run.id for run in first.runs])
    assert claim("c2", lanes=3).updates == 50


def test_a_trial_that_diverges_on_a_prefix_is_over(
    store: Store, new_study: Make, insert: Insert, claim: Claim, tell: Tell
) -> None:
    """It has no future."""
    study = new_study()
    insert(study, 0, {0: 25})
    tell(claim("c1").runs[0], outcome="diverged")
    with store.read() as session:
        (row,) = trials.page(session, "a", study).items
    assert row.state is TrialState.DIVERGED
