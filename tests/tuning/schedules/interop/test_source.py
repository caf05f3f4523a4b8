"""Programs are read for their scheduler, and never run."""

import math

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules.interop import read_call
from tuning.schedules.interop.source import read_source

WARM = """
import torch
from torch.optim.lr_scheduler import LinearLR, CosineAnnealingLR as Cosine, SequentialLR

epochs, batch = 10, 32
steps: int = epochs * len("not read")
per_epoch = 100
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
warmup = LinearLR(optimizer, start_factor=0.01, total_iters=50)
cosine = Cosine(optimizer, T_max=10 * per_epoch - 50)
scheduler = SequentialLR(optimizer, schedulers=[warmup, cosine], milestones=[50])
for epoch in range(epochs):
    train(model)
    scheduler.step()
"""
LIGHTNING = """
class Model(LightningModule):
    def configure_optimizers(self):
        optimizer = Adam(self.parameters(), lr=1e-3)
        return [optimizer], [OneCycleLR(optimizer, max_lr=1e-2, epochs=10, steps_per_epoch=50)]
"""
DECIDED = """
def factor(step):
    '''Up, then down.'''
    if step < 100:
        return step / 100
    left = (1000 - step) / 900
    return max(0.0, left) if step < 900 else 0.05
LambdaLR(SGD(weights, lr=0.1), factor)
"""
# Text, whose it is, the call, the rate, the updates it says itself.
PROGRAMS = {
    "torch": ("CosineAnnealingLR(SGD(w, 0.1), 100)", "torch", "CosineAnnealingLR", 0.1, 100),
    "torch in steps": (WARM, "torch", "SequentialLR", 3e-4, 1000),
    "torch in a class": (LIGHTNING, "torch", "OneCycleLR", 1e-3, 500),
    "transformers": (
        """get_linear_schedule_with_warmup(
            AdamW(p, lr=5e-5), num_warmup_steps=100, num_training_steps=1_000)""",
        *("transformers", "get_linear_schedule_with_warmup", 5e-5, 1000),
    ),
    "transformers by name": (
        "get_scheduler('cosine', AdamW(p, lr=1e-3), 10, 100)",
        *("transformers", "get_scheduler", 1e-3, 100),
    ),
    "a trainer": (
        "TrainingArguments('out', lr_scheduler_type='cosine', warmup_ratio=0.1, max_steps=500)",
        *("transformers", "get_scheduler", 5e-5, 500),
    ),
    "optax": (
        "tx = optax.adamw(learning_rate=optax.warmup_cosine_decay_schedule(0.0, 1e-3, 10, 100))",
        *("optax", "warmup_cosine_decay_schedule", 1.0, 100),
    ),
    "optax joined": (
        """optax.join_schedules(
            [optax.linear_schedule(0., 1e-3, 9), optax.exponential_decay(1e-3, 50, 0.5)], [9])""",
        *("optax", "join_schedules", 1.0, 59),
    ),
    "keras": (
        """lr = tf.keras.optimizers.schedules.CosineDecay(
            0.0, 90, warmup_target=1e-3, warmup_steps=10)
model.compile(optimizer=keras.optimizers.Adam(lr))""",
        *("keras", "CosineDecay", 1.0, 100),
    ),
    "timm": (
        "CosineLRScheduler(optim.SGD(w, lr=0.1), t_initial=300, lr_min=1e-5, warmup_t=20)",
        *("timm", "CosineLRScheduler", 0.1, 300),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_last_scheduler_of_a_program_is_found(name: str) -> None:
    """With its optimiser's rate and its length; it is the schedule that its call makes."""
    text, framework, call, base_lr, horizon = PROGRAMS[name]
    read = read_source(text)
    found = (read.framework, read.call, read.base_lr, read.horizon)
    assert found == (framework, call, base_lr, horizon)
    made = read_call(framework, call, read.kwargs, base_lr=base_lr, horizon=horizon)
    assert made.schedule == read.imported.schedule


def test_schedulers_that_have_one_name_are_told_apart() -> None:
    """By their module, by their arguments, or by who asks."""
    plateau = "ReduceLROnPlateau({}factor=0.5, patience=3)"
    given = {"base_lr": 0.1, "horizon": 10}
    assert read_source(plateau.format("SGD(w, lr=0.1), "), **given).framework == "torch"
    assert read_source(plateau.format("monitor='loss', "), **given).framework == "keras"
    assert read_source(f"keras.callbacks.{plateau.format('')}", **given).framework == "keras"
    asked = read_source(plateau.format(""), framework="torch", **given)
    assert asked.framework == "torch"


def test_a_formula_is_computed_for_every_update() -> None:
    """As a lambda, or as a function that decides."""
    formula = "lambda t: min((t + 1) / 10, 1.0) * 0.5 * (1 + math.cos(math.pi * t / 100))"
    read = read_source(f"LambdaLR(SGD(w, lr=0.2), lr_lambda={formula})", horizon=100)
    wanted = [
        0.2 * min((t + 1) / 10, 1.0) * 0.5 * (1 + math.cos(math.pi * t / 100)) for t in range(100)
    ]
    assert read.imported.schedule.table() == pytest.approx(wanted, rel=1e-12)
    table = read_source(DECIDED, horizon=1000).imported.schedule.table()
    assert table[[0, 50, 100, 550, 899, 900]] == pytest.approx(
        [0.0, 0.05, 0.1, 0.05, 0.1 * 101 / 900, 0.005]
    )


def test_arithmetic_is_done_as_python_does_it() -> None:
    """Names, lists, comprehensions, and the functions of `math`."""
    text = """
total = 3 * 30 // 2 + 2 ** 3 - int(1.9)
ends = [round(total * part) for part in (0.25, 0.5)] + [max(total, 50)]
MultiStepLR(SGD(w, lr=math.exp(0) / 10), milestones=ends, gamma=-(-0.1))
"""
    read = read_source(text, horizon=60)
    assert read.kwargs == {"milestones": [13, 26, 52], "gamma": 0.1}
    assert read.base_lr == 0.1


def test_what_is_given_comes_before_what_is_read() -> None:
    """Rate and updates may be chosen; a library that says its rate needs none."""
    read = read_source("CosineAnnealingLR(SGD(w, lr=1.0), T_max=10)", base_lr=0.5, horizon=30)
    assert (read.base_lr, read.horizon) == (0.5, 30)
    read = read_source("optax.constant_schedule(0.3)", horizon=5)
    assert read.imported.schedule.table().tolist() == [0.3] * 5
    assert not read.imported.notes


REFUSED = {
    "CosineAnnealingLR(o, T_max=len(loader))": "line 1, column 32: loader",
    "n = f()\nCosineAnnealingLR(o, T_max=n)": "line 2, column 28: n",
    "CosineAnnealingLR(o, T_max=0)": "line 1, column 28: 0",
    "CosineAnnealingLR(o, tmax=3)": "tmax as one of T_max",
    "CosineAnnealingLR(o)": "T_max as an argument of every CosineAnnealingLR",
    "SequentialLR(o, [ExponentialLR(o, gamma=0.9), ExponentialLR(o, -1)], [5])": "column 64: -1",
    "a = ExponentialLR(o, gamma=-2)\nSequentialLR(o, [a], [])": "line 1, column 28: -2",
    "CosineAnnealingLR(o, **config)": "not [*]",
    "TanhLRScheduler(o, 100, -7.0)": "by their names",
    "StepLR(o, 3, 0.1, -1, True)": "by their names",
    "LambdaLR(o, lambda t: open(t))": "column 23: open",
    "LambdaLR(o, lambda t: 1 / t)": "finite; at update 0 it is not",
    "LambdaLR(o, lambda t, u: t)": "a function of one argument",
    "LambdaLR(o, lambda t: {'a': 1})": "column 13: .* a number at every update",
    "LambdaLR(o, lambda t: lambda: 3)": "a number at every update",
    "LambdaLR(o, lambda t: 'x')": "a number at every update",
    "LambdaLR(o, lambda t: [1, 2])": "a number at every update",
    "x = 3": "a call of a scheduler",
    "": "a call of a scheduler",
    "x = (": "'[(]' was never closed",
    "StepLR(o, __import__('os').getpid())": "column 11: __import__",
    "StepLR(o, ().__class__)": "column 11",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_read_is_located(text: str) -> None:
    """By line and column, with what is allowed there."""
    with pytest.raises(InvalidValue, match=REFUSED[text]) as refused:
        read_source(text, base_lr=0.1, horizon=10)
    assert refused.value.field == "source"


def test_what_is_missing_is_asked_for() -> None:
    """What is wrong comes before what is missing."""
    with pytest.raises(InvalidValue, match=r"horizon: None .* StepLR has none"):
        read_source("StepLR(o, 3)", base_lr=0.1)
    with pytest.raises(InvalidValue, match="base_lr: None"):
        read_source("CosineAnnealingLR(o, T_max=3)")
    with pytest.raises(InvalidValue, match="step_size as an integer"):
        read_source("StepLR(o, 0)")


@pytest.mark.parametrize(
    "text",
    [
        "StepLR(o, 9**9**9**9)",
        "StepLR(o, [[[0] * 99999] * 99999] * 99999)",
        "StepLR(o, [[i for i in range(100000)] for j in range(100000)])",
        "def f(t):\n  return f(t)\nLambdaLR(o, f)",
        "def f(t):\n  return g(t) + g(t)\ndef g(t):\n  return f(t) + f(t)\nLambdaLR(o, f)",
        "+".join(["1"] * 9000),
        "(" * 500 + "1" + ")" * 500,
        "-" * 15_000 + "1",
        "StepLR(" * 90 + "1" + ")" * 90,
        "int(" * 90 + "1" + ")" * 90,
        "StepLR(o, 'a' * 10**9)",
        "StepLR(o, range(10**12))",
        "StepLR(o, sum(range(99999)) ** 99999)",
        f"LambdaLR(o, lambda t: {'sin(' * 90}t{')' * 90})",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """It is refused, or read, before the test is given up, and without a fault of the reader."""
    try:
        read_source(text, base_lr=0.1, horizon=100_000)
    except InvalidValue as refused:
        assert refused.field in {"source", "horizon"}  # noqa: PT017 # either may be told


def test_a_formula_of_many_updates_is_refused() -> None:
    """A table of them would be too long."""
    with pytest.raises(InvalidValue, match="at most 100,000 for a formula"):
        read_source("LambdaLR(o, lambda t: 1.0)", base_lr=0.1, horizon=200_000)


def test_texts_of_any_kind_are_refused_by_name() -> None:
    """Pieces of programs put together at random raise nothing else."""
    random = np.random.default_rng(0)
    words = (
        "StepLR( LambdaLR( SequentialLR( optimizer, SGD(w, lr=0.1), lambda t: t 0.5 , 3 [ ] ) { } "
        "x = def f(t): return if else for in range(4) * ** // % - + < == 'a' None True # \n \n  . "
        "math.pi gamma= milestones= step_size= ** *args import optax. 1e400 0x1f 1j ... \\ ; @"
    )
    for _ in range(3000):
        text = " ".join(random.choice(words.split(" "), size=random.integers(1, 25)))
        try:
            read_source(text, base_lr=0.1, horizon=9)
        except InvalidValue as refused:
            assert refused.field in {"source", "horizon"}  # noqa: PT017 # either may be told
