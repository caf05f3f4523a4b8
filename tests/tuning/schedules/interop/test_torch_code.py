"""Code for PyTorch and Transformers: when it is native, that it holds the bits, that it runs."""

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.schedules import (
    FAMILIES,
    Constant,
    Cosine,
    Exponential,
    Family,
    Greedy,
    InverseSqrt,
    Linear,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Sgdr,
    Step,
    Triangular,
    Warmup,
    Wsd,
)
from tuning.schedules.families import AfterEnd, End
from tuning.schedules.interop import write_code
from tuning.schedules.interop.export import MOST_LISTED, write_index, write_table

PARITY = Path(__file__).parents[4] / ".venv-parity" / "bin" / "python"
LINE = Warmup(10, start=0.1)

NATIVE: list[tuple[str, Family, str]] = [
    ("torch", Constant(0.1), "ConstantLR"),
    ("torch", Constant(0.1, warmup=LINE), "SequentialLR"),
    ("torch", Linear(0.1, floor=0.2), "LinearLR"),
    ("torch", Cosine(0.1, floor=0.1), "CosineAnnealingLR"),
    ("torch", Cosine(0.1, floor=0.1, end="last", warmup=Warmup(8, phase=(1, 0))), "SequentialLR"),
    ("torch", Exponential(0.1), "ExponentialLR"),
    ("torch", Polynomial(0.1, power=3.0), "PolynomialLR"),
    ("torch", Polynomial(0.1, hold=0.4, power=3.0), "SequentialLR"),
    ("torch", Step(0.1), "MultiStepLR"),
    ("torch", Wsd(0.1, cooldown="cosine", warmup=LINE), "SequentialLR"),
    ("torch", OneCycle(0.1, rise=29, end="last"), "OneCycleLR"),
    ("torch", Triangular(0.1), "CyclicLR"),
    ("torch", Sgdr(0.1, cycles=2, cycle_growth=3.0), "CosineAnnealingWarmRestarts"),
    ("torch", Plateau(0.1, patience=3), "ReduceLROnPlateau"),
    ("transformers", Constant(0.1), "constant"),
    ("transformers", Constant(0.1, warmup=Warmup(10)), "constant_with_warmup"),
    ("transformers", Linear(0.1, warmup=Warmup(10)), "linear"),
    ("transformers", Cosine(0.1, warmup=Warmup(10)), "cosine"),
    ("transformers", Cosine(0.1, floor=0.1, warmup=Warmup(10)), "cosine_with_min_lr"),
    ("transformers", Polynomial(0.1, power=3.0, floor=0.1), "polynomial"),
    ("transformers", InverseSqrt(0.1, timescale=0.2, warmup=Warmup(10)), "inverse_sqrt"),
    ("transformers", Wsd(0.1, warmup=Warmup(10)), "warmup_stable_decay"),
    ("transformers", Sgdr(0.1, cycles=4, cycle_growth=1.0), "cosine_with_restarts"),
    ("transformers", Greedy(1.0, window=5), "GreedyLR"),
]
LOOKED_UP: list[tuple[str, Family]] = [
    ("torch", Cosine(0.1, warmup=Warmup(10))),  # LinearLR cannot start at zero
    ("torch", Wsd(0.1)),  # no 1-sqrt
    ("torch", OneCycle(0.1)),  # its end comes an update later
    ("torch", Greedy(0.1)),
    ("torch", Plateau(0.1, accumulation=2)),
    ("transformers", Cosine(0.1, warmup=LINE)),  # all warmups start at zero
    ("transformers", Step(0.1)),
    ("transformers", Cosine(0.1, after_end="zero", warmup=Warmup(10, curve="cosine"))),
]
TRY = """
import json, sys, warnings
import torch
warnings.simplefilter("ignore")
for case in json.load(sys.stdin):
    names = {}
    exec(case["code"], names)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.777)
    scheduler = names["make_scheduler"](optimizer)
    rates = []
    for _ in range(case["updates"]):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < case["updates"]:
            scheduler.step()
    print(json.dumps(rates))
"""


