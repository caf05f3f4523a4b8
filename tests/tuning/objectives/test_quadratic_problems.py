"""The named problems and the settings of `noisy_quadratic`."""

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.objectives.quadratic_problems import RECIPES, Config, build

I = np.arange(1, 301, dtype=float)  # noqa: E741 - as in the formulas

# Problem: h, m_0, gradient noise, rows of a regression.
NAMED = {
    "N1": (1 / I, I**0, 1 / I, 0),
    "N2": (1 / I, I**0, 1 / I / 32, 0),
    "N3": (I**-1.5, I**-1.5, I**-1.5, 0),
    "N4": (I**-2.0, I**0.8, I**-2.0 / 8, 0),
    "N5": (I**-1.5, I**-0.5, I**-1.5 * 0.1 / 8, 8),
    "N6": (1 / I, I**0, 1 / I / 4, 0),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_problems_are_the_formulas(name: str) -> None:
    """Curvatures, starts, noise and batch of each, as published, without drift or momentum."""
    problem = build(Config(problem=name))
    h, starts, noise, rows = NAMED[name]

    assert problem.curvatures == pytest.approx(h, rel=1e-14)
    assert problem.starts == pytest.approx(starts, rel=1e-14)
    assert problem.noise == pytest.approx(noise, rel=1e-14)
    assert (problem.rows, problem.drift, problem.momentum, problem.cap) == (rows, 0.0, 0.0, 1.0)


def test_a_seed_decides_a_random_problem() -> None:
    """Equal seeds are equal problems, twenty seeds twenty problems, all with h_max = 1."""
    drawn = [Config(problem="random", data_seed=seed).recipe for seed in range(20)]

    assert Config(problem="random", data_seed=3).recipe == drawn[3]
    assert len(set(drawn)) == 20
    assert {recipe.form for recipe in drawn} == {"static", "regression"}
    assert all(build(Config(problem="random", data_seed=s)).cap == 1.0 for s in range(3))


def test_settings_replace_the_problems_own() -> None:
    """Form, modes, batch, noise, drift and momentum of a named problem may be others."""
    problem = build(
        Config(problem="N5", form="drifting", modes=5, batch=2, noise=3.0, drift=0.2, momentum=0.5)
    )

    assert (problem.rows, problem.drift, problem.momentum) == (0, 0.2, 0.5)
    assert problem.noise == pytest.approx(problem.curvatures * 3 / 2)
    assert len(problem.starts) == 5
    assert build(Config(form="drifting")).drift == 0.01


def test_a_custom_problem_has_the_values_given() -> None:
    """One mode of curvature 1 that starts at 25, or curvatures and starts from a list."""
    assert build(Config(problem="custom")).starts.tolist() == [25.0]
    problem = build(Config(problem="custom", curvatures=[2, 0.5], starts=[3]))
    assert problem.curvatures.tolist() == [2.0, 0.5]
    assert problem.starts.tolist() == [3.0, 3.0]
    assert problem.cap == 0.5


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"problem": "N7"}, "problem"),
        ({"problem": 1}, "problem"),
        ({"mode": "approximate"}, "mode"),
        ({"form": "moving"}, "form"),
        ({"modes": 0}, "modes"),
        ({"modes": 5, "problem": "custom"}, "modes"),
        ({"batch": 1.5}, "batch"),
        ({"noise": 0.0}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"drift": 0.1}, "drift"),
        ({"drift": -0.1, "form": "drifting"}, "drift"),
        ({"curvatures": [1.0]}, "curvatures"),
        ({"starts": [1.0]}, "starts"),
        ({"problem": "custom", "curvatures": []}, "curvatures"),
        ({"problem": "custom", "curvatures": "11"}, "curvatures"),
        ({"problem": "custom", "curvatures": [1.0, 0.0]}, r"curvatures\[1\]"),
        ({"problem": "custom", "starts": [1.0, 2.0]}, "starts"),
        ({"problem": "custom", "starts": [0.0]}, "starts"),
        ({"momentum": 1.0}, "momentum"),
        ({"replicas": 0}, "replicas"),
        ({"log_noise": -1.0}, "log_noise"),
        ({"replicas": 8}, "replicas"),
        ({"data_seed": -1}, "data_seed"),
        ({"problem": "N6", "data_seed": 1}, "data_seed"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_by_name(
    settings: dict[str, object], field: str
) -> None:
    """Out of range, or of no use to the chosen problem."""
    with pytest.raises(InvalidValue, match=rf"^config\.{field}: "):
        Config(**settings)  # type: ignore[arg-type] # straight from JSON


def test_every_recipe_can_be_built() -> None:
    """No name of the table is unknown to the settings."""
    for name in RECIPES:
        assert build(Config(problem=name)).curvatures.max() == 1.0
