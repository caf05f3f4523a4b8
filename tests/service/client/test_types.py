"""Type checkers see the real signatures of both clients: names, types and answers."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from service.client import AsyncClient, Client
from service.schemas.studies import RunView, StudyView

def blocking(client: Client) -> None:
    assert_type(client.studies.get("st_a"), StudyView)
    assert_type(client.studies.extend("st_a", trials=100, seconds=1.5), StudyView)
    assert_type(client.studies.list(state="running"), Iterator[StudyView])
    assert_type(client.trials.runs("st_a", 0), list[RunView])
    assert_type(client.studies.delete("st_a"), None)
    client.studies.get(1)  # type: ignore[arg-type]
    client.studies.get("st_a", wait=1)  # type: ignore[call-arg]

async def awaited(client: AsyncClient) -> None:
    assert_type(await client.studies.get("st_a"), StudyView)
    assert_type(client.studies.list(limit=5), AsyncIterator[StudyView])
    assert_type(await client.trials.runs(study="st_a", trial=0), list[RunView])
    assert_type(await client.health.livez(), bool)
    await client.studies.extend("st_a", trials="many")  # type: ignore[arg-type]
"""


@pytest.mark.full
def test_a_type_checker_sees_arguments_and_answers(tmp_path: Path) -> None:
    """And finds the mistakes that are marked, and no other."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path), str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "program.py" not in done.stdout, done.stdout


def test_a_method_says_what_it_does() -> None:
    """To `help()` and to editors, for classes and clients alike."""
    import inspect

    from service.client import Client
    from service.client.studies import Studies

    client = Client("http://service.test")
    assert (Studies.pause.__doc__ or "").startswith("Pause a study")
    assert (client.studies.pause.__doc__ or "").startswith("Pause a study")
    assert "study" in inspect.signature(client.studies.pause).parameters
