"""The contract of provenances, on SQLite and PostgreSQL: told with an end, each stored once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from service.errors import Conflict
from service.store import history, models, outcomes, provenances, work
from service.store.engine import Store
from tuning.provenance import Provenance

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]

ONE = Provenance("a" * 64, {"jax": "1.0", "ü": "2"})
OTHER = Provenance("b" * 64, {"jax": "1.0"})


def end(run: work.ClaimedRun, told: Provenance | None, value: float = 1.0) -> outcomes.Tell:
    """The good end of a run, trained on and with this."""
    metrics = {split: {"mse": value} for split in run.splits}
    return outcomes.Tell(run.id, run.token, outcomes.Outcome.COMPLETED, metrics, provenance=told)


def say(store: Store, *tells: outcomes.Tell) -> list[work.Reply]:
    """Tell these in one batch."""
    with store.write() as session:
        return outcomes.tell(session, tells, max_attempts=3)


def stored(store: Store) -> int:
    """How many provenances there are."""
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(models.Provenance)) or 0


def test_comes_back_with_the_result_as_it_was_told(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """In the history, in the list of a trial's runs, and for the trial; not told is not claimed."""
    study = new_study()
    queue(study, trials=3, seeds=1)
    runs = claim("c1", lanes=3).runs
    say(store, *(end(run, told) for run, told in zip(runs, (ONE, OTHER, None), strict=True)))
    with store.read() as session:
        results = history.load(session, "a", study).results
        (row,) = history.runs(session, "a", study, 1)
        told = [history.provenance_of(session, "a", study, number) for number in range(3)]
    assert [one.provenance for _, one in sorted(results.items())] == [ONE, OTHER, None]
    assert row.result is not None
    assert row.result.provenance == OTHER
    assert told == [ONE, OTHER, Provenance()]


def test_is_stored_once_however_many_runs_have_it(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """In one batch, in the next one, and in another study; once more in another project."""
    for project, distinct in (("a", 1), ("a", 1), ("b", 2)):
        study = new_study(project=project)
        queue(study, trials=2, seeds=2, project=project)
        runs = claim(study, lanes=4).runs
        say(store, *(end(run, ONE) for run in runs[:3]))
        say(store, end(runs[3], replace(ONE, versions=dict(reversed(ONE.versions.items())))))
        assert stored(store) == distinct
    with store.read() as session:
        shared = history.load(session, "b", study).results.values()
    assert len({id(one.provenance) for one in shared}) == 1


def test_belongs_to_what_was_told(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """The same again is a duplicate; another one under the same token is another result."""
    queue(new_study(), trials=1, seeds=1)
    run = claim("c1").runs[0]
    assert say(store, end(run, ONE))[0].status is work.Status.OK
    assert say(store, end(run, ONE))[0].status is work.Status.DUPLICATE
    for other in (OTHER, None):
        with pytest.raises(Conflict, match="another result"):
            say(store, end(run, other))
    assert stored(store) == 1


def test_what_was_told_before_there_were_provenances_can_be_told_again() -> None:
    """A worker may repeat to a newer server what an older one has counted: the hash is the same."""
    told = outcomes.Tell(
        "st_a.0.0", "token", outcomes.Outcome.COMPLETED, {"validation": {"mse": 0.5}}
    )
    before = "b166ae3c7be486dcc5e351eb39a88478ab117b3d9d2e4f531f8e647c48f32115"
    assert told.body_hash == before


def test_of_a_refused_batch_nothing_is_kept(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """It is stored in the transaction of the results."""
    queue(new_study(), trials=1, seeds=2)
    first, second = claim("c1", lanes=2).runs
    say(store, end(first, None))
    with pytest.raises(Conflict):
        say(store, end(second, ONE), end(first, OTHER))
    assert stored(store) == 0


def test_workers_that_tell_the_same_new_one_at_once_do_not_disturb_each_other(
    store: Store, new_study: Make, queue: Queue, claim: Claim
) -> None:
    """Of eight studies, in batches that name two provenances in either order."""
    pairs = []
    for _ in range(8):
        study = new_study()
        queue(study, trials=2, seeds=1)
        pairs.append(claim(study, lanes=2).runs)
    orders = [(ONE, OTHER), (OTHER, ONE)] * 4
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda pair, order: say(store, *map(end, pair, order)), pairs, orders)
        assert {reply.status for batch in replies for reply in batch} == {work.Status.OK}
    assert stored(store) == 2


def test_a_name_that_is_not_there_has_nothing(store: Store) -> None:
    """Names are looked up within the project."""
    with store.read() as session:
        assert provenances.recall(session, "a", {ONE.identity}) == {}
        assert provenances.recall(session, "a", ()) == {}
