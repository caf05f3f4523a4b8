"""Calls of Transformers: which schedule they make, what is said of it, and what is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules.interop import Imported, read_call
from tuning.schedules.interop.transformers_names import BY_NAME, FUNCTIONS


def read(name: str, horizon: int = 12, lr: float = 1.0, **specific: object) -> Imported:
    """get_scheduler with a warmup of 4 of 12 updates."""
    kwargs: dict[str, Any] = {"name": name, "num_warmup_steps": 4, "num_training_steps": 12}
    kwargs |= {"scheduler_specific_kwargs": specific} if specific else {}
    return read_call("transformers", "get_scheduler", kwargs, base_lr=lr, horizon=horizon)


def test_every_name_has_its_function() -> None:
    """The names a Trainer knows and the functions are one table each, and the same set."""
    assert set(BY_NAME.values()) == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "specific", "kind"),
    [
        ("linear", {}, "linear"),
        ("cosine", {}, "cosine"),
        ("cosine_with_min_lr", {"min_lr_rate": 0.1}, "cosine"),
        ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}, "cosine"),
        ("cosine_with_restarts", {"num_cycles": 2}, "sgdr"),
        ("polynomial", {"power": 2.0, "lr_end": 0.1}, "polynomial"),
        ("constant", {}, "constant"),
        ("constant_with_warmup", {}, "constant"),
        ("inverse_sqrt", {}, "inverse_sqrt"),
        ("warmup_stable_decay", {"num_decay_steps": 4, "decay_type": "1-sqrt"}, "wsd"),
        ("reduce_lr_on_plateau", {"patience": 3}, "plateau"),
        ("greedy", {"patience": 3}, "greedy"),
    ],
)
def test_a_name_is_the_family_it_is(name: str, specific: Mapping[str, Any], kind: str) -> None:
    """With its own lengths, each schedule is a family with a warmup."""
    assert read(name, **specific).schedule.family.kind == kind


def test_the_function_is_the_name() -> None:
    """A call of the function itself makes the same schedule."""
    kwargs = {"num_warmup_steps": 4, "num_training_steps": 12}
    call = "get_cosine_schedule_with_warmup"
    direct = read_call("transformers", call, kwargs, base_lr=1.0, horizon=12)
    assert direct.schedule == read("cosine").schedule


def test_both_ends_of_a_cosine_with_warmup_rate_come_an_update_early() -> None:
    """The warmup is at the peak at update 3, the floor is reached at update 11."""
    schedule = read("cosine_warmup_with_min_lr", min_lr_rate=0.1).schedule
    assert (schedule.family.warmup.length, schedule.family.end) == (3, "last")
    assert schedule([0, 3, 4, 11]) == pytest.approx([0.25, 1.0, 0.9657457896, 0.1])


def test_a_floor_may_be_a_rate_or_a_ratio() -> None:
    """min_lr is absolute, min_lr_rate relative to the optimiser's rate."""
    absolute = read("cosine_with_min_lr", lr=0.5, min_lr=0.05)
    relative = read("cosine_with_min_lr", lr=0.5, min_lr_rate=0.1)
    assert absolute.schedule == relative.schedule


def test_a_trapezoid_warms_up_from_its_floor() -> None:
    """Not from zero, and a note says so."""
    found = read("warmup_stable_decay", num_decay_steps=4, min_lr_ratio=0.1)
    assert found.schedule([0])[0] == pytest.approx(0.1)
    assert "library_fault" in {note.code for note in found.notes}


def test_restarts_are_at_zero_after_the_end() -> None:
    """Other cosines go on; this one is exactly 0 from update T on."""
    schedule = read("cosine_with_restarts", num_cycles=3).schedule
    assert (schedule(np.arange(12, 40)) == 0.0).all()


def test_a_greedy_rate_outside_its_bounds_is_noted() -> None:
    """The default bounds, 1e-3 and 1, are absolute: below them it can only rise."""
    found = read("greedy", lr=1e-4)
    assert "library_fault" in {note.code for note in found.notes}
    assert found.schedule.family.gains([1.0] * 100).min() == pytest.approx(1e-4)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({}, "from.kwargs.name"),
        ({"name": "cosin"}, "from.kwargs.name"),
        ({"name": "cosine"}, "from.kwargs.num_warmup_steps"),
        ({"name": "cosine", "num_warmup_steps": 3}, "from.kwargs.num_training_steps"),
        ({"name": "cosine", "num_warmup_steps": -1}, "from.kwargs.num_warmup_steps"),
        ({"name": "cosine", "warmup": 3}, "from.kwargs.warmup"),
        (
            {"name": "inverse_sqrt", "num_warmup_steps": 3, "scheduler_specific_kwargs": {"x": 1}},
            "from.kwargs.scheduler_specific_kwargs.x",
        ),
        (
            {"name": "greedy", "scheduler_specific_kwargs": {"factor": 2.0}},
            "from.kwargs.scheduler_specific_kwargs.factor",
        ),
        (
            {"name": "greedy", "scheduler_specific_kwargs": [1]},
            "from.kwargs.scheduler_specific_kwargs",
        ),
    ],
)
def test_names_the_argument_that_is_wrong(kwargs: Mapping[str, Any], field: str) -> None:
    """Whether it is handed on or specific to the schedule."""
    with pytest.raises(InvalidValue) as caught:
        read_call("transformers", "get_scheduler", kwargs, base_lr=0.1, horizon=9)
    assert caught.value.field == field
