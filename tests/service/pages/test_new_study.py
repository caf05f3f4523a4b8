"""The form of a new study: it offers all there is, and nothing of another tenant."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from html.parser import HTMLParser
from typing import Annotated, Any, Literal
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from service.schemas.studies import BudgetRequest, SpaceRequest, StudyRequest
from tests.service.api.test_datasets import bars, chain
from tests.service.conftest import SMALL
from tuning.objectives import OBJECTIVES, Objective
from tuning.records import Metric
from tuning.schedules import FAMILIES, PARAMETERS
from tuning.schedules.limits import Integer

PERSON = {"Accept": "text/html,application/xhtml+xml"}
HOSTILE = "<img src=x onerror=alert(1)>'\"&"
VOID = {"input", "meta", "link"}
Holder = Callable[..., TestClient]


class Page(HTMLParser):
    """A page as it is read: controls by their place in a request and their objective, and data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: dict[str | None, set[str]] = {}
        self.values: dict[str, list[str]] = {}
        self.tags: list[str] = []
        self.data: dict[str, Any] = {}
        self._open: list[dict[str, str | None]] = []
        self._is_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where in the request an element stands, and what may be chosen there."""
        told = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append({"tag": tag, **told})
        place = told.get("data-pointer")
        if place:
            objective = self._inherited("data-objective")
            self.places.setdefault(objective, set()).add(place)
        within = place or self._inherited("data-pointer")
        if within and tag in {"input", "option"}:
            self.values.setdefault(within, []).append(told.get("value") or "")
        self._is_data = tag == "script" and told.get("id") == "form-data"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Paths of pictures hold nothing."""

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        while self._open and self._open.pop()["tag"] != tag:
            pass
        self._is_data = False

    def handle_data(self, data: str) -> None:
        """Read the document that the page's script begins with."""
        if self._is_data:
            self.data = json.loads(data)

    def _inherited(self, name: str) -> str | None:
        return next((one[name] for one in reversed(self._open) if one.get(name)), None)


def visit(api: TestClient, query: str = "") -> Page:
    """The form as a browser gets it."""
    answer = api.get(f"/studies/new{query}", headers=PERSON)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def leaves() -> Iterator[str]:
    """The place of everything a request can say."""
    for name in StudyRequest.model_fields:
        if name not in {"budget", "space", "config"}:
            yield f"/{name}"
    yield from (f"/budget/{name}" for name in BudgetRequest.model_fields)
    for name in SpaceRequest.model_fields:
        if name in {"ranges", "fixed"}:
            yield from (f"/space/{name}/{one}" for one in PARAMETERS if one != "peak")
        else:
            yield f"/space/{name}"


def test_everything_a_request_can_say_has_a_control(api: TestClient) -> None:
    """Every field of its schema; whoever adds one is told here that the form lacks it."""
    page = visit(api)
    common = page.places[None] | page.places.get("", set()) | {"/external"}
    assert set(leaves()) - common == set()
    text = api.get("/studies/new", headers=PERSON).text
    assert "Undefined" not in text
    assert 'placeholder="None"' not in text


def test_every_setting_of_every_objective_has_a_control(api: TestClient) -> None:
    """In the part of the form that is its own; the form may begin with any of them."""
    page = visit(api, "?objective=heston_surface")
    for name, objective in OBJECTIVES.items():
        settings = {f"/config/{one.name}" for one in fields(objective.config_type)}
        assert page.places[name] == settings
        assert name in page.values["/objective"]
    assert page.data["request"] == {"objective": "heston_surface"}


def test_it_begins_with_a_dataset(api: TestClient) -> None:
    """The one whose page led here; what is no dataset is refused when the request is sent."""
    page = visit(api, f"?objective=realized_volatility&dataset={quote(HOSTILE[:64])}")
    config = {"dataset": HOSTILE[:64]}
    assert page.data["request"] == {"objective": "realized_volatility", "config": config}


