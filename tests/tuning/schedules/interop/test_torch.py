"""Calls of PyTorch: which schedule they make, what is said of it, and what is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules.interop import Imported, read_call
from tuning.schedules.interop.torch_engine import Absolute, Optimizer, play

quick = settings(deadline=None, max_examples=50)


def read(call: str, horizon: int = 12, optimizer_lr: float = 1.0, **kwargs: object) -> Imported:
    """A call of PyTorch."""
    return read_call("torch", call, kwargs, base_lr=optimizer_lr, horizon=horizon)


def nest(call: str, **kwargs: object) -> dict[str, Any]:
    """A call within a call."""
    return {"call": call, "kwargs": kwargs}


def codes(found: Imported) -> set[str]:
    """The codes of the notes."""
    return {note.code for note in found.notes}


def test_a_cosine_rebounds_after_its_own_end() -> None:
    """The issue's example: at update 100 of 120 it is 0, then it rises again."""
    found = read("CosineAnnealingLR", horizon=120, optimizer_lr=0.1, T_max=100)
    table = found.schedule.table()
    assert table[[0, 50, 100]] == pytest.approx([0.1, 0.05, 0.0], abs=1e-16)
    assert table[110] == pytest.approx(0.05 * (1 - np.cos(0.1 * np.pi)))
    assert "rebound" in codes(found)


def test_a_cosine_over_its_horizon_is_the_family_with_its_rebound() -> None:
    """What PyTorch does after the end is a field of the family."""
    schedule = read("CosineAnnealingLR", T_max=12, eta_min=0.1).schedule
    assert (schedule.family.kind, schedule.family.after_end) == ("cosine", "rebound")


@pytest.mark.parametrize(
    ("call", "kwargs", "kind"),
    [
        ("ConstantLR", {"factor": 0.5, "total_iters": 4}, "constant"),
        ("LinearLR", {"start_factor": 0.1, "total_iters": 4}, "constant"),
        ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 12}, "linear"),
        ("ExponentialLR", {"gamma": 0.9}, "exponential"),
        ("PolynomialLR", {"total_iters": 12, "power": 3.0}, "polynomial"),
        ("PolynomialLR", {"total_iters": 12}, "linear"),
        ("StepLR", {"step_size": 5}, "staircase"),
        ("MultiStepLR", {"milestones": [3, 7]}, "piecewise_constant"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 12, "pct_start": 0.25}, "one_cycle"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3}, "triangular"),
        ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2}, "sgdr"),
        ("SWALR", {"swa_lr": 2.0, "anneal_epochs": 4}, "constant"),
        ("LambdaLR", {"lr_lambda": [1.0, 0.3, 0.7]}, "table"),
        ("ReduceLROnPlateau", {"patience": 3}, "plateau"),
    ],
)
def test_a_call_is_the_family_it_is(call: str, kwargs: Mapping[str, Any], kind: str) -> None:
    """A family that has the call's values is recognised; else they are an expression or a table."""
    assert read(call, **kwargs).schedule.family.kind == kind


def test_a_warmup_in_sequence_is_the_warmup_of_the_family() -> None:
    """SequentialLR of a line and a cosine is a cosine with a warmup of as many updates."""
    warmup = nest("LinearLR", start_factor=0.25, total_iters=4)
    parts = [warmup, nest("CosineAnnealingLR", T_max=8)]
    family = read("SequentialLR", schedulers=parts, milestones=[4]).schedule.family
    assert family.kind == "cosine"
    assert (family.warmup.length, family.warmup.start) == (4, 0.25)


def test_one_cycle_goes_on_for_one_step_too_many() -> None:
    """A linear cycle is negative at that step; a longer horizon is refused, as PyTorch raises."""
    kwargs = {"max_lr": 1.0, "total_steps": 10, "anneal_strategy": "linear"}
    found = read("OneCycleLR", horizon=11, **kwargs)
    assert found.schedule.table()[-1] == pytest.approx(-0.142853, abs=1e-6)
    assert "library_fault" in codes(found)
    with pytest.raises(InvalidValue, match="horizon: 12 is not allowed; allowed: at most 11"):
        read("OneCycleLR", horizon=12, **kwargs)


