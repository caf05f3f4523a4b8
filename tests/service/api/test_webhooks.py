"""Webhooks through the API: made, told, looked at and removed."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.addresses import Allowed
from service.api.caller import DEFAULT_PROJECT
from service.app import books, create_app
from service.planner.delivery import Postman
from service.settings import Settings
from service.store import projects
from service.store.engine import Store
from tests.service.conftest import SMALL
from tests.service.receivers import Receiver, receiving, reply

HOOKS, STUDIES = "/v1/webhooks", "/v1/studies"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who listens."""
    with receiving() as one:
        yield one


@pytest.fixture
def api(store: Store) -> Iterator[TestClient]:
    """An application that may send webhooks to this machine."""
    with store.write() as session:
        projects.ensure(session, DEFAULT_PROJECT)
    app = create_app(store, Settings(webhooks="127.0.0.1"))
    client = TestClient(app, base_url="http://localhost")
    yield client
    app.state.context.keyring.close()
    client.close()


@pytest.fixture
def deliver(store: Store) -> Iterator[Callable[[], None]]:
    """Tell what is due."""
    postman = Postman(books(store), Allowed.parse("127.0.0.1"), 5.0)
    yield postman.round
    postman.close()


def test_a_study_tells_what_happens_to_it(
    api: TestClient,
    receiver: Receiver,
    deliver: Callable[[], None],
    advance: Callable[[float], None],
) -> None:
    """Signed with the secret that was shown once; a failure is tried again; all is in the log."""
    made = api.post(HOOKS, json={"url": receiver.url})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    hook = made.json()
    assert "progress" not in hook["events"]
    (listed,) = api.get(HOOKS).json()["items"]
    assert listed == {name: value for name, value in hook.items() if name != "secret"}
    study = api.post(STUDIES, json=SMALL).json()["id"]
    other = api.post(STUDIES, json=SMALL).json()["id"]
    only = {"url": receiver.url, "study": other, "events": ["described"]}
    mine = api.post(HOOKS, json=only).json()
    for name in (study, other):
        api.patch(f"{STUDIES}/{name}", json={"label": "x"})
    api.post(f"{STUDIES}/{study}:cancel")
    receiver.answer = lambda handler, number: reply(handler, 500 if number == 1 else 200)
    deliver()
    assert len(receiver.received) == 4
    advance(10)
    deliver()
    deliver()
    assert len(receiver.received) == 5  # the first one once more
    assert set(receiver.events) == {f"{study}.1", f"{other}.1", f"{study}.3", f"{other}.2"}
    told = {body["type"]: body for body in receiver.bodies}
    assert told.keys() == {"study.created", "study.cancelled", "study.described"}
    assert told["study.cancelled"]["data"]["state"] == "cancelled"
    secrets = {body["secret"]: body["id"] for body in (hook, mine)}
    for headers, body in receiver.received:
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signatures = {
            "v1,"
            + base64.b64encode(
                hmac.new(
                    base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256
                ).digest()
            ).decode()
            for secret in secrets
        }
        assert headers["webhook-signature"] in signatures
    log = api.get(f"{HOOKS}/{hook['id']}/deliveries").json()["items"]
    assert {one["state"] for one in log} == {"delivered"}
    log += api.get(f"{HOOKS}/{mine['id']}/deliveries").json()["items"]
    assert sorted(len(one["tries"]) for one in log) == [1, 1, 1, 2]
    assert api.delete(f"{HOOKS}/{hook['id']}").status_code == 204
    assert api.get(f"{HOOKS}/{hook['id']}/deliveries").status_code == 404
    assert [one["id"] for one in api.get(HOOKS).json()["items"]] == [mine["id"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://10.0.0.1/"}, "/url"),
        ({"url": "https://example.org/"}, "/url"),
        ({"url": "http://127.0.0.1@example.org/"}, "/url"),
        ({"url": "http://127.0.0.1/", "events": []}, "/events"),
        ({"url": "http://127.0.0.1/", "events": ["deleted"]}, "/events/0"),
        ({"url": ""}, "/url"),
        ({"url": "http://127.0.0.1/", "secret": "mine"}, "/secret"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused(
    api: TestClient,
    body: dict[str, Any],
    pointer: str,
    count_rows: Callable[[], dict[str, int]],
) -> None:
    """And nothing is stored."""
    response = api.post(HOOKS, json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer
    assert count_rows()["webhooks"] == 0


def test_another_project_has_no_webhook_of_ours(api: TestClient, receiver: Receiver) -> None:
    """Neither to see nor to remove; a key that may only read makes none."""
    hook = api.post(HOOKS, json={"url": receiver.url}).json()["id"]
    admin = {"label": "a", "scopes": ["admin"], "all_projects": True}
    token = api.post("/v1/keys", json=admin).json()["token"]
    api.headers["Authorization"] = f"Bearer {token}"
    wish = {"label": "b", "scopes": ["studies:read", "studies:write"], "project": "other"}
    other = {"Authorization": f"Bearer {api.post('/v1/keys', json=wish).json()['token']}"}
    assert api.get(HOOKS, headers=other).json()["items"] == []
    assert api.get(f"{HOOKS}/{hook}/deliveries", headers=other).status_code == 404
    assert api.delete(f"{HOOKS}/{hook}", headers=other).status_code == 404
    reading = {**wish, "scopes": ["studies:read"]}
    reader = {"Authorization": f"Bearer {api.post('/v1/keys', json=reading).json()['token']}"}
    assert api.post(HOOKS, json={"url": receiver.url}, headers=reader).status_code == 403


def test_a_webhook_needs_its_study(api: TestClient) -> None:
    """One that is not there, or another project's, is no study."""
    body = {"url": "http://127.0.0.1/", "study": "st_x"}
    assert api.post(HOOKS, json=body).status_code == 404
    assert api.delete(f"{HOOKS}/wh_0").status_code == 404


def test_webhooks_are_off_unless_they_are_allowed(store: Store) -> None:
    """A service that may send nowhere says so."""
    with store.write() as session:
        projects.ensure(session, DEFAULT_PROJECT)
    app = create_app(store, Settings())
    client = TestClient(app, base_url="http://localhost")
    response = client.post(HOOKS, json={"url": "https://example.org/"})
    assert (response.status_code, "off" in response.json()["detail"]) == (409, True)
    app.state.context.keyring.close()
    client.close()
