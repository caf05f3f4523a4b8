"""What is odd in each library is reproduced as it is, and lint says so.

The figures were found by running the libraries; `make parity` compares the same calls with them.
"""

from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules.interop import Imported, read_call
from tuning.schedules.lint import from_notes, lint

LINEAR = {"call": "LinearLR", "kwargs": {"start_factor": 0.1, "total_iters": 4}}
COSINE = {"call": "CosineAnnealingLR", "kwargs": {"T_max": 8}}


def read(framework: str, call: str, horizon: int = 12, **kwargs: Any) -> Imported:  # noqa: ANN401 # JSON
    """A call read at a base rate of 1."""
    return read_call(framework, call, kwargs, base_lr=1.0, horizon=horizon)


def found(imported: Imported) -> dict[str, str]:
    """What lint says of an import: severities by code."""
    findings = (*from_notes(imported.notes), *lint(imported.schedule))
    return {finding.code: finding.severity for finding in findings}


def one_cycle(horizon: int, **kwargs: Any) -> Imported:  # noqa: ANN401 # JSON
    """PyTorch's cycle of ten updates."""
    return read("torch", "OneCycleLR", horizon, max_lr=1.0, total_steps=10, **kwargs)


def test_a_linear_cycle_is_negative_one_step_too_late() -> None:
    """PyTorch allows the step, and so does the import; lint calls it an error."""
    imported = one_cycle(11, anneal_strategy="linear", cycle_momentum=False)
    assert imported.schedule.table()[-1] == pytest.approx(-0.142853, abs=1e-6)
    assert found(imported)["negative"] == "error"
    assert found(imported)["library_fault"] == "warning"


def test_a_cosine_cycle_rises_one_step_too_late() -> None:
    """To 0.0495."""
    imported = one_cycle(11, cycle_momentum=False)
    assert imported.schedule.table()[-1] == pytest.approx(0.0495, abs=5e-5)
    assert found(imported)["library_fault"] == "warning"


def test_a_rise_of_one_update_is_a_division_by_zero() -> None:
    """It is refused, naming the share."""
    with pytest.raises(InvalidValue, match="divides") as caught:
        one_cycle(10, pct_start=0.1)
    assert caught.value.field == "from.kwargs.pct_start"


def test_a_rise_of_less_than_an_update_never_reaches_the_peak() -> None:
    """It starts at .993."""
    imported = one_cycle(10, pct_start=0.05, cycle_momentum=False)
    assert imported.schedule.table().max() == pytest.approx(0.993, abs=5e-4)
    assert any("never reached" in note.message for note in imported.notes)


def test_a_cycle_in_a_sequence_rewrites_the_warmup() -> None:
    """It runs at 1/25 of what was asked."""
    cycle = {"call": "OneCycleLR", "kwargs": {"max_lr": 1.0, "total_steps": 10}}
    imported = read("torch", "SequentialLR", 14, schedulers=[LINEAR, cycle], milestones=[4])
    assert imported.schedule.table()[:4] == pytest.approx([0.004, 0.013, 0.022, 0.031], abs=1e-12)
    assert found(imported)["library_fault"] == "warning"


def test_a_nested_sequence_skips_its_warmup() -> None:
    """The second update is at the peak already."""
    short = {"call": "LinearLR", "kwargs": {"start_factor": 0.1, "total_iters": 2}}
    level = {"call": "ConstantLR", "kwargs": {"factor": 1.0, "total_iters": 2}}
    kwargs = {"schedulers": [short, level], "milestones": [2]}
    nested = {"call": "SequentialLR", "kwargs": kwargs}
    imported = read("torch", "SequentialLR", schedulers=[nested, COSINE], milestones=[4])
    assert imported.schedule.table()[:4] == pytest.approx([0.1, 1.0, 1.0, 1.0])
    assert found(imported)["library_fault"] == "warning"


def test_a_chain_that_comes_first_takes_a_step_too_many() -> None:
    """It starts at .09, not at .1."""
    fading = {"call": "ExponentialLR", "kwargs": {"gamma": 0.9}}
    chain = {"call": "ChainedScheduler", "kwargs": {"schedulers": [LINEAR, fading]}}
    imported = read("torch", "SequentialLR", schedulers=[chain, COSINE], milestones=[4])
    assert imported.schedule.table()[0] == pytest.approx(0.09)
    assert found(imported)["library_fault"] == "warning"


