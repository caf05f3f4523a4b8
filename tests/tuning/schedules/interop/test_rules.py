"""Code of rules that listen to a metric: native where a library has the rule, else their own."""

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.schedules import FAMILIES, Adaptive, Cosine, Plateau, Schedule, Warmup
from tuning.schedules.compose import Ramp
from tuning.schedules.curves import CURVES
from tuning.schedules.interop import Exported, read_call, write_code
from tuning.schedules.interop.rules import essence_of

FRAMEWORKS = ("torch", "transformers", "optax", "keras", "timm")
RULES = ("ReduceLROnPlateau", "reduce_on_plateau", "PlateauLRScheduler", "SGDRegressor")

quick = settings(deadline=None, max_examples=60)
logs = st.lists(st.integers(1, 40).map(lambda tenth: tenth / 10), max_size=60)
plateaus = st.builds(
    Plateau,
    st.just(0.1),
    factor=st.sampled_from([0.5, 0.3]),
    patience=st.integers(0, 3),
    threshold=st.sampled_from([0.0, 0.01, 0.25]),
    tolerance=st.sampled_from(["rel", "abs"]),
    margin=st.sampled_from([0.0, 0.0, 0.15]),
    count_rule=st.sampled_from(["gt", "ge"]),
    cooldown=st.integers(0, 3),
    best_in_cooldown=st.booleans(),
    last_cooldown_counts=st.booleans(),
    min_gain=st.sampled_from([0.0, 0.05]),
    smallest_change=st.sampled_from([0.0, 1e-7, 0.03]),
    mode=st.sampled_from(["min", "max"]),
    accumulation=st.sampled_from([1, 1, 3]),
    wait=st.sampled_from([0, 0, 2]),
)


def call_of(code: str) -> dict[str, Any]:
    """The rule that the code makes."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if name in RULES:
            given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
            return {"call": name, "kwargs": given}
    raise AssertionError(code)


def has_rule(exported: Exported) -> bool:
    """Whether the library's rule is in the code."""
    return any(f"{name}(" in exported.code for name in RULES)


def own_rule(code: str) -> Any:  # noqa: ANN401 # a class of the code
    """The rule that the code brings."""
    names: dict[str, Any] = {}
    exec(code[code.index("class Plateau") :], names)  # noqa: S102 # our own source
    return names["Plateau"]()


@quick
@given(plateaus, logs, st.sampled_from(FRAMEWORKS))
def test_code_moves_the_gain_as_the_family_does(
    family: Plateau, metrics: list[float], framework: str
) -> None:
    """The call, read back, or the class in the code, on any log."""
    exported = write_code(Schedule(family, 20), framework)
    gains = family.gains(metrics).tolist()
    if not has_rule(exported):
        assert not exported.is_native
        rule = own_rule(exported.code)
        assert [rule.tell(metric) for metric in metrics] == gains
        return
    call = call_of(exported.code)
    name = "ReduceLROnPlateau"
    if framework == "transformers":
        call = {"call": "get_reduce_on_plateau_schedule", "kwargs": call["kwargs"]}
        assert f"{name}(" in exported.code
    read: Any = read_call(framework, **call, base_lr=0.1, horizon=20).schedule.family
    told = [-metric for metric in metrics] if "-metric" in exported.code else metrics
    assert read.gains(told).tolist() == pytest.approx(gains, rel=1e-12)


@quick
@given(plateaus, plateaus, logs)
def test_rules_of_one_essence_move_alike(
    one: Plateau, other: Plateau, metrics: list[float]
) -> None:
    """Whatever their flags are."""
    if essence_of(one) == essence_of(other):
        assert one.gains(metrics).tolist() == pytest.approx(other.gains(metrics).tolist())


