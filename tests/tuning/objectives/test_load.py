"""What an administrator adds: installed packages and named modules, never a second of one name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning.errors import InvalidValue
from tuning.objectives import ENTRY_POINTS, OBJECTIVES, find, load

MODULE = """
from dataclasses import replace
from tuning.objectives import OBJECTIVES as BUILT_IN

MINE = replace(BUILT_IN["realized_volatility"], name="mine")
OBJECTIVES = {"mine": MINE}
TAKEN = BUILT_IN["realized_volatility"]
NOT_ONE = object()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages as an installer leaves it."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(site: Path, package: str, **entries: str) -> None:
    """Put a package with entry points there: its module and its dist-info."""
    (site / f"{package}.py").write_text(MODULE)
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{value}" for name, value in entries.items()]
    (folder / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINTS}]", *lines, ""]))


def test_an_installed_package_adds_its_objectives(site: Path) -> None:
    """Beside the built-in ones, whose table stays as it was."""
    install(site, "mine_package", mine="MINE")
    found = load()

    assert set(found) == {*OBJECTIVES, "mine"}
    assert find("mine", found).name == "mine"
    assert "mine" not in OBJECTIVES


def test_a_named_module_adds_its_table(site: Path) -> None:
    """Without being installed."""
    (site / "mine_module.py").write_text(MODULE)
    assert set(load(["mine_module"])) == {*OBJECTIVES, "mine"}


def test_without_packages_and_modules_there_are_the_built_in_ones() -> None:
    """Whatever else is installed registers elsewhere."""
    assert dict(load()) == dict(OBJECTIVES)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("realized_volatility", "TAKEN", "a name not taken before"),
        ("other", "MINE", "an Objective of that name"),
        ("mine", "NOT_ONE", "an Objective of that name"),
    ],
)
def test_an_entry_point_that_does_not_fit_is_refused(
    site: Path, name: str, value: str, allowed: str
) -> None:
    """A built-in name, another name than its own, or no objective; the package is named."""
    install(site, "odd_package", **{name: value})
    with pytest.raises(InvalidValue, match=rf"{name}.*{allowed} \(odd_package:{value}\)"):
        load()


def test_two_sources_of_one_name_are_refused(site: Path) -> None:
    """Two packages, or a package and a module: nobody guesses which one is meant."""
    install(site, "first_package", mine="MINE")
    with pytest.raises(InvalidValue, match=r"a name not taken before \(first_package\)"):
        load(["first_package"])
    install(site, "second_package", mine="MINE")
    with pytest.raises(InvalidValue, match="a name not taken before"):
        load()


@pytest.mark.parametrize(
    "words", ["", "OBJECTIVES = ['mine']", "OBJECTIVES = {'mine': 7}", "OBJECTIVES = {1: None}"]
)
def test_a_module_without_a_table_of_objectives_is_refused(site: Path, words: str) -> None:
    """None, another kind, or a table of something else."""
    (site / "empty_module.py").write_text(words)
    with pytest.raises(InvalidValue, match=r"objectives: .*empty_module"):
        load(["empty_module"])


@pytest.mark.parametrize("name", ["no_such_module", "no_such_package.module"])
def test_a_module_that_is_not_there_is_refused(name: str) -> None:
    """Named as the administrator wrote it."""
    with pytest.raises(InvalidValue, match=f"objectives: '{name}'"):
        load([name])


def test_a_module_that_lacks_something_says_what(site: Path) -> None:
    """A broken module is not one that is not there."""
    (site / "broken_module.py").write_text("import something_that_is_not_there")
    with pytest.raises(ModuleNotFoundError, match="something_that_is_not_there"):
        load(["broken_module"])
