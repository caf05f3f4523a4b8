"""Every argument of every call that is read is the library's own, by name and by default."""

import ast
import json
import os
import subprocess
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from tuning.schedules.interop import FRAMEWORKS

PYTHON = Path(__file__).parents[4] / ".venv-parity" / "bin" / "python"
TESTS = Path(__file__).parents[3]
MODULES = {
    "torch": ("torch.optim.lr_scheduler", "torch.optim.swa_utils"),
    "transformers": ("transformers.optimization",),
    "timm": ("parity.runners.timm_runner:scheduler",),
    "optax": ("optax", "optax.contrib"),
    "keras": ("keras.optimizers.schedules", "keras.callbacks"),
    "sklearn": ("sklearn.linear_model", "sklearn.neural_network"),
}
ASK = """
import importlib, inspect, json, sys, warnings
warnings.simplefilter("ignore")
modules = []
for name in sys.argv[1].split(","):
    module, _, within = name.partition(":")
    module = importlib.import_module(module)
    modules.append(getattr(module, within) if within else module)
answer = {}
for call in sys.argv[2].split(","):
    made = next(getattr(module, call) for module in modules if hasattr(module, call))
    found = inspect.signature(made).parameters.values()
    answer[call] = {
        one.name: None if one.default is one.empty else repr(one.default)
        for one in found
        if one.name != "optimizer" and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }
print(json.dumps(answer))
"""
# Arguments that are not in the signature: handed on by **kwargs, or ours, as described there.
OURS = {
    "get_reduce_on_plateau_schedule": None,
    "get_greedy_schedule": None,
    "MLPRegressor": {"n_samples"},
    "MLPClassifier": {"n_samples", "loss"},
}
# Where None or nothing stands for what the library writes out.
OWN_DEFAULTS = {"name", "boundaries_and_scales", "scheduler_specific_kwargs", "learning_rate_init"}


@pytest.mark.full
@pytest.mark.skipif(not PYTHON.exists(), reason="needs the environment of `make parity`")
@pytest.mark.parametrize("framework", MODULES)
def test_a_call_has_the_arguments_of_the_library(framework: str) -> None:
    """None is missing, none is invented, and what is left out is what the library leaves out."""
    calls = FRAMEWORKS[framework].calls
    done = subprocess.run(
        [PYTHON, "-c", ASK, ",".join(MODULES[framework]), ",".join(calls)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(TESTS), "KERAS_BACKEND": "jax"},
    )
    for call, signature in json.loads(done.stdout.splitlines()[-1]).items():
        own = {one.name: one for one in fields(calls[call])}  # type: ignore[arg-type] # a dataclass
        assert signature.keys() <= own.keys(), call
        if OURS.get(call, set()) is not None:
            assert own.keys() - signature.keys() == OURS.get(call, set()), call
        for name in signature.keys() - OWN_DEFAULTS:
            default = own[name].default
            if signature[name] is None:
                assert default is MISSING, (call, name)
            else:
                assert ast.literal_eval(signature[name]) == default, (call, name)
