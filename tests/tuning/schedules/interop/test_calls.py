"""What imports from Optax, Keras, timm and scikit-learn become, and what they say and refuse."""

from typing import Any

import pytest

from tuning.errors import InvalidValue
from tuning.schedules.interop import Imported, read_call


def read(framework: str, call: str, horizon: int = 12, **kwargs: Any) -> Imported:  # noqa: ANN401 # JSON
    """A call read at a base rate of 1."""
    return read_call(framework, call, kwargs, base_lr=1.0, horizon=horizon)


def codes(imported: Imported) -> set[str]:
    """The codes of the notes."""
    return {note.code for note in imported.notes}


WARM_COSINES = {
    "optax": (
        "warmup_cosine_decay_schedule",
        {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 4, "decay_steps": 12}
        | {"end_value": 0.1},
    ),
    "keras": (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 8, "alpha": 0.1, "warmup_target": 1.0}
        | {"warmup_steps": 4},
    ),
    "timm": (
        "CosineLRScheduler",
        {"t_initial": 8, "lr_min": 0.1, "warmup_t": 4, "warmup_prefix": True},
    ),
}


@pytest.mark.parametrize("framework", WARM_COSINES)
def test_one_schedule_has_one_identity_whatever_the_library(framework: str) -> None:
    """The warm-up and cosine of every library is the same family with the same values."""
    call, kwargs = WARM_COSINES[framework]
    found = read(framework, call, **kwargs)
    assert found.schedule.family.kind == "cosine"
    assert found.schedule.family.warmup.length == 4
    name, arguments = WARM_COSINES["optax"]
    assert found.schedule.identity == read("optax", name, **arguments).schedule.identity
    assert not found.notes


def test_an_optax_transition_of_no_steps_never_happens() -> None:
    """It is reproduced as it is, and said."""
    found = read("optax", "linear_schedule", init_value=0.0, end_value=1.0, transition_steps=0)
    assert found.schedule.table().tolist() == [0.0] * 12
    assert "library_fault" in codes(found)


def test_timm_without_the_prefix_never_reaches_its_peak() -> None:
    """The rate jumps down after the warm-up."""
    kwargs = {"t_initial": 10, "warmup_t": 4, "warmup_lr_init": 0.01}
    found = read("timm", "CosineLRScheduler", 10, **kwargs)
    expected = [0.01, 0.2575, 0.505, 0.7525, 0.6545084971874737]
    assert found.schedule.table()[:5] == pytest.approx(expected, abs=1e-12)
    assert "library_fault" in codes(found)


def test_timm_milestones_drop_one_update_early() -> None:
    """At 2 and 5 for [3, 6]."""
    found = read("timm", "MultiStepLRScheduler", 7, decay_t=[3, 6], decay_rate=0.1)
    assert found.schedule.table() == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert "library_fault" in codes(found)


def test_a_keras_cycle_touches_its_end_and_begins_within() -> None:
    """1 .75 .5 .25 0 .375 .25 ..."""
    kwargs = {"initial_learning_rate": 1.0, "decay_steps": 4, "end_learning_rate": 0.0}
    found = read("keras", "PolynomialDecay", 7, **kwargs, cycle=True)
    assert found.schedule.table() == pytest.approx([1, 0.75, 0.5, 0.25, 0, 0.375, 0.25])
    assert "rebound" in codes(found)


def test_says_that_the_base_rate_plays_no_part() -> None:
    """Optax and Keras set the rate themselves."""
    assert "absolute_rate" in codes(read("optax", "constant_schedule", value=0.3))
    assert "absolute_rate" not in codes(read("optax", "constant_schedule", value=1.0))


def test_sklearn_counts_samples_from_one() -> None:
    """eta0 / t^p at t = 1, 2, ..."""
    found = read("sklearn", "SGDRegressor", 4, eta0=1.0, power_t=0.5)
    assert found.schedule.family.kind == "inverse_sqrt"
    assert found.schedule.table() == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5], abs=1e-12)


