"""Every sampler: pure, within the space, whatever the history holds."""

import itertools
from collections.abc import Sequence

import pytest

from tuning.records import Direction, ParameterValue, Space
from tuning.schedules.families import FAMILIES
from tuning.search.samplers import SAMPLERS, Observation, propose
from tuning.search.space import DEFAULT_FAMILIES, contains, lay_out, narrow
from tuning.seeds import derive

HORIZON = 200
ZOO = tuple(dict.fromkeys((*DEFAULT_FAMILIES, "knots")))
SPACES = {
    "zoo": narrow(ZOO, (1e-4, 1.0), {}, {}),
    "one family": narrow(("cosine",), (1e-3, 0.1), {}, {}),
    "curves alone": narrow(("knots",), (1e-3, 0.1), {}, {}),
    "cycles alone": narrow(("sgdr", "triangular"), (1e-3, 0.1), {"cycles": (2, 6)}, {}),
    "narrowed": narrow(
        ("wsd", "linear", "knots"),
        (1e-2, 0.5),
        {"hold": (0.5, 0.8), "knot_9": (0.01, 0.1)},
        {"warmup": 0.05, "floor": 0.1, "cooldown": "1-sqrt"},
    ),
}

pytestmark = pytest.mark.parametrize("name", SAMPLERS)


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    """Spaces of one family and of many, narrowed and not."""
    return SPACES[request.param]


def ask(
    name: str,
    space: Space,
    observations: Sequence[Observation],
    count: int,
    direction: Direction = Direction.MINIMIZE,
) -> list[dict[str, ParameterValue]]:
    """Some proposals, with seeds as the policy makes them."""
    first = len(observations)
    seeds = [derive(7, "trial", first, "ask", one) for one in range(count)]
    return list(propose(SAMPLERS[name], space, observations, direction, seeds, horizon=HORIZON))


def loss(params: dict[str, ParameterValue]) -> float:
    """A made-up loss: curves whose mean is near 0.02 and that end low are good."""
    rates = lay_out(params, HORIZON).table()
    return float(1.0 + (rates.mean() / 0.02 - 1.0) ** 2 + rates[-20:].mean() / 0.02)


def played(name: str, space: Space, trials: int = 24, sign: float = 1.0) -> list[Observation]:
    """A history of a few generations of four, in which all but the last has scores."""
    seen: list[Observation] = []
    direction = Direction.MINIMIZE if sign > 0 else Direction.MAXIMIZE
    while len(seen) < trials:
        new = ask(name, space, seen, 4, direction)
        if not new:
            break
        seen = [Observation(one.params, sign * loss(dict(one.params))) for one in seen] + [
            Observation(params) for params in new
        ]
    return seen


def test_proposals_lie_in_the_space(name: str, space: Space) -> None:
    """Narrowed ranges and fixed values hold from the first proposal on, and later."""
    for seen in played(name, space):
        assert contains(space, seen.params)
        assert seen.params["family"] in FAMILIES


def test_the_same_history_gives_the_same_proposals(name: str) -> None:
    """Nothing is kept between calls, and other calls in between do no harm."""
    history = played(name, SPACES["zoo"])
    first = ask(name, SPACES["zoo"], history, 4)
    ask(name, SPACES["one family"], [], 3)
    assert ask(name, SPACES["zoo"], list(history), 4) == first


def test_fewer_asks_give_the_first_of_more(name: str) -> None:
    """A proposal depends on those before it, not on those after."""
    history = played(name, SPACES["zoo"])
    assert ask(name, SPACES["zoo"], history, 2) == ask(name, SPACES["zoo"], history, 5)[:2]


def test_what_is_pending_is_not_proposed_again(name: str) -> None:
    """Proposals without a result yet differ, and a batch differs in itself."""
    history = played(name, SPACES["zoo"])
    more = [*history, *(Observation(one) for one in ask(name, SPACES["zoo"], history, 8))]
    keys = [tuple(sorted(seen.params.items())) for seen in more]
    assert len(set(keys)) >= len(keys) - 1


def test_a_history_where_everything_diverged_is_no_obstacle(name: str, space: Space) -> None:
    """Bad points have no score, and the search goes on."""
    points = itertools.islice(ask(name, space, [], 12), 12)
    bad = [Observation(params, is_bad=True) for params in points]
    assert all(contains(space, params) for params in ask(name, space, bad, 3))


def test_scores_may_be_negative_equal_or_of_any_direction(name: str) -> None:
    """A metric to be made large, or one that does not depend on the schedule."""
    space = SPACES["zoo"]
    best = played(name, space, sign=-1.0)
    assert all(contains(space, seen.params) for seen in best)
    flat = [Observation(seen.params, -3.0) for seen in best]
    assert all(contains(space, params) for params in ask(name, space, flat, 3))


@pytest.mark.parametrize("direction", Direction)
def test_scores_as_large_as_floats_are_no_obstacle(name: str, direction: Direction) -> None:
    """A metric of either sign has no logarithm, and its square would overflow."""
    space = SPACES["zoo"]
    history = [
        Observation(seen.params, (-1.0) ** number * 10.0 ** (308 - number))
        for number, seen in enumerate(played(name, space))
    ]
    new = ask(name, space, history, 3, direction)
    assert new
    assert all(contains(space, params) for params in new)


def test_shorter_horizons_and_points_outside_the_space_are_no_obstacle(name: str) -> None:
    """Rungs, baselines of other families and peaks above the cap are part of a history."""
    space = SPACES["narrowed"]
    history = [
        Observation(seen.params, seen.value, horizon=HORIZON // 4)
        for seen in played(name, space, trials=12)
    ]
    outside = {"family": "constant", "peak": 3.0, "warmup": 0.0}
    history += [Observation(outside, 9.0), Observation(outside, is_bad=True, horizon=50)]
    assert all(contains(space, params) for params in ask(name, space, history, 3))


def test_a_space_of_one_point_is_no_obstacle(name: str) -> None:
    """Where nothing is free there is one answer, or none any more."""
    space = narrow(("constant",), (0.01, 0.01), {}, {"warmup": 0.0})
    point = {"family": "constant", "peak": 0.01, "warmup": 0.0}
    assert all(params == point for params in ask(name, space, [], 2))
    seen = [Observation(point, 1.0)] * 9
    assert all(params == point for params in ask(name, space, seen, 2))
