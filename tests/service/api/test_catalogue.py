"""The catalogue and health: what is registered is what is served."""

from dataclasses import asdict, fields

import pytest
from starlette.testclient import TestClient

from service.store.engine import Store
from tuning.errors import InvalidValue
from tuning.objectives import OBJECTIVES, configure
from tuning.objectives.layers import ACTIVATIONS
from tuning.schedules import FAMILIES, PARAMETERS


def test_objectives_come_with_a_schema_of_their_settings(api: TestClient) -> None:
    """Every registered objective, every setting with its default; the first metric is compared."""
    items = api.get("/v1/objectives").json()["items"]
    assert [one["name"] for one in items] == list(OBJECTIVES)
    for one in items:
        objective = OBJECTIVES[one["name"]]
        assert one["metrics"][0]["name"] == objective.metrics[0].name
        assert one["peak"] == list(objective.peak)
        assert (one["score"], one["score_begin"]) == (objective.score.kind, objective.score.begin)
        assert (one["rungs"], one["measurements"]) == (
            list(objective.rungs),
            objective.measurements,
        )
        assert one["trains_per_split"] is objective.trains_per_split
        assert one["needs"] == asdict(objective.needs)
        properties = one["config_schema"]["properties"]
        defaults = {field.name: field.default for field in fields(objective.config_type)}
        assert {name: known.get("default") for name, known in properties.items()} == defaults


def test_the_schema_of_settings_tells_what_is_refused(api: TestClient) -> None:
    """Every number has a range, and a value beyond either end, or no known name, is refused."""
    for one in api.get("/v1/objectives").json()["items"]:
        objective = OBJECTIVES[one["name"]]
        for name, schema in one["config_schema"]["properties"].items():
            for kind in schema.get("anyOf", [schema]):
                wrong: list[object] = ["no such name"] if "enum" in kind else []
                if kind.get("type") in {"integer", "number"}:
                    wrong = [kind["minimum"] - 1, kind["maximum"] + 1]
                for value in wrong:
                    with pytest.raises(InvalidValue) as refusal:
                        configure(objective, {name: value})
                    assert refusal.value.field == f"config.{name}"


def test_named_settings_tell_their_names(api: TestClient) -> None:
    """As a list, and None where it is allowed."""
    items = {one["name"]: one for one in api.get("/v1/objectives").json()["items"]}
    properties = {name: one["config_schema"]["properties"] for name, one in items.items()}
    assert properties["realized_volatility"]["model"]["enum"] == ["sgd", "mlp"]
    assert properties["heston_surface"]["activation"]["enum"] == list(ACTIVATIONS)
    assert properties["noisy_quadratic"]["form"]["anyOf"] == [
        {"enum": ["static", "regression", "drifting"]},
        {"type": "null"},
    ]


def test_a_hard_cap_is_told_and_kept(api: TestClient) -> None:
    """`noisy_quadratic` allows no learning rate above 1; the others declare no cap."""
    items = api.get("/v1/objectives").json()["items"]
    assert {one["name"]: one["hard_cap"] for one in items if one["hard_cap"] is not None} == {
        "noisy_quadratic": 1.0
    }

    refused = api.post(
        "/v1/studies", json={"objective": "noisy_quadratic", "space": {"peak": [0.1, 2.0]}}
    )
    assert refused.status_code == 422
    assert "hard cap, 1" in refused.text


def test_families_come_with_their_parameters(api: TestClient) -> None:
    """Every registered family, `peak` first, with the ranges that the core declares."""
    items = api.get("/v1/families").json()["items"]
    assert [one["name"] for one in items] == list(FAMILIES)
    for one in items:
        assert one["help"]
        names = [parameter["name"] for parameter in one["parameters"]]
        assert names == ["peak", *FAMILIES[one["name"]].tunable]
        for parameter in one["parameters"]:
            declared = PARAMETERS[parameter["name"]]
            assert parameter["choices"] == list(declared.choices)
            if declared.kind != "choice":
                assert (parameter["low"], parameter["high"]) == (declared.low, declared.high)


def test_a_server_without_its_planner_is_alive_but_not_ready(api: TestClient) -> None:
    """Health tells both apart."""
    assert (api.get("/livez").status_code, api.get("/livez").json()) == (200, {"status": "ok"})
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"status": "no planner"})


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/livez", "/v1/studies", "/nothing"])
def test_every_answer_carries_its_request_id(api: TestClient, path: str) -> None:
    """A number of its own, so that a user's complaint finds its log line."""
    first, second = api.get(path), api.get(path)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_openapi_describes_every_body_and_every_refusal(api: TestClient, store: Store) -> None:
    """Requests are closed schemas; refusals are problem documents, never FastAPI's default."""
    document = api.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"], path
            for status, answer in operation["responses"].items():
                if status[0] in "45" and path != "/readyz":
                    assert "application/problem+json" in answer["content"], (path, status)
    request = document["components"]["schemas"]["StudyRequest"]
    assert request["additionalProperties"] is False