def test_settings_of_any_type_can_be_made(api: TestClient) -> None:
    """Those of an objective somebody else wrote; its words are escaped."""

    @dataclass(frozen=True)
    class Odd:
        """Settings.

        Args:
            count: how <b>many</b>.
        """

        count: Annotated[int, Integer(1, 9)] = 3
        name: str = HOSTILE
        maybe: int | None = 5
        kind: Literal["a", "b"] = "a"
        is_fast: bool = True
        layers: tuple[int, ...] = (1, 2)
        nested: dict[str, list[str]] = field(default_factory=dict)

    odd = Objective(
        name=HOSTILE,
        title=HOSTILE,
        help=HOSTILE,
        metrics=(Metric("loss"),),
        default_horizon=10,
        peak=(1e-3, 1.0),
        optimizer={},
        open=OBJECTIVES["regime_rugged"].open,  # never called
        config_type=Odd,
    )
    state = api.app.state  # type: ignore[attr-defined] # FastAPI's
    state.context = replace(state.context, objectives={HOSTILE: odd})
    page = visit(api)
    assert page.places[HOSTILE] == {f"/config/{one.name}" for one in fields(Odd)}
    assert "img" not in page.tags
    assert "how &lt;b&gt;many" in api.get("/studies/new", headers=PERSON).text
    assert page.data["offer"]["objectives"][HOSTILE]["horizon"] == 10


def test_a_form_begins_with_the_request_of_another_study(
    api: TestClient, submit: Callable[..., dict[str, Any]]
) -> None:
    """As its user wrote it, without what took its default; its words harm no page."""
    study = submit(label=HOSTILE, notes=HOSTILE)["id"]
    page = visit(api, f"?from={study}")
    assert page.data["request"] == {**SMALL, "label": HOSTILE, "notes": HOSTILE}
    assert "img" not in page.tags
    assert visit(api, f"?objective={quote(HOSTILE)}").data["request"] == {"objective": HOSTILE}


def test_nobody_begins_with_what_is_not_theirs(
    api: TestClient, holder: Holder, submit: Callable[..., dict[str, Any]]
) -> None:
    """A study of another project, or none, is not there; nor are its datasets."""
    study = submit(label="secret plan")["id"]
    dataset = api.post("/v1/datasets?kind=ohlcv&name=secret plan", content=bars()).json()["id"]
    other = holder("b")
    for name in (study, "st_nothing", "x" * 64, "%00"):
        answer = other.get(f"/studies/new?from={name}", headers=PERSON)
        assert answer.status_code == 404
        assert "secret plan" not in answer.text
    text = other.get("/studies/new", headers=PERSON).text
    assert dataset not in text
    assert "secret plan" not in text


def test_datasets_are_offered_where_they_fit(api: TestClient) -> None:
    """Bars to whoever trains on bars, quotes to whoever trains on quotes."""
    sent = {"ohlcv": bars(), "quotes": chain()}
    ids = {
        kind: api.post(f"/v1/datasets?kind={kind}&name={HOSTILE}", content=content).json()["id"]
        for kind, content in sent.items()
    }
    text = api.get("/studies/new", headers=PERSON).text
    assert "<img" not in text
    parts = {part.split('"')[0]: part for part in text.split('data-objective="')[1:]}
    assert ids["ohlcv"] in parts["realized_volatility"]
    assert ids["ohlcv"] not in parts["online_surface"]
    assert ids["quotes"] in parts["online_surface"]


def test_who_may_only_read_is_told_so(holder: Holder) -> None:
    """The form is there, but nothing in it can be used, and no script tries."""
    reader = holder("a", "studies:read")
    text = reader.get("/studies/new", headers=PERSON).text
    assert "studies:write" in text
    assert '<fieldset class="all" disabled>' in text
    assert "new_study.js" not in text
    assert "new_study.js" in holder("a").get("/studies/new", headers=PERSON).text
    for route in ("preview", "lines"):
        assert reader.post(f"/studies/new/{route}", json={}).status_code == 403


def test_the_families_of_the_table_are_offered(api: TestClient) -> None:
    """All that can be searched, each once, to the search and as baselines."""
    page = visit(api)
    wanted = [name for name, family in FAMILIES.items() if not family.is_feedback]
    for place in ("/space/families", "/baselines"):
        assert sorted(one for one in page.values[place] if one) == sorted(wanted)
    usual = page.data["offer"]["usual"]
    spec = api.post("/v1/studies:validate", json={"objective": "noisy_quadratic"}).json()["spec"]
    assert usual["curve"] == list(spec["space"]["families"])


