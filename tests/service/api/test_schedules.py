"""The schedule tools: preview, lint, convert, schema, and their mistakes."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.app import create_app, open_store
from service.settings import Settings
from tuning.schedules import FAMILIES, Cosine, Schedule, Step, Warmup
from tuning.schedules.interop import FRAMEWORKS
from tuning.schedules.json_schema import schedule_schema

TOOLS = "/v1/schedules"
JSON = {"Content-Type": "application/json"}
SCHEDULE = Schedule(Cosine(0.1, warmup=Warmup(20)), 1000)
SHORT = {"format": "glideslope/schedule@1", "horizon": 100, "family": "cosine", "peak": 0.1}
COSINE = {"framework": "torch", "call": "CosineAnnealingLR", "kwargs": {"T_max": 100}}
CALL = {"from": COSINE, "base_lr": 0.1, "horizon": 120}
HUGE = {"hold": {"length": 4, "value": 1e6}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a service whose store is empty: the tools need no study."""
    url = f"sqlite:///{tmp_path_factory.mktemp('tools') / 'empty.db'}"
    store = open_store(Settings(database_url=url))
    client = TestClient(
        create_app(store, Settings()), base_url="http://localhost", raise_server_exceptions=False
    )
    yield client
    client.close()
    store.close()


def test_a_preview_keeps_extremes(api: TestClient) -> None:
    """At most so many points, the peak and the ends among them, with the document."""
    body = {"schedule": SCHEDULE.document(), "points": 30}
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    assert len(seen["steps"]) == len(seen["values"]) <= 30
    assert (seen["steps"][0], seen["steps"][-1]) == (0, 999)
    assert seen["values"] == SCHEDULE(seen["steps"]).tolist()
    assert max(seen["values"]) == 0.1
    assert seen["schedule"] == SCHEDULE.document()


def test_a_preview_tells_what_is_at_an_update(api: TestClient) -> None:
    """Exactly, with what the updates until there add up to, however few points there are."""
    asked = [0, 20, 500, 999]
    body = {"schedule": SCHEDULE.document(), "points": 4, "at": asked, "sums": True}
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    table = SCHEDULE.table()
    assert seen["at"]["steps"] == asked
    assert seen["at"]["values"] == table[asked].tolist()
    assert seen["at"]["sums"] == np.cumsum(table)[asked].tolist()
    assert seen["sums"][-1] == np.cumsum(table)[-1]
    del body["at"], body["sums"]
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    assert (seen["at"], seen["sums"]) == (None, None)


