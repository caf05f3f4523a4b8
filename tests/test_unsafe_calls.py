"""Nothing makes code of data: no pickle, eval or unsafe YAML stands in the service or its core.

Whatever else is built one day, this is where somebody notices. What may stand is listed, with its
reason, and a reason for what stands nowhere any more is an error, too.
"""

from pathlib import Path

import pytest

from tests.unsafe_calls import find_unsafe

ROOT = Path(__file__).parents[1]
# Training code is run by nobody else than a child process without secrets; these are not it.
ALLOWED = {
    ("tuning/objectives/__init__.py", "importlib.import_module"): "modules that the setting "
    "`objectives` names: an administrator chooses them, no request does",
    ("tuning/objectives/__init__.py", "importlib.metadata.entry_points"): "objectives of packages "
    "that an administrator installed",
    ("tuning/objectives/__init__.py", "import importlib.metadata.entry_points"): "the same",
    ("tuning/execution/wall.py", "import runpy"): "the program of a child, which its parent names "
    "when it starts it, as it would after `python -m`",
    ("tuning/schedules/interop/arithmetic.py", "getattr of a module"): "functions of mathematics "
    "whose names are in a table beside it",
    ("tuning/execution/ray.py", "import ray"): "Ray pickles what is sent; it is a program of its "
    "own that holds no secret, and a cluster is for trusted machines alone",
    ("tuning/execution/ray.py", "import ray.exceptions.OutOfMemoryError"): "the same",
}

BAD = """
import pickle
import pickle as harmless
from pickle import loads
from pickle import loads as read
import cloudpickle.cloudpickle
import joblib
import marshal, shelve
import dill
from multiprocessing import Pool
from concurrent.futures import ProcessPoolExecutor
import runpy
eval("1")
exec("pass")
compile("1", "", "eval")
__import__("os")
f = eval
map(exec, ["pass"])
import builtins; builtins.eval("1")
import builtins as b; b.exec("pass")
getattr(b, "eval")("1")
import importlib; importlib.import_module(name)
from importlib import import_module
import importlib as loader; loader.import_module(name)
import importlib.util; importlib.util.spec_from_file_location("x", "y")
import torch; torch.load("x", weights_only=True)
from torch import load
import torch as t; t.load("x")
import pandas as pd; pd.read_pickle("x")
frame.to_pickle("x")
import numpy as np; np.load("x")
np.load("x", allow_pickle=True)
np.load("x", allow_pickle=flag)
import jax.numpy as jnp; jnp.load("x")
import yaml; yaml.load(text)
yaml.load(text, Loader=yaml.SafeLoader)
yaml.unsafe_load(text)
yaml.full_load(text)
yaml.compose(text)
yaml.compose(text, Loader=yaml.FullLoader)
from yaml import Loader
class Own(yaml.UnsafeLoader): pass
import os; os.system("x")
from sqlalchemy import PickleType
import sqlalchemy as sa; sa.PickleType()
import subprocess; subprocess.run("x", shell=True)
subprocess.run("x", shell=flag)
def __getstate__(self): return self.__reduce__()
import ray
import importlib; getattr(importlib, chosen)(name)
def late(): import pickle; return pickle.loads
"""
GOOD = """
import json, math, ast
import numpy as np
np.load("x", allow_pickle=False)
import yaml
yaml.compose(text, Loader=Own)
class Own(yaml.SafeLoader): pass
module.eval()
self.exec("x")
re.compile("x")
store.load("x")
program.compile()
pickle = 3
# pickle.loads, eval(
text = "pickle.loads(eval('1'))"
getattr(book, name)
import subprocess; subprocess.run(["x"], shell=False)
"""


@pytest.mark.parametrize("line", [one for one in BAD.splitlines() if one])
def test_what_is_unsafe_is_found(line: str) -> None:
    """However it is imported, called or handed on."""
    known = "import builtins as b; import numpy as np; import jax.numpy as jnp; import yaml\n"
    before = len(find_unsafe(known))
    assert len(find_unsafe(known + "import subprocess\n" + line)) > before


@pytest.mark.parametrize("line", [one for one in GOOD.splitlines() if one])
def test_what_is_harmless_is_not(line: str) -> None:
    """A name that only looks alike, and whoever says that nothing is unpickled."""
    assert find_unsafe(line) == []


def test_nothing_makes_code_of_data() -> None:
    """Neither in the service nor in the core; what is allowed is there, each for its reason."""
    found = {
        (str(path.relative_to(ROOT)), one.name): one.line
        for name in ("service", "tuning", "alembic")
        for path in sorted((ROOT / name).rglob("*.py"))
        for one in find_unsafe(path.read_text())
    }
    assert {place: line for place, line in found.items() if place not in ALLOWED} == {}
    assert ALLOWED.keys() - found.keys() == set(), "nothing of the kind stands there any more"
    assert all(len(reason) > 5 for reason in ALLOWED.values())
