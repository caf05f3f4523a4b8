"""Studies in other programs: the real optuna-dashboard opens one, the real MLflow holds one."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import optuna
import pytest

from tests.service.cli.conftest import Command
from tests.service.cli.test_study_commands import TINY

pytestmark = [pytest.mark.usefixtures("there"), pytest.mark.full]

HAS_WORKER = True
REQUEST = {**TINY, "budget": {"trials": 24}, "space": {"families": ["cosine", "wsd"]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files go."""
    return tmp_path_factory.mktemp("others")


@pytest.fixture
def study(glideslope: Command, folder: Path) -> str:
    """A study with its verdict, made once."""
    known = json.loads(glideslope("study", "list", "--json").out)["items"]
    if known:
        return str(known[-1]["id"])
    path = folder / "request.json"
    path.write_text(json.dumps(REQUEST))
    made = glideslope("study", "create", "--file", str(path), "--json", "--label", "für andere")
    found = str(json.loads(made.out)["id"])
    assert glideslope("study", "watch", found).code == 0
    return found


@contextmanager
def dashboard(database: Path) -> Iterator[str]:
    """The real optuna-dashboard over a file, as the URL of its API."""
    pytest.importorskip("optuna_dashboard")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    program = Path(sys.executable).parent / "optuna-dashboard"
    command = [str(program), f"sqlite:///{database}", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}/api"
            wait_for(f"{url}/studies", process)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Until it answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx2.get(url, trust_env=False).is_success:
                return
        except httpx2.RequestError:
            time.sleep(0.2)
    raise TimeoutError(url)


def test_optuna_dashboard_opens_an_export(glideslope: Command, study: str, folder: Path) -> None:
    """It lists the study, its trials with parameters and curves, and importances."""
    database = folder / "for-optuna.db"
    done = glideslope("study", "export", study, "--to", "optuna", "--output", str(database))
    assert (done.code, done.err) == (0, "")
    tried = json.loads(
        glideslope(
            "study", "trials", study, "--phase", "search", "--phase", "baseline", "--json"
        ).out
    )["items"]
    with dashboard(database) as url:
        (listed,) = httpx2.get(f"{url}/studies", trust_env=False).json()["study_summaries"]
        assert listed["study_name"] == f"für andere {study}"
        shown = httpx2.get(f"{url}/studies/{listed['study_id']}", trust_env=False).json()
        assert shown["directions"] == ["minimize"]
        assert len(shown["trials"]) == len(tried)
        for one, other in zip(shown["trials"], tried, strict=True):
            assert one["state"] == "Complete"
            assert one["values"] == [other["value"]]
            assert {param["name"] for param in one["params"]} == set(other["params"])
            assert one["intermediate_values"]
        spaces = {space["name"]: space["distribution"] for space in shown["union_search_space"]}
        assert spaces["peak"]["log"] is True
        assert spaces["family"]["type"] == "CategoricalDistribution"
        told = httpx2.get(f"{url}/studies/{listed['study_id']}/param_importances", trust_env=False)
        names = {one["name"] for one in told.json()["param_importances"][0]}
        assert {"family", "peak"} <= names


def test_an_optuna_study_becomes_a_warm_start(
    glideslope: Command, folder: Path, study: str
) -> None:
    """Imported as a study that ended; another starts from what it knows."""
    database = folder / "theirs.db"
    theirs = optuna.create_study(study_name="theirs", storage=f"sqlite:///{database}")

    def train(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        kind = trial.suggest_categorical("scheduler", ["CosineAnnealingLR", "ConstantLR"])
        momentum = trial.suggest_float("momentum", 0.0, 0.9)
        if trial.number == 2:
            raise optuna.TrialPruned
        return lr + momentum + (kind == "ConstantLR")

    theirs.optimize(train, n_trials=8)
    options = ("study", "import", str(database), "--from", "optuna", "--json")
    assert glideslope(*options).code == 2  # which objective?
    options += ("--objective", "realized_volatility", "--horizon", "10")
    refused = glideslope(*options)
    assert (refused.code, "momentum" in refused.err) == (2, True)
    found = json.loads(glideslope(*options, "--ignore", "momentum").out)
    assert (found["state"], found["label"]) == ("cancelled", "theirs")
    assert found["best"]["value"] == theirs.best_value
    trials = json.loads(glideslope("study", "trials", found["id"], "--json").out)["items"]
    assert [one["state"] for one in trials].count("pruned") == 1
    assert {one["params"]["family"] for one in trials} == {"cosine", "constant"}
    path = folder / "warm.json"
    path.write_text(json.dumps({**TINY, "warm_start": [found["id"]]}))
    warm = json.loads(glideslope("study", "create", "--file", str(path), "--json").out)
    assert len(warm["spec"]["starts"]) == 7
    assert glideslope("study", "cancel", warm["id"]).code == 0
    own = folder / "for-optuna.db"
    if not own.exists():
        glideslope("study", "export", study, "--to", "optuna", "--output", str(own))
    options = ("study", "import", str(own), "--from", "optuna", "--json", "--horizon", "10")
    back = json.loads(glideslope(*options, "--objective", "realized_volatility").out)
    assert back["best"]["value"] > 0


# MLflow's own: it uses what SQLAlchemy 2.1 deprecates, and leaves its database open.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_mlflow_holds_an_export(
    glideslope: Command, study: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs with parameters, metrics by update and tags; the best schedule as an artifact."""
    tracking = pytest.importorskip("mlflow.tracking")
    monkeypatch.chdir(folder)  # artifacts of a local store go where its user is
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    options = ("--to", "mlflow", "--tracking-uri", uri, "--experiment", "schedules", "--json")
    done = glideslope("study", "export", study, *options)
    assert done.code == 0, done.err
    count = json.loads(done.out)["runs"]
    client = tracking.MlflowClient(tracking_uri=uri)
    home = client.get_experiment_by_name("schedules").experiment_id
    runs = client.search_runs([home])
    assert len(runs) == count == 25
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert parent.data.tags["glideslope.study"] == study
    best = json.loads(
        Path(parent.info.artifact_uri.removeprefix("file://"), "best.json").read_text()
    )
    assert best["schedule"]["table"]["values"]
    below: list[Any] = [run for run in runs if run is not parent]
    one = min(below, key=lambda run: run.data.metrics["score"])
    assert {"family", "peak"} <= one.data.params.keys()
    assert one.info.status == "FINISHED"
    steps = [point.step for point in client.get_metric_history(one.info.run_id, "mse")]
    assert steps == sorted(steps)
    assert len(steps) > 1
    again = glideslope("study", "export", "st_x", *options)
    assert again.code == 2
