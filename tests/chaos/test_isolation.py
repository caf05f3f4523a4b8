"""Training code that does its worst in a real service: its runs fail with the cause, no others do.

Every study has its own misdeed, done by runs at large learning rates only; each must lose exactly
these runs, whatever the other studies do to the worker that trains all of them at the same time.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from service.client import Client
from service.schemas.studies import RunView
from tests.campaign import Campaign
from tests.chaos.processes import ROOT, Server, ended

ODD = Path(__file__).parents[1] / "contracts"
ABOVE = 0.1
ATTEMPTS = 2
BODY = {
    "objective": "odd",
    "horizon": 10,
    "space": {"families": ["constant"], "peak": [0.01, 1.0], "fixed": {"warmup": 0.0}},
    "baselines": ["constant"],
    "baseline_peaks": 2,
    "budget": {"trials": 3},
    "seeds": 1,
    "confirm_seeds": 2,
    "max_failures": 6,
}
# The state and cause of a run that misbehaves, and how often it is tried.
ENDS: dict[str, tuple[str, str | None, int]] = {
    "calm": ("completed", None, 0),
    "floods": ("completed", None, 0),
    "forks": ("completed", None, 0),
    "returns nan": ("diverged", "non_finite", 0),
    "raises": ("failed", "raised", ATTEMPTS),
    "babbles": ("failed", "raised", ATTEMPTS),
    "returns wrong names": ("failed", "raised", ATTEMPTS),
    "returns wrong shapes": ("failed", "raised", ATTEMPTS),
    "exits": ("failed", "exited", ATTEMPTS),
    "kills itself": ("failed", "killed", ATTEMPTS),
    "closes everything": ("failed", "killed", ATTEMPTS),
    "eats": ("failed", "memory", ATTEMPTS),
    "has a helper that eats": ("failed", "memory", ATTEMPTS),
    "kills its worker": ("failed", "lost_worker", ATTEMPTS),
    "hangs": ("failed", "timeout", 1),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("behaviours", "run_seconds"),
    [
        pytest.param(
            ("calm", "eats", "kills its worker", "returns nan"),
            60.0,
            id="some",
            marks=pytest.mark.full,
        ),
        pytest.param(tuple(ENDS), 10.0, id="all", marks=pytest.mark.full),
    ],
)
def test_each_study_loses_its_own_bad_runs_and_no_others(
    tmp_path: Path, behaviours: Sequence[str], run_seconds: float, campaign: Campaign
) -> None:
    """All at the same time on one worker of two processes; every study ends with a verdict."""
    server = Server(
        f"sqlite:///{tmp_path / 'odd.db'}",
        tmp_path / "log",
        has_worker=True,
        variables={
            "GLIDESLOPE_CACHE_FOLDER": str(tmp_path / "cache"),
            "GLIDESLOPE_MAX_ATTEMPTS": str(ATTEMPTS),
            "GLIDESLOPE_OBJECTIVES": "odd_objectives",
            "GLIDESLOPE_PROCESSES": "2",
            "GLIDESLOPE_RUN_MEMORY_MIB": "600",
            "GLIDESLOPE_RUN_TIMEOUT_SECONDS": str(run_seconds),
            "PYTHONPATH": f"{ROOT}:{ODD}",
        },
    )
    with ended(server), Client(server.url) as client:
        studies = {
            behaviour: client.studies.create(
                {**BODY, "config": {"behaviour": behaviour, "above": ABOVE}}
            ).id
            for behaviour in behaviours
        }
        for behaviour, study in studies.items():
            view = client.studies.wait(study, poll_seconds=0.1)
            assert (view.state, view.error) == ("completed", None), behaviour
            campaign.fault(check_runs(client, study, behaviour))
        assert server.stop() == 0


def check_runs(client: Client, study: str, behaviour: str) -> int:
    """Every run ended as it should, the bad ones where they began to be bad; how many were bad."""
    state, cause, attempts = ENDS[behaviour]
    bad = 0
    for trial in client.trials.list(study):
        for run in client.trials.runs(study, trial.number):
            if trial.schedule["peak"] > ABOVE:
                bad += 1
                assert (run.state, run.cause, run.attempt) == (state, cause, attempts), run
                check_place(run)
            else:
                assert (run.state, run.cause, run.attempt) == ("completed", None, 0), run
    assert bad >= BODY["seeds"]
    return bad


def check_place(run: RunView) -> None:
    """What did not complete says why, and whoever trained it where; a dead worker cannot."""
    if run.state == "completed":
        assert run.reason == ""
        return
    assert run.reason
    if run.cause == "lost_worker":
        assert run.step is None
    else:
        assert run.step is not None
        assert run.step >= 2
        assert run.lr is not None
        assert run.lr > ABOVE
