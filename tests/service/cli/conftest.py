"""The command line in this process, its exit code and what it printed; a service that it finds."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from service.cli.main import run
from tests.chaos.processes import Server, ended


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
        with pytest.raises(SystemExit) as left:
            run()
        text = capsys.readouterr()
        code = left.value.code
        return Ended(code if isinstance(code, int) else 0, text.out, text.err)

    return call


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service as a process, one a module, with a worker if the module says `HAS_WORKER`."""
    folder = tmp_path_factory.mktemp("cli")
    has_worker = getattr(request.module, "HAS_WORKER", False)
    server = Server(f"sqlite:///{folder / 'cli.db'}", folder / "log", has_worker=has_worker)
    with ended(server):
        yield server.url
        assert server.stop() == 0, (folder / "log").read_text()


@pytest.fixture
def there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the service without being told each time."""
    monkeypatch.setenv("GLIDESLOPE_URL", url)
