"""The client's methods: what they ask for and what they make of the answer."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.client import Client, ClientError, ProblemError
from service.schemas.catalogue import Health
from service.schemas.studies import StudyView
from tests.service.client.answers import Network, ok, pages, study

NOT_MODIFIED = httpx2.Response(304)


def trial(number: int) -> dict[str, Any]:
    """A trial as the service shows it."""
    return {
        "number": number,
        "generation": 0,
        "phase": "search",
        "state": "completed",
        "params": {"family": "cosine", "peak": 0.1},
        "value": 1.0,
        "schedule": {},
    }


def test_lists_follow_the_cursor_to_the_end() -> None:
    """All pages, in order, each asked for with the cursor of the one before."""
    network = Network(list(pages([study(id="st_b"), study(id="st_a")])))
    found = network.client().studies.list(state="running", limit=1)

    assert [one.id for one in found] == ["st_b", "st_a"]
    assert [dict(request.url.params) for request in network.asked] == [
        {"state": "running", "limit": "1"},
        {"state": "running", "limit": "1", "cursor": "after 0"},
    ]


def test_trials_come_in_order() -> None:
    """Pages of trials are one sequence."""
    network = Network(list(pages([trial(0), trial(1), trial(2)])))

    assert [one.number for one in network.client().trials.list("st_a")] == [0, 1, 2]


def test_an_empty_list_is_one_page() -> None:
    """Nothing is not an error."""
    assert list(Network([ok({"items": [], "next": None})]).client().studies.list()) == []


def test_cancel_posts_to_the_study() -> None:
    """The verb is in the path, as the contract has it."""
    network = Network([ok(study(state="cancelled"))])

    assert network.client().studies.cancel("st_a").state == "cancelled"
    assert (network.asked[0].method, network.asked[0].url.path) == (
        "POST",
        "/v1/studies/st_a:cancel",
    )


def test_a_study_id_cannot_change_the_path() -> None:
    """What a user types as an id stays one segment."""
    network = Network([ok(study())])
    network.client().studies.get("../v1/keys?x=1")

    assert network.asked[0].url.raw_path == b"/v1/studies/..%2Fv1%2Fkeys%3Fx%3D1"


def test_nan_is_left_for_the_service_to_refuse() -> None:
    """The precise refusal is the service's; the client neither hides nor repairs the value."""
    network = Network([httpx2.Response(422, text="no")])
    with pytest.raises(ProblemError):
        network.client().studies.create({"horizon": float("nan")})

    assert network.bodies == [b'{"horizon": NaN}']


def test_a_key_given_is_the_key_sent() -> None:
    """A program that keeps its own keys can repeat a creation after a restart."""
    network = Network([ok(study())])
    network.client().studies.create({"objective": "x"}, idempotency_key="mine")

    assert network.asked[0].headers["Idempotency-Key"] == "mine"
    assert json.loads(network.bodies[0]) == {"objective": "x"}


def test_waiting_ends_with_the_final_state() -> None:
    """Progress is shown once per revision, and unchanged studies are not sent again."""
    network = Network(
        [
            ok(study(revision=1)),
            NOT_MODIFIED,
            ok(study(revision=2)),
            ok(study(revision=2)),
            ok(study(revision=3, state="completed")),
        ]
    )
    seen: list[StudyView] = []
    final = network.client().studies.wait("st_a", seen.append, poll_seconds=0.25)

    assert final.state == "completed"
    assert [view.revision for view in seen] == [1, 2, 3]
    assert network.pauses == [0.25] * 4
    assert "If-None-Match" not in network.asked[0].headers
    assert network.asked[1].headers["If-None-Match"] == '"1"'


def test_who_wants_the_end_alone_asks_for_it_alone() -> None:
    """The service then holds its answer until the study has ended."""
    network = Network([ok(study(revision=1)), ok(study(revision=9, state="completed"))])

    assert network.client().studies.wait("st_a", poll_seconds=0.25).revision == 9
    assert all("until=final" in str(request.url) for request in network.asked)
    assert network.pauses == [0.25]


def test_waiting_can_be_given_up() -> None:
    """A program that must stop does not wait for a study to end."""
    with pytest.raises(ClientError, match="st_a"):
        Network([ok(study())], is_patient=False).client().studies.wait("st_a")


@pytest.mark.parametrize(
    ("answer", "is_well"),
    [
        (ok({"status": "ok"}), True),
        (httpx2.Response(503, json={"status": "no planner"}), False),
        (httpx2.ConnectError("refused"), False),
    ],
)
def test_health_is_asked_once(answer: httpx2.Response | Exception, is_well: bool) -> None:
    """A probe answers at once, whatever it finds."""
    network = Network([answer])
    client = network.client()

    assert client.health.readyz() is is_well
    assert client.health.livez() is is_well
    assert [request.url.path for request in network.asked] == ["/readyz", "/livez"]


def test_a_test_client_can_be_lent() -> None:
    """Tests of the API need no socket; what was lent is not closed."""
    app = FastAPI()

    @app.get("/livez")
    def live() -> Health:
        return Health(status="ok")

    with TestClient(app, base_url="http://localhost") as http:
        with Client("http://ignored.test", http=http) as client:
            assert client.health.livez()
        assert not http.is_closed


def test_an_own_connection_is_closed() -> None:
    """A client is a context manager."""
    with Network([ok(study())]).client() as client:
        client.studies.get("st_a")

    with pytest.raises(RuntimeError, match="closed"):
        client.studies.get("st_a")
