"""A user's own objectives through the REST API: server, planner, worker and training child."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.client import Client, ProblemError
from tests.chaos.processes import ROOT, Server, ended
from tuning.evidence import rank_trials
from tuning.execution import Inline
from tuning.objectives import load
from tuning.records import Budget, Phase, Pruning
from tuning.seeds import derive
from tuning.study import run_study, specify

HERE = Path(__file__).parent
MODULE = "own_objectives"
NAMES = ("loop", "bowl", "bowls")
PREFIXES = "prefix_pruning"


@pytest.fixture(scope="module")
def client(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The service with its local worker, which were told a module by name."""
    folder = tmp_path_factory.mktemp("own")
    server = Server(
        shared_database_url,
        folder / "log",
        has_worker=True,
        variables={
            "GLIDESLOPE_OBJECTIVES": MODULE,
            "GLIDESLOPE_CACHE_FOLDER": str(folder / "cache"),
            "PYTHONPATH": f"{ROOT}:{HERE}",
        },
    )
    with ended(server), Client(server.url) as client:
        yield client
        assert server.stop() == 0, (folder / "log").read_text()


def test_own_objectives_are_described(client: Client) -> None:
    """Beside the built-in ones, with the JSON Schema of their settings."""
    found = {one.name: one for one in client.catalogue.objectives()}
    assert {*NAMES, "realized_volatility"} <= set(found)
    for name in NAMES:
        assert found[name].config_schema["properties"]["noise"]["default"] == 0.1
        assert [metric.name for metric in found[name].metrics] == ["loss"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_an_own_objective_ends_with_its_best_schedule(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same trials and the same best, to the last bit, as in memory."""
    request = {"baselines": ["constant"], "seeds": 2, "confirm_seeds": 2, "seed": 3}
    config = {"noise": 0.5}
    body = {"objective": name, "config": config, "budget": {"trials": 4}, **request}
    study = client.studies.create(body)
    final = client.studies.wait(study.id, lambda _: None, poll_seconds=0.1)
    assert (final.state, final.error) == ("completed", None)
    best = client.results.best(study.id)

    monkeypatch.syspath_prepend(HERE)
    objectives = load([MODULE])
    spec = specify(
        name,
        config=config,
        budget=Budget(trials=4),
        baselines=("constant",),
        seeds=2,
        confirm_seeds=2,
        seed=3,
        objectives=objectives,
    )
    outcome = run_study(spec, Inline(modules=[MODULE]))
    assert outcome.verdict is not None
    assert best.schedule["family"] == outcome.verdict.winner
    assert best.metric.seeds == outcome.verdict.arms[0].seeds >= 2
    # Who trained told it, in another process: of the one that has data, the hash of them.
    data_hash = outcome.verdict.applies_to.get("data_hash")
    assert (data_hash is not None) is (name == "bowl")
    assert best.verdict is not None
    for told in (best.applies_to, best.verdict["applies_to"]):
        assert told.get("data_hash") == data_hash
    assert best.verdict["versions"] == outcome.verdict.versions
    assert best.provenance["versions"].items() >= outcome.verdict.versions.items()
    served = list(client.trials.list(study.id))
    assert [(one.phase, one.params) for one in served] == [
        (trial.phase, trial.params) for trial in outcome.history.trials
    ]
    # Further seeds of the leaders count for the recommendation, not for the score that is shown.
    paired = {derive(spec.seed, "paired", number) for number in range(spec.seeds)}
    on_paired = [run for run in outcome.history.runs if run.seed in paired]
    first = replace(outcome.history, runs=tuple(on_paired))
    ranked = {trial.number: value for trial, value in rank_trials(first, spec.metric)}
    assert {one.number: one.value for one in served if one.value is not None} == ranked


@pytest.mark.parametrize(("rule", "name"), [("asha", "loop"), ("median", "bowls")])
def test_a_study_that_prunes_on_prefixes_is_the_same_as_in_memory(
    client: Client, rule: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials, prefixes, scores on them and drops, to the last bit, and the same warning."""
    request = {"baselines": ["constant"], "baseline_peaks": 2, "confirm_seeds": 2, "horizon": 80}
    body = {"objective": name, "budget": {"trials": 14}, "pruning": rule, **request}
    study = client.studies.create(body)
    assert PREFIXES in {one.code for one in study.warnings}
    final = client.studies.wait(study.id, lambda _: None, poll_seconds=0.1)
    assert (final.state, final.error) == ("completed", None)

    monkeypatch.syspath_prepend(HERE)
    spec = specify(
        name,
        budget=Budget(trials=14),
        pruning=Pruning(rule),
        baselines=("constant",),
        baseline_peaks=2,
        confirm_seeds=2,
        horizon=80,
        objectives=load([MODULE]),
    )
    outcome = run_study(spec, Inline(modules=[MODULE]))
    served = list(client.trials.list(study.id))
    assert [one.params for one in served] == [one.params for one in outcome.history.trials]
    dropped = {one.number for one in served if one.state == "pruned"}
    assert dropped == set(outcome.history.pruned) != set()
    for number in range(len(served)):
        mine = [run for run in outcome.history.runs if run.trial == number]
        theirs = client.trials.runs(study.id, number)
        assert [(one.horizon, one.updates, one.seed) for one in theirs] == [
            (80, run.updates, run.seed) for run in mine
        ]
        ends = [outcome.history.results[run.generation, run.index] for run in mine]
        assert [one.metrics for one in theirs] == [end.metrics for end in ends]
    (told,) = [
        one for one in client.results.verdict(study.id)["warnings"] if one["code"] == PREFIXES
    ]
    assert told["message"].startswith(f"{len(dropped)} trials were pruned by `{rule}`")
    charged = sum(run.updates for run in outcome.history.runs if run.phase is not Phase.CONFIRM)
    assert final.progress.search_steps == charged


def test_a_config_that_an_own_objective_refuses_is_a_problem_document(client: Client) -> None:
    """Its own words name field, value and range; nothing is stored."""
    with pytest.raises(ProblemError, match=r"(?s)422.*/config/noise.*a number from 0"):
        client.studies.create({"objective": "loop", "config": {"noise": -1.0}})
    with pytest.raises(ProblemError, match=r"(?s)422.*/config/noises"):
        client.studies.create({"objective": "loop", "config": {"noises": 1.0}})
