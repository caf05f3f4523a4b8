"""The pages of a study, a trial and a run in every state, to whoever may see them."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.pages.drawing import DRAWINGS
from service.pages.study import ROWS
from service.store.engine import Store

PERSON = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script>"
EXTERNAL = {
    "objective": "my_net",
    "external": {"metrics": [{"name": "mse"}], "horizon": 20, "peak": [0.001, 1.0]},
}

Submit = Callable[..., dict[str, Any]]
Claim = Callable[..., dict[str, Any] | None]
Plan = Callable[[], int]


def show(api: TestClient, path: str) -> str:
    """A page as a person gets it; it must be there, and name no script but files."""
    answer = api.get(path, headers=PERSON)
    assert answer.status_code == 200, answer.text[:2000]
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.text.count("<h1") == 1
    assert HOSTILE not in answer.text
    return answer.text


def check_charts(api: TestClient, study: str) -> dict[str, dict[str, Any]]:
    """All charts of a study; each is a chart, or says why it is none."""
    found = {}
    for name in DRAWINGS:
        answer = api.get(f"/studies/{study}/charts/{name}")
        assert answer.status_code == 200, answer.text
        found[name] = json.loads(answer.text, parse_constant=pytest.fail)
        assert found[name].get("empty") or found[name]["data"] or name == "live"
    return found


def calls(page: str) -> set[str]:
    """The moves of a study that a page offers by a button."""
    return set(re.findall(r'data-call="POST /v1/studies/\w+:(\w+)"', page)) - {"unshare"}


def test_a_study_can_be_looked_at_from_its_beginning_to_its_end(
    api: TestClient, submit: Submit, plan: Plan, claim: Claim, tell: Callable[..., Any], play: Plan
) -> None:
    """In every state its page says what is known, and offers what may be done."""
    study = submit(label="first")["id"]
    path = f"/studies/{study}"
    page = show(api, path)
    assert "No verdict yet" in page
    assert "No trial has been proposed yet." in page
    assert "no worker has begun" in page
    assert "data-live=" in page
    assert calls(page) == {"pause", "stop", "cancel"}
    drawn = check_charts(api, study)
    assert {name for name, chart in drawn.items() if "data" in chart} == {"live"}

    plan()
    block = claim(lanes=1)
    assert block is not None
    drawn = check_charts(api, study)
    assert "data" in drawn["timeline"]
    assert "1 in training" in drawn["live"]["caption"]
    tell(block["runs"][0])
    api.post(f"/v1/studies/{study}:pause")
    assert calls(show(api, path)) == {"resume", "stop", "cancel"}
    api.post(f"/v1/studies/{study}:resume")

    play()
    done = show(api, path)
    verdict = api.get(f"/v1/studies/{study}/verdict").json()
    assert verdict["winner"] in done
    assert "data-live=" not in done
    assert 'data-opens="extend"' in done
    assert f'data-call="DELETE /v1/studies/{study}"' in done
    drawn = check_charts(api, study)
    assert {name for name, chart in drawn.items() if "data" in chart} >= {
        "schedules",
        "search",
        "progress",
        "families",
        "timeline",
    }

    api.post(f"/v1/studies/{study}:extend", json={"budget": {"trials": 12}})
    extended = show(api, path)
    assert "after verdict 1" in extended
    assert "Earlier verdicts" in extended
    assert "No verdict yet" in extended


def test_a_cancelled_study_and_one_that_failed_have_their_pages(
    api: TestClient, submit: Submit, plan: Plan, claim: Claim, tell: Callable[..., Any]
) -> None:
    """They say that there is no verdict, and why."""
    study = submit()["id"]
    plan()
    api.post(f"/v1/studies/{study}:cancel")
    assert "No verdict: the study was cancelled." in show(api, f"/studies/{study}")
    check_charts(api, study)

    lost = submit(max_failures=0)["id"]
    end = {"outcome": "failed", "metrics": {}, "reason": f"it raised {HOSTILE}"}
    runs = []
    plan()
    while (block := claim(lanes=8)) is not None:
        for run in block["runs"]:
            tell(run, **end, traceback=f"File {HOSTILE}")
        runs += block["runs"]
        plan()
    page = show(api, f"/studies/{lost}")
    assert "No verdict: the study failed." in page
    check_charts(api, lost)
    run = show(api, f"/studies/{lost}/runs/{runs[0]['run']}")
    assert "it raised &lt;script&gt;" in run
    assert "File &lt;script&gt;" in run


def test_an_external_study_and_an_imported_one_have_their_pages(
    api: TestClient, submit: Submit, play: Plan
) -> None:
    """Whatever trains it, and wherever it was made."""
    own = api.post("/v1/studies", json=EXTERNAL).json()["id"]
    assert "my_net" in show(api, f"/studies/{own}")
    check_charts(api, own)
    api.post(f"/v1/studies/{own}:cancel")

    study = submit()["id"]
    play()
    exported = api.get(f"/v1/studies/{study}/export").content
    json_type = {"Content-Type": "application/json"}
    copy = api.post("/v1/studies:import", content=exported, headers=json_type).json()["id"]
    page = show(api, f"/studies/{copy}")
    assert f"it was study {study} elsewhere" in page
    assert set(check_charts(api, copy)) == set(DRAWINGS)


def test_words_of_a_user_are_only_words(api: TestClient, submit: Submit, plan: Plan) -> None:
    """Label, labels, notes and what a filter names are escaped wherever they stand."""
    study = submit(label=HOSTILE, notes=f"</textarea>{HOSTILE}", labels={"team": HOSTILE})["id"]
    plan()
    for path in ("", "/trials/0", f"?family={HOSTILE}"):
        page = show(api, f"/studies/{study}{path}")
        assert "&lt;script&gt;alert(1)" in page
        assert "</textarea><script>" not in page


def test_the_table_of_trials_sorts_filters_and_turns_its_pages(
    api: TestClient, submit: Submit, play: Plan
) -> None:
    """All by the address; the best stand first unless another order is asked for."""
    study = submit(budget={"trials": 30}, batch=8)["id"]
    play()
    path = f"/studies/{study}"
    scores = [trial["value"] for trial in api.get(f"/v1{path}/trials?sort=value").json()["items"]]
    page = show(api, path)
    table = page[page.index('class="list stacks trials"') :]
    assert table.count("<tr>") - 1 == ROWS
    assert f"{scores[0]:.5g}" in table[: table.index("</tr>", table.index("<tbody>"))]
    assert 'aria-sort="ascending"' in table

    further = page[page.index('">Next page') - 400 : page.index('">Next page')].rpartition(
        'href="'
    )[2]
    second = show(api, path + further.replace("&amp;", "&").partition("#")[0])
    assert "First page" in second

    narrowed = show(api, f"{path}?family=cosine&phase=search&sort=-peak")
    table = narrowed[narrowed.index('class="list stacks trials"') :]
    assert ">linear<" not in table[: table.index("</table>")]
    assert "all trials" in narrowed
    assert "No trial is like that." in show(api, f"{path}?state=failed")


@pytest.mark.parametrize("query", ["sort=nothing", "state=odd", "phase=odd", "cursor=odd"])
def test_a_query_that_makes_no_sense_is_told(api: TestClient, submit: Submit, query: str) -> None:
    """As a page that names what is allowed."""
    answer = api.get(f"/studies/{submit()['id']}?{query}", headers=PERSON)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert query.partition("=")[0] in answer.text


def test_charts_are_told_apart_by_revision(
    api: TestClient, submit: Submit, plan: Plan, store: Store
) -> None:
    """Who has the chart of this revision is told so; what moves without one is always sent."""
    study = submit()["id"]
    address = f"/studies/{study}/charts/search"
    known = {"If-None-Match": api.get(address).headers["ETag"]}
    assert api.get(address, headers=known).status_code == 304
    plan()
    assert api.get(address, headers=known).status_code == 200
    assert "ETag" not in api.get(f"/studies/{study}/charts/live").headers
    assert api.get(f"/studies/{study}/charts/nothing").status_code == 404


def test_trial_and_run_have_their_pages(
    api: TestClient, submit: Submit, plan: Plan, claim: Claim, tell: Callable[..., Any]
) -> None:
    """A trial shows its schedule and runs, a run its curve, and where it diverged."""
    study = submit(leaders=0)["id"]
    plan()
    block = claim(lanes=2)
    assert block is not None
    first, second = block["runs"]
    report = {"run": first["run"], "token": first["token"], "seq": 0, "steps": [5, 10]}
    values = {"mse": [2.0, 1.0], "lr": [0.1, 0.05]}
    told = api.post(
        "/v1/runs:report", json={"worker": "w", "reports": [{**report, "values": values}]}
    )
    assert told.status_code == 200, told.text
    at = f"/studies/{study}"
    live = api.get(f"{at}/charts/live").json()
    assert live["data"][0]["y"] == [2.0, 1.0]
    end = {"outcome": "diverged", "metrics": {}, "reason": "it blew up", "step": 10, "lr": 0.05}
    tell(first, **end)

    run = show(api, f"{at}/runs/{first['run']}")
    assert "it blew up" in run
    chart = api.get(f"{at}/runs/{first['run']}/chart").json()
    assert chart["layout"]["shapes"][0]["x0"] == 10
    assert [trace["name"] for trace in chart["data"]] == ["mse", "planned lr", "lr"]
    number = api.get(f"/v1{at}/trials").json()["items"][0]["number"]
    page = show(api, f"{at}/trials/{number}")
    assert f"/runs/{first['run']}" in page
    assert "/workbench#" in page
    for name in ("schedule", "runs"):
        assert api.get(f"{at}/trials/{number}/charts/{name}").json()["data"]
    assert "measured nothing" in api.get(f"{at}/runs/{second['run']}/chart").json()["caption"]


def test_what_is_not_there_is_not_found(
    api: TestClient, submit: Submit, plan: Plan, holder: Callable[..., TestClient]
) -> None:
    """Neither a study, trial or run that there is not, nor one of another project."""
    study = submit()["id"]
    plan()
    paths = ["", "/charts/search", "/trials/0", "/trials/0/charts/schedule"]
    stranger = holder("other")
    for path in paths:
        assert stranger.get(f"/studies/{study}{path}", headers=PERSON).status_code == 404
    for path in (
        "st_x",
        f"{study}/trials/999",
        f"{study}/runs/{study}.0.999",
        f"{study}/trials/0/charts/x",
    ):
        assert api.get(f"/studies/{path}", headers=PERSON).status_code == 404
    other = submit()["id"]
    plan()
    assert api.get(f"/studies/{study}/runs/{other}.0.0", headers=PERSON).status_code == 404


def test_who_may_only_read_is_offered_nothing_else(
    api: TestClient, submit: Submit, plan: Plan, holder: Callable[..., TestClient]
) -> None:
    """No button, dialog or form that the API would refuse; who may do less sees nothing."""
    study = submit()["id"]
    plan()
    reader = holder("default", "studies:read")
    page = show(reader, f"/studies/{study}")
    assert "data-call=" not in page
    assert "data-send=" not in page
    assert "/studies/new?from=" not in page
    assert "data-call=" not in show(reader, f"/studies/{study}/trials/0")
    assert holder("default", "work").get(f"/studies/{study}", headers=PERSON).status_code == 403
