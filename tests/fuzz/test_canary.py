"""Pickles and code in disguise (S8): whatever takes content is fed with it, and runs none of it.

The one idea: every form of content would touch one file (`tests.fuzz.canary`); after everything was
fed, that file is not there.
Not here: that nothing which could run it stands in the sources (`tests.test_unsafe_calls`).
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.cli.plain_yaml import read_yaml
from tests.campaign import Campaign
from tests.fuzz.canary import files, payloads, release
from tests.fuzz.doors import Keys, copied, serving
from tests.fuzz.tenants import lease, submit
from tests.service.conftest import SMALL
from tuning.errors import DataError, InvalidValue, TuningError, UnknownName
from tuning.execution.link import Link
from tuning.objectives import OBJECTIVES, Folders, configure
from tuning.objectives.cached import cached, read_arrays
from tuning.objectives.datasets import KINDS, survey
from tuning.objectives.tables import SUFFIXES
from tuning.schedules.interop.source import read_source
from tuning.search.optuna_files import read_study

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """The file that must not be there; every form is shown to work before."""
    path = tmp_path / "canary"
    assert release(path), "a form that touches nothing proves nothing"
    return path


def judge(campaign: Campaign, canary: Path, what: str) -> None:
    """Count a form that was fed, and find it if it was run."""
    campaign.case()
    if canary.exists():
        campaign.find([f"{what} was run"])
        canary.unlink()


def test_no_reader_of_files_runs_what_it_reads(
    canary: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Neither tables nor arrays, caches, checkpoints or studies of Optuna."""
    data = tmp_path / "data"
    data.mkdir()
    for name, content in files(canary).items():
        path = data / "form"
        path.write_bytes(content)
        for kind in KINDS:
            with suppress(DataError):
                survey(path, kind, "ds_" + "0" * 32, cache=tmp_path / "cache")
            judge(campaign, canary, f"{name} as {kind}")
        with suppress(OSError, ValueError):
            read_arrays(path)
        judge(campaign, canary, f"{name} as arrays")
        with suppress(DataError, UnknownName):
            read_study(path)
        judge(campaign, canary, f"{name} as a study of Optuna")
        for suffix in (*SUFFIXES, ".npz"):
            path.rename(path := data / f"form{suffix}")
            for objective in OBJECTIVES.values():
                with suppress(TuningError):
                    folders = Folders(data=data)
                    objective.check(configure(objective, {"file": path.name}), folders)
                judge(campaign, canary, f"{name} as {path.name} of {objective.name}")
        path.unlink()
    campaign.measure("executions", len(campaign.violations))


def test_no_cache_is_trusted(canary: Path, tmp_path: Path, campaign: Campaign) -> None:
    """Whatever lies where arrays were kept, it is made anew and not run."""
    recipe = {"version": 1}
    good = cached(tmp_path / "cache", "squares", recipe, lambda: {"x": 1})
    (kept,) = (tmp_path / "cache").iterdir()
    for name, content in files(canary).items():
        kept.write_bytes(content)
        assert cached(tmp_path / "cache", "squares", recipe, lambda: {"x": 1}) == good
        judge(campaign, canary, f"{name} in the cache")


def test_no_text_is_run(canary: Path, campaign: Campaign) -> None:
    """Programs are read for their scheduler, YAML for its values."""
    for name, text in payloads(canary).items():
        calls = (
            *(
                text,
                f"CosineAnnealingLR(SGD(w, lr={text}), T_max=10)",
                f"LambdaLR(SGD(w, 0.1), {text})",
            ),
            *(
                f"lr = {text}\nCosineAnnealingLR(SGD(w, lr), 10)",
                f"optax.linear_schedule({text}, 0, 9)",
            ),
            f"def f(step):\n    return {text}\nLambdaLR(SGD(w, lr=0.1), f)",
            f"LambdaLR(SGD(w, lr=0.1), lambda step: {text})",
            f"get_scheduler({text!r}, AdamW(p, lr=1e-3), 10, 100)",
        )
        for program in calls:
            with suppress(InvalidValue):
                read_source(program, base_lr=0.1, horizon=10)
            judge(campaign, canary, f"{name} in a program")
        for document in (
            text,
            f"label: {text}",
            f"? {text}\n: 1",
            f"- &a {text}\n- *a",
            f"<<: {text}",
        ):
            with suppress(ValueError):
                read_yaml(document)
            judge(campaign, canary, f"{name} in YAML")
    campaign.measure("executions", len(campaign.violations))


