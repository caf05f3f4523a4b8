"""How a command ends, and that programs can rely on it: codes, JSON, no traceback."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from service.cli import study
from service.client import BadAnswer, ClientError, GaveUp, ProblemError, Unreachable
from service.errors import ServiceError, StoreBusy
from service.schemas.problems import Problem
from tests.service.cli.conftest import Command
from tests.service.cli.test_help import COMMANDS
from tuning.errors import DataError, InvalidValue

NO_JSON = {
    "worker": "runs until it is stopped",
    "schedule convert": "prints the document, or code",
    "demo": "leaves best.json",
    "serve": "runs until it is stopped",
}


def problem(status: int) -> ProblemError:
    """A refusal of the service."""
    return ProblemError(
        Problem(type="x", title="No", status=status, detail="because", instance="r")
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GaveUp("gave up"), 1),
        (ServiceError("the disk is full"), 1),
        (StoreBusy("another server has it"), 1),
        (OSError(28, "No space left on device", "x"), 1),
        (problem(404), 2),
        (problem(409), 2),
        (problem(422), 2),
        (problem(429), 2),
        (InvalidValue("x", 1, "2"), 2),
        (DataError("x.csv", "row 3"), 2),
        (problem(500), 3),
        (problem(503), 3),
        (BadAnswer("a proxy's page"), 3),
        (Unreachable("http://x", OSError("refused")), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_has_its_code_and_no_traceback(
    glideslope: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """1: it failed, 2: the user's mistake, 3: no service, 130: interrupted."""
    monkeypatch.setattr(study, "Client", raising(error))
    ended = glideslope("study", "show", "st_x")
    assert ended.code == code
    assert "Traceback" not in ended.err + ended.out
    assert ended.out == ""


def raising(error: BaseException) -> Callable[..., Any]:
    """Something that raises when it is called."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_every_command_that_answers_can_answer_in_json() -> None:
    """All of them, but for those that say why not."""
    leaves = [(path, one) for path, one in COMMANDS if not getattr(one, "commands", {})]
    without = {
        " ".join(path)
        for path, command in leaves
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == set(NO_JSON)


def test_the_watcher_is_told_that_the_study_goes_on(
    glideslope: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the watching, not the study."""
    from service.cli import progress

    monkeypatch.setattr(progress, "_watch", raising(KeyboardInterrupt()))
    ended = glideslope("study", "watch", "st_x")
    assert ended.code == 130
    assert "glideslope study watch st_x shows it again" in ended.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_every_shell_can_be_shown(
    glideslope: Command, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `--install-completion` would install; the shell it is for, however it was started."""
    monkeypatch.setenv("_GLIDESLOPE_COMPLETE", f"source_{shell}")
    ended = glideslope()
    assert ended.code == 0
    assert f"_GLIDESLOPE_COMPLETE=complete_{shell}" in ended.out


def test_an_error_of_the_client_is_one_of_the_tree() -> None:
    """No code is missing for an error that a call may raise."""
    kinds = {GaveUp, ProblemError, Unreachable, BadAnswer}
    assert set(ClientError.__subclasses__()) == kinds


def test_a_ray_cluster_without_ray_says_what_to_install(
    glideslope: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    ended = glideslope("worker", "--engine", "ray")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.strip().endswith("Ray is not installed: pip install glideslope[ray]")
    assert ended.err.count("\n") == 1
