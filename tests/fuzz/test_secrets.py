"""No secret is told where it does not belong: not in logs, errors, figures or the database (S10).

A server holds one of every kind: keys, a session, a link, the secret of a webhook, its worker's own
key, leases, and the password of its database. After a tour of every route, rightly and wrongly
asked, with a worker that trains and a database that hangs up, everything that was said is searched
for every secret, as it is, quoted and encoded.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx2
import psutil
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from service.store.engine import parse_url, reading_engine
from service.store.models import Base
from tests.campaign import Campaign
from tests.chaos.processes import environment
from tests.conftest import cut_connections
from tests.fuzz.roles import EXTERNAL, NOBODY, SMALL, House, claim, create, serving

PASSWORD = "correct-horse-battery-staple-3141"
TAIL = 16  # of a secret, which is enough to tell it
LOUD = {
    "GLIDESLOPE_LOG_LEVEL": "debug",
    "GLIDESLOPE_WEBHOOKS": "127.0.0.1",
    "GLIDESLOPE_WEBHOOK_RETRY_SECONDS": "0.2",
}
# What must be kept to sign or to compare with: (secret, table).
KEPT = {("webhook", "webhooks"), ("lease", "runs")}
PAGES = ("/", "/keys", "/workers", "/datasets", "/compare", "/docs", "/studies/new", "/sign-in")


@dataclass
class Search:
    """The secrets there are, and every place where one was found."""

    secrets: dict[str, set[str]] = field(default_factory=dict)
    places: int = 0
    found: list[str] = field(default_factory=list)

    def add(self, kind: str, secret: str) -> None:
        """One more to look for."""
        tail = secret[-TAIL:]
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        self.secrets.setdefault(kind, set()).update({tail, quote(tail, safe=""), encoded})

    def look(self, text: str, where: str, known: frozenset[str] = frozenset()) -> None:
        """Search a text; `known` kinds belong there."""
        self.places += 1
        for kind, forms in self.secrets.items():
            if kind not in known and any(form in text for form in forms):
                self.found.append(f"a {kind} in {where}")
        if "Traceback (most recent" in text and not where.startswith("the log"):
            self.found.append(f"a traceback in {where}")

    def visit(self, response: httpx2.Response, known: frozenset[str] = frozenset()) -> None:
        """Search an answer, headers and all."""
        told = response.request.url.path
        where = f"{response.request.method} {told} ({response.status_code})"
        self.look(f"{response.headers!r}\n{response.text}", where, known)


def collect(house: House, client: httpx2.Client, search: Search) -> dict[str, str]:
    """Make one secret of every kind; returns what paths are filled in with."""
    for token in house.tokens.values():
        search.add("key", token)
    made = client.post("/v1/keys", json={"label": "to be revoked", "scopes": ["admin"]}).json()
    search.add("key", made["token"])
    client.delete(f"/v1/keys/{made['id']}")
    with house.client(NOBODY) as browser:
        signed_in = browser.post("/v1/sessions", json={"key": house.tokens["write"]})
        search.add("session", next(iter(signed_in.cookies.values())))
    study = create(client, EXTERNAL)
    shared = client.post(f"/v1/studies/{study}:share", json={}).json()
    search.add("link", shared["token"])
    hook = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/a", "study": study}).json()
    search.add("webhook", hook["secret"])
    for run in claim(client, "c", study)["runs"]:
        search.add("lease", run["token"])
    server = psutil.Process(house.server.process.pid)
    for child in server.children(recursive=True):
        own = child.environ().get("GLIDESLOPE_API_KEY")
        if own:
            search.add("worker's key", own)
    assert "worker's key" in search.secrets
    return {"study": study, "number": "0", "webhook": hook["id"], "key": made["id"]}


def tour(house: House, search: Search, ids: Mapping[str, str], slips: list[str]) -> int:
    """Every route, by every role and by who has no right to it, with nonsense and without."""
    with house.client(NOBODY) as client:
        return _walk(house, client, search, ids, slips)


def _walk(
    house: House,
    client: httpx2.Client,
    search: Search,
    ids: Mapping[str, str],
    slips: list[str],
) -> int:
    document = client.get("/openapi.json")
    search.visit(document)
    asked = 0
    shown = [house.headers(role) for role in ("read", "work", "admin", NOBODY)]
    shown += [{"Authorization": f"Bearer {slip}"} for slip in slips]
    shown += [{"Authorization": f"Basic {house.tokens['read']}"}, {"Cookie": f"gs={slips[0]}"}]
    for path, methods in document.json()["paths"].items():
        target = path
        for name, known in ids.items():
            target = target.replace(f"{{{name}}}", known)
        for method in methods:
            for headers in shown:
                for query in ("", f"?key={slips[0]}&limit=x&wait=0.1"):
                    asked += 1
                    _ask(client, method, target + query, headers, search)
    for page in PAGES:
        for headers in shown:
            client.cookies.clear()
            search.visit(client.get(page, headers={**headers, "Accept": "text/html"}))
            asked += 1
    return asked


def _ask(
    client: httpx2.Client, method: str, target: str, headers: Mapping[str, str], search: Search
) -> None:
    """One request, whose body fits nothing; of a stream only the beginning is read."""
    body = json.dumps({"nonsense": [1], "key": 5}) if method in {"post", "patch"} else None
    kind = {"Content-Type": "application/json"} if body else {}
    client.cookies.clear()
    with client.stream(
        method.upper(), target, headers={**headers, **kind}, content=body
    ) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return
        response.read()
        # A trainer may be handed leases, an administrator keys: here nobody asks for any.
        search.visit(response)


def dump(database: str) -> Iterator[tuple[str, str]]:
    """Every table as text, and the files of SQLite as they are."""
    url = parse_url(database)
    engine = reading_engine(url)
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            rows = connection.execute(select(table)).all()
            yield name, "\n".join(repr(tuple(row)) for row in rows)
    engine.dispose()
    if "sqlite" in database:
        file = Path(str(url.database))
        for one in sorted(file.parent.glob(f"{file.name}*")):
            yield f"file {one.suffix}", one.read_text("latin-1")


def refused_to_start(folder: Path) -> str:
    """What a server says that cannot reach its database."""
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/none"
    done = subprocess.run(
        [sys.executable, "-m", "service.cli.main", "serve", "--port", "0", "--database", url],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(LOUD),
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_told_where_it_does_not_belong(
    form: str, empty_database_url: str, campaign: Campaign, tmp_path: Path
) -> None:
    """Not by anybody, of any kind, in any form; only what signs and compares is kept at all."""
    database, search = empty_database_url, Search()
    if "sqlite" not in database:
        with_password = make_url(database).set(password=PASSWORD)
        database = with_password.render_as_string(hide_password=False)
    search.add("password", PASSWORD)
    chosen = {**LOUD, "GLIDESLOPE_LOG_FORMAT": form}
    with (
        serving(database, tmp_path, has_worker=True, variables=chosen) as house,
        house.client("admin") as client,
    ):
        ids = collect(house, client, search)
        trained = create(client, {**SMALL, "budget": {"trials": 6}})
        slips = [f"gs_{token[4:]}" for token in house.tokens.values()]
        asked = tour(house, search, ids, slips)
        if "sqlite" not in database:
            assert cut_connections(database, "glideslope") > 0
            tour(house, search, ids, slips[:1])
        state = client.get(f"/v1/studies/{trained}?wait=30&until=final").json()["state"]
        assert state in {"completed", "running", "confirming"}
        search.visit(client.get("/metrics"))
        assert house.stop() == 0
    search.look(house.log.read_text("utf-8", "replace"), "the log")
    search.look(refused_to_start(tmp_path), "the complaint of a server without its database")
    for table, rows in dump(database):
        is_file = table.startswith("file")
        known = frozenset(kind for kind, kept in KEPT if is_file or kept == table)
        search.look(rows, f"table {table}", known)
    campaign.case(asked)
    campaign.find(sorted(set(search.found)))
    campaign.measure("requests", asked)
    campaign.measure("texts_searched", search.places)
    campaign.measure("secrets", sum(map(len, search.secrets.values())))
    campaign.measure("hits", len(search.found))
