"""Workers on kernels that refuse: the strict one does not start, the other one says so and trains.

And one that may put up no wall still keeps its key from what it trains, by being closed itself.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.service.worker.board import Board, served
from tuning.execution.isolation import Isolation

ODD = str(Path(__file__).parents[2] / "contracts")
PLAIN = Isolation(is_walled=False)
# Behind a wall the kernel gives nobody another one, and root has no rights.
REFUSING = Isolation(is_walled=True, has_network=True)
SECONDS = 60  # patience on a busy machine


def work(
    isolation: Isolation, url: str, folder: Path, command: tuple[str, ...] = (), **settings: str
) -> "subprocess.Popen[str]":
    """Start `glideslope worker` with settings and a key."""
    variables = {f"GLIDESLOPE_{name.upper()}": value for name, value in settings.items()}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GLIDESLOPE")}
    return subprocess.Popen(
        isolation.command("service.cli.main", command or ("worker", "--url", url)),
        env={
            **kept,
            **variables,
            "GLIDESLOPE_API_KEY": "gs_swordfish",
            "GLIDESLOPE_CACHE_FOLDER": str(folder),
            "GLIDESLOPE_OBJECTIVES": "odd_objectives",
            "GLIDESLOPE_PROCESSES": "1",
            "PYTHONPATH": ODD,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(worker: "subprocess.Popen[str]") -> str:
    """Stop it in order; what it said."""
    worker.terminate()
    _, said = worker.communicate(timeout=SECONDS)
    assert worker.returncode == 0
    return said


pytestmark = pytest.mark.usefixtures("has_walls")


@pytest.mark.parametrize("isolation", [PLAIN, REFUSING])
def test_a_key_is_kept_from_what_is_trained(
    board: Board, tmp_path: Path, isolation: Isolation
) -> None:
    """By the wall, and where there is none by the worker, who is closed to its own user."""
    board.offer("a", behaviour="spies")
    with served(board) as url, work(isolation, url, tmp_path) as worker:
        board.until(lambda board: board.outcomes("a"))
        said = end(worker)

    told = board.cards["a"].tells[0].model_dump_json()
    assert "PermissionError" in told
    assert "swordfish" not in told
    assert ("can look into other processes" in said) is (isolation is REFUSING)


def test_where_no_wall_stands_training_goes_on(board: Board, tmp_path: Path) -> None:
    """With one warning at the start."""
    board.offer("a")
    with served(board) as url, work(REFUSING, url, tmp_path) as worker:
        board.until(lambda board: board.outcomes("a"))
        said = end(worker)

    assert board.outcomes("a") == ["completed"]
    assert said.count("the kernel refuses more") == 1


@pytest.mark.parametrize(
    ("settings", "command", "words"),
    [
        ({"run_network": "none"}, (), "GLIDESLOPE_RUN_NETWORK: 'none' is not allowed; allowed"),
        ({"run_user": "nobody"}, (), "GLIDESLOPE_RUN_USER: 'nobody' is not allowed; allowed"),
        ({"run_network": "none"}, ("serve", "--port", "0"), "GLIDESLOPE_RUN_NETWORK: 'none'"),
    ],
)
def test_what_must_be_and_cannot_keeps_it_from_starting(
    board: Board,
    tmp_path: Path,
    settings: dict[str, str],
    command: tuple[str, ...],
    words: str,
) -> None:
    """In words, before anything is claimed; a server says it, too, and not its worker for ever."""
    board.offer("a")
    settings = {**settings, "database_url": f"sqlite:///{tmp_path / 'own.db'}"}
    with served(board) as url, work(REFUSING, url, tmp_path, command, **settings) as worker:
        _, said = worker.communicate(timeout=SECONDS)

    assert worker.returncode == 2
    assert words in " ".join(said.split())
    assert board.outcomes("a") == []
    assert board.cards["a"].token == ""
