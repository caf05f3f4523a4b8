"""Objectives: what may be trained, one file each and one line in the table.

The one idea: a name from a request is looked up in `OBJECTIVES` and nowhere else; only an
administrator adds modules to it, by `load`. Importing this package stays light (no pandas, no
scikit-learn): a server lists objectives without being able to train them.
"""

import importlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tuning.errors import InvalidValue, UnknownName
from tuning.objectives.base import TEST, VALIDATION, Objective, Problem, Trainer, configure
from tuning.objectives.realized_volatility import RealizedVolatility

__all__ = [
    "OBJECTIVES",
    "TEST",
    "VALIDATION",
    "Objective",
    "Problem",
    "Trainer",
    "configure",
    "find",
    "load",
]

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        "realized_volatility": RealizedVolatility(),
    }
)


def find(name: str, objectives: Mapping[str, Objective] = OBJECTIVES) -> Objective:
    """The objective called `name`.

    >>> find("realised_volatility")
    Traceback (most recent call last):
    tuning.errors.UnknownName: objective: 'realised_volatility' is not allowed; allowed: one of \
realized_volatility
    """
    if name not in objectives:
        raise UnknownName("objective", name, objectives)
    return objectives[name]


def load(modules: Iterable[str]) -> Mapping[str, Objective]:
    """The built-in objectives and those in the tables called `OBJECTIVES` of `modules`.

    Args:
        modules: importable names, chosen by an administrator and never taken from a request.

    Raises `InvalidValue` if two tables hold the same name.
    """
    known = dict(OBJECTIVES)
    for module in modules:
        for name, objective in importlib.import_module(module).OBJECTIVES.items():
            if name in known:
                raise InvalidValue("objectives", name, f"a name not taken before ({module})")
            known[name] = objective
    return MappingProxyType(known)