def test_a_chain_that_comes_second_ends_the_sequence() -> None:
    """PyTorch's chain cannot begin anew: it raises where its turn comes."""
    chain = {"call": "ChainedScheduler", "kwargs": {"schedulers": [COSINE]}}
    with pytest.raises(InvalidValue) as caught:
        read("torch", "SequentialLR", schedulers=[LINEAR, chain], milestones=[4])
    assert caught.value.field == "horizon"
    assert "at most 4 updates" in caught.value.allowed


def test_the_last_of_a_chain_wins_if_it_overwrites() -> None:
    """Warm restarts forget the line before them: no product."""
    restarts = {"call": "CosineAnnealingWarmRestarts", "kwargs": {"T_0": 5}}
    imported = read("torch", "ChainedScheduler", schedulers=[LINEAR, restarts])
    alone = read("torch", "CosineAnnealingWarmRestarts", T_0=5)
    assert imported.schedule.table()[1:] == pytest.approx(alone.schedule.table()[1:], abs=1e-12)
    assert found(imported)["library_fault"] == "warning"


def test_a_cosine_of_pytorch_rises_again() -> None:
    """Its period is twice its length."""
    imported = read("torch", "CosineAnnealingLR", 12, T_max=8)
    assert imported.schedule.table()[-1] > imported.schedule.table()[8]
    assert found(imported)["rebound"] == "warning"


@pytest.mark.parametrize(
    ("call", "kwargs"),
    [
        ("linear_schedule", {"init_value": 0.0, "end_value": 1.0, "transition_steps": 0}),
        ("warmup_constant_schedule", {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 0}),
    ],
)
def test_no_steps_of_optax_train_at_zero(call: str, kwargs: dict[str, Any]) -> None:
    """For ever."""
    imported = read("optax", call, **kwargs)
    assert not imported.schedule.table().any()
    assert found(imported)["library_fault"] == "warning"


def test_a_warmup_of_timm_that_the_curve_does_not_wait_for() -> None:
    """The peak is never reached."""
    imported = read("timm", "CosineLRScheduler", 10, t_initial=10, warmup_t=4, warmup_lr_init=0.01)
    expected = [0.01, 0.2575, 0.505, 0.7525, 0.6545]
    assert imported.schedule.table()[:5] == pytest.approx(expected, abs=5e-5)
    assert found(imported)["library_fault"] == "warning"


def test_a_warmup_of_timm_that_meets_its_curve_has_no_fault() -> None:
    """The tangent's leads to where the curve is; a prefix is waited for."""
    tangent = read("timm", "TanhLRScheduler", 10, t_initial=10, warmup_t=4)
    prefixed = read("timm", "CosineLRScheduler", t_initial=8, warmup_t=4, warmup_prefix=True)
    assert "library_fault" not in found(tangent)
    assert "library_fault" not in found(prefixed)


def test_milestones_of_timm_come_an_update_early() -> None:
    """At 2 and 5 for [3, 6]."""
    imported = read("timm", "MultiStepLRScheduler", 7, decay_t=[3, 6], decay_rate=0.1)
    assert np.flatnonzero(np.diff(imported.schedule.table())).tolist() == [1, 4]
    assert found(imported)["library_fault"] == "warning"


@pytest.mark.parametrize("call", ["CosineLRScheduler", "PolyLRScheduler", "TanhLRScheduler"])
def test_a_cycle_of_timm_may_begin_late(call: str) -> None:
    """The logarithm of update 12 comes out below 2: the floor, not the peak."""
    imported = read("timm", call, 30, t_initial=5, cycle_mul=1.4, cycle_limit=5)
    assert imported.schedule.table()[12] < 0.01
    assert any("count 12" in note.message for note in imported.notes)
    doubled = read("timm", call, 30, t_initial=5, cycle_mul=2.0, cycle_limit=3)
    assert "library_fault" not in found(doubled)


def test_a_plateau_of_timm_forgets_when_it_is_saved() -> None:
    """Its counters are not in what it saves."""
    imported = read("timm", "PlateauLRScheduler", warmup_t=3)
    assert imported.schedule.table()[:4] == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])
    assert any("anew" in note.message for note in imported.notes)
    assert found(imported)["library_fault"] == "warning"


def test_a_line_of_transformers_is_zero_after_its_last_update() -> None:
    """The last used value is P / (T - W)."""
    kwargs = {"num_warmup_steps": 4, "num_training_steps": 12}
    imported = read("transformers", "get_linear_schedule_with_warmup", **kwargs)
    assert imported.schedule.table()[-1] == pytest.approx(1 / 8)
    assert imported.schedule([12])[0] == 0.0
    assert found(imported)["shifted"] == "info"
    assert found(imported)["first_update_zero"] == "warning"