def learning_rates(schedule: Schedule) -> tuple[float, ...]:
    """What the source of the table sets."""
    names: dict[str, Any] = {}
    exec(write_table(schedule), names)  # noqa: S102 # our own source
    rates: tuple[float, ...] = names["LEARNING_RATES"]
    return rates


@pytest.mark.parametrize(("framework", "family", "name"), NATIVE)
def test_code_is_native_where_that_is_exact(framework: str, family: Family, name: str) -> None:
    """The scheduler is called by its name, and the reason names it."""
    exported = write_code(Schedule(family, 100), framework)
    assert exported.is_native, exported.why
    assert name in exported.code
    assert "LEARNING_RATES" not in exported.code
    ast.parse(exported.code)


@pytest.mark.parametrize(("framework", "family"), LOOKED_UP)
def test_code_is_a_table_where_no_scheduler_is_exact(framework: str, family: Family) -> None:
    """It says so."""
    exported = write_code(Schedule(family, 100), framework)
    assert not exported.is_native
    assert exported.why.startswith(("No sched", "The library has no rule"))
    ast.parse(exported.code)


def test_says_where_a_native_scheduler_goes_on_otherwise() -> None:
    """The last update of a cosine that should stay down is the last to step for."""
    cosine = Cosine(0.1, end="last", floor=0.1)
    assert "'hold'" in write_code(Schedule(cosine, 100), "torch").why
    assert "Stop" not in write_code(Schedule(Linear(0.1), 100), "torch").why


@pytest.mark.parametrize("horizon", [1, 7, MOST_LISTED + 1])
@pytest.mark.parametrize("kind", FAMILIES)
def test_the_table_in_the_code_is_the_schedule_bit_for_bit(kind: str, horizon: int) -> None:
    """In the clear or packed, with the value after the end."""
    schedule = Schedule(FAMILIES[kind](0.1), horizon)
    rates = np.array(learning_rates(schedule))
    assert rates.tolist() == schedule(np.arange(horizon + 1)).tolist()


@pytest.mark.parametrize("end", ["after", "last"])
@pytest.mark.parametrize("after_end", ["hold", "zero", "rebound"])
@pytest.mark.parametrize("warmup", [0, 3, 12])
def test_the_look_up_goes_on_as_the_schedule_does(
    end: End, after_end: AfterEnd, warmup: int
) -> None:
    """Long after the end, too."""
    family = Cosine(0.1, floor=0.1, end=end, after_end=after_end, warmup=Warmup(warmup))
    schedule = Schedule(family, 12)
    rates, place = learning_rates(schedule), compile(write_index(schedule), "", "eval")
    found = [rates[eval(place, {"t": t})] for t in range(60)]  # noqa: S307 # our own source
    assert found == schedule(range(60)).tolist()


def test_a_look_up_may_raise_after_the_end() -> None:
    """A scheduler is stepped once after the last update; later steps find nothing."""
    schedule = Schedule(Cosine(0.1, after_end="error"), 12)
    rates = learning_rates(schedule)
    assert write_index(schedule) == "t"
    assert rates[11:] == (schedule.table()[-1],) * 2


@pytest.mark.full
@pytest.mark.skipif(not PARITY.exists(), reason="needs the environment of `make parity`")
def test_code_runs_and_has_the_values_of_the_schedule() -> None:
    """Every family, in PyTorch and in Transformers themselves."""
    written = [(framework, family) for framework, family, _ in NATIVE] + LOOKED_UP
    written += [
        (framework, FAMILIES[kind](0.1))
        for kind in FAMILIES
        for framework in ("torch", "transformers")
    ]
    schedules = [
        (framework, Schedule(family, 100))
        for framework, family in written
        if not family.is_feedback
    ]
    codes = [write_code(schedule, framework).code for framework, schedule in schedules]
    asked = json.dumps([{"code": code, "updates": 100} for code in codes])
    answer = subprocess.run(
        [str(PARITY), "-c", TRY], input=asked, capture_output=True, text=True, check=True
    )
    for (_, schedule), line in zip(schedules, answer.stdout.splitlines(), strict=True):
        rates = np.array(json.loads(line))
        assert np.abs(rates - schedule.table()).max() <= 1e-12 * schedule.peak
