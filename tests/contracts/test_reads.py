"""The contract of test reads, on SQLite and PostgreSQL: every look at held-out data is counted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from service.errors import NotFound
from service.store import generations, lifecycle, models, outcomes, reads, work
from service.store.engine import Store
from tuning.documents import write_run
from tuning.provenance import Provenance
from tuning.records import Phase, Run, StudySpec

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Confirm = Callable[..., str]

DATA, OTHER = (Provenance(letter * 64, {"jax": "1.0"}) for letter in "ab")


@pytest.fixture
def confirmed(store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim) -> Confirm:
    """Bring a study to where its confirmation has told all: `confirmed(spec=, told=, ends=2)`."""

    def bring(told: Provenance | None = DATA, ends: int = 2, **made: object) -> str:
        study = new_study(**made)
        project = str(made.get("project", "a"))
        queue(study, trials=2, seeds=1, project=project)
        for name, count in ("search", 2), ("confirm", ends):
            if name == "confirm":
                confirm(study, 1, (0, 1), project)
            for run in claim(f"{name} {study}", lanes=2).runs[:count]:
                tell(store, run, told)
        return study

    return bring


def tell(store: Store, run: work.ClaimedRun, told: Provenance | None) -> None:
    """Tell a good end on every split of the run, twice, as a worker may."""
    metrics = {split: {"mse": 1.0} for split in run.splits}
    end = outcomes.Tell(run.id, run.token, outcomes.Outcome.COMPLETED, metrics, provenance=told)
    for status in (work.Status.OK, work.Status.DUPLICATE):
        with store.write() as session:
            assert outcomes.tell(session, [end], max_attempts=3)[0].status is status


def count(store: Store, study: str, project: str = "a") -> int:
    """How often its test split was read."""
    with store.read() as session:
        return reads.count(session, project, study)


def test_a_study_reads_its_test_split_once_however_many_runs_do(
    store: Store, confirmed: Confirm
) -> None:
    """Two runs, each told twice; and the search has read nothing."""
    assert count(store, confirmed(ends=0)) == 0
    assert count(store, confirmed()) == 1
    with store.read() as session:
        assert len(session.scalars(select(models.TestRead)).all()) == 1


def test_another_study_on_the_same_data_counts_whatever_its_config(
    store: Store, spec: StudySpec, confirmed: Confirm
) -> None:
    """The hash of the data says what was read; the same config on other data reads others."""
    first = confirmed()
    other = confirmed(spec=replace(spec, config={"other": 1}))
    assert [count(store, one) for one in (first, other)] == [2, 2]
    assert count(store, confirmed(spec=replace(spec, seed=1), told=OTHER)) == 1


def test_a_replay_reads_nothing_new(store: Store, spec: StudySpec, confirmed: Confirm) -> None:
    """The same spec, whatever its label, gives the same figures."""
    confirmed()
    assert count(store, confirmed(spec=replace(spec, label="once more"))) == 1
    assert count(store, confirmed(spec=replace(spec, seed=1))) == 2


def test_without_a_hash_objective_and_config_stand_for_the_data(
    store: Store, spec: StudySpec, confirmed: Confirm
) -> None:
    """Neither tells; one tells; the other way round."""
    seeds = [replace(spec, seed=seed) for seed in range(4)]
    assert count(store, confirmed(spec=seeds[0], told=None)) == 1
    assert count(store, confirmed(spec=seeds[1], told=None)) == 2
    assert count(store, confirmed(spec=seeds[2], told=DATA)) == 3
    assert count(store, confirmed(spec=seeds[3], told=None)) == 4
    elsewhere = replace(spec, config={"other": 1})
    assert count(store, confirmed(spec=elsewhere, told=None)) == 1


def test_a_study_that_read_and_was_cancelled_has_read(
    store: Store, spec: StudySpec, confirmed: Confirm
) -> None:
    """Whoever saw its figures may have learned from them."""
    cancelled = confirmed(ends=1)
    with store.write() as session:
        lifecycle.cancel(session, "a", cancelled)
    assert count(store, confirmed(spec=replace(spec, seed=1))) == 2


def test_projects_do_not_see_each_others_reads(store: Store, confirmed: Confirm) -> None:
    """A tenant's count is its own."""
    confirmed()
    foreign = confirmed(project="b", told=DATA)
    assert count(store, foreign, "b") == 1
    with pytest.raises(NotFound):
        count(store, foreign)


def test_every_further_verdict_of_a_study_is_a_further_read(
    store: Store, confirmed: Confirm, claim: Claim
) -> None:
    """Its runs are on new seeds, but on the same split."""
    study = confirmed()
    for number in (2, 3):
        with store.write() as session:
            assert generations.complete(session, "a", study, {"winner": "cosine"})
            lifecycle.extend(session, "a", study, expect=lambda _: 4, trials=10 * number)
            run = Run(number, 0, 0, Phase.CONFIRM, number, 100, ("validation", "test"))
            assert generations.insert(
                session, "a", study, number, [], [write_run(run)], confirming=True
            )
        tell(store, claim(f"again {number}").runs[0], DATA)
        assert count(store, study) == number


@pytest.mark.parametrize(
    ("outcome", "metrics", "blocks", "expected"),
    [
        ("diverged", {"test": {"mse": None}}, {}, 1),
        ("failed", {}, {"test": [1.0]}, 1),
        ("failed", {"validation": {"mse": 1.0}, "test": {}}, {}, 0),
        ("crashed", {"test": {"mse": 1.0}}, {}, 0),
    ],
)
def test_any_figure_that_is_taken_is_a_read(
    store: Store,
    new_study: Make,
    queue: Queue,
    confirm: Queue,
    claim: Claim,
    outcome: str,
    metrics: dict[str, dict[str, float | None]],
    blocks: dict[str, list[float | None]],
    expected: int,
) -> None:
    """Of a run that diverged, and a loss of a block, too; what is thrown away is none."""
    study = new_study()
    queue(study, trials=1, seeds=1)
    tell(store, claim("c1").runs[0], None)
    confirm(study, 1, (0,))
    run = claim("c2").runs[0]
    end = outcomes.Tell(run.id, run.token, outcomes.Outcome(outcome), metrics, blocks)
    with store.write() as session:
        outcomes.tell(session, [end], max_attempts=3)
    assert count(store, study) == expected


def test_runs_that_are_told_at_once_are_one_read(
    store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim
) -> None:
    """Eight workers, eight runs of one confirmation."""
    study = new_study()
    queue(study, trials=8, seeds=1)
    for run in claim("c1", lanes=8).runs:
        tell(store, run, DATA)
    confirm(study, 1, tuple(range(8)))
    runs = claim("c2", lanes=8).runs
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: tell(store, run, DATA), runs))
    assert count(store, study) == 1
