"""Importances: what decided stands first, and too little is said to be too little."""

import numpy as np
import pytest

from tuning.records import Direction
from tuning.search.importance import MOST, NEEDED, Scored, importances


def made_up(count: int, *, sign: float = 1.0) -> list[Scored]:
    """Trials whose score is decided by the peak alone; `hold` is of one family only."""
    random = np.random.default_rng(5)
    trials: list[Scored] = []
    for _ in range(count):
        family = str(random.choice(["cosine", "wsd"]))
        peak, warmup = 10.0 ** random.uniform(-4, 0), random.uniform(0, 0.2)
        params: dict[str, float | int | str] = {"family": family, "peak": peak, "warmup": warmup}
        if family == "wsd":
            params |= {"hold": random.uniform(0.1, 0.9), "cooldown": "linear"}
        trials.append((params, sign * (np.log10(peak) + 2.0) ** 2))
    return trials


@pytest.mark.parametrize("count", [25, 60, 400])
def test_what_decided_comes_first(count: int) -> None:
    """Shares add up to one; a coordinate that is always the same has none."""
    found = importances(made_up(count), Direction.MINIMIZE)
    assert next(iter(found.shares)) == "peak"
    assert found.shares["peak"] > 0.5
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert set(found.shares) == {"family", "peak", "warmup", "hold"}
    assert found.scored == count
    assert 0 < found.trials["hold"] < found.trials["peak"] == count
    assert found.note == ""


def test_a_direction_turns_scores_and_nothing_else() -> None:
    """The largest of the negated is the smallest."""
    low = importances(made_up(60), Direction.MINIMIZE)
    high = importances(made_up(60, sign=-1.0), Direction.MAXIMIZE)
    assert low == high


def test_a_family_that_decides_is_told() -> None:
    """Although every other coordinate of it is conditional."""
    trials = [(params, float(params["family"] == "wsd")) for params, _ in made_up(80)]
    trials = [(params, value + 0.001 * float(params["peak"])) for params, value in trials]
    assert next(iter(importances(trials, Direction.MINIMIZE).shares)) in {"family", "peak"}
    shares = importances(trials, Direction.MINIMIZE).shares
    assert shares["family"] > shares["warmup"]


def test_too_few_trials_are_said_to_be_too_few() -> None:
    """Those without a finite score do not count."""
    trials = made_up(NEEDED - 1)
    broken = [*trials, ({"family": "cosine", "peak": 1.0}, float("nan"))]
    for some in ([], trials, broken):
        found = importances(some, Direction.MINIMIZE)
        assert found.shares == {}
        assert "too few" in found.note


def test_equal_scores_have_no_best() -> None:
    """Nothing is made up where nothing can be told."""
    trials = [(params, 1.0) for params, _ in made_up(50)]
    assert "scored the same" in importances(trials, Direction.MINIMIZE).note
    one_point = [({"family": "constant", "peak": 0.1}, float(i)) for i in range(30)]
    assert "no coordinate" in importances(one_point, Direction.MINIMIZE).note


def test_a_coordinate_of_one_odd_trial_is_left_out() -> None:
    """One trial with it, or without it, makes no kind of its own."""
    trials = made_up(40)
    odd = [({**trials[0][0], "power": 2.0}, 0.0), *trials[1:]]
    assert "power" not in importances(odd, Direction.MINIMIZE).shares


def test_of_very_many_trials_some_are_looked_at() -> None:
    """What decided is found all the same."""
    found = importances(made_up(2 * MOST + 1), Direction.MINIMIZE)
    assert found.scored == MOST
    assert next(iter(found.shares)) == "peak"
