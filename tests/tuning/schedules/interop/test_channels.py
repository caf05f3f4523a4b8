"""Channels and groups across frameworks: what imports read and what code carries."""

import ast
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tuning.schedules import (
    Constant,
    Cosine,
    Family,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    Table,
    Warmup,
    layerwise,
)
from tuning.schedules.interop import FRAMEWORKS, Imported, read_call, write_code
from tuning.schedules.interop.export import MOST_LISTED

PARITY = Path(__file__).parents[4] / ".venv-parity" / "bin" / "python"
MOMENTUM = {"momentum": Linear(0.9, floor=0.5, after_end="zero")}
DECAY = {"weight_decay": Constant(0.1, warmup=Warmup(4, start=0.5))}


def read(call: str, horizon: int = 20, **kwargs: object) -> Imported:
    """A call of PyTorch, read."""
    return read_call("torch", call, kwargs, base_lr=0.1, horizon=horizon)


ONE_CYCLE = {"max_lr": 0.1, "total_steps": 20}
CYCLIC = {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5}


@pytest.mark.parametrize(
    ("call", "kwargs", "least", "most"),
    [("OneCycleLR", ONE_CYCLE, 0.85, 0.95), ("CyclicLR", CYCLIC, 0.8, 0.9)],
)
def test_momentum_cycles_against_the_rate(
    call: str, kwargs: dict[str, object], least: float, most: float
) -> None:
    """Least where the rate is largest, by PyTorch's defaults; not at all if it is switched off."""
    schedule = read(call, **kwargs).schedule
    momentum = schedule.channel("momentum").table()
    assert momentum.argmin() == schedule.table().argmax()
    assert (momentum.min(), momentum.max()) == pytest.approx((least, most), rel=1e-15)
    assert not read(call, **kwargs, cycle_momentum=False).schedule.channels


def test_a_composite_moves_the_momentum_as_its_cycles_do() -> None:
    """A warmup before it leaves the momentum where the cycle, when it was made, set it."""
    cycle = {"call": "OneCycleLR", "kwargs": ONE_CYCLE}
    warmup = {"call": "LinearLR", "kwargs": {"total_iters": 4}}
    schedulers = {"schedulers": [warmup, cycle], "milestones": [4]}
    found = read("SequentialLR", 24, **schedulers).schedule.channel("momentum").table()
    alone = read("OneCycleLR", **ONE_CYCLE).schedule.channel("momentum").table()
    assert found[:4] == pytest.approx(0.95)
    assert found[4:] == pytest.approx(alone)
    off = {"call": "OneCycleLR", "kwargs": {**ONE_CYCLE, "cycle_momentum": False}}
    assert not read("ChainedScheduler", schedulers=[off]).schedule.channels


NATIVE = [
    ("OneCycleLR", {**ONE_CYCLE, "base_momentum": 0.5, "max_momentum": 0.9}, 20),
    ("OneCycleLR", {**ONE_CYCLE, "three_phase": True, "pct_start": 0.25}, 20),
    ("CyclicLR", CYCLIC, 20),
    ("CyclicLR", {**CYCLIC, "mode": "triangular2", "base_momentum": 0.1}, 30),
]


@pytest.mark.parametrize(("call", "kwargs", "horizon"), NATIVE)
def test_what_pytorch_cycles_is_native(call: str, kwargs: dict[str, object], horizon: int) -> None:
    """Read and written, the call has its momenta; three phases have no native call yet."""
    exported = write_code(read(call, horizon, **kwargs).schedule, "torch")
    if "three_phase" not in kwargs:
        assert exported.is_native, exported.why
        assert f"{call}(" in exported.code
        assert "base_momentum=" in exported.code
    ast.parse(exported.code)


@pytest.mark.parametrize(
    ("family", "channels", "groups"),
    [
        (OneCycle(0.1, rise=5, end="last"), MOMENTUM, {}),  # another cycle than PyTorch's
        (Cosine(0.1), {}, {"head": 2.0}),
        (Cosine(0.1), DECAY, {}),
        (Plateau(0.1), {}, {"head": 2.0}),
    ],
)
def test_anything_else_is_looked_up(
    family: Family, channels: dict[str, Family], groups: dict[str, float]
) -> None:
    """Though the learning rate alone has a native scheduler."""
    schedule = Schedule(family, 20, channels=channels, groups=groups)
    assert write_code(schedule.rate_alone, "torch").is_native
    for framework in ("torch", "transformers"):
        exported = write_code(schedule, framework)
        assert not exported.is_native
        assert "Not carried" not in exported.why
        ast.parse(exported.code)


