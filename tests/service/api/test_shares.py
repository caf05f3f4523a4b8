"""Links to one study: they open it, nothing else, and not for ever."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store.engine import Store
from service.store.shares import Share, share
from tests.conftest import FakeClock
from tests.service.api.test_identity import routes

Holder = Callable[..., TestClient]
OPEN_TO_LINKS = ("", "/report", "/events", "/best", "/verdict")


@pytest.fixture(autouse=True)
def one_clock(api: TestClient, clock: FakeClock) -> None:
    """Links end by the clock of the store."""

    def wall() -> float:
        return clock.at.timestamp()

    api.app.state.context.keyring._wall = wall  # type: ignore[attr-defined] # the application's


@pytest.fixture
def study(api: TestClient, holder: Holder, submit: Callable[..., dict[str, Any]]) -> str:
    """A study of a service that needs keys, which has ended."""
    made: str = submit()["id"]
    holder("other")
    api.post(f"/v1/studies/{made}:cancel")
    return made


@pytest.fixture
def guest(api: TestClient, study: str) -> TestClient:
    """Somebody without a key."""
    return TestClient(api.app, base_url="http://localhost", raise_server_exceptions=False)


def link(api: TestClient, study: str, **wish: object) -> dict[str, Any]:
    """Make a link."""
    response = api.post(f"/v1/studies/{study}:share", json=wish)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def test_a_link_opens_its_study_and_nothing_else(
    api: TestClient, study: str, guest: TestClient, submit: Callable[..., dict[str, Any]]
) -> None:
    """Of every route, by the address and as a bearer; another study is not there."""
    made, other = link(api, study), submit()["id"]
    assert guest.get(made["url"]).status_code == 200
    assert "st_" in guest.get(made["url"]).text
    by_header = {"Authorization": f"Bearer {made['token']}"}
    shared = {f"/v1/studies/{study}{part}" for part in OPEN_TO_LINKS}
    for method, path, _ in routes(api):
        for own, there in ((study, True), (other, False)):
            address = path.replace("st_x", own)
            statuses = {
                guest.request(method, address, headers=by_header, json={}).status_code,
                guest.request(method, f"{address}?share={made['token']}", json={}).status_code,
            }
            if method == "GET" and address in shared:
                assert statuses <= {200, 204, 409}, address
            elif method == "GET" and not there and address.replace(other, study) in shared:
                assert statuses == {404}, address
            else:
                assert statuses <= {401, 403}, (method, address)
    assert api.get(f"/v1/studies/{study}").json()["state"] == "cancelled"


def test_a_link_ends(api: TestClient, study: str, guest: TestClient, clock: FakeClock) -> None:
    """At the moment it told."""
    made = link(api, study, hours=1)
    assert made["expires_at"] == "2026-01-01T13:00:00+00:00"
    clock.advance(3_599)
    api.app.state.context.keyring.forget()  # type: ignore[attr-defined] # a second is long here
    assert guest.get(made["url"]).status_code == 200
    clock.advance(1)
    api.app.state.context.keyring.forget()  # type: ignore[attr-defined]
    assert guest.get(made["url"]).status_code == 401


def test_all_links_of_a_study_end_together(api: TestClient, study: str, guest: TestClient) -> None:
    """At once, for good, and new ones can be made."""
    links = [link(api, study)["url"] for _ in range(2)]
    assert [guest.get(one).status_code for one in links] == [200, 200]
    assert api.post(f"/v1/studies/{study}:unshare").status_code == 204
    assert api.post(f"/v1/studies/{study}:unshare").status_code == 204
    assert [guest.get(one).status_code for one in links] == [401, 401]
    assert guest.get(link(api, study)["url"]).status_code == 200
    assert [guest.get(one).status_code for one in links] == [401, 401]
    assert api.delete(f"/v1/studies/{study}").status_code == 204
    assert guest.get(links[0]).status_code == 401


def test_a_link_that_was_changed_opens_nothing(
    api: TestClient, study: str, guest: TestClient
) -> None:
    """Neither with a later end, another study, another signature, nor twice."""
    token = link(api, study)["token"]
    prefix, name, ends, signature = token.split("_")
    wrong = [
        f"{prefix}_{name}_{int(ends) + 1}_{signature}",
        f"{prefix}_{'a' * 20}_{ends}_{signature}",
        f"{prefix}_{name}_{ends}_{'0' * 64}",
        Share("default", f"st_{name}", "guess").token(int(ends)),
        Share("", "", "").token(int(ends)),
        token[:-1],
        token.upper(),
        "gss_",
        f"{token}&share={token}",
    ]
    for one in wrong:
        answer = guest.get(f"/v1/studies/{study}?share={one}")
        assert answer.status_code == 401, one
        assert token not in answer.text


def test_a_project_shares_its_own_studies_only(study: str, holder: Holder, store: Store) -> None:
    """Another's are not there; a link of one project does not count for the other."""
    other = holder("other")
    assert other.post(f"/v1/studies/{study}:share", json={}).status_code == 404
    assert other.post(f"/v1/studies/{study}:unshare").status_code == 404
    with store.write() as session:
        shared = share(session, "default", study)
    assert shared.secret not in repr(shared)


def test_no_log_holds_a_link(
    api: TestClient, study: str, guest: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the line of a request nor an error tells its token; that it was made is told."""
    for name in ("service", "uvicorn", "fastapi"):
        caplog.set_level(logging.DEBUG, name)
    made = link(api, study)
    guest.get(made["url"])
    refused = guest.get(f"/v1/studies/{study}?wait=nan&share={made['token']}")
    assert refused.status_code == 422
    lines = [one.getMessage() + str(vars(one)) for one in caplog.records if one.name != "httpx2"]
    assert made["token"] not in "".join(lines) + refused.text
    assert any(f"study {study} of project default was shared" in line for line in lines)
    assert guest.get(made["url"]).headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("hours", [0, -1, 8_761, "x"])
def test_a_link_lasts_an_hour_to_a_year(api: TestClient, study: str, hours: object) -> None:
    """Or some part of it."""
    assert api.post(f"/v1/studies/{study}:share", json={"hours": hours}).status_code == 422