@pytest.mark.parametrize(
    ("framework", "call", "kwargs", "written"),
    [
        ("torch", "ReduceLROnPlateau", {"threshold_mode": "abs"}, ("torch", "optax", "keras")),
        ("torch", "ReduceLROnPlateau", {}, ("torch", "transformers", "optax", "timm")),
        ("torch", "ReduceLROnPlateau", {"cooldown": 2, "min_lr": 0.01}, ("optax", "timm")),
        ("keras", "ReduceLROnPlateau", {}, ("keras", "torch", "optax")),
        ("keras", "ReduceLROnPlateau", {"mode": "max", "cooldown": 3}, ("keras", "optax")),
        ("optax", "reduce_on_plateau", {}, ("optax", "torch")),
        ("optax", "reduce_on_plateau", {"rtol": 0.0, "atol": 0.1}, ("optax", "keras", "torch")),
        ("optax", "reduce_on_plateau", {"atol": 0.1, "accumulation_size": 3}, ("optax",)),
        ("timm", "PlateauLRScheduler", {"mode": "min"}, ("timm", "torch", "optax")),
        ("timm", "PlateauLRScheduler", {"warmup_t": 4}, ("timm",)),
        ("sklearn", "SGDRegressor", {"learning_rate": "adaptive"}, ("sklearn",)),
    ],
)
def test_a_rule_is_native_in_every_library_that_has_it(
    framework: str, call: str, kwargs: dict[str, Any], written: tuple[str, ...]
) -> None:
    """Read from one, written for another."""
    schedule = read_call(framework, call, kwargs, base_lr=0.1, horizon=20).schedule
    for other in written:
        exported = write_code(schedule, other)
        assert exported.is_native, other
        assert has_rule(exported)


@pytest.mark.parametrize(
    ("family", "framework"),
    [
        (Plateau(0.1), "keras"),  # a relative threshold
        (Plateau(0.1, cooldown=2, best_in_cooldown=False), "torch"),  # Paddle alone has it
        (Plateau(0.1), "timm"),  # whose cuts of 1e-8 are left out
        (Plateau(0.1, accumulation=2), "keras"),
        (Plateau(0.1, mode="max"), "optax"),
        (Plateau(0.1, threshold=0.0), "optax"),  # which wants one above zero
        (Plateau(0.1, wait=3), "torch"),
    ],
)
def test_code_brings_its_own_rule_where_the_library_has_none(
    family: Plateau, framework: str
) -> None:
    """It says so, and holds the rates before any metric."""
    exported = write_code(Schedule(family, 4), framework)
    assert not exported.is_native
    assert "brings its own" in exported.why
    assert own_rule(exported.code).tell(1.0) == 1.0


def test_optax_has_a_rule_over_any_schedule() -> None:
    """It scales what comes out of an optimiser."""
    ramp = Ramp(90, 1.0, 0.0, CURVES["cosine"])
    family = Plateau(0.1, warmup=Warmup(10), node=ramp, count_rule="ge")
    exported = write_code(Schedule(family, 100), "optax")
    assert exported.is_native
    cosine = write_code(Schedule(Cosine(0.1, warmup=Warmup(10)), 100), "optax")
    assert cosine.code.split("import optax")[1] in exported.code
    assert not has_rule(write_code(Schedule(family, 100), "keras"))
    assert not has_rule(write_code(Schedule(family, 100), "torch"))


@pytest.mark.parametrize("framework", [*FRAMEWORKS, "sklearn"])
@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if FAMILIES[kind].is_feedback])
def test_every_rule_has_code_for_every_framework(kind: str, framework: str) -> None:
    """That is Python and says what is to be done with the metrics."""
    exported = write_code(Schedule(FAMILIES[kind](0.1), 8), framework)
    ast.parse(exported.code)
    assert exported.is_native or "gain" in exported.why


def test_an_adaptive_rule_by_a_score_stops_early() -> None:
    """scikit-learn listens to a score only then."""
    family = Adaptive(0.1, mode="max", patience=3)
    call = call_of(write_code(Schedule(family, 8), "sklearn").code)
    assert call["kwargs"]["early_stopping"] is True
    read: Any = read_call("sklearn", **call, base_lr=0.1, horizon=8).schedule.family
    assert read.gains([1.0] * 9).tolist() == family.gains([1.0] * 9).tolist()
