"""Two tenants (S3): the second one asks for everything the first one has, and finds nothing.

The one idea: whatever it asks is asked once more with ids that nobody has, and the two answers may
differ in nothing but the id; so it is not even told that there is something. All rows of the first
tenant are compared, before and after.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import UniqueConstraint

from service.schemas.keys import Scope
from service.store.models import Base
from tests.campaign import Campaign
from tests.fuzz.doors import ANSWER_SECONDS, Keys, Route, read_routes, serving
from tests.fuzz.tenants import MINE, OTHER, Belongings, read_rows, settle, submit, wait_until_still
from tests.service.conftest import SMALL

pytestmark = pytest.mark.timeout(1800)

HOOK = "https://hooks.example/of-the-first"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SCHEDULE = {"format": "glideslope/schedule@1", "family": "linear", "horizon": 10, "peak": 0.1}
BODIES: Mapping[str, Any] = {
    "/v1/studies/{study}:extend": {"budget": {"trials": 100}},
    "/v1/studies/{study}:suggest": {"schedule": SCHEDULE},
    "/v1/studies/{study}:share": {"hours": 1},
    "/v1/studies/{study}": {"label": "theirs", "notes": "theirs"},
}
NOBODYS: Mapping[str, str] = {
    "study": "st_aaaaaaaaaaaaaaaaaaaa",
    "dataset": "ds_" + "0" * 32,
    "webhook": "wh_0000000000000000",
    "key": "aaaaaaaaaaaa",
    "run": "st_aaaaaaaaaaaaaaaaaaaa.0.0",
    "project": "nobodys-tenant",
}
# What an id may be asked with; none of it makes another's thing one's own.
EXTRAS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("", {}),
    (f"?project={MINE}&tenant={MINE}", {}),
    ("", {"X-Project": MINE, "X-Tenant": MINE, "X-Forwarded-User": MINE}),
    ("", {"Last-Event-ID": "0", "Accept": "text/event-stream"}),
    ("", {"If-None-Match": "*", "If-Match": "*", "Range": "bytes=0-9"}),
    ("", {"Accept": "text/html"}),
)


@dataclass(frozen=True)
class Attempt:
    """A request of the second tenant, and the same for what nobody has."""

    role: str
    method: str
    path: str
    nobodys: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    nobodys_body: Any = None
    is_list: bool = False  # and may be answered with what the second tenant has itself


@dataclass(frozen=True)
class Pair:
    """A server with two tenants."""

    url: str
    database: str
    mine: Belongings
    first: httpx2.Client
    others: Mapping[str, httpx2.Client]  # of the second tenant, by what they may
    routes: list[Route]

    def send(self, attempt: Attempt) -> httpx2.Response:
        """Ask as the second tenant."""
        return self.others[attempt.role].request(
            attempt.method, attempt.path, headers=dict(attempt.headers), json=attempt.body
        )

    @property
    def closed(self) -> list[Route]:
        """The routes whose address holds the id of something."""
        return [one for one in self.routes if NOBODYS.keys() & set(one.names)]


@pytest.fixture(scope="module")
def pair(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The first tenant has everything, the second one a study of its own."""
    folder = tmp_path_factory.mktemp("pair")
    routes = read_routes(folder)
    allowed = {"GLIDESLOPE_WEBHOOKS": "hooks.example"}
    with serving(shared_database_url, folder, allowed) as server, Keys.of(server.url) as keys:
        first = keys.holder(MINE)
        mine = settle(first, HOOK)
        roles = {"all": tuple(Scope), **{str(one): (one,) for one in Scope}}
        others = {name: keys.holder(OTHER, *scopes) for name, scopes in roles.items()}
        submit(others["all"], label="of the second")
        wait_until_still(first, mine.ids["study"])
        yield Pair(server.url, shared_database_url, mine, first, others, routes)
        for client in (first, *others.values()):
            client.close()


