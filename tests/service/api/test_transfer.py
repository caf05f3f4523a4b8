"""A study exported, imported and exported again is the same, but for its id and times."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.schemas.transfer import RunRecord, StudyRecord, TrialRecord
from service.store import models
from tests.service.conftest import SMALL
from tuning.schedules import FAMILIES

STUDIES = "/v1/studies"
IMPORT = "/v1/studies:import"
Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]
Play = Callable[[], None]
ORIGIN = ("data_hash", "versions")


@pytest.fixture
def measured(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim, tell: Callable[..., Any]
) -> dict[str, Any]:
    """A study with two runs that measured something and told what they were trained on."""
    study = submit(label="ü", labels={"team": "x"}, notes="long\nnotes")
    plan()
    block = claim(lanes=2)
    assert block is not None
    for run in block["runs"]:
        one = {"run": run["run"], "token": run["token"], "seq": 0, "steps": [1, 2]}
        report = {**one, "values": {"mse": [1.0, None], "lr": [0.1, 2e-300]}}
        api.post("/v1/runs:report", json={"worker": "w", "reports": [report]})
        more = {"blocks": {"validation": [1.0, None]}, "reason": "", "data_hash": "a" * 64}
        assert tell(run, 0.5, versions={"jax": "1.0"}, **more).status_code == 200
    return study


def export(api: TestClient, study: str) -> dict[str, Any]:
    """The document of a study."""
    response = api.get(f"{STUDIES}/{study}/export")
    assert response.status_code == 200
    assert f'filename="{study}.json"' in response.headers["content-disposition"]
    document: dict[str, Any] = response.json()
    return document


def bring(api: TestClient, document: object, **headers: str) -> Any:  # noqa: ANN401
    """Import a document."""
    return api.post(
        IMPORT,
        content=json.dumps(document),
        headers={"Content-Type": "application/json", **headers},
    )


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what differs by design."""
    study = {
        name: value
        for name, value in document["study"].items()
        if name not in {"created_at", "imported"}
    }
    return {**document, "exported": None, "study": study}


def test_a_finished_study_goes_round(api: TestClient, submit: Submit, play: Play) -> None:
    """Document, best, trials, families and verdict are the same; the verdict warns."""
    study = submit(labels={"team": "x"})["id"]
    play()
    document = export(api, study)
    response = bring(api, document)
    assert response.status_code == 201, response.text
    view = response.json()
    copy = view["id"]
    assert response.headers["location"] == f"{STUDIES}/{copy}"
    assert copy != study
    assert (view["state"], view["imported"]["study"]) == ("completed", study)
    again = export(api, copy)
    assert comparable(again) == comparable(document)
    assert again["study"]["imported"]["study"] == study
    for part in ("trials", "trials?sort=-value", "families", "importances", "curves"):
        mine, theirs = (api.get(f"{STUDIES}/{name}/{part}").json() for name in (copy, study))
        assert mine == theirs
    told, original = (api.get(f"{STUDIES}/{name}/verdict").json() for name in (copy, study))
    assert "imported" in {one["code"] for one in told["warnings"]}
    assert study in told["words"]
    assert {**told, "warnings": original["warnings"], "words": original["words"]} == original
    best = api.get(f"{STUDIES}/{copy}/best").json()
    assert best["metric"] == api.get(f"{STUDIES}/{study}/best").json()["metric"]
    assert best["verdict"] == told
    codes = []
    for name in (copy, study):
        body = {**SMALL, "warm_start": [name]}
        warned = api.post(f"{STUDIES}:validate", json=body).json()["warnings"]
        codes.append("imported_starts" in {one["code"] for one in warned})
    assert codes == [True, False]
    progress = api.get(f"{STUDIES}/{study}").json()["progress"]
    assert {**view["progress"], "eta": None} == {**progress, "eta": None}
    report = api.get(f"{STUDIES}/{copy}/report")
    assert report.status_code == 200
    assert "imported from an export" in report.text
    assert api.delete(f"{STUDIES}/{copy}").status_code == 204


