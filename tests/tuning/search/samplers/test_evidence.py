"""Results as the model sees them: horizons, noise, peaks, and what is recommended."""

from collections.abc import Callable

import numpy as np
import pytest

from tuning.records import Direction
from tuning.search.samplers import Observation, recommend
from tuning.search.samplers.belief import believe
from tuning.search.samplers.evidence import gather, tamed
from tuning.search.samplers.levels import at_full_horizon, levelled_losses
from tuning.search.samplers.points import drawn
from tuning.search.space import narrow

HORIZON = 400
SPACE = narrow(("linear", "wsd", "cosine"), (1e-3, 1.0), {}, {"warmup": 0.0})


def history(loss: Callable[[float, int], float], count: int, seed: int = 0) -> list[Observation]:
    """Schedules drawn at random, half of them at a quarter of the horizon."""
    random = np.random.default_rng(seed)
    families = [SPACE.families[number % 3] for number in range(count)]
    points = [drawn(SPACE, family, random) for family in families]
    lengths = [HORIZON if number % 2 else HORIZON // 4 for number in range(count)]
    return [
        Observation(point, loss(float(point["peak"]), length), horizon=length)
        for point, length in zip(points, lengths, strict=True)
    ]


def test_what_a_shorter_horizon_costs_is_taken_off() -> None:
    """Schedules scored at both tell it; the order within a horizon stays."""
    points = [{"family": "linear", "peak": peak} for peak in (0.1, 0.2, 0.3)]
    full = [Observation(point, value) for point, value in zip(points, (1.0, 2.0, 4.0), strict=True)]
    short = [
        Observation(point, 3 * value, horizon=HORIZON // 4)
        for point, value in zip(points[:2], (1.0, 2.0), strict=True)
    ]
    losses = levelled_losses([*full, *short], Direction.MINIMIZE, HORIZON)
    assert losses == pytest.approx(np.log([1.0, 2.0, 4.0, 1.0, 2.0]))


def test_metrics_to_be_made_large_and_negative_ones_count_as_they_are() -> None:
    """No log is taken of what may be negative, and the sign is turned."""
    seen = [Observation({"peak": 1.0}, value) for value in (3.0, -1.0)]
    assert levelled_losses(seen, Direction.MAXIMIZE, HORIZON).tolist() == [-3.0, 1.0]
    assert levelled_losses(seen, Direction.MINIMIZE, HORIZON).tolist() == [3.0, -1.0]


def test_bad_results_are_worse_than_all_others_and_order_is_kept() -> None:
    """Large differences are drawn in, never turned round."""
    values = np.array([5.0, np.nan, 1.0, 1.1, 300.0])
    drawn_in = tamed(values)
    assert np.argsort(drawn_in).tolist() == [2, 3, 0, 4, 1]
    assert tamed(np.array([np.nan, np.nan])).tolist() == [0.0, 0.0]


def test_small_differences_are_never_drawn_in() -> None:
    """Once most are good, a tenth of the first usual difference still counts as it is."""
    values = np.concatenate([np.linspace(0.0, 4.0, 16), np.full(100, 1e-3)])
    drawn_in = tamed(values)
    assert drawn_in[-1] == 1e-3
    assert drawn_in[1] == pytest.approx(0.2 * (1.0 + np.log(values[1] / 0.2)))
    assert tamed(np.array([0.0, 0.19, *values[2:]]))[1] == pytest.approx(0.19)


def test_peaks_of_shorter_horizons_stand_for_lower_ones_at_the_full() -> None:
    """For samplers that know one horizon: the peak times (T' / T)^0.4, in the space's range."""
    seen = [
        Observation(
            {"family": "linear", "peak": peak, "warmup": 0.0, "floor": 0.0}, 1.0, horizon=100
        )
        for peak in (0.5, 1e-3)
    ]
    full = at_full_horizon(SPACE, seen, Direction.MINIMIZE, HORIZON)
    assert full[0].params["peak"] == pytest.approx(0.5 * 0.25**0.4)
    assert full[1].params["peak"] == 1e-3


@pytest.mark.parametrize("exponent", [0.0, 0.4, 0.8])
def test_the_exponent_of_the_peak_is_fitted(exponent: float) -> None:
    """Where the best peak moves with the horizon, the belief finds by how much."""

    def loss(peak: float, length: int) -> float:
        best = 0.05 * (HORIZON / length) ** exponent
        return float(1.0 + np.log(peak / best) ** 2)

    evidence = gather(history(loss, 64), Direction.MINIMIZE, 1.0, HORIZON)
    assert believe(evidence).exponent == pytest.approx(exponent, abs=0.2)


def test_shorter_horizons_help_to_predict_the_full_one() -> None:
    """With them the best peak at the full horizon is known better than from few results."""

    def loss(peak: float, length: int) -> float:
        return float((1.0 if length == HORIZON else 1.7) + np.log(peak / 0.05) ** 2)

    seen = history(loss, 40)
    found = recommend(SPACE, seen, Direction.MINIMIZE, HORIZON)
    assert found is not None
    assert seen[found.best].horizon == HORIZON
    best = min((one for one in seen if one.horizon == HORIZON), key=lambda one: one.value or 0.0)
    assert seen[found.best].params == best.params


def test_a_lucky_score_is_not_recommended() -> None:
    """What has the lowest posterior mean is truly better than what has the lowest score."""
    lucky, wise = [], []
    for seed in range(12):
        noise = np.random.default_rng(seed)

        def loss(peak: float, _: int, noise: np.random.Generator = noise) -> float:
            return float(np.exp(np.log(peak / 0.05) ** 2 + 0.5 * noise.standard_normal()))

        seen = [Observation(one.params, one.value) for one in history(loss, 64, seed)]
        found = recommend(SPACE, seen, Direction.MINIMIZE, HORIZON)
        assert found is not None
        first = min(seen, key=lambda one: one.value or 0.0)
        for chosen, ends in ((first, lucky), (seen[found.best], wise)):
            ends.append(np.log(float(chosen.params["peak"]) / 0.05) ** 2)
    assert np.mean(wise) < 0.7 * np.mean(lucky)


def test_leaders_are_those_whose_rank_is_in_doubt() -> None:
    """Many under noise, one without; chances are shares and come in order."""

    def exact(peak: float, _: int) -> float:
        return float(1.0 + np.log(peak / 0.05) ** 2)

    calm = [Observation(one.params, one.value) for one in history(exact, 32)]
    random = np.random.default_rng(5)
    noisy = [
        Observation(one.params, (one.value or 0.0) * float(np.exp(0.3 * random.standard_normal())))
        for one in calm
    ]
    sure = recommend(SPACE, calm, Direction.MINIMIZE, HORIZON)
    unsure = recommend(SPACE, noisy, Direction.MINIMIZE, HORIZON)
    assert sure is not None
    assert unsure is not None
    assert len(unsure.leaders) > 1
    assert unsure.gap > sure.gap
    assert list(unsure.chances) == sorted(unsure.chances, reverse=True)
    assert sum(unsure.chances) <= 1.0 + 1e-9


def test_nothing_is_recommended_before_there_is_a_score() -> None:
    """Neither from an empty history nor from one that diverged."""
    assert recommend(SPACE, [], Direction.MINIMIZE, HORIZON) is None
    bad = [Observation({"family": "linear", "peak": 0.1, "warmup": 0.0, "floor": 0.0}, is_bad=True)]
    assert recommend(SPACE, bad, Direction.MINIMIZE, HORIZON) is None
