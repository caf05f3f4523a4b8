"""The page of studies: what the API shows, found by its address, safe whatever users wrote."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.pages.studies import SHOWN
from service.schemas.studies import SortName
from service.store import lifecycle, stalls
from service.store.conditions import Stall
from service.ui.studies import SORTS
from tests.service.conftest import SMALL

PERSON = {"Accept": "text/html"}
HOSTILE = "<script>alert('x')</script>\"&"
Submit = Callable[..., dict[str, Any]]


def shown(page: str) -> list[str]:
    """The ids of the studies that a page lists."""
    return re.findall(r'<th scope="row"><a href="/studies/(st_\w+)"', page)


def test_who_has_no_study_yet_is_told_what_to_do(api: TestClient) -> None:
    """A way to the form, and a line for the terminal that works as it stands."""
    page = api.get("/", headers=PERSON)
    assert page.status_code == 200
    assert 'href="/studies/new"' in page.text
    assert "No study yet" in page.text
    assert "curl -X POST http://localhost/v1/studies" in unescape(page.text)
    assert shown(page.text) == []


def test_who_may_not_create_studies_is_not_invited(holder: Callable[..., TestClient]) -> None:
    """Nor offered what would be refused, once there are some."""
    reader = holder("a", "studies:read")
    page = reader.get("/", headers=PERSON).text
    assert "No study yet" in page
    assert "/studies/new" not in page
    assert holder("a").post("/v1/studies", json=SMALL).status_code == 202
    page = reader.get("/", headers=PERSON).text
    assert len(shown(page)) == 1
    assert "/studies/new" not in page
    assert "data-verb" not in page
    assert 'id="compare"' in page


def test_a_study_is_listed_as_the_api_tells_it(
    api: TestClient, submit: Submit, play: Callable[[], None]
) -> None:
    """State, verdict, best, progress and how the best got better."""
    study = submit(label="mine", labels={"team": "rates"}, notes="first line\nsecond")["id"]
    play()
    told = api.get(f"/v1/studies/{study}").json()
    page = api.get("/", headers=PERSON).text
    assert shown(page) == [study]
    best = told["best"]
    for words in (
        ">mine</a>",
        "completed",
        f"{best['value']:.5g}",
        f"{best['family']}, peak {best['peak']:.3g}",
        f"{told['progress']['finished_runs']} of {told['progress']['expected_runs']} runs",
        "first line",
        'class="spark"',
    ):
        assert words in page, words
    assert "second" not in page
    assert "so far</span>" not in page  # its figures are confirmed
    assert 'data-calls="delete"' in page


def test_what_users_wrote_is_text(api: TestClient, submit: Submit) -> None:
    """Label, labels, notes and what was searched for, in text and in attributes."""
    submit(label=HOSTILE, labels={HOSTILE: HOSTILE}, notes=HOSTILE)
    for path in ("/", "/?q=alert", f"/?q={HOSTILE}", f"/?labels={HOSTILE}={HOSTILE}"):
        page = api.get(path.replace("&", "%26"), headers=PERSON)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert f'"{HOSTILE}' not in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "cba"),
        ({"q": "ALPHA"}, "a"),
        (
            {"q": "", "state": "", "objective": "", "label": "", "labels": "", "sort": "newest"},
            "cba",
        ),
        ({"state": "cancelled"}, "b"),
        ({"sort": "name"}, "acb"),
        ({"objective": "realized_volatility", "labels": ["team=x"]}, "c"),
        ({"label": "omega"}, "b"),
        ({"q": "nothing like this"}, ""),
    ],
)
def test_a_list_is_found_by_its_address(
    api: TestClient,
    submit: Submit,
    advance: Callable[[float], None],
    query: dict[str, Any],
    found: str,
) -> None:
    """As the form asks for it without a script: what is empty narrows nothing."""
    names = {}
    for name, label, labels in (("a", "alpha", {}), ("b", "omega", {}), ("c", "mu", {"team": "x"})):
        names[submit(label=label, labels=labels)["id"]] = name
        advance(1)
    second = next(study for study, name in names.items() if name == "b")
    api.post(f"/v1/studies/{second}:cancel")
    page = api.get("/", params=query, headers=PERSON)
    assert page.status_code == 200
    assert "".join(names[study] for study in shown(page.text)) == found
    assert ("No study matches" in page.text) is (found == "")


def test_a_page_leads_to_the_next_one(
    api: TestClient, submit: Submit, advance: Callable[[float], None]
) -> None:
    """With the same filters, and back to the first."""
    for _ in range(SHOWN + 1):
        submit(label="x")
        advance(1)
    first = api.get("/?q=x&sort=oldest", headers=PERSON).text
    (link,) = re.findall(r'href="([^"]+)" data-list>Next page', first)
    second = api.get(unescape(link), headers=PERSON).text
    assert (len(shown(first)), len(shown(second))) == (SHOWN, 1)
    assert set(shown(first)).isdisjoint(shown(second))
    assert 'href="/?q=x&amp;sort=oldest" data-list>First page' in second
    assert "Next page" not in second


def test_a_tenant_sees_its_own(api: TestClient, holder: Callable[..., TestClient]) -> None:
    """Neither the studies nor the objectives nor the counts of another."""
    one, other = holder("a"), holder("b")
    external = {
        "objective": "their_secret",
        "external": {"metrics": [{"name": "loss"}], "horizon": 100, "peak": [1e-4, 0.1]},
    }
    for body in ({**SMALL, "label": "theirs"}, external):
        assert other.post("/v1/studies", json=body).status_code == 202
    page = one.get("/?q=t", headers=PERSON).text
    assert shown(page) == []
    assert "theirs" not in page
    assert "their_secret" not in page
    assert "their_secret" in other.get("/", headers=PERSON).text


@pytest.mark.parametrize(
    "query", ["state=asleep", "sort=best", "cursor=x", "labels=x", f"q={'x' * 129}"]
)
def test_nonsense_in_the_address_is_told(api: TestClient, query: str) -> None:
    """With a page, and no error of ours."""
    page = api.get(f"/?{query}", headers=PERSON)
    assert page.status_code == 422
    assert "<h1>" in page.text


def test_every_order_has_words() -> None:
    """The list offers what the API sorts by."""
    assert list(SORTS) == list(SortName.__args__)


def test_a_study_that_does_not_get_on_says_why(
    api: TestClient, submit: Submit, plan: Callable[[], int]
) -> None:
    """So does one that failed."""
    stalled, failed = submit()["id"], submit()["id"]
    plan()
    store = api.app.state.context.store  # type: ignore[attr-defined] # the application's
    with store.write() as session:
        stalls.note(session, "default", stalled, Stall("NoWorker", "no worker <asks>"))
        lifecycle.fail(session, "default", failed, "too <many> failed")
    page = api.get("/", headers=PERSON).text
    assert "no worker &lt;asks&gt;" in page
    assert "too &lt;many&gt; failed" in page
