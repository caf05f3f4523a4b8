"""Code for Optax, Keras, timm and scikit-learn, which are not installed here: what it spells."""

import ast
from typing import Any

import numpy as np
import pytest

from tuning.schedules import (
    FAMILIES,
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    Polynomial,
    Schedule,
    Sgdr,
    Step,
    Warmup,
    Wsd,
)
from tuning.schedules.interop import read_call, write_code

FRAMEWORKS = ("optax", "keras", "timm", "sklearn")
CONVENTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"warmup": Warmup(5, start=0.1)},
    {"end": "last"},
    {"after_end": "zero"},
    {"after_end": "rebound"},
)


def spelled(node: ast.expr) -> object:
    """The value of an argument, a nested call being {"call": ..., "kwargs": {...}}."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        kwargs = {word.arg: spelled(word.value) for word in node.keywords}
        return {"call": name, "kwargs": kwargs}
    if isinstance(node, ast.List):
        return [spelled(item) for item in node.elts]
    return ast.literal_eval(node)


def native_call(code: str) -> Any:  # noqa: ANN401 # JSON
    """The call of the framework that native code makes last."""
    values = [
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign | ast.Return) and isinstance(node.value, ast.Call)
    ]
    return spelled(values[-1])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if not FAMILIES[kind].is_feedback])
def test_code_holds_the_values_of_the_schedule(framework: str, kind: str) -> None:
    """A native call, read back from the code, has the table; other code has it in the clear."""
    for convention in CONVENTIONS:
        schedule = Schedule(FAMILIES[kind](0.1, **convention), 40)
        exported = write_code(schedule, framework)
        if exported.is_native:
            call = native_call(exported.code)
            read = read_call(framework, **call, base_lr=0.1, horizon=40)
            assert np.abs(read.schedule.table() - schedule.table()).max() <= 1e-12
        else:
            tables = [
                ast.literal_eval(node.value)
                for node in ast.parse(exported.code).body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
            ]
            assert tables[0][:40] == tuple(schedule.table().tolist())


@pytest.mark.parametrize(
    ("framework", "family", "call"),
    [
        ("optax", Cosine(0.1, warmup=Warmup(5)), "warmup_cosine_decay_schedule"),
        ("optax", Wsd(0.1, cooldown="linear"), "join_schedules"),
        ("optax", Step(0.1), "piecewise_constant_schedule"),
        ("optax", Sgdr(0.1), "join_schedules"),
        ("keras", Cosine(0.1, warmup=Warmup(5)), "CosineDecay"),
        ("keras", Step(0.1), "PiecewiseConstantDecay"),
        ("keras", Exponential(0.1), "ExponentialDecay"),
        ("timm", Cosine(0.1, warmup=Warmup(5)), "CosineLRScheduler"),
        ("timm", Wsd(0.1, warmup=Warmup(5)), "WSDLRScheduler"),
        ("timm", Polynomial(0.1), "PolyLRScheduler"),
        ("sklearn", Constant(0.1), "SGDRegressor"),
        ("sklearn", InverseSqrt(0.1, timescale=1 / 40), "SGDRegressor"),
    ],
)
def test_names_the_native_scheduler_that_is_exact(framework: str, family: Any, call: str) -> None:  # noqa: ANN401 # a family
    """Families that a framework has are written as its own call."""
    exported = write_code(Schedule(family, 40), framework)
    assert exported.is_native
    assert native_call(exported.code)["call"] == call


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_says_that_no_native_scheduler_has_the_values(framework: str) -> None:
    """A mirrored cosine is in no library."""
    exported = write_code(Schedule(FAMILIES["mirror_cosine"](0.1), 40), framework)
    assert not exported.is_native
    assert exported.why.startswith("No ")


def test_says_where_the_library_goes_on_after_the_end() -> None:
    """An exponential decay of Keras has no end, the family's end is held."""
    held = write_code(Schedule(Exponential(0.1), 40), "keras")
    assert "Stop there" in held.why

    clamped = write_code(Schedule(Linear(0.1), 40), "keras")
    assert "Stop there" not in clamped.why
