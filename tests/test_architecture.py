"""Rules of the house that no linter knows, each with its reason."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 400
MAX_FUNCTION_LINES = 50
# A longer file says why in one line here.
LONGER: dict[str, str] = {}
BANNED = ("utils", "helpers", "common", "manager", "base_service")


def sources() -> list[Path]:
    """The modules of both packages and the migrations."""
    return sorted(
        path for name in ("service", "tuning", "alembic") for path in (ROOT / name).rglob("*.py")
    )


def name_of(path: Path) -> str:
    """A module's path as it is written in a list."""
    return str(path.relative_to(ROOT))


SOURCES = sources()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_can_be_read_at_once(path: Path) -> None:
    """At most 400 lines, functions of at most 50, and a docstring that says what it is for.

    A god file grows one harmless line at a time; this is where somebody notices.
    """
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= MAX_LINES or name_of(path) in LONGER
    assert ast.get_docstring(tree)
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and _body_lines(node) > MAX_FUNCTION_LINES
    ]
    assert long == []


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_are_named_for_what_they_hold() -> None:
    """A drawer called `utils` fills up with what nobody found a noun for."""
    assert [name_of(path) for path in SOURCES if path.stem in BANNED] == []
    folders = {part for path in SOURCES for part in path.relative_to(ROOT).parts[:-1]}
    assert folders.isdisjoint(BANNED)


def test_the_folder_of_migrations_is_no_package() -> None:
    """With an `__init__.py` it would shadow the library of the same name."""
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_no_module_reads_the_clock_of_its_own_accord_in_the_core() -> None:
    """Time enters the core as an argument: a study that looks at a clock cannot be replayed."""
    banned = {"datetime", "time"}
    offenders = [
        name_of(path)
        for path in SOURCES
        if path.is_relative_to(ROOT / "tuning")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "time", "sleep"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in banned
    ]
    assert offenders == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("tuning.objectives", ("pandas", "sklearn", "arch", "optuna")),
        ("tuning.records", ("optuna", "sklearn", "pandas")),
        (
            "service.cli.main",
            ("fastapi", "sqlalchemy", "optuna", "sklearn", "pandas", "matplotlib"),
        ),
        ("service.schemas.work", ("numpy", "fastapi", "sqlalchemy")),
        ("service.app", ("sklearn", "pandas", "matplotlib", "cmaes", "scipy.stats", "jax")),
        (
            "service.planner.child",
            ("sklearn", "pandas", "matplotlib", "cmaes", "scipy.stats", "jax"),
        ),
    ],
)
def test_importing_stays_light(module: str, heavy: tuple[str, ...]) -> None:
    """A command answers before a second is over, and a server lists what it cannot train."""
    program = f"import sys, {module}; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


def test_a_measurement_may_be_as_late_as_the_longest_horizon() -> None:
    """The wire's own limit follows the core's, which the light client does not import."""
    from service.schemas.work import MAX_STEP
    from tuning.records import MAX_HORIZON

    assert MAX_STEP == MAX_HORIZON
