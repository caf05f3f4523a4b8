"""Code of every family, run in the libraries themselves where `make parity` has set them up.

Rules that listen are told a log of metrics; what has no rule in a library brings its own.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.schedules import FAMILIES, Schedule, Warmup
from tuning.schedules.interop import write_code

PYTHON = Path(__file__).parents[4] / ".venv-parity" / "bin" / "python"
PARITY = Path(__file__).parents[3]
UPDATES = 40
METRICS = [round(2.0 - 0.1 * (min(8, t % 20)), 3) for t in range(UPDATES)]
HEAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
METRICS = json.loads(sys.argv[1])

def told(names, rates):
    # Rates under the rule that the code brings, which hears a metric after every update.
    if "Plateau" not in names:
        return rates
    rule = names["Plateau"]()
    gains = [1.0, *(rule.tell(metric) for metric in METRICS)]
    return [rate * gain for rate, gain in zip(rates, gains)]

def run(work):
    for code in json.load(sys.stdin):
        names = {}
        exec(code, names)
        print(json.dumps(work(code, names)))
"""
TORCH = """
import torch
def work(code, names):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.777)
    scheduler = names["make_scheduler"](optimizer)
    listens = "Step it with every metric" in code
    rates = []
    for metric in METRICS:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < len(METRICS):
            scheduler.step(metric) if listens else scheduler.step()
    return told(names, rates)
run(work)
"""
TIMM = """
import parity.runners.timm_runner, torch
def work(code, names):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.777)
    scheduler = names["make_scheduler"](optimizer)
    rates = []
    for t, metric in enumerate(METRICS):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(t + 1, metric) if "(e + 1, metric)" in code else scheduler.step_update(t + 1)
    return told(names, rates)
run(work)
"""
OPTAX = """
import jax, jax.numpy as jnp
def work(code, names):
    rates = jax.vmap(names["schedule"])(jnp.arange(len(METRICS))).tolist()
    if "plateau" not in names:
        return told(names, rates)
    sign = -1.0 if "value=-metric" in code else 1.0
    one = jnp.asarray(1.0)
    state, scales = names["plateau"].init(one), [1.0]
    for metric in METRICS[:-1]:
        scaled, state = names["plateau"].update(one, state, value=sign * metric)
        scales.append(float(scaled))
    return [rate * scale for rate, scale in zip(rates, scales)]
run(work)
"""
KERAS = """
import keras
def work(code, names):
    if "plateau" not in names:
        return told(names, [float(names["schedule"](t)) for t in range(len(METRICS))])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(names["learning_rate"]), loss="mse")
    names["plateau"].set_model(model)
    names["plateau"].on_train_begin()
    rates = []
    for epoch, metric in enumerate(METRICS):
        rates.append(float(model.optimizer.learning_rate))
        names["plateau"].on_epoch_end(epoch, {"val_loss": metric})
    return rates
run(work)
"""
# A linear model at 0, told one sample x = 1, y = 1, moves to the rate itself.
SKLEARN = """
import numpy as np
from sklearn.linear_model import SGDRegressor
ONE = np.ones((1, 1))
class Watched(SGDRegressor):
    seen = None
    def partial_fit(self, *given):
        if hasattr(self, "coef_"):
            self.coef_[:] = 0.0
        super().partial_fit(*given)
        self.seen.append(float(self.coef_.item()))
def work(code, names):
    if "model" in names:
        Watched.seen = []
        model = Watched(**{**names["model"].get_params(), "fit_intercept": False})
        for _ in METRICS:
            model.partial_fit(ONE, np.ones(1))
        return told(names, Watched.seen)
    Watched.seen = []
    model = Watched(fit_intercept=False)
    count = len(METRICS)
    names["fit"](model, np.ones((count, 1)), np.ones(count))
    return told(names, Watched.seen)
run(work)
"""
# What runs the code, and how near to the schedule, as a fraction of the peak, its rates are.
RUNS = {
    "torch": (TORCH, 1e-12),
    "transformers": (TORCH, 1e-12),
    "timm": (TIMM, 1e-12),
    "optax": (OPTAX, 1e-12),
    "keras": (KERAS, 2e-6),
    "sklearn": (SKLEARN, 1e-12),
}
CONVENTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"warmup": Warmup(5, start=0.1), "end": "last"},
)


def heard(schedule: Schedule, code: str) -> np.ndarray:
    """The rates of a schedule, under its metrics where the code listens to them."""
    family: Any = schedule.family
    table = schedule.table()
    if (
        not family.is_feedback
        or not hasattr(family, "gains")
        or "lateau" not in code.split("\n", 1)[1]
    ):
        return table
    gains = np.concatenate(([1.0], family.gains(METRICS)))[:UPDATES]
    return table * gains


@pytest.mark.full
@pytest.mark.skipif(not PYTHON.exists(), reason="needs the environment of `make parity`")
@pytest.mark.parametrize("framework", RUNS)
def test_code_runs_and_has_the_rates_of_the_schedule(framework: str) -> None:
    """Every family in each library, at every update."""
    program, accuracy = RUNS[framework]
    schedules = [
        Schedule(FAMILIES[kind](0.1, **convention), UPDATES)
        for kind in FAMILIES
        for convention in CONVENTIONS
        if kind not in {"greedy", "adaptive"}  # which start at another rate, or stop
    ]
    codes = [write_code(schedule, framework).code for schedule in schedules]
    done = subprocess.run(
        [PYTHON, "-c", HEAD + program, json.dumps(METRICS)],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(PARITY),
            "JAX_ENABLE_X64": str(framework == "optax"),
            "JAX_PLATFORMS": "cpu",
            "KERAS_BACKEND": "jax",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for schedule, code, answer in zip(schedules, codes, answers, strict=True):
        rates = heard(schedule, code)
        if framework == "sklearn":
            rates = rates[schedule.table() > 0.0]  # no update is made at a rate of 0
        found = np.array(answer)
        assert found.shape == rates.shape, code
        assert np.abs(found - rates).max() <= accuracy * schedule.peak, code
