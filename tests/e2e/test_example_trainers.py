"""The example trainers as a user runs them: programs beside a service, through a whole study."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.client import Client, Patience
from tests.chaos.processes import Server, ended, environment

EXAMPLES = Path(__file__).with_name("examples")
MOST_LINES = 60
BOWL = {
    "metrics": [{"name": "loss"}],
    "horizon": 200,
    "peak": [0.01, 2.0],
    "applies_to": {"optimizer": "sgd"},
}
WAVES = {
    "metrics": [{"name": "mse"}, {"name": "mae"}],
    "horizon": 100,
    "peak": [0.001, 0.1],
    "rungs": [0.5],
    "applies_to": {"optimizer": "adam", "batch": 32},
}
SMALL = {
    "space": {"families": ["cosine", "wsd"]},
    "baselines": ["constant"],
    "budget": {"trials": 3},
    "seeds": 1,
    "leaders": 0,
    "confirm_seeds": 2,
    "evidence_budget": 800,
}


# What these two are about has nothing to do with the database; `tests/chaos` kills servers on both.
ON_SQLITE = pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)


@contextmanager
def trainer(
    program: str, url: str, objective: str, log: Path, key: str | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """An example as a process, for as long as the block lasts."""
    command = [sys.executable, str(EXAMPLES / program), url, objective]
    variables = {} if key is None else {"GLIDESLOPE_API_KEY": key}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment(variables)
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def submit(url: str, objective: str, external: Mapping[str, Any], **changes: Any) -> str:  # noqa: ANN401
    """Create a small study."""
    with Client(url) as client:
        body = {"objective": objective, "external": external, **SMALL, **changes}
        return client.studies.create(body).id


def judged(url: str, study: str) -> dict[str, Any]:
    """Wait for the verdict of a study."""
    with Client(url, patience=Patience(seconds=60)) as client:
        view = client.studies.wait(study)
        assert view.state == "completed", view
        return client.results.verdict(study)


def test_the_plain_trainer_is_one_page() -> None:
    """Whoever writes a trainer in another language reads it first."""
    lines = (EXAMPLES / "plain_trainer.py").read_text().splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 100
    imported = next(line for line in lines if line.startswith("import"))
    names = imported.removeprefix("import ").replace(" as web", "").split(", ")
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.fixture
def server(empty_database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A service without a worker of its own."""
    made = Server(empty_database_url, tmp_path / "server.log")
    with ended(made):
        yield made


@pytest.mark.full
def test_the_plain_trainer_brings_a_study_to_its_verdict(server: Server, tmp_path: Path) -> None:
    """With the standard library alone."""
    study = submit(server.url, "bowl", BOWL)
    with trainer("plain_trainer.py", server.url, "bowl", tmp_path / "trainer.log"):
        verdict = judged(server.url, study)
    assert verdict["winner"]
    assert verdict["applies_to"]["optimizer"] == "sgd"
    assert verdict["arms"][0]["test"] is not None
    assert (tmp_path / "trainer.log").read_text() == ""


@ON_SQLITE
@pytest.mark.full
def test_the_plain_trainer_outlives_its_service_and_gives_way(
    server: Server, tmp_path: Path
) -> None:
    """Killed and started again twice, the service still gets every end once; then a cancel."""
    study = submit(server.url, "bowl", BOWL, budget={"trials": 40}, evidence_budget=8_000)
    with trainer("plain_trainer.py", server.url, "bowl", tmp_path / "log") as process:
        for _ in range(2):
            with Client(server.url) as client:
                before = client.studies.get(study).progress.finished_runs
                for event in client.studies.events(study):
                    told = event.data.get("finished_runs", 0)
                    if told >= before + 5:
                        break
            server.kill()
            server.restart()
        verdict = judged(server.url, study)
        assert verdict["winner"]
        with Client(server.url) as client:
            runs = [
                run
                for trial in client.trials.list(study)
                for run in client.trials.runs(study, trial.number)
            ]
            assert {run.state for run in runs} <= {"completed", "diverged"}
            assert len({run.id for run in runs}) == client.studies.get(study).progress.finished_runs
            longer = {**BOWL, "horizon": 200_000}
            other = submit(server.url, "bowl", longer, evidence_budget=None)
            assert any(event.kind == "claimed" for event in client.studies.events(other))
            assert client.studies.cancel(other).state == "cancelled"
            third = submit(server.url, "bowl", BOWL)
        assert judged(server.url, third)["winner"]
        assert process.poll() is None
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.full
def test_a_trainer_gets_the_runs_of_its_keys_project(server: Server, tmp_path: Path) -> None:
    """And of no other, whatever it calls itself."""
    every = ["studies:read", "studies:write", "work"]
    with Client(server.url) as client:
        ours = client.keys.create("ours", every, project="alpha").token
    with (
        trainer("plain_trainer.py", server.url, "bowl", tmp_path / "none.log") as stranger,
        trainer("plain_trainer.py", server.url, "bowl", tmp_path / "ours.log", ours),
        Client(server.url, key=ours) as client,
    ):
        study = client.studies.create({"objective": "bowl", "external": BOWL, **SMALL}).id
        assert client.studies.wait(study).state == "completed"
        runs = client.trials.runs(study, 0)
        assert all(str(run.worker).startswith("alpha/bowl-") for run in runs)
        assert stranger.wait(20) == 1
    assert "A valid API key is needed" in (tmp_path / "none.log").read_text()


@ON_SQLITE
@pytest.mark.full
@pytest.mark.timeout(300)
def test_the_torch_trainer_brings_a_study_to_its_verdict(server: Server, tmp_path: Path) -> None:
    """With its own config, data and versions in the verdict."""
    pytest.importorskip("torch")
    study = submit(server.url, "waves", WAVES, config={"width": 8})
    with trainer("torch_trainer.py", server.url, "waves", tmp_path / "trainer.log"):
        verdict = judged(server.url, study)
    log = (tmp_path / "trainer.log").read_text()
    assert verdict["winner"], log
    assert verdict["applies_to"]["config"] == {"width": 8}
    assert len(verdict["applies_to"]["data_hash"]) == 64
    assert "torch" in verdict["versions"]
    assert verdict["arms"][0]["metrics"]["test"]["mae"] is not None