@pytest.mark.parametrize("step", [-1, 1000])
def test_a_preview_ends_with_the_horizon(api: TestClient, step: int) -> None:
    """An update that is none of the schedule's is refused with what there is."""
    body = {"schedule": SCHEDULE.document(), "at": [0, step]}
    refused = api.post(f"{TOOLS}:preview", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/at"
    assert refused.json()["errors"][0]["allowed"] == "an integer from 0 to 999"


def test_a_schedule_becomes_a_curve_through_knots(api: TestClient) -> None:
    """As a family whose knots can be moved, over the same horizon, with the same warmup."""
    body = {"schedule": SCHEDULE.document(), "knots": 12, "table": False}
    made = api.post(f"{TOOLS}:convert", json=body).json()["schedule"]
    assert made["family"] == "knots"
    assert len(made["params"]["values"]) == 12
    assert made["warmup"] == SCHEDULE.document()["warmup"]
    assert Schedule.from_document(made).table() == pytest.approx(SCHEDULE.table(), abs=1e-4)
    refused = api.post(f"{TOOLS}:convert", json={**body, "knots": 1})
    assert refused.json()["errors"][0]["pointer"] == "/knots"


def test_a_program_is_read_for_its_scheduler(api: TestClient) -> None:
    """What was found is told; it can be linted and written for another library at once."""
    source = "optimizer = SGD(w, lr=0.2)\nStepLR(optimizer, step_size=30, gamma=0.5)"
    body = {"source": source, "horizon": 90, "to": "keras", "table": False}
    made = api.post(f"{TOOLS}:convert", json=body).json()
    assert made["read"] == {
        "framework": "torch",
        "call": "StepLR",
        "kwargs": {"step_size": 30, "gamma": 0.5},
        "base_lr": 0.2,
        "horizon": 90,
    }
    assert made["schedule"]["family"] == "staircase"
    assert made["code"]["framework"] == "keras"
    found = api.post(f"{TOOLS}:lint", json={"source": f"{source}\n", "horizon": 20}).json()
    assert [one["code"] for one in found["findings"]] == ["past_end"]


@pytest.mark.parametrize(
    ("body", "pointer", "told"),
    [
        ({"source": "StepLR(o, step_size=n)"}, "/source", "line 1, column 21: n"),
        ({"source": "x = ("}, "/source", "line 1, column 5"),
        ({"source": "StepLR(o, step_size=3)"}, "/horizon", "StepLR has none"),
        ({"source": "CosineAnnealingLR(o, T_max=3)"}, "/base_lr", "no optimiser"),
        ({"source": "optax.linear_schedule(1.0, 0.0, 10**7)"}, "/horizon", "at most 1,000,000"),
        ({"source": "x", "framework": "mxnet"}, "/framework", "mxnet"),
        ({"source": "x", "schedule": SHORT}, "/schedule", "either this"),
        ({"source": "x" * 20_001}, "/source", "20000"),
    ],
)
def test_a_program_that_cannot_be_read_is_located(
    api: TestClient, body: dict[str, Any], pointer: str, told: str
) -> None:
    """By line and column, or by what is missing."""
    refused = api.post(f"{TOOLS}:convert", json=body)
    assert refused.status_code == 422
    (one,) = refused.json()["errors"]
    assert one["pointer"] == pointer
    assert told in refused.json()["detail"]


def test_a_preview_over_another_horizon_keeps_the_shape(api: TestClient) -> None:
    """The whole schedule squeezed, as the core does it."""
    body = {"schedule": SCHEDULE.document(), "horizon": 50}
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    assert seen["values"] == SCHEDULE.at(50).table().tolist()


def test_a_tree_with_fractions_is_laid_out_over_any_horizon(api: TestClient) -> None:
    """Rests and pinned updates too; what does not fit is located, what is stretched told."""
    warmup = {"ramp": {"length": {"updates": 5, "pinned": True}, "start": 0.1, "end": 1}}
    cooldown = {"ramp": {"length": 0.2, "start": 1, "end": 0}}
    parts = [warmup, {"hold": {"length": "rest"}}, cooldown]
    body = expression({"sequence": parts})
    body["schedule"]["horizon"] = 100
    for horizon in (10, 50):
        seen = api.post(f"{TOOLS}:preview", json={**body, "horizon": horizon}).json()
        falls = int((np.diff(seen["values"]) < 0).sum())
        assert seen["values"][4:6] == pytest.approx([0.082, 0.1])
        assert falls == horizon // 5 - 1
        assert Schedule.from_document(seen["schedule"]).table().tolist() == seen["values"]
    refused = api.post(f"{TOOLS}:preview", json={**body, "horizon": 4})
    assert refused.status_code == 422
    assert "pinned lengths of 5 updates" in refused.text
    (found,) = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    assert found["message"] == "With these parameters expression is wsd, at every update"
    parts[1] = {"hold": {"length": 0.3}}
    body["schedule"]["params"]["node"]["sequence"] = parts[1:]
    found = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    stretched = "An expression of 50 updates is stretched over 100"
    assert stretched in [one["message"] for one in found]


def test_channels_and_groups_pass_through_the_tools(api: TestClient) -> None:
    """Previewed, converted and written as code; over another horizon, too."""
    momentum = {"momentum": Cosine(0.9, floor=0.5)}
    schedule = Schedule(Cosine(0.1), 1000, momentum, {"head": 2.0})
    body: dict[str, Any] = {"schedule": schedule.document(), "points": 30}
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    points = seen["channels"]["momentum"]
    assert seen["schedule"] == schedule.document()
    assert points["values"] == schedule.channel("momentum")(points["steps"]).tolist()
    body = {"schedule": schedule.document(), "horizon": 50, "to": "torch"}
    made = api.post(f"{TOOLS}:convert", json=body).json()
    assert made["schedule"] == schedule.at(50).document(table=True)
    assert "GROUPS = {'head': 2.0}" in made["code"]["code"]
    found = api.post(f"{TOOLS}:lint", json={"schedule": schedule.document()}).json()
    assert found == {"findings": []}


def test_a_call_brings_its_momentum(api: TestClient) -> None:
    """As a channel of the document, with its table."""
    call = {"framework": "torch", "call": "OneCycleLR"}
    call["kwargs"] = {"max_lr": 0.1, "total_steps": 100}  # type: ignore[assignment] # JSON
    body = {"from": call, "base_lr": 0.1, "horizon": 100}
    channel = api.post(f"{TOOLS}:convert", json=body).json()["schedule"]["channels"]["momentum"]
    assert channel["table"]["values"][0] == pytest.approx(0.95)
    assert min(channel["table"]["values"]) == pytest.approx(0.85)


def test_a_channel_that_is_not_finite_is_not_converted(api: TestClient) -> None:
    """Its preview has a gap, its lint an error."""
    body = expression({"product": [HUGE, HUGE]})
    channel = {"family": "expression", "peak": 1e307, "params": body["schedule"].pop("params")}
    body["schedule"] |= {"family": "cosine", "horizon": 4, "channels": {"weight_decay": channel}}
    seen = api.post(f"{TOOLS}:preview", json=body).json()
    assert seen["channels"]["weight_decay"]["values"] == [None] * 4
    found = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    assert ("not_finite", "channels.weight_decay") in [(one["code"], one["field"]) for one in found]
    refused = api.post(f"{TOOLS}:convert", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/schedule")


def test_a_preview_shows_what_is_not_finite_as_null(api: TestClient) -> None:
    """JSON has no infinity, and a picture a gap."""
    body = expression({"product": [HUGE, HUGE]})
    body["schedule"] |= {"horizon": 4, "peak": 1e307}
    answer = api.post(f"{TOOLS}:preview", json=body)
    assert (answer.status_code, answer.json()["values"]) == (200, [None] * 4)
    found = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    assert [one["code"] for one in found] == ["not_finite"]
    refused = api.post(f"{TOOLS}:convert", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/schedule")


def test_lint_answers_the_worst_first(api: TestClient) -> None:
    """Every finding with its code, severity, sentence, update and field."""
    short = Schedule(Step(0.1, end="last", warmup=Warmup(20, pinned=True)), 100)
    body = {"schedule": short.document(), "updates": 90, "max_jump": 5}
    found = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    assert [one["severity"] for one in found] == ["warning"] * len(found)
    by_code = {one["code"]: one for one in found}
    assert set(by_code) == {"first_update_zero", "jump", "horizon_mismatch", "dead_parameter"}
    assert by_code["horizon_mismatch"]["step"] == 89
    assert by_code["dead_parameter"]["field"] == "end"


def test_lint_says_what_a_library_does_wrong(api: TestClient) -> None:
    """A call is imported as it is; its faults are findings, beside those of its numbers."""
    ramp = {"start_factor": 0.5, "total_iters": 0}
    origin = {"framework": "torch", "call": "LinearLR", "kwargs": ramp}
    body = {"from": origin, "base_lr": 0.1, "horizon": 10}
    found = api.post(f"{TOOLS}:lint", json=body).json()["findings"]
    (fault,) = [one for one in found if one["code"] == "library_fault"]
    assert fault["severity"] == "warning"


def test_a_call_is_converted_to_a_schedule(api: TestClient) -> None:
    """The example of the issue: the document, its table, and notes."""
    answer = api.post(f"{TOOLS}:convert", json=CALL).json()
    values = answer["schedule"]["table"]["values"]
    updates = np.arange(120)
    assert values == pytest.approx(0.05 * (1.0 + np.cos(np.pi * updates / 100)), abs=1e-13)
    assert Schedule.from_document(answer["schedule"]).table().tolist() == values
    assert all(note["code"] and note["message"] for note in answer["notes"])
    assert answer["code"] is None
    bare = api.post(f"{TOOLS}:convert", json={**CALL, "table": False}).json()
    assert "values" not in bare["schedule"]["table"]


def test_a_call_that_ends_with_an_error_is_converted(api: TestClient) -> None:
    """PyTorch refuses a step beyond the end; there is nothing beyond to look at."""
    kwargs = {"max_lr": 0.1, "total_steps": 20, "anneal_strategy": "linear"}
    origin = {"framework": "torch", "call": "OneCycleLR", "kwargs": kwargs}
    for horizon in (19, 20):
        body = {"from": origin, "base_lr": 0.1, "horizon": horizon, "to": "optax"}
        assert api.post(f"{TOOLS}:convert", json=body).status_code == 200


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_schedule_is_converted_to_code(api: TestClient, framework: str) -> None:
    """For every framework, with whether it is native and why."""
    body = {"schedule": SHORT, "to": framework}
    code = api.post(f"{TOOLS}:convert", json=body).json()["code"]
    assert code["framework"] == framework
    assert code["code"]
    assert code["why"]
    assert isinstance(code["is_native"], bool)


def test_an_older_document_is_read(api: TestClient) -> None:
    """And answered in the present format."""
    old = {**SHORT, "format": "glideslope/schedule@0", "warmup": 10}
    answer = api.post(f"{TOOLS}:convert", json={"schedule": old, "table": False}).json()
    assert answer["schedule"]["format"] == "glideslope/schedule@1"
    assert answer["schedule"]["warmup"]["steps"] == 10


def test_the_schema_is_served(api: TestClient) -> None:
    """As the core derives it, every family in it."""
    schema = api.get("/v1/schemas/schedule").json()
    assert schema == json.loads(json.dumps(schedule_schema()))
    assert schema["properties"]["family"]["enum"] == list(FAMILIES)


def deep(levels: int) -> Any:  # noqa: ANN401 # JSON
    """A tower of sequences."""
    node: Any = {"hold": {"length": 4}}
    for _ in range(levels):
        node = {"sequence": [node]}
    return node


def expression(node: object) -> dict[str, Any]:
    """A document of an expression."""
    return {"schedule": {**SHORT, "family": "expression", "params": {"node": node}}}


def changed(**changes: object) -> dict[str, Any]:
    """A document with something changed."""
    return {"schedule": {**SHORT, **changes}}


def called(call: str = "CosineAnnealingLR", **kwargs: object) -> dict[str, Any]:
    """A call with other arguments."""
    return {**CALL, "from": {"framework": "torch", "call": call, "kwargs": kwargs}}


@pytest.mark.parametrize(
    ("tool", "body", "pointer"),
    [
        ("preview", {}, "/schedule"),
        ("preview", {"schedule": []}, "/schedule"),
        ("preview", {"schedule": {}}, "/schedule/format"),
        ("preview", changed(horizon=0), "/schedule/horizon"),
        ("preview", changed(horizon=10**9), "/schedule/horizon"),
        ("preview", changed(horizon=10**7), "/schedule/horizon"),
        ("preview", changed(family="cosin"), "/schedule/family"),
        ("preview", changed(peak=-1), "/schedule/peak"),
        ("preview", changed(params={"floor": 2}), "/schedule/params/floor"),
        ("preview", changed(params={"flor": 0}), "/schedule/params/flor"),
        ("preview", changed(surprise=1), "/schedule/surprise"),
        ("preview", changed(identity="x"), "/schedule/identity"),
        ("preview", changed(table={"values": [10**400] * 100}), "/schedule/table/values/0"),
        ("preview", {"schedule": SHORT, "points": 3}, "/points"),
        ("preview", {"schedule": SHORT, "points": 10_001}, "/points"),
        ("preview", {"schedule": SHORT, "horizon": 0}, "/horizon"),
        ("preview", {"schedule": SHORT, "horizon": 10**7}, "/horizon"),
        ("preview", {"schedule": SHORT, "horizont": 5}, "/horizont"),
        ("preview", changed(family="a\0"), "/schedule"),
        ("preview", expression(deep(300)), "/schedule"),
        ("preview", expression({"ramps": {}}), "/schedule/params/node"),
        ("lint", {}, "/schedule"),
        ("lint", {**CALL, "schedule": SHORT}, "/schedule"),
        ("lint", {"schedule": SHORT, "max_jump": 1}, "/max_jump"),
        ("lint", {"schedule": SHORT, "updates": 0}, "/updates"),
        ("lint", {"schedule": SHORT, "updates": 1.5}, "/updates"),
        ("convert", {"from": COSINE, "horizon": 120}, "/base_lr"),
        ("convert", {"from": COSINE, "base_lr": 0.1}, "/horizon"),
        ("convert", {**CALL, "base_lr": 0}, "/base_lr"),
        ("convert", {**CALL, "horizon": 10**7}, "/horizon"),
        ("convert", called(T_max=0), "/from/kwargs/T_max"),
        ("convert", called(T_maxx=1), "/from/kwargs/T_maxx"),
        ("convert", called(), "/from/kwargs/T_max"),
        ("convert", called("CosineLR"), "/from/call"),
        ("convert", {**CALL, "from": {**COSINE, "framework": "tf"}}, "/from/framework"),
        ("convert", {**CALL, "from": {**COSINE, "kwarg": {}}}, "/from/kwarg"),
        ("convert", {**CALL, "from": "torch"}, "/from"),
        ("convert", {"schedule": SHORT, "to": "tf"}, "/to"),
        ("convert", {"schedule": SHORT, "to": ""}, "/to"),
    ],
)
def test_a_mistake_is_explained(
    api: TestClient, tool: str, body: dict[str, Any], pointer: str
) -> None:
    """The field, the value and what is allowed, whether schema or core refused it."""
    answer = api.post(f"{TOOLS}:{tool}", content=json.dumps(body), headers=JSON)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert answer.headers["content-type"] == "application/problem+json"
    first = problem["errors"][0]
    assert first["pointer"] == pointer
    assert first["allowed"]


def test_numbers_that_are_none_are_refused(api: TestClient) -> None:
    """JSON of other programs may hold NaN and Infinity."""
    for word in ("NaN", "Infinity", "1e999"):
        body = json.dumps({"schedule": SHORT}).replace("0.1", word)
        answer = api.post(f"{TOOLS}:preview", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/schedule")