def in_paths(pair: Pair) -> Iterator[Attempt]:
    """Every id in every path, with every method and every role."""
    for path, route in {one.path: one for one in pair.closed}.items():
        choices = [pair.mine.ids[name] for name in route.names]
        for ids, method, role, (query, headers) in itertools.product(
            itertools.product(*choices), METHODS, pair.others, EXTRAS
        ):
            filled = dict(zip(route.names, ids, strict=True))
            nobodys = {**filled, **{name: NOBODYS[name] for name in filled if name in NOBODYS}}
            body = BODIES.get(path, {}) if method in {"POST", "PUT", "PATCH"} else None
            asked = route.at(filled) + query, route.at(nobodys) + query
            yield Attempt(role, method, *asked, headers, body, body)


def in_queries(pair: Pair) -> Iterator[Attempt]:
    """Ids, words and cursors of the first tenant as filters of every list, and where pages ask."""
    mine = pair.mine
    values = [*mine.ids["study"], *mine.ids["dataset"], "secret plan", *mine.cursors]
    names = (
        *("state", "objective", "label", "labels", "q", "sort", "cursor", "where", "family"),
        *("study", "source", "dataset", "trial", "run", "id", "ids", "project"),
    )
    lists = [one.path for one in pair.routes if one.method == "GET" and not one.names]
    lists = [one for one in lists if one not in {"/v1/events", "/metrics", "/openapi.json"}]
    for path, name, value in itertools.product(lists, names, values):
        nobodys = NOBODYS["study"] if value.startswith("st_") else value
        nobodys = NOBODYS["dataset"] if value.startswith("ds_") else nobodys
        asked = f"{path}?{name}={value}", f"{path}?{name}={nobodys}"
        yield Attempt("all", "GET", *asked, is_list=True)
    for chart in ("schedules", "progress"):
        for study in mine.ids["study"]:
            path = f"/compare/charts/{chart}?study="
            yield Attempt("all", "GET", path + study, path + NOBODYS["study"])


def in_bodies(pair: Pair) -> Iterator[Attempt]:
    """Ids of the first tenant wherever a body takes one, and its leases with their very tokens."""
    mine, nobody = pair.mine, NOBODYS["study"]

    def post(path: str, body: Any, nobodys: Any, **headers: str) -> Attempt:  # noqa: ANN401
        return Attempt("all", "POST", path, path, headers, body, nobodys)

    for study in mine.ids["study"]:
        for path in ("/v1/studies", "/v1/studies:validate"):
            warm = {**SMALL, "warm_start": [study]}
            yield post(path, warm, {**SMALL, "warm_start": [nobody]})
        hook = {"url": HOOK, "study": study}
        yield post("/v1/webhooks", hook, {"url": HOOK, "study": nobody})
    for dataset in mine.ids["dataset"]:
        for path, file in itertools.product(("/v1/studies", "/v1/studies:validate"), (0, 1)):
            told = {"dataset": dataset, **({"file": dataset} if file else {})}
            other = {
                "dataset": NOBODYS["dataset"],
                **({"file": NOBODYS["dataset"]} if file else {}),
            }
            yield post(path, {**SMALL, "config": told}, {**SMALL, "config": other})
    for run, token in (
        (mine.held["run"], mine.held["token"]),
        (mine.held["run"], "tk_none"),
        (mine.ids["run"][1], mine.held["token"]),
    ):
        for call, body in work_bodies(run, token).items():
            nobodys = work_bodies(NOBODYS["run"], token)[call]
            yield post(call, {"worker": "w", **body}, {"worker": "w", **nobodys})
            both = {"worker": f"{MINE}/w", **body}
            yield post(call, both, {"worker": f"{MINE}/w", **nobodys})
    for wish in (
        {"project": MINE},
        {"all_projects": True},
        {"project": MINE, "all_projects": True},
    ):
        made = {"label": "x", "scopes": ["admin"], **wish}
        nobodys = {**made, **({"project": NOBODYS["project"]} if "project" in wish else {})}
        yield post("/v1/keys", made, nobodys)
    for name in ("project", "tenant", "id", "study"):
        yield post("/v1/studies", {**SMALL, name: MINE}, {**SMALL, name: NOBODYS["project"]})


