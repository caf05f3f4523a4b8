"""The command line in this process: its exit code and what it printed."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from service.cli.main import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def glideslope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command: `glideslope("study", "list")`."""

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["glideslope", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        text = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, text.out, text.err)

    return call
