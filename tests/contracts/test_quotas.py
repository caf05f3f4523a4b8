"""Quotas in the store: exact however many add at once, and freed by what ends or goes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.errors import NotFound, QuotaExceeded
from service.quotas import UNLIMITED, Quotas
from service.store import glances, lifecycle, projects, quotas, studies, work
from service.store.engine import Store
from tuning.records import StudySpec

Add = Callable[..., str | None]

FEW = Quotas(running_studies=5, trials=100, storage_bytes=1_000)


@pytest.fixture(autouse=True)
def two_projects(store: Store) -> None:
    """Two tenants."""
    with store.write() as session:
        projects.ensure(session, "a")
        projects.ensure(session, "b")


@pytest.fixture
def store_study(store: Store, spec: StudySpec) -> Callable[..., str]:
    """Add a study as the service does: `store_study("a", trials=5)`; returns its id."""

    def create(project: str = "a", *, trials: int = 1, limits: Quotas = FEW) -> str:
        asked = {"running_studies": 1, "trials": trials, "storage_bytes": 0}
        with store.write() as session:
            quotas.hold(session, project)
            made = studies.create(session, project, spec, expected_runs=1, trial_limit=trials)
            quotas.check(session, project, limits, asked)
        return made.id

    return create


@pytest.fixture
def add(store_study: Callable[..., str]) -> Callable[..., str | None]:
    """The same; None if it is refused."""

    def attempt(*args: object, **options: object) -> str | None:
        try:
            return store_study(*args, **options)
        except QuotaExceeded:
            return None

    return attempt


def test_many_at_once_never_exceed_a_limit(store: Store, add: Add) -> None:
    """Of 20 that come together as many are stored as the limit allows, and the rest is undone."""
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: add(), range(20)))
    assert sum(one is not None for one in made) == 5
    with store.read() as session:
        assert quotas.used(session, "a", "running_studies") == 5
        assert {one.study.id for one in glances.page(session, "a").items} == set(made) - {None}


def test_a_project_uses_up_its_own(add: Add) -> None:
    """What one has does not count for the other."""
    assert [add() is None for _ in range(6)] == [False] * 5 + [True]
    assert add("b") is not None


def test_the_refusal_tells_used_limit_and_asked(store_study: Callable[..., str], add: Add) -> None:
    """In numbers a program can read."""
    assert add(trials=90) is not None
    with pytest.raises(QuotaExceeded) as refused:
        store_study(trials=11)
    error = refused.value
    assert (error.quota, error.used, error.limit, error.asked) == ("trials", 90, 100, 11)
    assert add(trials=10) is not None


def test_what_ended_counts_as_what_it_made(store: Store, add: Add) -> None:
    """A study that is cancelled early frees the trials it did not make, and its place."""
    study = add(trials=100)
    assert study is not None
    assert add() is None
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
    with store.read() as session:
        assert quotas.used(session, "a", "trials") == 0
        assert quotas.used(session, "a", "running_studies") == 0
    assert add(trials=100) is not None


def test_curves_of_ended_studies_take_storage_until_they_are_deleted(
    store: Store, add: Add, queue: Callable[..., None], claim: Callable[..., work.Claim | None]
) -> None:
    """Counted in the bytes they are stored in, beside the trials that were made."""
    study = add()
    assert study is not None
    queue(study, trials=2)
    block = claim("c", lanes=1)
    assert block is not None
    run = block.runs[0]
    long = work.Report(run.id, run.token, 0, range(1_000), {"mse": [1.0] * 1_000})
    with store.write() as session:
        work.report(session, [long])
        lifecycle.cancel(session, "a", study)
    with store.read() as session:
        assert quotas.used(session, "a", "trials") == 2
        assert 6_000 < quotas.used(session, "a", "storage_bytes") < 12_000
    assert add() is None
    with store.write() as session:
        lifecycle.delete(session, "a", study)
    assert add() is not None


def test_a_project_may_have_its_own_limits(store: Store, add: Add) -> None:
    """Instead of the usual ones, until they are taken back."""
    with store.write() as session:
        assert quotas.set_own(session, "a", {"running_studies": 1, "streams": 7}) == Quotas(
            running_studies=1, streams=7
        )
    assert [add() is None for _ in range(2)] == [False, True]
    with store.read() as session:
        assert quotas.all_own(session) == {"a": {"running_studies": 1, "streams": 7}}
    with store.write() as session:
        assert quotas.set_own(session, "a", {"running_studies": None}) == Quotas(streams=7)
    assert add() is not None
    assert add(limits=UNLIMITED) is not None
    with pytest.raises(NotFound), store.write() as session:
        quotas.set_own(session, "nobody", {"trials": 1})


def test_requests_of_all_servers_add_up(store: Store, advance: Callable[[float], None]) -> None:
    """By project and minute; old minutes go, unknown projects are passed over."""

    def count(_: int) -> None:
        with store.write() as session:
            quotas.count_requests(session, 100, {"a": 3, "b": 1, "gone": 5})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(8)))
    with store.write() as session:
        assert quotas.count_requests(session, 100, {"a": 1}) == {"a": 25}
    with store.write() as session:
        assert quotas.count_requests(session, 161, {"b": 1}) == {"b": 1}
        assert quotas.count_requests(session, 100, {"a": 1}) == {"a": 1}