def test_a_trapezoid_of_transformers_warms_up_from_its_floor() -> None:
    """Not from zero."""
    specific = {"num_decay_steps": 4, "min_lr_ratio": 0.1}
    kwargs = {"name": "warmup_stable_decay", "num_warmup_steps": 4, "num_training_steps": 12}
    imported = read("transformers", "get_scheduler", **kwargs, scheduler_specific_kwargs=specific)
    assert imported.schedule.table()[0] == pytest.approx(0.1)
    assert found(imported)["library_fault"] == "warning"


def test_both_ends_of_a_cosine_of_transformers_come_early() -> None:
    """.25 .5 .75 1 ... .1 at update 11."""
    kwargs = {"num_warmup_steps": 4, "num_training_steps": 12, "min_lr_rate": 0.1}
    call = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    imported = read("transformers", call, **kwargs)
    table = imported.schedule.table()
    assert table[[0, 3, 11]] == pytest.approx([0.25, 1.0, 0.1])
    assert found(imported)["shifted"] == "info"


def test_a_polynomial_of_transformers_measures_by_the_optimiser() -> None:
    """What it does to groups with a rate of their own is told."""
    kwargs = {"num_warmup_steps": 0, "num_training_steps": 12}
    imported = read("transformers", "get_polynomial_decay_schedule_with_warmup", **kwargs)
    assert any("group" in note.message for note in imported.notes)


def test_greedy_bounds_are_absolute() -> None:
    """At Adam's rates the default bounds leave it no way but up."""
    imported = read_call("transformers", "get_greedy_schedule", {}, base_lr=1e-4, horizon=4)
    assert found(imported)["library_fault"] == "warning"


def test_a_cycle_of_keras_begins_within() -> None:
    """1 .75 .5 .25 0 .375 .25."""
    kwargs = {"initial_learning_rate": 1.0, "decay_steps": 4, "end_learning_rate": 0.0}
    imported = read("keras", "PolynomialDecay", 7, **kwargs, cycle=True)
    expected = [1, 0.75, 0.5, 0.25, 0, 0.375, 0.25]
    assert imported.schedule.table() == pytest.approx(expected)
    assert found(imported)["rebound"] == "warning"


def test_boundaries_of_keras_belong_to_the_value_before() -> None:
    """[3, 6] changes at 4 and 7."""
    kwargs = {"boundaries": [3, 6], "values": [1.0, 0.5, 0.1]}
    imported = read("keras", "PiecewiseConstantDecay", **kwargs)
    assert (np.flatnonzero(np.diff(imported.schedule.table())) + 1).tolist() == [4, 7]
    assert found(imported)["shifted"] == "info"


@pytest.mark.parametrize(
    ("framework", "call", "kwargs", "cuts"),
    [
        ("torch", "ReduceLROnPlateau", {"patience": 2}, [3, 6, 9, 12]),
        ("torch", "ReduceLROnPlateau", {"patience": 2, "cooldown": 2}, [3, 8]),
        ("timm", "PlateauLRScheduler", {"patience_t": 2}, [3, 6, 9, 12]),
        ("timm", "PlateauLRScheduler", {"patience_t": 2, "warmup_t": 2}, [5, 8, 11]),
        ("optax", "reduce_on_plateau", {"patience": 2}, [2, 4, 6, 8, 10, 12]),
        ("optax", "reduce_on_plateau", {"patience": 2, "cooldown": 2}, [2, 6, 10]),
        ("optax", "reduce_on_plateau", {"patience": 2, "accumulation_size": 2}, [5, 9]),
        ("keras", "ReduceLROnPlateau", {"patience": 2}, [2, 4, 6, 8, 10, 12]),
        ("keras", "ReduceLROnPlateau", {"patience": 2, "cooldown": 2}, [2, 5, 8, 11]),
    ],
)
def test_plateaus_cut_at_different_metrics(
    framework: str, call: str, kwargs: dict[str, Any], cuts: list[int]
) -> None:
    """The metrics that cut, of those that never move."""
    kwargs = {**kwargs, **({"decay_rate": 0.5} if framework == "timm" else {"factor": 0.5})}
    family: Any = read(framework, call, **kwargs).schedule.family
    gains = np.concatenate(([1.0], family.gains([1.0] * 13)))
    assert np.flatnonzero(np.diff(gains)).tolist() == cuts


def test_a_rate_below_its_eps_is_frozen() -> None:
    """PyTorch leaves out cuts of 1e-8 and less."""
    imported = read_call("torch", "ReduceLROnPlateau", {"patience": 0}, base_lr=1e-8, horizon=4)
    family: Any = imported.schedule.family
    assert (family.gains([1.0] * 8) == 1.0).all()