def work_bodies(run: str, token: str) -> dict[str, Any]:
    """What a trainer says of a run, by call."""
    held = {"run": run, "token": token}
    end = {"outcome": "completed", "metrics": {"validation": {"mse": 0.1}}}
    report = {**held, "seq": 1, "steps": [2], "values": {"mse": [1.0]}}
    return {
        "/v1/runs:heartbeat": {"runs": [held]},
        "/v1/runs:report": {"reports": [report]},
        "/v1/runs:tell": {"results": [{**held, **end}]},
    }


def shape(pair: Pair, response: httpx2.Response) -> str:
    """What an answer says, but for the names that may have been asked for and its own id."""
    text = response.text.replace(response.headers["x-request-id"], "")
    for name in sorted({MINE, *pair.mine.words, *NOBODYS.values()}, key=len, reverse=True):
        text = text.replace(name, "ID")
    return f"{response.status_code} {text}"


def judge(pair: Pair, attempt: Attempt, controls: dict[str, str]) -> list[str]:
    """What an attempt was told that nobody may be."""
    response = pair.send(attempt)
    asked = attempt.path + json.dumps(attempt.body)
    told = response.text + str(dict(response.headers))
    wrong = [f"it tells {word}" for word in pair.mine.told(told, asked)]
    control = replace(attempt, path=attempt.nobodys, body=attempt.nobodys_body)
    if control == attempt:  # the very same question, of words that anybody may look for
        return wrong
    if response.is_success and not attempt.is_list:
        wrong.append(f"it answers {response.status_code} {response.text[:200]!r}")
    elif not response.is_success:
        known = repr(control)
        if known not in controls:
            controls[known] = shape(pair, pair.send(control))
        if (said := shape(pair, response)) != controls[known]:
            wrong.append(f"it answers {said[:300]!r}, of nobody's {controls[known][:300]!r}")
    return wrong


def test_nothing_of_another_tenant_is_told_or_changed(pair: Pair, campaign: Campaign) -> None:
    """Not by path, query or body; not even whether it is there."""
    before, controls = read_rows(pair.database), dict[str, str]()
    chance = campaign.random()
    paths, queries, bodies = list(in_paths(pair)), list(in_queries(pair)), list(in_bodies(pair))
    plain = [one for one in paths if one.role == "all" and not one.headers and "?" not in one.path]
    attempts = [
        *chance.sample(plain, campaign.dose(100, len(plain))),
        *chance.sample(paths, campaign.dose(60, 4000)),
        *chance.sample(queries, campaign.dose(40, len(queries))),
        *chance.sample(bodies, campaign.dose(30, len(bodies))),
    ]
    for attempt in attempts:
        campaign.case()
        wrong = judge(pair, attempt, controls)
        campaign.find(f"{attempt}: {one}" for one in wrong)
    after = read_rows(pair.database)
    campaign.find(f"rows of {name} changed" for name in before if before[name] != after[name])
    campaign.measure("leaks", len(campaign.violations))
    campaign.measure("attempts", len(attempts))


def test_every_route_says_that_it_is_not_there(pair: Pair, campaign: Campaign) -> None:
    """404, by its own method and with a body that it would take; nothing else hides it."""
    before = read_rows(pair.database)
    for route in pair.closed:
        for ids in itertools.product(*(pair.mine.ids[name] for name in route.names)):
            path = route.at(dict(zip(route.names, ids, strict=True)))
            body = BODIES.get(route.path, {}) if route.method in {"POST", "PATCH"} else None
            campaign.case()
            response = pair.others["all"].request(route.method, path, json=body)
            if response.status_code != 404:
                campaign.find(
                    [f"{route.method} {path}: {response.status_code} {response.text[:99]}"]
                )
    assert pair.first.get(f"/v1/studies/{pair.mine.ids['study'][0]}").status_code == 200
    campaign.find(["rows changed"] if read_rows(pair.database) != before else [])


