"""Candidates: which a study takes, and what the model of curves is told of them."""

from typing import Any

import pytest

from tests.tuning.search.worlds import make_spec
from tuning.constraints import parse
from tuning.errors import InvalidValue
from tuning.given import Candidate
from tuning.records import Cap
from tuning.schedules import (
    FAMILIES,
    Cosine,
    Knots,
    Linear,
    Plateau,
    Schedule,
    Sgdr,
    Table,
    Warmup,
)
from tuning.search.handed import MOST_NUMBERS, check_candidates
from tuning.search.likeness import nearest_point
from tuning.search.space import lay_out, narrow


def test_a_candidate_is_laid_out_over_the_horizon_of_the_study() -> None:
    """The same shape, whatever it was drawn over."""
    schedule = Schedule(Cosine(0.1, warmup=Warmup(20)), 1000)
    (found,) = check_candidates(make_spec(), [schedule])
    assert found == schedule.at(100)


CHANNEL = {"momentum": Linear(0.9)}
REFUSED: dict[str, tuple[Schedule, dict[str, Any], str]] = {
    "listens": (Schedule(Plateau(0.1), 100), {}, "family: 'plateau'"),
    "channels": (Schedule(Cosine(0.1), 100, CHANNEL), {}, "channels: .*the learning rate alone"),
    "groups": (Schedule(Cosine(0.1), 100, {}, {"a": 2.0}), {}, "groups: .*the learning rate alone"),
    "too long": (
        Schedule(Cosine(0.1, warmup=Warmup(200, pinned=True)), 1000),
        {},
        "warmup.length: 200",
    ),
    "too long for a rung": (
        Schedule(Cosine(0.1, warmup=Warmup(50, pinned=True)), 1000),
        {"rungs": (0.25,)},
        "warmup.length: 50",
    ),
    "negative": (Schedule(Table.of([0.1, -0.1]), 2), {}, "-0.004 at update 26"),
    "nothing": (Schedule(Table.of([0.0]), 1), {}, "a learning rate above 0"),
    "above the cap": (Schedule(Cosine(1.5), 100), {}, "up to 1, the cap"),
    "constraint": (
        Schedule(Cosine(0.1, floor=0.5), 100),
        {"space": narrow(["cosine"], (1e-4, 1.0), {}, {}, parse(["final_lr <= 0.01"]))},
        "final_lr <= 0.01",
    ),
    "constraint on a coordinate": (
        Schedule(Cosine(0.1, warmup=Warmup(50)), 100),
        {"space": narrow(["cosine"], (1e-4, 1.0), {}, {}, parse(["warmup <= 0.1"]))},
        "warmup <= 0.1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_study_cannot_train_is_refused(name: str) -> None:
    """By its place among the candidates."""
    schedule, changes, told = REFUSED[name]
    good = Schedule(Cosine(0.005), 100)
    with pytest.raises(InvalidValue, match=told) as refused:
        check_candidates(make_spec(**changes), [good, schedule])
    assert refused.value.field.startswith("candidates[1]")


def test_a_cap_that_may_move_forbids_nothing() -> None:
    """What is tried is what a range test is for."""
    schedule = Schedule(Cosine(1.5), 100)
    assert check_candidates(make_spec(cap=Cap.SOFT), [schedule]) == (schedule,)


def test_candidates_are_few_and_short() -> None:
    """They travel with the spec; those it has count."""
    one = Schedule(Cosine(0.1), 100)
    spec = make_spec(candidates=(Candidate(one),) * 30)
    assert len(check_candidates(spec, [one, one])) == 2
    with pytest.raises(InvalidValue, match=r"candidates: 33 .*at most 32"):
        check_candidates(spec, [one] * 3)
    long = Schedule(Table(0.1, values=(1.0,) * MOST_NUMBERS), 100)
    with pytest.raises(InvalidValue, match=r"candidates: '20,\d+ numbers'"):
        check_candidates(make_spec(), [long])


@pytest.mark.parametrize("name", [one for one in FAMILIES if not FAMILIES[one].is_feedback])
def test_the_nearest_point_is_near(name: str) -> None:
    """The schedule itself if it is one, else one that does about the same, or none."""
    schedule = Schedule(FAMILIES[name](0.1), 1000)
    point = nearest_point(schedule)
    if FAMILIES[name].tunable and name not in {"refined_linear", "noisy_linear_cosine"}:
        assert point is not None
    if point is not None:
        found = lay_out(point, 1000)
        assert found.table().sum() == pytest.approx(schedule.table().sum(), rel=0.1)


def test_a_point_is_found_again_and_a_likeness_is_a_free_curve() -> None:
    """Lengths in updates are fractions to a search; whatever it cannot say is knots."""
    exact = nearest_point(Schedule(Cosine(0.1, warmup=Warmup(10)), 100))
    assert exact == {"family": "cosine", "peak": 0.1, "warmup": 0.1, "floor": 0.0}
    other = nearest_point(Schedule(Cosine(0.1, floor=0.1, end="last"), 100))
    assert other is not None
    assert other["family"] == "knots"
    assert other["peak"] == pytest.approx(0.1)
    levels = (1.0, 0.8, 0.3, 0.1)
    assert nearest_point(Schedule(Knots(0.1, values=levels), 100)) is not None


def test_nothing_is_said_of_what_no_curve_is_like() -> None:
    """Cycles that a search does not have."""
    assert nearest_point(Schedule(Sgdr(0.1, cycles=40), 900)) is None
    assert nearest_point(Schedule(Table.of([0.01, 1e-5] * 40), 80)) is None
