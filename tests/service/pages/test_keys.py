"""The page of keys: what an admin sees of whom, and nothing that could be used as a key."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from service.pages import keys as page_of_keys
from service.schemas.keys import Scope
from service.store import keys, projects
from service.store.engine import Store
from tests.conftest import FakeClock

Holder = Callable[..., TestClient]


def test_a_label_is_text(api: TestClient, holder: Holder) -> None:
    """Wherever it stands: in the row, in the question and in what is read out."""
    admin = holder("default")
    label = '"><img src=x onerror=alert(1)>'
    admin.post("/v1/keys", json={"label": label, "scopes": ["work"]})
    page = admin.get("/keys").text
    assert "<img" not in page
    assert "&gt;&lt;img src=x onerror=alert(1)&gt;" in page
    assert "gs_" not in page.replace("Bearer gs_…", "")
    assert api.get("/keys").status_code == 200


def test_an_admin_sees_the_keys_of_its_project(api: TestClient, holder: Holder) -> None:
    """Whoever administers all sees all, and may say which project a new one is for."""
    holder("b").post("/v1/keys", json={"label": "theirs", "scopes": ["work"]})
    own = holder("a").get("/keys").text
    assert "theirs" not in own
    assert 'id="project"' not in own
    assert 'id="all-projects"' not in own
    everything = api.get("/keys").text
    assert "theirs" in everything
    assert '<datalist id="projects"><option value="a"></option><option value="b">' in everything


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.ADMIN])
def test_nobody_else_sees_any(holder: Holder, scope: Scope) -> None:
    """Whatever else they may do."""
    refused = holder("a", scope.value).get("/keys", headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert "this needs the scope" in refused.text


def test_keys_that_ended_stand_apart(
    holder: Holder, store: Store, clock: FakeClock, advance: Callable[[float], None]
) -> None:
    """With why they open nothing, and without a way to revoke them again."""
    admin = holder("default")

    def make(label: str, days: float | None = None) -> str:
        end = None if days is None else clock.at + timedelta(days=days)
        with store.write() as session:
            made, _ = keys.create(session, "default", label=label, scopes=[Scope.WORK], expires=end)
        return made.id

    lasting, short, soon, revoked = (make("a"), make("b", 0.001), make("c", 5), make("d"))
    admin.delete(f"/v1/keys/{revoked}")
    advance(3_600)
    live, _, ended = admin.get("/keys").text.partition('<details class="ended"')
    assert lasting in live
    assert soon in live
    assert "ends soon" in live
    assert "2 keys that open nothing any more" in ended
    for name, why in ((short, "expired"), (revoked, "revoked")):
        assert name in ended
        assert name not in live
        assert f">{why}</span>" in ended
    assert 'data-call="DELETE /v1/keys' not in ended


def test_one_is_told_which_key_is_ones_own(api: TestClient, holder: Holder) -> None:
    """Also by a session of it; and how many browsers are signed in with each."""
    token = holder("a").headers["Authorization"].removeprefix("Bearer ")
    browser = TestClient(api.app, base_url="http://localhost")
    browser.post("/v1/sessions", json={"key": token})
    page = browser.get("/keys").text
    assert page.count(">yours</span>") == 1
    assert "You are signed in with it yourself." in page
    assert "1 browser signed in" in page


def test_the_first_key_is_announced(api: TestClient, holder: Holder) -> None:
    """That it closes an open server; afterwards nothing is said of it."""
    page = api.get("/keys").text
    assert "This server is open" in page
    assert 'data-closes="yes"' in page
    assert "There is no key yet." in page
    after = holder("default").get("/keys").text
    assert "This server is open" not in after
    assert 'data-closes=""' in after


def test_every_scope_can_be_given(api: TestClient) -> None:
    """And is explained."""
    page = api.get("/keys").text
    for scope in Scope:
        assert f'<input type="checkbox" value="{scope.value}"' in page
        assert f"<code>{scope.value}</code>" in page


def test_thousands_come_in_pages(
    holder: Holder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older ones behind a link, and back."""
    monkeypatch.setattr(page_of_keys, "MOST_SHOWN", 2)
    admin = holder("default")
    with store.write() as session:
        projects.ensure(session, "default")
        for number in range(3):
            keys.create(session, "default", label=f"key {number}", scopes=[Scope.WORK])
    first = admin.get("/keys").text
    assert "Newest keys" not in first
    older = first.partition('href="/keys?cursor=')[2].partition('"')[0]
    second = admin.get(f"/keys?cursor={older}").text
    assert "Newest keys" in second
    refused = admin.get("/keys?cursor=nonsense", headers={"Accept": "text/html"})
    assert refused.status_code == 422
