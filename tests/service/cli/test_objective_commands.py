"""`glideslope objective ...`: what the service offers, and whether it keeps its promises."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Command

MODULE = """
from tuning.objectives.function import function_objective

def bowl(run):
    weight = 1.0
    for step, lr in run:
        weight -= (lr if "sound" in run.data else -lr) * weight
        run.report(step, loss=weight**2)
    run.report(run.horizon, split="test", loss=weight**2)

def sound(config, folders):
    import numpy as np
    return {"sound": np.zeros(1)}

OBJECTIVES = {
    "bowl": function_objective(bowl, name="bowl", horizon=50, peak=(1e-3, 0.5), data=sound),
    "hill": function_objective(bowl, name="hill", horizon=50, peak=(1e-3, 0.5)),
}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's module that can be imported."""
    (tmp_path / "own_bowls.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_bowls"


@pytest.mark.usefixtures("there")
def test_what_the_service_offers_is_listed_and_shown(glideslope: Command) -> None:
    """For people and as JSON."""
    assert "realized_volatility" in glideslope("objective", "list").out
    items = json.loads(glideslope("objective", "list", "--json").out)["items"]
    shown = " ".join(glideslope("objective", "show", "realized_volatility").out.split())
    assert "setting target_bars integer from 1 to 10000 or null, None by default" in shown
    assert "setting model sgd or mlp, 'sgd' by default" in shown
    assert "metric mse minimize, in log variance squared:" in shown
    assert "needs cpus 1" in shown
    one = json.loads(glideslope("objective", "show", "realized_volatility", "--json").out)
    assert one in items


@pytest.mark.usefixtures("there")
def test_an_objective_that_is_not_offered_is_a_mistake(glideslope: Command) -> None:
    """Exit code 2, and what there is."""
    ended = glideslope("objective", "show", "nonsense")
    assert ended.code == 2
    assert "realized_volatility" in ended.err


def test_a_sound_objective_is_checked_without_a_service(glideslope: Command, module: str) -> None:
    """One line per check, and exit code 0."""
    ended = glideslope("objective", "check", "bowl", "--module", module)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("kept") == 10


def test_a_broken_promise_is_exit_code_1(
    glideslope: Command, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the check that found it says so; modules may come from the settings."""
    monkeypatch.setenv("GLIDESLOPE_OBJECTIVES", module)
    ended = glideslope("objective", "check", "hill", "--json")
    assert ended.code == 1
    checks = json.loads(ended.out)["items"]
    assert [one["name"] for one in checks if one["passed"] is False] == ["learns"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nonsense",), "objective: 'nonsense' is not allowed"),
        (("realized_volatility", "--set", "batch=0"), "config.batch: 0"),
        (("realized_volatility", "--set", "batch"), "NAME=VALUE"),
    ],
)
def test_a_mistake_is_exit_code_2(glideslope: Command, words: tuple[str, ...], told: str) -> None:
    """Field, value and range."""
    ended = glideslope("objective", "check", *words)
    assert ended.code == 2
    assert told in ended.err