def test_nothing_follows_a_cycle() -> None:
    """After PyTorch's own end the schedule raises, too."""
    found = read("OneCycleLR", horizon=10, max_lr=1.0, total_steps=10)
    assert found.schedule.family.after_end == "error"


def test_one_cycle_after_a_warmup_runs_it_at_a_fraction() -> None:
    """OneCycleLR rewrites the rate from which the sequence begins."""
    cycle = nest("OneCycleLR", max_lr=1.0, total_steps=10)
    parts = [nest("LinearLR", start_factor=0.1, total_iters=4), cycle]
    found = read("SequentialLR", schedulers=parts, milestones=[4])
    assert found.schedule([0, 3]) == pytest.approx([0.004, 0.031])
    assert "library_fault" in codes(found)


def test_a_nested_sequence_skips_its_warmup() -> None:
    """As reported in pytorch #196243: .1 1 1 instead of .1 .55 1."""
    inner = [nest("LinearLR", start_factor=0.1, total_iters=2), nest("ConstantLR", factor=1.0)]
    nested = nest("SequentialLR", schedulers=inner, milestones=[2])
    parts = [nested, nest("CosineAnnealingLR", T_max=8)]
    found = read("SequentialLR", schedulers=parts, milestones=[4])
    assert found.schedule(range(4)) == pytest.approx([0.1, 1.0, 1.0, 1.0])
    assert "library_fault" in codes(found)


def test_a_chain_multiplies_recursive_schedulers_only() -> None:
    """LinearLR and ExponentialLR multiply; warm restarts make the chain forget the line."""
    line = nest("LinearLR", start_factor=0.5, total_iters=2)
    product = read("ChainedScheduler", schedulers=[line, nest("ExponentialLR", gamma=0.9)])
    assert product.schedule(range(3)) == pytest.approx([0.5, 0.75 * 0.9, 0.81])
    restarts = nest("CosineAnnealingWarmRestarts", T_0=5)
    forgets = read("ChainedScheduler", schedulers=[line, restarts])
    alone = read("CosineAnnealingWarmRestarts", T_0=5)
    assert forgets.schedule.table() == pytest.approx(alone.schedule.table())
    assert "library_fault" in codes(forgets)


@pytest.mark.parametrize("call", ["ConstantLR", "LinearLR"])
def test_a_total_of_zero_is_for_ever(call: str) -> None:
    """The factor of an empty warmup is never undone."""
    found = read(call, total_iters=0)
    assert (found.schedule.table() == found.schedule.table()[0]).all()
    assert found.schedule.table()[0] == pytest.approx(1 / 3)
    assert "library_fault" in codes(found)