def test_a_running_study_comes_in_paused_and_goes_on(
    api: TestClient, measured: dict[str, Any], play: Play
) -> None:
    """With the trials it would have had; runs in training are queued again."""
    study = measured["id"]
    document = export(api, study)
    assert {one["state"] for one in document["runs"]} == {"completed", "queued"}
    assert len(document["measurements"]) == 2
    assert [one["data_hash"] for one in document["provenances"]] == ["a" * 64]
    document["runs"][3] |= {"state": "leased", "lease": 1, "worker": "theirs"}
    response = bring(api, document)
    assert response.status_code == 201, response.text
    view = response.json()
    assert view["state"] == "paused"
    assert (view["label"], view["labels"]) == ("ü", {"team": "x"})
    assert view["progress"]["finished_runs"] == 2
    again = export(api, view["id"])
    assert {one["state"] for one in again["runs"]} == {"completed", "queued"}
    assert again["measurements"] == document["measurements"]
    assert api.post(f"{STUDIES}/{view['id']}:resume").status_code == 200
    play()
    verdicts = [api.get(f"{STUDIES}/{name}/verdict").json() for name in (view["id"], study)]
    codes = [{one["code"] for one in verdict["warnings"]} for verdict in verdicts]
    assert ["imported" in found for found in codes] == [True, False]
    assert verdicts[0]["arms"] == verdicts[1]["arms"]
    events = api.get(f"{STUDIES}/{view['id']}/events").text
    assert "event: imported" in events
    assert "event: created" not in events


def test_a_study_over_every_family_comes_in(api: TestClient) -> None:
    """Parameters that are integers or choices, limits in seconds and an external objective."""
    external = {"horizon": 10, "metrics": [{"name": "loss"}], "peak": [1e-3, 1.0]}
    families = [name for name, one in FAMILIES.items() if one.tunable and not one.is_feedback]
    everything = {"space": {"families": families, "constraints": ["peak <= 0.5"]}}
    bodies = [
        {"objective": "noisy_quadratic", **everything, "budget": {"trials": 9, "seconds": 60}},
        {"objective": "noisy_quadratic", "goal": 1, "pruning": "asha"},
        {"external": external, "objective": "theirs"},
    ]
    for body in bodies:
        made = api.post(STUDIES, json=body)
        assert made.status_code == 202, made.text
        document = export(api, made.json()["id"])
        response = bring(api, document)
        assert response.status_code == 201, response.text
        assert response.json()["spec"] == made.json()["spec"]


