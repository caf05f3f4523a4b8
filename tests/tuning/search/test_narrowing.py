"""Bounds on learning rates: ranges are narrowed to what keeps them, so that nothing is refused."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from tuning.constraints import parse
from tuning.records import Direction, Space
from tuning.search.narrowing import hopeful, kept, part_of, turns
from tuning.search.samplers import SAMPLERS, Observation, Point, propose
from tuning.search.samplers.points import drawn
from tuning.search.space import DEFAULT_FAMILIES, allows, contains, narrow

HORIZON = 500
FAMILIES = tuple(one for one in DEFAULT_FAMILIES if one != "constant")
TIGHT = (
    ("final_lr <= 1e-4",),
    ("first_lr <= 0.005", "final_lr <= 1e-3"),
    ("final_lr >= 0.01", "final_lr <= 0.02"),
)

RANGES = {"warmup": (0.0, 0.02), "floor": (0.1, 0.3)}


def _space(bounds: Sequence[str], families: Sequence[str] = FAMILIES) -> Space:
    return narrow(families, (1e-3, 1.0), {}, {}, parse(bounds))


def _seen(space: Space, count: int) -> list[Observation]:
    random = np.random.default_rng(count)
    points = [
        drawn(space, space.families[number % len(space.families)], random)
        for number in range(count)
    ]
    return [Observation(one, 1.0 + float(np.log(float(one["peak"]) / 0.05) ** 2)) for one in points]


def _asked(name: str, space: Space, seen: list[Observation], count: int) -> list[Point]:
    return list(
        propose(SAMPLERS[name], space, seen, Direction.MINIMIZE, range(count), horizon=HORIZON)
    )


@pytest.mark.parametrize("bounds", TIGHT)
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_propose_what_tight_bounds_on_rates_allow(
    name: str, bounds: tuple[str, ...]
) -> None:
    """Nearly all of it at once, in the space as it is, and the same again when replayed."""
    space = _space(bounds)
    seen = _seen(space, 20)
    found = _asked(name, space, seen, 6)
    assert all(contains(space, point) for point in found)
    assert sum(allows(space, point, HORIZON) for point in found) >= 5
    assert _asked(name, space, seen, 6) == found


@pytest.mark.parametrize("bounds", TIGHT)
def test_a_point_is_moved_to_the_nearest_place_that_keeps_its_bounds(
    bounds: tuple[str, ...],
) -> None:
    """A point that keeps them stays; its family and the rest of its shape always do."""
    space = _space(bounds)
    for seen in _seen(space, 60):
        point = kept(space, seen.params, HORIZON)
        assert contains(space, point)
        is_kept = allows(space, seen.params, HORIZON)
        moved = {name for name in point if point[name] != seen.params[name]}
        assert moved <= set(turns(space, str(point["family"])))
        assert not (is_kept and moved)
        assert allows(space, point, HORIZON) or point["family"] == "polynomial"


def test_bounds_on_coordinates_refuse_nothing() -> None:
    """They are in the range that Optuna is given, and points are as if it had been given alone."""
    bounded, ranged = (
        narrow(FAMILIES, (1e-3, 1.0), ranges, {}, parse(bounds))
        for ranges, bounds in (({}, ["warmup <= 0.02", "floor >= 0.1"]), (RANGES, []))
    )
    seen = _seen(ranged, 40)
    for name in ("tpe", "random"):
        found = _asked(name, bounded, seen, 10)
        assert all(allows(bounded, point, HORIZON) for point in found)
        assert found == _asked(name, ranged, seen, 10)


def test_the_end_of_a_part_is_where_the_bound_is_met() -> None:
    """No schedule that keeps the bound is cut off by more than a millionth."""
    space = _space(["final_lr <= 1e-2"], ["linear"])
    point = {"family": "linear", "peak": 1.0, "warmup": 0.1}
    floors = part_of(space, point, "floor", HORIZON)
    assert floors is not None
    assert floors.low == 0.0
    assert allows(space, {**point, "floor": floors.high}, HORIZON)
    assert not allows(space, {**point, "floor": floors.high + 1e-6}, HORIZON)


def test_families_that_can_never_keep_a_bound_are_not_asked_for() -> None:
    """A constant ends where it begins; where nothing is left, the space stays as it is."""
    assert hopeful(_space(["final_lr <= 1e-4"], DEFAULT_FAMILIES), HORIZON).families == FAMILIES
    alone = _space(["final_lr <= 1e-4"], ["constant"])
    assert hopeful(alone, HORIZON) == alone
    free = _space([])
    assert hopeful(free, HORIZON) is free


def test_tight_bounds_cost_a_proposal_little() -> None:
    """At 1,000 trials no more than 20 ms a proposal beside the same without bounds."""
    costs = []
    for bounds in ((), TIGHT[1]):
        space = _space(bounds)
        seen = _seen(space, 1_000)
        begin = time.process_time()
        _asked("random", space, seen, 20)
        costs.append((time.process_time() - begin) / 20)
    assert costs[1] - costs[0] < 0.02