def test_an_idempotency_key_and_a_claim_are_their_tenants(pair: Pair, campaign: Campaign) -> None:
    """The same ones of another make and get only what is its own."""
    before, other = read_rows(pair.database), pair.others["all"]
    key, body = pair.mine.idempotency
    for request in (body, {**body, "seed": 9}):
        campaign.case()
        answer = other.post("/v1/studies", json=request, headers={"Idempotency-Key": key})
        if answer.status_code not in {202, 422} or pair.mine.told(answer.text, json.dumps(body)):
            campaign.find([f"{answer.status_code} {answer.text[:300]}"])
        if answer.status_code == 202:  # its own study, but with words of the first tenant
            path = f"/v1/studies/{answer.json()['id']}"
            assert other.patch(path, json={"label": "of the second"}).status_code == 200
    for worker in ("w", f"{MINE}/w", "x"):
        campaign.case()
        claim = {**pair.mine.claim, "worker": worker, "lanes": 64}
        told = other.post("/v1/work:claim", json=claim).text
        campaign.find(f"a claim tells {one}" for one in pair.mine.told(told, ""))
    again = pair.first.post("/v1/studies", json=body, headers={"Idempotency-Key": key})
    assert again.json()["id"] == pair.mine.ids["study"][1]
    campaign.find(["rows changed"] if read_rows(pair.database) != before else [])


def test_a_link_opens_its_study_alone(pair: Pair, campaign: Campaign) -> None:
    """No other route, no other study, no method that changes; and not once it is touched."""
    before, token = read_rows(pair.database), pair.mine.share
    study = pair.mine.ids["study"][1]
    prefix, ends, signature = token.rsplit("_", 2)
    forged = [
        f"{prefix}_{int(ends) + 3600}_{signature}",
        f"{prefix}_{ends}_{signature[::-1]}",
        f"gss_{pair.mine.ids['study'][0].removeprefix('st_')}_{ends}_{signature}",
    ]
    with httpx2.Client(base_url=pair.url, timeout=ANSWER_SECONDS, trust_env=False) as stranger:
        for route in pair.routes:
            if route.is_public:
                continue
            for shown in (token, *forged):
                ids = {name: ids[0] for name, ids in pair.mine.ids.items()}
                headers = {"Authorization": f"Bearer {shown}"}
                campaign.case()
                answer = stranger.request(route.method, route.at(ids), headers=headers, json={})
                allowed = {401, 403, 404} if shown == token else {401}
                if answer.status_code not in allowed:
                    campaign.find([f"{route.method} {route.path}: {answer.status_code}"])
        headers = {"Authorization": f"Bearer {token}"}
        assert stranger.get(f"/v1/studies/{study}", headers=headers).status_code == 200
    campaign.find(["rows changed"] if read_rows(pair.database) != before else [])


@pytest.mark.parametrize("last", ["0", "1", str(2**52)])
def test_the_stream_of_changes_is_its_tenants(pair: Pair, campaign: Campaign, last: str) -> None:
    """Whoever comes back with whatever id hears of its own studies only."""
    other = pair.others["all"]
    own = submit(other, label="of the second")
    headers = {"Last-Event-ID": last} if last != str(2**52) else {}
    with other.stream("GET", "/v1/events", headers=headers) as stream:
        told = ""
        for line in stream.iter_lines():
            told += line
            if own in told:
                break
    campaign.case()
    campaign.find(f"the stream tells {one}" for one in pair.mine.told(told, ""))


def test_rows_are_read(pair: Pair) -> None:
    """A digest of rows that are none would prove nothing; and one that changed is another."""
    mine = read_rows(pair.database)
    for name in ("studies", "runs", "trials", "events", "datasets", "webhooks", "api_keys"):
        assert not mine[name].startswith("0 "), name
    assert mine != read_rows(pair.database, OTHER)
    path = f"/v1/studies/{pair.mine.ids['study'][0]}"
    assert pair.first.patch(path, json={"notes": "mine"}).status_code == 200
    assert mine["studies"] != read_rows(pair.database)["studies"]


def test_every_row_has_a_tenant() -> None:
    """And every key that tells rows apart tells tenants apart first of all."""
    for name, table in Base.metadata.tables.items():
        if name == "projects":
            continue
        assert not table.c.project.nullable, name
        unique = [index for index in table.indexes if index.unique]
        unique += [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        for key in (table.primary_key, *unique):
            assert "project" in key.columns, f"{name}: {key}"
