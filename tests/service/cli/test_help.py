"""`--help` of every command says what it does and explains every option."""

from typing import Any

import pytest
from typer.main import get_command

from service.cli.main import app
from tests.service.cli.conftest import Command


def walk(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 # typer's own kind of click
    """Every command and group with the words that call it."""
    parts = getattr(command, "commands", {})
    return [(path, command)] + [
        found for name, part in parts.items() for found in walk(part, (*path, name))
    ]


COMMANDS = walk(get_command(app))


@pytest.mark.parametrize(
    ("path", "command"), COMMANDS, ids=lambda x: " ".join(x) if isinstance(x, tuple) else ""
)
def test_help_explains_every_option(
    glideslope: Command,
    monkeypatch: pytest.MonkeyPatch,
    path: tuple[str, ...],
    command: Any,  # noqa: ANN401
) -> None:
    """Name and words of each, and a sentence for the command itself."""
    monkeypatch.setenv("COLUMNS", "200")
    ended = glideslope(*path, "--help")
    assert ended.code == 0
    assert (command.help or "").partition("\n")[0] in ended.out
    for option in command.params:
        if not getattr(option, "hidden", False) and "--help" not in option.opts:
            assert option.help, option.name
            assert all(spelling in ended.out for spelling in option.opts if spelling[0] == "-")


def test_every_command_has_a_help_of_its_own() -> None:
    """No two commands say the same."""
    texts = [command.help for _, command in COMMANDS]
    assert all(texts)
    assert len(set(texts)) == len(texts)
