"""What trainers tell of their data and versions, and what comes of it in best and verdict."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.service.conftest import score

Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]
Train = Callable[[Callable[[dict[str, Any]], dict[str, Any]]], None]

STUDIES = "/v1/studies"
DATA, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def train(plan: Callable[[], int], claim: Claim, tell: Callable[..., Any]) -> Train:
    """Play all studies to their end by a trainer that tells of each run what it is given.

    Constant schedules do worst.
    """

    def until_done(told: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        while plan():
            while (block := claim(lanes=8)) is not None:
                for run in block["runs"]:
                    value = score(run) + (run["schedule"]["family"] == "constant")
                    metrics = {split: {"mse": value} for split in block["splits"]}
                    assert tell(run, metrics=metrics, **told(run)).status_code == 200

    return until_done


def test_the_best_tells_it_as_soon_as_there_is_one(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
) -> None:
    """While the search goes on, from the runs of the best trial; the planner's own stand beside."""
    study = submit()["id"]
    plan()
    block = claim(lanes=8)
    assert block is not None
    for run in block["runs"]:
        tell(run, data_hash=DATA, versions={"mylib": "3.1"})
    best = api.get(f"{STUDIES}/{study}/best").json()
    assert best["metric"]["stage"] == "search"
    assert best["applies_to"]["data_hash"] == DATA
    assert best["provenance"]["versions"]["mylib"] == "3.1"
    assert "optuna" in best["provenance"]["versions"]


def test_arms_trained_on_different_data_are_not_compared_in_silence(
    api: TestClient, submit: Submit, train: Train
) -> None:
    """One trainer, which got all runs of a baseline, had other data and another version."""
    path = f"{STUDIES}/{submit()['id']}"

    def told(run: dict[str, Any]) -> dict[str, Any]:
        is_odd = run["schedule"]["family"] == "constant"
        return {
            "data_hash": OTHER if is_odd else DATA,
            "versions": {"mylib": "3.0" if is_odd else "3.1"},
        }

    train(told)
    verdict = api.get(f"{path}/verdict").json()
    warnings = {one["code"]: one["message"] for one in verdict["warnings"]}
    assert [one["same_data"] for one in verdict["versus"]] == [False]
    assert "comparison with constant cannot be trusted" in warnings["mixed_data"]
    assert "mylib 3.1: " in warnings["mixed_versions"]
    assert verdict["words"].startswith("No clear winner")
    assert verdict["applies_to"]["data_hash"] == DATA
    assert verdict["versions"] == {"mylib": "3.1"}


def test_a_second_study_on_the_same_data_is_told_that_the_test_split_was_read(
    api: TestClient, submit: Submit, train: Train
) -> None:
    """Although its config is another one; the first study's verdict stays as it was."""
    first = submit()["id"]
    train(lambda _: {"data_hash": DATA})
    second = submit(config={"l2": 1e-3}, seed=8)["id"]
    train(lambda _: {"data_hash": DATA})
    elsewhere = submit(seed=9)["id"]
    train(lambda _: {"data_hash": OTHER})
    verdicts = [api.get(f"{STUDIES}/{one}/verdict").json() for one in (first, second, elsewhere)]
    assert [one["test_reads"] for one in verdicts] == [1, 2, 1]
    assert [one["test_reused"] for one in verdicts] == [False, True, False]
    warned = [{w["code"] for w in one["warnings"]} & {"test_reused"} for one in verdicts]
    assert warned == [set(), {"test_reused"}, set()]
    assert "were read 2 times" in verdicts[1]["words"]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"data_hash": ""}, "data_hash"),
        ({"data_hash": "a" * 129}, "data_hash"),
        ({"versions": {"mylib": 3}}, "versions"),
        ({"versions": {f"lib{number}": "1" for number in range(65)}}, "versions"),
    ],
)
def test_what_is_no_hash_or_version_is_refused(
    submit: Submit,
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
    told: dict[str, Any],
    field: str,
) -> None:
    """By name, and the run stays the trainer's."""
    submit()
    plan()
    block = claim(lanes=1)
    assert block is not None
    refusal = tell(block["runs"][0], **told)
    assert refusal.status_code == 422
    assert field in refusal.text
    assert tell(block["runs"][0]).status_code == 200
