"""The README says what is there: routes, settings, commands and an example that runs."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from service.app import create_app
from service.cli.main import app as command_line
from service.schemas.studies import BudgetRequest, SpaceRequest, StudyRequest
from service.settings import Settings
from service.store.engine import Store
from tuning.objectives import OBJECTIVES
from tuning.search.samplers import SAMPLERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def between(begin: str, end: str) -> str:
    """The part of the README between two marks."""
    return README.partition(begin)[2].partition(end)[0]


def paths(tmp_path: Path) -> set[tuple[str, str]]:
    """Method and path of every route."""
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    documented: dict[str, dict[str, Any]] = create_app(store, Settings()).openapi()["paths"]
    store.close()
    return {(method.upper(), path) for path, methods in documented.items() for method in methods}


def named_routes() -> set[tuple[str, str]]:
    """Method and path of every route in the table of the README."""
    table = between("| route | answer |", "More workers")
    found = set()
    for line in table.splitlines():
        cell = line.split(" | ")[0].replace("·", "")
        method, last = "", ""
        for method_now, path in re.findall(r"`(?:(GET|POST|PATCH|DELETE) )?([^`?]+)`", cell):
            method = method_now or method
            last = path if path.startswith(("/v1", "/livez", "/readyz", "/docs")) else last
            # A path that goes on from the first of its line is written in short.
            base = last.rpartition("/")[0] if path != last else ""
            found.add((method, path if path == last else base + path))
    return found


def test_every_route_is_in_the_table(tmp_path: Path) -> None:
    """And the table names no route that is not there."""
    named = named_routes() - {("GET", "/docs")}
    assert named == paths(tmp_path)


def settings_table() -> str:
    """The table of settings, from the settings themselves."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "one per core" if field.default_factory else field.default
        shown = "none" if default is None else f"`{default}`".replace("`one per core`", "cores")
        rows.append(f"| `GLIDESLOPE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_every_setting_is_in_the_table() -> None:
    """Name, default and help, word for word."""
    assert between("<!-- settings:begin -->\n", "\n<!-- settings:end -->") == settings_table()


def test_every_field_of_a_study_is_in_its_table() -> None:
    """With its default where the schema itself has one."""
    table = between("| field | default | meaning |", "A value that is not allowed")
    first = " ".join(line.split("|")[1] for line in table.splitlines() if line.count("|") > 3)
    for schema in (StudyRequest, SpaceRequest, BudgetRequest):
        for name in schema.model_fields:
            if name not in {"objective", "space", "budget"}:
                assert re.search(rf"`[a-z.]*\.?{name}`", first), name
    for name, default in (("batch", 4), ("seed", 0), ("seeds", 2), ("confirm_seeds", 10)):
        assert StudyRequest.model_fields[name].default == default
        assert f"| `{name}` | {default} |" in table
    assert "| `worthwhile` | 0.01 |" in table
    assert StudyRequest.model_fields["worthwhile"].default == 0.01


def test_every_objective_is_in_the_table() -> None:
    """What can be tuned without a line of code."""
    table = between(
        "| objective | what is trained | what wins here |", "`make benchmark-objectives`"
    )
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == set(OBJECTIVES)


def test_every_sampler_is_named() -> None:
    """Those that can be asked for, and the default among them."""
    (row,) = [line for line in README.splitlines() if line.startswith("| `sampler`")]
    assert set(re.findall(r"`([a-z_0-9]+)`", row)) - {"sampler"} == set(SAMPLERS)


def test_every_make_target_is_mentioned() -> None:
    """`make help` lists them; the README says what they are for."""
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    assert len(targets) > 5
    assert [target for target in targets if f"make {target}" not in README] == []


def commands(command: Any, name: str) -> list[str]:  # noqa: ANN401 # typer's own kind of click
    """The words that call every command that does something."""
    parts = getattr(command, "commands", {})
    return [path for part, sub in parts.items() for path in commands(sub, f"{name} {part}")] or [
        name
    ]


def test_every_command_is_mentioned() -> None:
    """A command nobody reads about is a command nobody uses."""
    known = commands(get_command(command_line), "glideslope")
    assert len(known) > 6
    assert [path for path in known if path not in README] == []


EXAMPLES = [
    pytest.param(text, marks=pytest.mark.full if "import torch" in text else ())
    for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As they stand, they print something, and objectives among them keep their promises."""
    if "import torch" in example:
        pytest.importorskip("torch")
    names = {"__name__": "__main__"}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102 - our own words
    printed = capsys.readouterr().out.strip()
    assert printed
    assert "passed=False" not in printed
    assert ("inspect_objective" in example) == ("passed=True" in printed)


def test_every_file_and_folder_of_the_map_exists() -> None:
    """The map of the house is the house."""
    lines = between("## Map of the house\n\n```\n", "```").splitlines()
    top = ROOT
    for line in lines:
        for name in re.findall(r"(?:^|; )\s*([a-z_]+(?:/|\.py))(?= )", line):
            top = ROOT / name if line.startswith(name) else top
            place = top if line.startswith(name) else top / name
            assert place.exists(), name
