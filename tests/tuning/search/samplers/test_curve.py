"""The curve sampler: it learns, as a batch, with cycles, and inside Optuna."""

import numpy as np
import optuna
import pytest

from tuning.objectives.quadratic import Moments
from tuning.objectives.quadratic_optimum import best_schedule
from tuning.objectives.quadratic_problems import Config, build
from tuning.records import Direction
from tuning.search.samplers import SAMPLERS, Observation, propose
from tuning.search.samplers.cycles import telling_counts
from tuning.search.samplers.description import Params, cycle_count
from tuning.search.samplers.optuna_curve import CurveSampler, suggest
from tuning.search.space import DEFAULT_FAMILIES, contains, lay_out, narrow
from tuning.seeds import derive

ZOO = tuple(dict.fromkeys((*DEFAULT_FAMILIES, "knots")))
SPACE = narrow(ZOO, (1e-3, 1.0), {}, {})
HORIZON = 50


def searched(name: str, trials: int, loss: object, horizon: int = HORIZON) -> list[Observation]:
    """A search in batches of four that sees results two batches old."""
    seen: list[Observation] = []
    while len(seen) < trials:
        known = [
            one if number < len(seen) - 4 else Observation(one.params)
            for number, one in enumerate(seen)
        ]
        seeds = [derive(3, "trial", len(seen), one) for one in range(4)]
        new = propose(SAMPLERS[name], SPACE, known, Direction.MINIMIZE, seeds, horizon=horizon)
        seen += [Observation(params, loss(params)) for params in new]  # type: ignore[operator]
    return seen


def test_it_comes_near_the_optimum_of_a_quadratic() -> None:
    """Within 0.5 % in 40 trainings of N6, where random search is not within 5 %.

    Measured over 20 seeds: 0.03 to 0.14 % above the optimum, random search 9 to 57 %.
    """
    quadratic = build(Config(problem="N6"))

    def loss(params: Params) -> float:
        moments = Moments(quadratic, 1)
        moments.train(lay_out(params, HORIZON).table()[None])
        return float(moments.losses()[0])

    best = best_schedule(quadratic, HORIZON)[0]
    values = {
        name: min(float(one.value or 0.0) for one in searched(name, 40, loss)) / best
        for name in ("curve", "random")
    }
    assert 1.0 <= values["curve"] < 1.005
    assert values["random"] > 1.05


def test_cycles_get_their_share_and_counts_differ() -> None:
    """After the first two dozen one in eight is cyclic, each of another count."""
    seen = searched("curve", 64, lambda params: 1.0 + float(params["peak"]), horizon=400)
    counts = [
        cycle_count(one.params) for number, one in enumerate(seen) if number in {24, 32, 40, 48, 56}
    ]
    assert min(counts) > 1
    assert len(set(counts)) == 5


def test_a_count_in_step_is_found() -> None:
    """Where only multiples of six do well, six itself is found through one that has it."""

    def loss(params: Params) -> float:
        count = cycle_count(params)
        distance = abs(np.log(float(params["peak"]) / 0.2)) / 10
        return float(2.0 + distance if count % 6 or count < 2 else 1.0 + count / 100 + distance)

    seen = searched("curve", 72, loss, horizon=1000)
    assert cycle_count(min(seen, key=lambda one: one.value or 0.0).params) == 6


@pytest.mark.parametrize(("low", "high"), [(1, 32), (2, 6), (5, 5), (3, 17)])
def test_every_count_divides_one_that_was_tried_early(low: int, high: int) -> None:
    """The order holds each count once at most, and together they have all divisors."""
    order = telling_counts(low, high)
    assert len(set(order)) == len(order)
    wanted = set(range(max(2, low), high + 1))
    assert wanted <= {other for one in order for other in wanted if one % other == 0}


def test_it_serves_any_optuna_study() -> None:
    """As an Optuna sampler it proposes points of the space, and learns."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=CurveSampler(SPACE, HORIZON, seed=1))
    points = []

    def objective(trial: optuna.Trial) -> float:
        points.append(suggest(trial, SPACE))
        return float(1.0 + np.log(lay_out(points[-1], HORIZON).table().mean() / 0.02) ** 2)

    study.optimize(objective, n_trials=24)
    assert all(contains(SPACE, point) for point in points)
    assert study.best_value < 1.01


def test_an_optuna_study_that_is_to_be_maximised_and_fails_goes_on() -> None:
    """Failed trials repel, and the direction is the study's."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.create_study(direction="maximize", sampler=CurveSampler(SPACE, HORIZON))

    def objective(trial: optuna.Trial) -> float:
        point = suggest(trial, SPACE)
        if float(point["peak"]) > 0.5:
            raise ArithmeticError
        return -abs(float(np.log(float(point["peak"]) / 0.05)))

    study.optimize(objective, n_trials=20, catch=(ArithmeticError,))
    assert study.best_value > -0.3