def places(text: str) -> Iterator[tuple[str, Any]]:
    """Every call that takes a text somewhere, with this one there."""
    schedule = {"format": "glideslope/schedule@1", "family": "linear", "horizon": 10, "peak": 0.1}
    yield "/v1/studies", {**SMALL, "label": text, "notes": text, "labels": {"a": text}}
    yield "/v1/studies", {**SMALL, "objective": text}
    yield "/v1/studies", {**SMALL, "sampler": text}
    yield "/v1/studies", {**SMALL, "config": {"file": text}}
    yield "/v1/studies", {**SMALL, "config": {"model": text, "py/object": text}}
    yield "/v1/studies", {**SMALL, "space": {"constraints": [text], "families": [text]}}
    yield "/v1/studies", {**SMALL, "external": {"metrics": [{"name": text}]}, "objective": "x"}
    yield "/v1/studies", {**SMALL, "candidates": [{**schedule, "params": {"f": text}}]}
    for call in ("preview", "lint", "convert"):
        yield f"/v1/schedules:{call}", {"schedule": {**schedule, "family": text}}
        yield f"/v1/schedules:{call}", {"schedule": {**schedule, "family": "expression", "f": text}}
        yield f"/v1/schedules:{call}", {"source": text, "base_lr": 0.1, "horizon": 10}
        nested = {"framework": "torch", "call": text, "kwargs": {"lr_lambda": text}}
        yield f"/v1/schedules:{call}", {"from": nested, "base_lr": 0.1, "horizon": 10}
    yield "/v1/schedules:convert", {"schedule": schedule, "to": text}
    yield "/v1/keys", {"label": text, "scopes": ["work"]}
    yield "/v1/studies:import", {"format": text, "exported": {"py/reduce": text}, "study": text}


@pytest.mark.full
def test_nothing_sent_is_run(
    canary: Path, sqlite_template: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """By a real server, its planner and its worker: uploads, studies, results, imports."""
    database = copied(sqlite_template, tmp_path)
    with (
        serving(database, tmp_path, has_worker=False) as server,
        Keys.of(server.url) as keys,
        keys.holder("default") as client,
    ):
        for name, text in payloads(canary).items():
            for path, body in places(text):
                answer = client.post(path, json=body)
                if answer.status_code >= 500:
                    campaign.find([f"{path} with {name}: {answer.status_code}"])
                judge(campaign, canary, f"{name} sent to {path}")
        chosen = campaign.random().sample(list(files(canary).items()), campaign.dose(8, 20))
        for name, content in chosen:
            for kind in KINDS:
                client.post(f"/v1/datasets?kind={kind}&name=x", content=content)
                judge(campaign, canary, f"{name} uploaded as {kind}")
            client.post("/v1/studies:import", content=content)
            judge(campaign, canary, f"{name} imported")
        tell_of(client, canary, campaign)
    campaign.measure("executions", len(campaign.violations))


def tell_of(client: httpx2.Client, canary: Path, campaign: Campaign) -> None:
    """Tell the payloads as results and measurements, and look at all that shows them."""
    study = submit(client)
    held = lease(client)
    for number, (name, text) in enumerate(payloads(canary).items()):
        report = {**held, "seq": number + 1, "steps": [2 + number], "values": {text[:100]: [1.0]}}
        client.post("/v1/runs:report", json={"worker": "w", "reports": [report]})
        told = {"values": {"mse": [text]}, "seq": text}
        client.post("/v1/runs:report", json={"worker": "w", "reports": [{**report, **told}]})
        judge(campaign, canary, f"{name} reported")
    text = json.dumps(payloads(canary))
    end = {"outcome": "failed", "reason": text[:400], "traceback": text, "log_tail": text}
    answer = client.post("/v1/runs:tell", json={"worker": "w", "results": [{**held, **end}]})
    assert answer.status_code == 200, answer.text
    for path in ("", "/trials/0/runs", "/report", "/export", "/curves", "/events?after=0"):
        with client.stream("GET", f"/v1/studies/{study}{path}") as shown:
            if path.startswith("/events"):
                next(shown.iter_lines())
            else:
                shown.read()
        judge(campaign, canary, f"told texts shown at {path}")


def test_a_child_is_spoken_to_in_json(canary: Path, campaign: Campaign) -> None:
    """What a process of a training says is read as JSON, or is the end of it."""
    import pickle

    from tests.fuzz.canary import Bomb

    link = Link.start("tuning.execution.survey_child")
    try:
        with pytest.raises(TypeError, match="not JSON serializable"):
            link.send({"bomb": Bomb(canary)})
        link.send({"path": pickle.dumps(Bomb(canary), 0).decode(), "kind": "ohlcv"})
        link.receive()
    finally:
        link.close()
    judge(campaign, canary, "a message to a child")
