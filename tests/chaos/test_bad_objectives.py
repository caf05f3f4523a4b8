"""R8: training code that does its worst, again and again, while others train beside it.

Each kind has a study of its own, of which every run is bad; its runs end with a reason, as a
program reads it. Beside them a calm study loses nothing, the server grows by nothing, and nothing
is left of what they started.
"""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.client import Client
from service.schemas.studies import RunView
from tests.campaign import Campaign
from tests.chaos.processes import ROOT, Server, ended

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]
ODD = Path(__file__).parents[1] / "contracts"
MARK = "PYTHON_CHAOS_MARK"  # a variable by this name reaches the processes that train
RUN_SECONDS = 10.0  # the start of a training process is in it
GROWTH_MIB = 64.0
BODY: dict[str, Any] = {
    "objective": "odd",
    "horizon": 10,
    "sampler": "random",
    "space": {"families": ["constant"], "peak": [0.01, 1.0], "fixed": {"warmup": 0.0}},
    "baselines": [],
    "batch": 4,
    "seeds": 1,
    "confirm_seeds": 2,
    "early_stop": False,
}
# The state and cause of every run.
KINDS: Mapping[str, tuple[str, str]] = {
    "raises": ("failed", "raised"),
    "returns nan": ("diverged", "non_finite"),
    "returns inf": ("diverged", "non_finite"),
    "returns -inf": ("diverged", "non_finite"),
    "returns text": ("failed", "raised"),
    "returns wrong shapes": ("failed", "raised"),
    "shouts": ("failed", "raised"),
    "exits": ("failed", "exited"),
    "faults": ("failed", "killed"),
    "eats": ("failed", "memory"),
    "starves": ("failed", "memory"),
    "hangs": ("failed", "timeout"),
    "stays deaf": ("failed", "timeout"),
    "multiplies": ("failed", "timeout"),
}
SHARE = ("raises", "returns -inf", "faults", "starves", "multiplies")


def test_bad_objectives_end_with_a_reason_and_harm_nobody(
    campaign: Campaign, tmp_path: Path
) -> None:
    """All at once on one worker, which is the server's own."""
    mark = uuid.uuid4().hex
    kinds = tuple(KINDS) if campaign.is_whole else SHARE
    count, latencies = campaign.dose(3, 20), []
    server = serve(tmp_path, mark)
    with ended(server), Client(server.url) as client:
        calm = client.studies.create({**BODY, "budget": {"trials": 5}}).id
        client.studies.wait(calm)
        before = resident_mib(server)
        calm = client.studies.create({**BODY, "budget": {"trials": 4 * count}}).id
        studies = {kind: begin(client, kind, count) for kind in kinds}
        for kind, study in studies.items():
            assert client.studies.wait(study).state == "failed", kind
            for run in runs_of(client, study):
                campaign.fault()
                if (run.state, run.cause) != KINDS[kind]:
                    campaign.find([f"{kind}: {run.state}, {run.cause}: {run.reason}"])
                if run.cause == "timeout":
                    latencies.append(seconds_of(run) - RUN_SECONDS)
        view = client.studies.wait(calm)
        assert view.state == "completed", view.error
        for run in runs_of(client, calm):
            if (run.state, run.attempt) != ("completed", 0):
                campaign.find([f"a neighbour was harmed: {run.state}, {run.reason}"])
        stopped = begin(client, "raises", 20, most=2)
        view = client.studies.wait(stopped)
        if view.state != "failed" or "2 may" not in (view.error or ""):
            campaign.find([f"three failures of two that may did not end a study: {view.error}"])
        campaign.measure("runs_until_stopped", len(list(runs_of(client, stopped))))
        growth = resident_mib(server) - before
        assert server.stop() == 0
    if growth > GROWTH_MIB:
        campaign.find([f"the server grew by {growth:.0f} MiB"])
    campaign.find(f"{one} was left behind" for one in left_behind(mark))
    latencies.sort()
    campaign.measure("server_growth_mib", round(growth, 1))
    campaign.measure("kill_latency_p50_seconds", round(latencies[len(latencies) // 2], 2))
    campaign.measure("kill_latency_p99_seconds", round(latencies[int(0.99 * len(latencies))], 2))


def serve(folder: Path, mark: str) -> Server:
    """A server whose worker trains two runs at a time, each alone and once."""
    return Server(
        f"sqlite:///{folder / 'bad.db'}",
        folder / "log",
        has_worker=True,
        lease_seconds=10.0,
        variables={
            "GLIDESLOPE_CACHE_FOLDER": str(folder / "cache"),
            "GLIDESLOPE_LANES": "1",
            "GLIDESLOPE_MAX_ATTEMPTS": "1",
            "GLIDESLOPE_OBJECTIVES": "odd_objectives",
            "GLIDESLOPE_PROCESSES": "2",
            "GLIDESLOPE_RUN_MEMORY_MIB": "600",
            "GLIDESLOPE_RUN_TIMEOUT_SECONDS": str(RUN_SECONDS),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ODD}",
            MARK: mark,
        },
    )


def begin(client: Client, kind: str, count: int, most: int = 1000) -> str:
    """A study of which every run is bad."""
    budget = {"budget": {"trials": count}, "max_failures": most}
    return client.studies.create({**BODY, **budget, "config": {"behaviour": kind}}).id


def runs_of(client: Client, study: str) -> Iterator[RunView]:
    """Every run of a study that was trained."""
    for trial in client.trials.list(study):
        yield from (
            run for run in client.trials.runs(study, trial.number) if run.state != "cancelled"
        )


def seconds_of(run: RunView) -> float:
    """How long a run took, from the claim to its end."""
    assert run.started_at is not None
    assert run.finished_at is not None
    begun, over = map(datetime.fromisoformat, (run.started_at, run.finished_at))
    return (over - begun).total_seconds()


def resident_mib(server: Server) -> float:
    """Memory that a server holds."""
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


def left_behind(mark: str) -> Iterator[str]:
    """Processes that bear the mark."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                yield " ".join(process.cmdline())