@pytest.mark.full
def test_what_an_imported_study_read_of_test_data_counts(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """Another question to the same data is told that it is not the first."""
    study = submit()["id"]
    play()
    document = export(api, study)
    assert api.delete(f"{STUDIES}/{study}").status_code == 204
    document["study"]["spec"]["worthwhile"] = 0.02  # another question than the one that was read
    assert bring(api, document).status_code == 201
    other = submit(seed=8)["id"]
    play()
    assert api.get(f"{STUDIES}/{other}/verdict").json()["test_reads"] == 3


@pytest.mark.full
def test_an_extended_study_brings_all_its_verdicts(
    api: TestClient, submit: Submit, play: Play
) -> None:
    """By their numbers."""
    study = submit()["id"]
    play()
    extended = api.post(f"{STUDIES}/{study}:extend", json={"budget": {"trials": 8}})
    assert extended.status_code == 200
    middle = bring(api, export(api, study)).json()
    assert (middle["state"], middle["verdicts"]) == ("paused", 1)
    play()
    copy = bring(api, export(api, study)).json()
    assert copy["verdicts"] == 2
    report = api.get(f"{STUDIES}/{copy['id']}/report").text
    assert ">verdict 2<" in report
    assert "Earlier verdicts" in report
    for number in (1, 2):
        told = api.get(f"{STUDIES}/{copy['id']}/verdict?number={number}").json()
        assert told["number"] == number
        theirs = api.get(f"{STUDIES}/{study}/verdict?number={number}").json()
        assert told["arms"] == theirs["arms"]
    assert comparable(export(api, copy["id"])) == comparable(export(api, study))


def test_what_a_failed_run_said_goes_along(
    api: TestClient, submit: Submit, plan: Callable[[], int], claim: Claim, tell: Callable[..., Any]
) -> None:
    """Its traceback and the tail of its log."""
    study = submit()["id"]
    plan()
    block = claim(lanes=1)
    assert block is not None
    words = {"traceback": "Traceback: ü", "log_tail": "last\nwords"}
    told = {"outcome": "failed", "metrics": {}, "cause": "raised", "reason": "no", **words}
    assert tell(block["runs"][0], **told).status_code == 200
    copy = bring(api, export(api, study)).json()["id"]
    number = export(api, copy)["runs"][0]["trial"]
    (run, *_) = api.get(f"{STUDIES}/{copy}/trials/{number}/runs").json()["items"]
    assert {name: run[name] for name in words} == words
    assert (run["cause"], run["state"]) == ("raised", "failed")


def test_every_column_of_a_run_or_trial_is_exported_or_said_not_to_be() -> None:
    """A new column needs a field in the format, or a line here."""
    kinds = {
        models.Study: (
            StudyRecord,
            (
                "id project revision objective is_external finished_runs best_trial best_value "
                "verdict eta created started finished claimed search_steps evidence_steps "
                "search_until conditions paused idle_seconds stored_bytes trial_limit leads "
                "curves_left"
            ),
        ),
        models.Trial: (TrialRecord, "project study identity"),
        models.Run: (
            RunRecord,
            "id project study token claim lease_until told_token body_hash started finished",
        ),
    }
    for table, (record, left_out) in kinds.items():
        columns = set(table.__table__.columns.keys())
        assert columns - set(record.model_fields) == set(left_out.split()), table


def test_an_import_may_be_repeated(api: TestClient, measured: dict[str, Any]) -> None:
    """With a key there is one study; with another body under the key it is refused."""
    document = export(api, measured["id"])
    first, second = (bring(api, document, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == second.json()
    assert len(api.get(STUDIES).json()["items"]) == 2
    document["study"]["label"] = "other"
    assert bring(api, document, **{"Idempotency-Key": "k"}).status_code == 422


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another format": (lambda d: d.update(format="glideslope/study@2"), "/format"),
    "a state there is not": (lambda d: d["study"].update(state="done"), "/study/state"),
    "an unknown field": (lambda d: d["study"].update(owner="x"), "/study/owner"),
    "a spec without a space": (lambda d: d["study"]["spec"].pop("space"), "/study/spec"),
    "a spec of no seeds": (lambda d: d["study"]["spec"].update(seeds=0), "/study/spec/seeds"),
    "a spec of a family there is not": (
        lambda d: d["study"]["spec"]["space"].update(families=["nowhere"]),
        "/study/spec/space/families/0",
    ),
    "a spec of a sampler there is not": (
        lambda d: d["study"]["spec"].update(sampler="nowhere"),
        "/study/spec/sampler",
    ),
    "a text for a number": (
        lambda d: d["study"]["spec"].update(promote="0.5"),
        "/study/spec/promote",
    ),
    "a parameter of no range": (
        lambda d: d["study"]["spec"]["space"]["parameters"].update(peak={}),
        "/study/spec",
    ),
    "another scale": (
        lambda d: d["study"]["spec"]["space"]["parameters"]["peak"].update(log="x"),
        "/study/spec/space/parameters/peak",
    ),
    "no space": (lambda d: d["study"]["spec"].update(space=[]), "/study/spec/space"),
    "an extension of nothing": (
        lambda d: d["study"]["extensions"].append({"generation": 0}),
        "/study/extensions/0/budget",
    ),
    "a moment before there were any": (
        lambda d: d["study"].update(started_at="0001-01-01T00:00:00+23:00"),
        "/study/started_at",
    ),
    "a moment after all": (
        lambda d: d["study"].update(deadline="9999-12-31T23:59:59-23:00"),
        "/study/deadline",
    ),
    "NUL in a schedule": (
        lambda d: d["trials"][0]["schedule"].update(note="\0"),
        "/trials/0/schedule",
    ),
    "an objective there is not": (
        lambda d: d["study"]["spec"].update(objective="nowhere"),
        "/study/spec/objective",
    ),
    "a forged provenance": (
        lambda d: d["provenances"][0].update(data_hash="b" * 64),
        "/provenances/0/id",
    ),
    "a verdict too many": (
        lambda d: d["verdicts"].append({"number": 1, "at": d["exported"]["at"], "document": {}}),
        "/verdicts/0/document/winner",
    ),
    "a trial missing": (lambda d: d["trials"].pop(0), "/trials/0/number"),
    "a schedule of no family": (
        lambda d: d["trials"][1]["schedule"].update(family="x"),
        "/trials/1/schedule",
    ),
    "another peak": (lambda d: d["trials"][0]["params"].update(peak=9.0), "/trials/0/params"),
    "a score beyond all": (lambda d: d["trials"][0].update(value=1e100), "/trials/0/value"),
    "a run of no trial": (lambda d: d["runs"][0].update(trial=99), "/runs/0/trial"),
    "a run twice": (lambda d: d["runs"].insert(0, d["runs"][0]), "/runs/1"),
    "a run of a generation to come": (
        lambda d: d["runs"][-1].update(generation=99),
        "/runs/7/generation",
    ),
    "a search run on test data": (
        lambda d: d["runs"][0]["splits"].append("test"),
        "/runs/0/splits",
    ),
    "a test figure of a search run": (
        lambda d: d["runs"][0]["result"]["metrics"].update(test={"mse": 1.0}),
        "/runs/0/result/metrics",
    ),
    "a run without its score": (
        lambda d: d["runs"][0]["result"]["metrics"]["validation"].update(mse=None),
        "/runs/0/result/metrics/validation/mse",
    ),
    "a queued run with a result": (
        lambda d: d["runs"][0].update(state="queued"),
        "/runs/0/result",
    ),
    "a provenance nobody told": (
        lambda d: d["runs"][0].update(provenance="x"),
        "/runs/0/provenance",
    ),
    "a finished study with open runs": (
        lambda d: d["study"].update(state="cancelled", finished_at=d["exported"]["at"]),
        "/runs/2/state",
    ),
    "a column too short": (
        lambda d: d["measurements"][0]["values"]["mse"].pop(),
        "/measurements/0/values/mse",
    ),
    "a measurement of no run": (
        lambda d: d["measurements"][0].update(index=77),
        "/measurements/0",
    ),
    "a measurement beyond all squares": (
        lambda d: d["measurements"][1]["values"].update(mse=[1e200, 0.0]),
        "/measurements/1/values/mse/0",
    ),
    "a moment without a zone": (
        lambda d: d["study"].update(created_at="2026-01-01T00:00:00"),
        "/study/created_at",
    ),
}


def test_what_makes_no_sense_is_refused_and_stores_nothing(
    api: TestClient, measured: dict[str, Any], count_rows: Callable[[], dict[str, int]]
) -> None:
    """Whatever it is, the record and the field are named."""
    document = export(api, measured["id"])
    before = count_rows()
    for name, (change, pointer) in CHANGES.items():
        bad = json.loads(json.dumps(document))
        change(bad)
        response = bring(api, bad)
        assert response.status_code == 422, name
        first = response.json()["errors"][0]
        # pydantic and the core end a pointer where they stopped looking
        assert first["pointer"].startswith(pointer), (name, response.json())
    for text in ("", "[]", '{"format": "glideslope/study@1"', "\ufeff{}"):
        refused = api.post(IMPORT, content=text.encode())
        assert refused.status_code == 400, text
        assert refused.headers["content-type"] == "application/problem+json"
    assert count_rows() == before


def test_tables_are_csv(api: TestClient, measured: dict[str, Any], plan: Callable[[], int]) -> None:
    """Trials with every coordinate, runs with every figure; a cell is never a formula."""
    path = f"{STUDIES}/{measured['id']}/export?format=csv"
    response = api.get(path)
    assert response.headers["content-type"].startswith("text/csv")
    trials = list(csv.DictReader(io.StringIO(response.text)))
    shown = api.get(f"{STUDIES}/{measured['id']}/trials").json()["items"]
    assert len(trials) == len(shown)
    for row, one in zip(trials, shown, strict=True):
        assert (int(row["number"]), row["state"]) == (one["number"], one["state"])
        assert float(row["params.peak"]) == one["params"]["peak"]
        assert row["value"] == ("" if one["value"] is None else str(one["value"]))
    runs = list(csv.DictReader(io.StringIO(api.get(path + "&table=runs").text)))
    assert [row["validation.mse"] for row in runs] == ["0.5", "0.5", *[""] * (len(runs) - 2)]
    assert runs[0]["worker"] == "w"
    assert api.get(f"{STUDIES}/st_x/export").status_code == 404
    assert api.get(path + "&table=events").status_code == 422