@pytest.mark.parametrize("framework", ["optax", "keras", "timm", "sklearn"])
def test_code_of_the_rate_alone_says_what_it_leaves_out(framework: str) -> None:
    """And is the code of the learning rate alone."""
    schedule = Schedule(Linear(0.1), 20, {**MOMENTUM, **DECAY}, {"head": 2.0})
    exported, alone = (write_code(one, framework) for one in (schedule, schedule.rate_alone))
    assert exported.code == alone.code
    assert exported.is_native == alone.is_native
    assert exported.why == f"{alone.why} Not carried: momentum, weight_decay, groups."


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_whatever_a_framework_leaves_out_is_said(framework: str) -> None:
    """Every name is in the code or in the reason."""
    schedule = Schedule(Linear(0.1), 20, {**MOMENTUM, **DECAY}, {"head": 2.0})
    exported = write_code(schedule, framework)
    text = f"{exported.code} {exported.why}"
    assert all(name in text for name in ("momentum", "weight_decay", "groups"))


TRY = """
import json, sys, warnings
import torch
warnings.simplefilter("ignore")
for case in json.load(sys.stdin):
    names = {}
    exec(case["code"], names)
    kind = getattr(torch.optim, case["optimizer"])
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], **group} for group in case["groups"]]
    optimizer = kind(groups, lr=0.777)
    try:
        scheduler = names["make_scheduler"](optimizer)
    except ValueError as error:
        print(json.dumps(str(error)))
        continue
    rows = []
    for step in range(case["updates"]):
        rows.append([
            (g["lr"], g["betas"][0] if "betas" in g else g.get("momentum"), g["weight_decay"])
            for g in optimizer.param_groups
        ])
        optimizer.step()
        if step + 1 < case["updates"]:
            scheduler.step()
    print(json.dumps(rows))
"""


def run(cases: list[dict[str, object]]) -> list[object]:
    """What PyTorch itself sets, case by case."""
    answer = subprocess.run(
        [str(PARITY), "-c", TRY],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.mark.full
@pytest.mark.skipif(not PARITY.exists(), reason="needs the environment of `make parity`")
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_code_sets_rate_momentum_and_decay_of_every_group(optimizer: str) -> None:
    """In PyTorch itself, bit for bit where it is looked up, packed or not, beyond the end, too."""
    groups = layerwise(0.5, 2)
    long = Table.of(np.linspace(0.1, 0.9, MOST_LISTED + 5).tolist())
    schedules = [
        Schedule(Cosine(0.1), 20, {**MOMENTUM, **DECAY}, groups),
        Schedule(Plateau(0.1), 20, MOMENTUM, groups),
        Schedule(Linear(0.1), 20, DECAY),
        Schedule(Linear(0.1), 20, {}, groups),
        Schedule(Linear(0.1), MOST_LISTED + 5, {"momentum": long}, groups),
    ]
    given = [
        {"name": "layer.0", "wd_mult": 0.0},
        {"name": "layer.1"},
        {"name": "other", "weight_decay": 0.3},
    ]
    answers = run(
        [
            {
                "code": write_code(one, "torch").code,
                "optimizer": optimizer,
                "groups": given,
                "updates": one.horizon + 3,
            }
            for one in schedules
        ]
    )
    for schedule, rows in zip(schedules, answers, strict=True):
        steps = np.arange(schedule.horizon + 3)
        found = np.array(rows)
        factors = [schedule.groups.get(str(group["name"]), 1.0) for group in given]
        assert (found[:, :, 0] == np.outer(schedule(steps), factors)).all()
        if "momentum" in schedule.channels:
            assert (schedule.channel("momentum")(steps) == found[:, :, 1].T).all()
        if "weight_decay" in schedule.channels:
            decay = schedule.channel("weight_decay")(steps)
            assert (found[:, :, 2] == np.outer(decay, [0.0, 1.0, 1.0])).all()


@pytest.mark.full
@pytest.mark.skipif(not PARITY.exists(), reason="needs the environment of `make parity`")
def test_native_code_sets_the_momentum() -> None:
    """In PyTorch itself, as the schedule says."""
    cases = [(read(call, horizon, **kwargs).schedule, horizon) for call, kwargs, horizon in NATIVE]
    answers = run(
        [
            {
                "code": write_code(schedule, "torch").code,
                "optimizer": "SGD",
                "groups": [{}],
                "updates": horizon,
            }
            for schedule, horizon in cases
        ]
    )
    for (schedule, _), rows in zip(cases, answers, strict=True):
        found = np.array(rows)[:, 0]
        assert found[:, 0] == pytest.approx(schedule.table(), rel=1e-12, abs=1e-13)
        assert found[:, 1] == pytest.approx(schedule.channel("momentum").table(), rel=1e-12)


@pytest.mark.full
@pytest.mark.skipif(not PARITY.exists(), reason="needs the environment of `make parity`")
def test_code_refuses_an_optimizer_that_lacks_what_it_sets() -> None:
    """A group that is not there, a momentum that is not there."""
    cases = [
        (Schedule(Linear(0.1), 20, {}, {"head": 2.0}), "SGD"),
        (Schedule(Linear(0.1), 20, MOMENTUM), "Adagrad"),
    ]
    answers = run(
        [
            {
                "code": write_code(schedule, "torch").code,
                "optimizer": optimizer,
                "groups": [{"name": "body"}],
                "updates": 20,
            }
            for schedule, optimizer in cases
        ]
    )
    assert answers == ["no parameter group has the name head", "the optimizer has no momentum"]
