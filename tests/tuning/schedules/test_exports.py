"""The lists of what a package offers say what the table says, so that they cannot drift."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

from tuning import schedules
from tuning.schedules import FAMILIES, Family, families

DEFINED = {
    name: value
    for module in pkgutil.iter_modules(families.__path__, f"{families.__name__}.")
    for name, value in vars(importlib.import_module(module.name)).items()
    if inspect.isclass(value) and issubclass(value, Family) and not inspect.isabstract(value)
}


def test_every_family_that_is_defined_is_in_the_table() -> None:
    """A class without its line is not found by anybody."""
    assert set(DEFINED.values()) == set(FAMILIES.values())


@pytest.mark.parametrize("package", [schedules, families], ids=["schedules", "families"])
def test_every_family_is_exported(package: ModuleType) -> None:
    """By both packages, under the name of its class, and nothing is exported that is not there."""
    offered = {name: getattr(package, name) for name in package.__all__}
    assert DEFINED.items() <= offered.items()
    assert len(package.__all__) == len(offered)
