"""Client and worker against the true service: one whole study over a bad network."""

import threading
from collections.abc import Iterator

import httpx2
import pytest

from service.client import Client, Patience, ProblemError
from service.worker import Options, Worker
from tests.chaos.processes import Server, ended
from tests.service.worker.puppets import Puppet, completed, measured
from tuning.execution import Block, Event
from tuning.objectives import OBJECTIVES

REQUEST = {
    "objective": "realized_volatility",
    "budget": {"trials": 6},
    "baselines": ["constant"],
    "baseline_peaks": 3,
    "seeds": 2,
    "confirm_seeds": 2,
    "horizon": 20,
}


class LosesEveryThird(httpx2.BaseTransport):
    """A network that loses every third answer, after the service did what it was asked."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self._lock = threading.Lock()
        self._count = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Deliver, and maybe lose the answer."""
        response = self._inner.handle_request(request)
        with self._lock:
            self._count += 1
            is_lost = self._count % 3 == 0
        if is_lost:
            response.close()
            raise httpx2.ReadError("the answer was lost", request=request)
        return response

    def close(self) -> None:
        """Close the real one."""
        self._inner.close()


def train(block: Block, stopped: threading.Event) -> Iterator[Event]:
    """Pretend: every run is measured and scores a number that depends on its peak only."""
    del stopped
    for lane in block.lanes:
        yield measured(lane.run, block.horizon, mse=lane.schedule.peak)
        yield completed(lane.run, "mse")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The true service on SQLite, as a process, without a worker of its own."""
    folder = tmp_path_factory.mktemp("service")
    server = Server(f"sqlite:///{folder / 'test.db'}", folder / "log")
    with ended(server), server.process:
        yield server.url
        assert server.stop() == 0, (folder / "log").read_text()


def test_a_whole_study_over_a_network_that_loses_answers(url: str) -> None:
    """Every run counts once, whatever was said twice; every method of the client is understood."""
    with (
        Client(url, transport=LosesEveryThird()) as user,
        Client(url, transport=LosesEveryThird()) as network,
    ):
        worker = Worker(network, Options(processes=2, wait_seconds=0.2), lambda: Puppet(train))
        worker.start()
        study = user.studies.create(REQUEST)
        with pytest.raises(ProblemError, match="409"):
            user.results.best(study.id)
        seen: list[int] = []
        final = user.studies.wait(
            study.id, lambda view: seen.append(view.revision), poll_seconds=0.05
        )
        worker.stop()

        assert worker.wait() == 0
        assert (final.state, final.error) == ("completed", None)
        assert final.progress.finished_runs == final.progress.expected_runs
        assert seen == sorted(set(seen))
        assert [one.id for one in user.studies.list(state="completed", limit=1)] == [study.id]
        trials = list(user.trials.list(study.id, limit=2))
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert {trial.state for trial in trials} == {"completed"}
        best = user.results.best(study.id, table=True)
        assert len(best.schedule["table"]["values"]) == REQUEST["horizon"]
        assert "<html" in user.results.report(study.id)
        with pytest.raises(ProblemError, match="cancel: the study is completed"):
            user.studies.cancel(study.id)


def test_the_catalogue_is_understood(url: str) -> None:
    """Objectives and families of the service, as the client's types."""
    with Client(url) as user:
        assert [one.name for one in user.catalogue.objectives()] == list(OBJECTIVES)
        assert "cosine" in {one.name for one in user.catalogue.families()}
        assert user.health.livez()


def test_a_refusal_of_the_service_names_the_field(url: str) -> None:
    """What is wrong, where, and what would be allowed; nothing is stored."""
    with Client(url, patience=Patience(seconds=0)) as user:
        with pytest.raises(ProblemError, match=r"(?s)422.*/horizon.*allowed"):
            user.studies.create({**REQUEST, "horizon": 0, "label": "refused"})
        assert list(user.studies.list(label="refused")) == []
        with pytest.raises(ProblemError, match="404"):
            user.studies.get("st_none")
