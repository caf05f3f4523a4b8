"""A small fleet of simulated workers: what thousands are promised, on SQLite and PostgreSQL."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from service.store.engine import Store
from tests.benchmarks.fleet import Course, Fleet, Simulation
from tests.benchmarks.fleet_accounts import (
    drain_seconds,
    fair_shares,
    fed_until,
    jain,
    longest_run,
    lost_share,
    received,
    useful_share,
    violations,
)
from tests.benchmarks.fleet_store import Till, VirtualClock
from tuning.execution import Chances

# Of runs of a minute, where a worker lives for ten of them.
ROUGH = Fleet(
    workers=12,
    studies=2,
    batch=4,
    seeds=2,
    generations=4,
    chances=Chances(
        update_seconds=0.1, straggler_share=0.08, straggler_factor=5.0, losses_per_day=200
    ),
    cut_off_share=0.5,
    seed=3,
    limit_seconds=3 * 3600.0,
)
CALM = Chances(update_seconds=0.1, straggler_share=0.0, losses_per_day=0.0)

Play = Callable[[Fleet], Course]


@contextmanager
def played(url: str, fleet: Fleet) -> Iterator[tuple[Store, Course]]:
    """What came of a fleet on an empty database."""
    clock = VirtualClock()
    store = Store(url, now=clock)
    yield store, Simulation(Till(store, clock), fleet).run()
    store.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Callable[[str], str]:
    """Make an empty SQLite database of that name."""

    def copy(name: str) -> str:
        shutil.copy(sqlite_template, tmp_path / f"{name}.db")
        return f"sqlite:///{tmp_path / name}.db"

    return copy


@pytest.fixture
def play(sqlite_url: Callable[[str], str]) -> Play:
    """Play a fleet whose store nobody looks at."""

    def go(fleet: Fleet) -> Course:
        with played(sqlite_url("fleet"), fleet) as (_, course):
            return course

    return go


def test_nothing_is_lost_and_nothing_counts_twice(
    database_url: str, sqlite_url: Callable[[str], str]
) -> None:
    """Where workers die and come back too late; and everything happens again from the same seed."""
    with played(database_url, ROUGH) as (store, course):
        assert violations(store, course) == []
    assert course.losses["busy"] > 5
    assert course.swept > 5
    assert course.refused > 0
    assert longest_run(course) > 200
    assert len(course.planned) == 2 * (ROUGH.generations + 1)
    assert 0 < lost_share(course, course.ended) < 1 - useful_share(course, course.ended)
    with played(sqlite_url("again"), ROUGH) as (_, again):
        assert (again.trace, again.ended) == (course.trace, course.ended)
        assert again.accepted.total() == course.accepted.total()


def test_another_seed_is_another_course(play: Play) -> None:
    """What is drawn comes from the seed alone."""
    tiny = replace(ROUGH, workers=4, studies=1, batch=2, generations=2)
    traces = {play(replace(tiny, seed=seed)).trace for seed in (1, 2)}
    assert len(traces) == 2


def test_equal_studies_get_equal_shares(play: Play) -> None:
    """Of the workers' time, while each of them has more to train; nobody waits for work then."""
    course = play(Fleet(workers=6, studies=3, batch=3, seeds=3, generations=3, chances=CALM))
    until = fed_until(course)
    assert jain(received(course, until)) > 0.99
    assert useful_share(course, until) > 0.95
    assert 0 < drain_seconds(course) < course.ended - until


def test_shares_follow_projects_and_priorities(play: Play) -> None:
    """Two projects get half each, however many studies they have; within them, priority counts."""
    fleet = Fleet(
        workers=8,
        studies=4,
        batch=4,
        seeds=3,
        generations=3,
        chances=CALM,
        owners=2,
        priorities=(1.0, 3.0),
        limit_seconds=480.0,
    )
    assert fair_shares(fleet) == [0.125, 0.125, 0.375, 0.375]
    course = play(fleet)
    found = received(course, fed_until(course))
    shares = [one / sum(found) for one in found]
    assert shares == pytest.approx(fair_shares(fleet), abs=0.03)


def test_generations_too_small_for_the_fleet_leave_it_idle(play: Play) -> None:
    """Two generations are under way at most, so that is how many workers a study can feed."""
    course = play(Fleet(workers=20, studies=1, batch=2, seeds=2, generations=4, chances=CALM))
    assert useful_share(course, fed_until(course)) < 2 * 2 * 2 / 20


def test_a_fleet_that_is_not_swept_is_found_out(sqlite_url: Callable[[str], str]) -> None:
    """What lost workers held stays leased for ever, and the accounts say so."""
    fleet = replace(ROUGH, is_swept=False, limit_seconds=900.0)
    with played(sqlite_url("unswept"), fleet) as (store, course):
        found = violations(store, course)
    assert any("is still leased" in one for one in found)
    assert any("is running" in one for one in found)
    assert useful_share(course, course.ended) < 0.5


def test_accounts_that_do_not_match_are_found_out(sqlite_url: Callable[[str], str]) -> None:
    """A result that counted twice, one that the store does not know, a generation too early."""
    fleet = Fleet(workers=4, studies=1, batch=2, seeds=1, generations=3, chances=CALM)
    with played(sqlite_url("doctored"), fleet) as (store, course):
        run = next(iter(course.accepted))
        course.accepted[run] += 1
        course.accepted["st_none.0.0"] += 1
        course.planned = [
            replace(one, at=0.0) if one.generation == 2 else one for one in course.planned
        ]
        assert violations(store, course) == [
            f"{run} is completed and was accepted 2 times",
            "st_none.0.0 was accepted and is not there",
            "generation 2 of study 0 did not wait",
        ]
