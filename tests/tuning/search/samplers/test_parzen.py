"""The Parzen estimator: Optuna's densities, draws that follow them, a search that closes in."""

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

from tuning.records import Direction
from tuning.search.samplers import SAMPLERS, Observation, propose
from tuning.search.samplers.parzen import Mixture
from tuning.search.space import narrow
from tuning.seeds import derive

CHOICES = 5
SIZES = np.array([CHOICES, 0, 0])


def some_places(count: int, seed: int = 0) -> np.ndarray:
    """Places of a cube whose first axis is a choice; some numbers at the ends of their range."""
    random = np.random.default_rng(seed)
    places = random.random((count, 3))
    places[:, 0] = (random.integers(CHOICES, size=count) + 0.5) / CHOICES
    places[::7, 1] = 0.0
    places[3::7, 2] = 1.0
    return places


@pytest.mark.parametrize("count", [0, 1, 2, 3, 24, 25, 26, 120])
def test_densities_are_those_of_optuna(count: int) -> None:
    """Kernels, their widths and their weights, for few points and for many."""
    space: dict[str, BaseDistribution] = {
        "choice": CategoricalDistribution([str(number) for number in range(CHOICES)]),
        "one": FloatDistribution(0.0, 1.0),
        "other": FloatDistribution(0.0, 1.0),
    }
    parameters = _ParzenEstimatorParameters(
        prior_weight=1.0,
        consider_magic_clip=True,
        consider_endpoints=False,
        weights=default_weights,
        multivariate=True,
    )

    def internal(places: np.ndarray) -> dict[str, np.ndarray]:
        columns = np.floor(places[:, 0] * CHOICES), places[:, 1], places[:, 2]
        return dict(zip(space, columns, strict=True))

    seen, looked = some_places(count), some_places(40, seed=1)
    theirs = _ParzenEstimator(internal(seen), space, parameters).log_pdf(internal(looked))
    ours = Mixture.around(list(seen), SIZES).log_density(looked)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_draws_follow_the_density() -> None:
    """The mass of a part of the cube, by drawing from it and by integrating over it."""
    mixture = Mixture.around(list(some_places(6)), SIZES)
    drawn = mixture.draw(np.random.default_rng(2), 20_000)
    grid = (np.arange(40) + 0.5) / 40
    number = np.array([[x, y] for x in grid for y in grid])
    for choice in range(CHOICES):
        places = np.column_stack([np.full(len(number), (choice + 0.5) / CHOICES), number])
        density = np.exp(mixture.log_density(places))
        inside = (number < 0.5).all(axis=1)
        expected = density[inside].mean() * inside.mean()
        found = (
            (np.floor(drawn[:, 0] * CHOICES) == choice) & (drawn[:, 1:] < 0.5).all(axis=1)
        ).mean()
        assert found == pytest.approx(expected, abs=0.01)


def test_the_search_closes_in_on_the_best() -> None:
    """Of one family with a known optimum, later proposals lie nearer to it than random ones."""
    space = narrow(("linear",), (1e-4, 1.0), {}, {"warmup": 0.0})
    first, last = [], []
    for study in range(6):
        seen: list[Observation] = []
        for number in range(40):
            seeds = [derive(study, number)]
            (point,) = propose(
                SAMPLERS["parzen"], space, seen, Direction.MINIMIZE, seeds, horizon=100
            )
            off = np.log10(float(point["peak"]) / 1e-2) ** 2 + (float(point["floor"]) - 0.2) ** 2
            seen.append(Observation(point, float(off)))
        values = [float(one.value or 0.0) for one in seen]
        first += values[:10]
        last += values[-10:]
    assert np.median(last) < 0.3 * np.median(first)