@pytest.mark.parametrize(
    ("call", "kwargs", "field"),
    [
        ("CosineAnnealingLR", {}, "from.kwargs.T_max"),
        ("CosineAnnealingLR", {"T_max": 0}, "from.kwargs.T_max"),
        ("CosineAnnealingLR", {"T_max": 9, "eta_max": 1.0}, "from.kwargs.eta_max"),
        ("CosineAnnealingLR", {"T_max": 9, "eta_min": float("nan")}, "from.kwargs.eta_min"),
        ("CosineLR", {}, "from.call"),
        ("OneCycleLR", {"max_lr": 1.0}, "from.kwargs.total_steps"),
        (
            "OneCycleLR",
            {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.1},
            "from.kwargs.pct_start",
        ),
        ("SequentialLR", {"schedulers": [], "milestones": []}, "from.kwargs.schedulers"),
        ("SequentialLR", {"schedulers": [{}], "milestones": []}, "from.kwargs.schedulers[0]"),
        (
            "SequentialLR",
            {"schedulers": [nest("StepLR", step_size=0)], "milestones": []},
            "from.kwargs.schedulers[0].kwargs.step_size",
        ),
        (
            "SequentialLR",
            {"schedulers": [nest("StepLR", step_size=3)], "milestones": [4]},
            "from.kwargs.milestones",
        ),
        (
            "SequentialLR",
            {"schedulers": [nest("StepLR", step_size=3)] * 3, "milestones": [4, 2]},
            "from.kwargs.milestones",
        ),
        (
            "SequentialLR",
            {"schedulers": [nest("ReduceLROnPlateau")], "milestones": []},
            "from.kwargs.schedulers[0].call",
        ),
        ("ReduceLROnPlateau", {"min_lr": 2.0}, "from.kwargs.min_lr"),
        ("ExponentialLR", {"gamma": 200.0}, "from.kwargs.gamma"),
        ("StepLR", {"gamma": 100.0, "step_size": 1}, "horizon"),
        ("ExponentialLR", {"gamma": 100.0}, "horizon"),
        ("MultiplicativeLR", {"lr_lambda": [1000.0]}, "horizon"),
        ("ChainedScheduler", {"schedulers": [nest("ExponentialLR", gamma=99.0)]}, "horizon"),
    ],
)
def test_names_the_argument_that_is_wrong(call: str, kwargs: Mapping[str, Any], field: str) -> None:
    """Unknown, missing and impossible arguments are told apart by name."""
    with pytest.raises(InvalidValue) as caught:
        read(call, horizon=200, **kwargs)
    assert caught.value.field == field


def test_refuses_calls_that_nest_too_deep() -> None:
    """A thousand levels are an answer, not a crash."""
    call = nest("StepLR", step_size=3)
    for _ in range(1000):
        call = nest("SequentialLR", schedulers=[call], milestones=[])
    with pytest.raises(InvalidValue, match="levels"):
        read_call("torch", call["call"], call["kwargs"], base_lr=1.0, horizon=9)


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"framework": "jax"}, "from.framework"),
        ({"base_lr": 0.0}, "base_lr"),
        ({"base_lr": float("inf")}, "base_lr"),
        ({"horizon": 0}, "horizon"),
        ({"kwargs": [1]}, "from.kwargs"),
    ],
)
def test_names_what_is_wrong_around_the_call(setting: dict[str, Any], field: str) -> None:
    """Framework, base rate, horizon and the form of the arguments are checked."""
    given = {"framework": "torch", "call": "StepLR", "kwargs": {"step_size": 3}}
    with pytest.raises(InvalidValue) as caught:
        read_call(**{**given, "base_lr": 0.1, "horizon": 9, **setting})
    assert caught.value.field == field


@quick
@given(
    length=st.integers(1, 40),
    horizon=st.integers(1, 60),
    floor=st.floats(0.0, 2.0),
    base_lr=st.floats(1e-6, 10.0),
)
def test_any_cosine_is_its_closed_form(
    length: int, horizon: int, floor: float, base_lr: float
) -> None:
    """Whatever the horizon, and even if the floor is above the base rate."""
    found = read("CosineAnnealingLR", horizon, base_lr, T_max=length, eta_min=floor)
    steps = np.arange(horizon)
    expected = floor + (base_lr - floor) * (1 + np.cos(np.pi * steps / length)) / 2
    assert found.schedule.table() == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_a_scheduler_that_refuses_ends_the_play() -> None:
    """The rates until then are those that were used."""

    def make(optimizer: Optimizer) -> Absolute:
        rates = lambda steps: 1.0 / (1.0 + np.maximum(steps, 0))  # noqa: E731 # one line
        return Absolute(optimizer, rates, last=2, never_negative=False)

    rates, momenta = play(make, 0.5, 10)
    assert rates.tolist() == [1.0, 0.5, 1 / 3]
    assert momenta is None
