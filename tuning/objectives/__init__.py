"""Objectives: what may be trained, one file each and one line in the table.

The one idea: a name from a request is looked up in a table and nowhere else; only an administrator
adds to the built-in `OBJECTIVES`, by installing a package or naming modules (`load`). Importing
this package stays light (no pandas, no scikit-learn, no JAX): a server lists objectives without
being able to train them.
"""

import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from tuning.errors import InvalidValue, UnknownName
from tuning.objectives.base import (
    LAST,
    NO_FOLDERS,
    TEST,
    VALIDATION,
    Folders,
    Objective,
    Paced,
    Problem,
    Resumable,
    Score,
    Segmented,
    Solved,
    Trainer,
    configure,
    write_config,
)
from tuning.objectives.external import external_objective, objective_of
from tuning.objectives.heston_surface import HESTON_SURFACE
from tuning.objectives.needs import Needs
from tuning.objectives.noisy_quadratic import NOISY_QUADRATIC
from tuning.objectives.online_surface import ONLINE_SURFACE
from tuning.objectives.realized_volatility import REALIZED_VOLATILITY
from tuning.objectives.regime_finetune import REGIME_FINETUNE
from tuning.objectives.regime_rugged import REGIME_RUGGED

__all__ = [
    "ENTRY_POINTS",
    "LAST",
    "NO_FOLDERS",
    "OBJECTIVES",
    "TEST",
    "VALIDATION",
    "Folders",
    "Needs",
    "Objective",
    "Paced",
    "Problem",
    "Resumable",
    "Score",
    "Segmented",
    "Solved",
    "Trainer",
    "configure",
    "external_objective",
    "find",
    "load",
    "objective_of",
    "write_config",
]

ENTRY_POINTS = "glideslope.objectives"

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        objective.name: objective
        for objective in (
            REALIZED_VOLATILITY,
            HESTON_SURFACE,
            REGIME_FINETUNE,
            ONLINE_SURFACE,
            REGIME_RUGGED,
            NOISY_QUADRATIC,
        )
    }
)


def find(name: str, objectives: Mapping[str, Objective] = OBJECTIVES) -> Objective:
    """The objective called `name`.

    >>> find("realised_volatility")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tuning.errors.UnknownName: objective: 'realised_volatility' is not allowed; allowed: one of ...
    """
    if name not in objectives:
        raise UnknownName("objective", name, objectives)
    return objectives[name]


def load(modules: Iterable[str] = ()) -> Mapping[str, Objective]:
    """The built-in objectives, those of installed packages, and those of `modules`.

    A package registers an `Objective` under its name in the entry-point group
    `glideslope.objectives`; a module has a table called `OBJECTIVES`.

    Args:
        modules: importable names, chosen by an administrator and never taken from a request.

    Raises `InvalidValue` if two tables hold the same name, or hold something else, or if there is
    no such module or no table in it.
    """
    known = dict(OBJECTIVES)
    for entry in entry_points(group=ENTRY_POINTS):
        _add(known, entry.value, {entry.name: entry.load()})
    for module in modules:
        _add(known, module, _table_of(module))
    return MappingProxyType(known)


def _table_of(module: str) -> Mapping[str, object]:
    allowed = "an importable module with a table OBJECTIVES"
    try:
        table = getattr(importlib.import_module(module), "OBJECTIVES", None)
    except ModuleNotFoundError as error:
        # A module that lacks something else is broken, and its own error says best how.
        if error.name is None or f"{module}.".startswith(f"{error.name}."):
            raise InvalidValue("objectives", module, allowed) from error
        raise
    if not isinstance(table, Mapping):
        raise InvalidValue("objectives", module, allowed)
    return table


def _add(known: dict[str, Objective], source: str, table: Mapping[str, object]) -> None:
    for name, objective in table.items():
        if not isinstance(objective, Objective) or objective.name != name:
            raise InvalidValue("objectives", name, f"an Objective of that name ({source})")
        if name in known:
            raise InvalidValue("objectives", name, f"a name not taken before ({source})")
        known[name] = objective