HALF_TYPED: list[dict[str, Any]] = [
    {"space": {"families": "cosine", "peak": [1], "ranges": [], "fixed": 3, "constraints": "x"}},
    {"space": {"peak": ["a", None], "ranges": {"warmup": [0.5, 0.1], "x": [0, 1], "floor": 7}}},
    {"space": {"fixed": {"cooldown": ["x"], "cycles": 1e300, "peak": 1, "power": {}}}},
    {"space": {"constraints": ["final_lr <= 1e-5", 3, "", "warmup <= -1", "peak >= 1e99"] * 20}},
    {"space": 5, "config": [], "horizon": "x", "sampler": {}, "baselines": [{}], "external": 1},
    {"objective": ["x"], "horizon": 10**400, "external": {"horizon": True, "peak": {}}},
    {"objective": "noisy_quadratic", "config": {"momentum": "x", "problem": []}, "horizon": 1},
]


@pytest.mark.parametrize("request_body", HALF_TYPED)
def test_what_is_half_typed_is_drawn_as_far_as_it_goes(
    api: TestClient, request_body: dict[str, Any]
) -> None:
    """Never refused: at its own field it says what is wrong, everything else is seen."""
    answer = api.post("/studies/new/preview", json=request_body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["pictures"]) == 12
    assert answer.json()["chart"]["data"]


def test_ranges_are_seen_as_they_are_typed(api: TestClient) -> None:
    """A floor that is fixed is where every schedule ends, and the peak where the constraint is."""
    space = {"families": ["linear"], "fixed": {"floor": 0.2}, "constraints": ["peak <= 0.01"]}
    chart = api.post("/studies/new/preview", json={"space": space, "horizon": 2000}).json()["chart"]
    usual = chart["data"][-1]
    assert usual["y"][-1] == pytest.approx(0.2, abs=1e-3)
    assert usual["x"][-1] == 1999
    rates = [one for line in chart["views"][-1]["data"] for one in line["y"] if one is not None]
    assert max(rates) <= 0.01


def test_a_family_that_keeps_no_constraint_is_named(api: TestClient) -> None:
    """It has no curve to show; with none left the chart says why it is empty."""
    space = {
        "families": ["constant", "linear"],
        "peak": [0.1, 1],
        "constraints": ["final_lr <= 0.01"],
    }
    told = api.post("/studies/new/preview", json={"space": space}).json()
    assert told["missing"] == ["constant"]
    assert {one["name"] for one in told["chart"]["data"]} == {"linear"}
    none = api.post("/studies/new/preview", json={"space": {"families": []}}).json()
    assert none["chart"] == {"empty": "No family is chosen, or none keeps the constraints."}


def test_a_preview_is_as_large_as_a_picture(api: TestClient) -> None:
    """Whatever the horizon, and for all families at once."""
    names = [name for name, family in FAMILIES.items() if not family.is_feedback]
    asked = {"space": {"families": names}, "horizon": 10_000_000}
    answer = api.post("/studies/new/preview", json=asked)
    assert answer.status_code == 200
    assert len(answer.content) < 500_000


def test_lines_take_whatever_a_request_may_hold(holder: Holder) -> None:
    """Settings as deep as they may be; what cannot be stored is refused as anywhere."""
    api = holder("a")
    deep: Any = 1
    for _ in range(16):
        deep = [deep]
    request = {"objective": "mine", "config": {"deep": deep[0]}}
    told = api.post("/studies/new/lines", json=request, headers={"Origin": "https://a.example"})
    assert told.status_code == 200, told.text
    assert set(told.json()) == {"curl", "command", "program"}
    assert "https://a.example/v1/studies" in told.json()["curl"]
    for wrong in ({"label": "\0"}, {"config": {"z": [deep]}}, []):
        assert api.post("/studies/new/lines", json=wrong).status_code == 422
    odd = api.post("/studies/new/lines", json=request, headers={"Origin": "null"}).json()
    assert "--url http://localhost" in odd["command"]
