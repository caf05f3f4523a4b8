"""The README's example of the Python clients, against a real server with a real worker."""

import asyncio
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HAS_WORKER = True

pytestmark = pytest.mark.full


def test_the_example_of_the_clients_runs(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Word for word but for the address, a study small enough, and a coroutine around its end."""
    (code,) = re.findall(
        r"```py\n(from service\.client import .*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    tiny = '"horizon": 10, "confirm_seeds": 2, "baselines": ["constant"], "budget": {"trials": 3}'
    code = code.replace("http://127.0.0.1:8000", url).replace('"budget": {"trials": 20}', tiny)
    blocking, awaited = code.split("async with", maxsplit=1)
    rest = textwrap.indent("async with" + awaited, "    ")
    names: dict[str, object] = {}
    exec(blocking + "async def follow():\n" + rest, names)  # noqa: S102 - it is our own README
    out = capsys.readouterr().out
    assert "completed" in out
    asyncio.run(names["follow"]())
    assert "completed" in capsys.readouterr().out