@pytest.mark.parametrize(
    ("framework", "call", "kwargs", "field"),
    [
        ("optax", "cosine_decay_schedule", {"init_value": 1.0, "decay_steps": 0}, "decay_steps"),
        ("optax", "join_schedules", {"schedules": [], "boundaries": []}, "schedules"),
        (
            "optax",
            "join_schedules",
            {"schedules": [{"call": "nothing"}], "boundaries": []},
            "schedules[0].call",
        ),
        (
            "optax",
            "sgdr_schedule",
            {"cosine_kwargs": [{"init_value": 0.0}]},
            "cosine_kwargs[0].peak_value",
        ),
        (
            "keras",
            "PiecewiseConstantDecay",
            {"boundaries": [3], "values": [1.0]},
            "boundaries",
        ),
        ("timm", "CosineLRScheduler", {"t_initial": 4, "noise_range_t": [0]}, "noise_range_t"),
        ("timm", "PlateauLRScheduler", {"noise_range_t": 3}, "noise_range_t"),
        ("timm", "PlateauLRScheduler", {"warmup_t": 3, "warmup_lr_init": 2.0}, "warmup_lr_init"),
        ("timm", "create_scheduler_v2", {"sched": "plateau", "min_lr": 2.0}, "min_lr"),
        ("optax", "reduce_on_plateau", {"rtol": 0.0}, "rtol"),
        ("optax", "reduce_on_plateau", {"patience": 0}, "patience"),
        (
            "optax",
            "join_schedules",
            {"schedules": [{"call": "reduce_on_plateau"}], "boundaries": []},
            "schedules[0].call",
        ),
        ("keras", "ReduceLROnPlateau", {"monitor": "val_f1"}, "mode"),
        ("keras", "ReduceLROnPlateau", {"min_lr": 2.0}, "min_lr"),
        ("sklearn", "MLPRegressor", {"solver": "lbfgs"}, "solver"),
        (
            "sklearn",
            "MLPRegressor",
            {"solver": "sgd", "learning_rate": "invscaling"},
            "n_samples",
        ),
        ("torch", "StepLR", {"step_size": 3, "last_epoch": 4}, "last_epoch"),
        ("torch", "CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "scale_fn": "f"}, "scale_fn"),
        (
            "transformers",
            "get_constant_schedule",
            {"last_epoch": 4},
            "last_epoch",
        ),
        ("timm", "WSDLRScheduler", {"t_initial": 4, "decay_t": 5}, "decay_t"),
        ("sklearn", "SGDRegressor", {"learning_rate": "pa1"}, "learning_rate"),
        ("sklearn", "SGDRegressor", {"learning_rate": "optimal", "alpha": 0.0}, "alpha"),
    ],
)
def test_refuses_naming_the_argument(
    framework: str, call: str, kwargs: dict[str, Any], field: str
) -> None:
    """What a library cannot do, or we cannot repeat, is refused by name."""
    with pytest.raises(InvalidValue) as caught:
        read_call(framework, call, kwargs, base_lr=1.0, horizon=12)
    assert caught.value.field == f"from.kwargs.{field}"


@pytest.mark.parametrize(
    ("framework", "call", "kwargs", "names"),
    [
        ("sklearn", "SGDRegressor", {"penalty": "l1", "shuffle": False}, "penalty, shuffle"),
        ("sklearn", "MLPClassifier", {"momentum": 0.5}, "momentum"),
        ("keras", "ReduceLROnPlateau", {"verbose": 1}, "verbose"),
        (
            "torch",
            "CyclicLR",
            {"base_lr": 0.1, "max_lr": 1.0, "scale_mode": "iterations", "last_epoch": -1},
            "scale_mode",
        ),
        ("timm", "StepLRScheduler", {"decay_t": 3, "initialize": False}, "initialize"),
        (
            "optax",
            "join_schedules",
            {
                "schedules": [{"call": "constant_schedule", "kwargs": {"value": 1}}],
                "boundaries": [],
            },
            "",
        ),
    ],
)
def test_says_which_arguments_have_no_influence(
    framework: str, call: str, kwargs: dict[str, Any], names: str
) -> None:
    """Those that were given and do not concern the rate, and no others."""
    imported = read(framework, call, **kwargs)
    said = [note.message for note in imported.notes if note.code == "ignored"]
    assert said == ([f"Without influence on the learning rate: {names}."] if names else [])


def test_adam_of_scikit_learn_keeps_its_rate() -> None:
    """Whatever rule is asked for, and the rule is said to be ignored."""
    imported = read("sklearn", "MLPRegressor", learning_rate="adaptive", learning_rate_init=1.0)
    assert imported.schedule.family.kind == "constant"
    assert "ignored" in codes(imported)


def test_a_perceptron_moves_once_an_epoch() -> None:
    """By the samples of the epochs before: 5 of them in batches of 2 are three updates."""
    kwargs = {"solver": "sgd", "learning_rate": "invscaling", "batch_size": 2, "n_samples": 5}
    table = read("sklearn", "MLPRegressor", 7, **kwargs).schedule.table()
    assert table == pytest.approx([1, 1, 1, *[6**-0.5] * 3, 11**-0.5], abs=1e-12)


def test_noise_of_timm_is_that_of_its_seed() -> None:
    """The numbers of PyTorch's generator, seeded with 42 + t, within the limit."""
    kwargs = {"decay_t": 100, "noise_range_t": [1, 4]}
    table = read("timm", "StepLRScheduler", 6, **kwargs).schedule.table()
    assert table[[0, 4, 5]].tolist() == [1.0, 1.0, 1.0]
    assert table[1] == pytest.approx(1 - 0.6484010815620422, abs=1e-12)  # torch.randn at seed 43
    louder = read("timm", "StepLRScheduler", 6, **kwargs, noise_std=0.5).schedule.table()
    assert louder[1] == pytest.approx(1 - 0.5 * 0.6484010815620422, abs=1e-12)


def test_noise_that_never_falls_within_its_limit_is_refused() -> None:
    """As timm would draw for ever."""
    with pytest.raises(InvalidValue) as caught:
        read("timm", "StepLRScheduler", decay_t=9, noise_range_t=1, noise_pct=1e-9)
    assert caught.value.field == "from.kwargs.noise_pct"


def test_no_scheduler_of_timm_leaves_the_rate() -> None:
    """`none` is constant."""
    imported = read("timm", "create_scheduler_v2", sched="none")
    assert imported.schedule.table().tolist() == [1.0] * 12
