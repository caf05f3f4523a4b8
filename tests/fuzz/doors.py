"""The doors of the service: every route that the application has, and a server to knock at.

The one idea: routes are taken from the application itself, so a new one is tried without anybody
thinking of it; and they are asked of a real server process, by requests as they are written here,
for a client library would tidy an address up before it is sent.
Not here: whose keys are shown (each test), what one tenant has (`tests.fuzz.tenants`).
"""

import re
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
from fastapi.routing import APIRoute, iter_route_contexts

from service.api.caller import Needs, is_public
from service.app import create_app
from service.schemas.keys import Scope
from service.settings import Settings
from service.store.engine import Store
from tests.chaos.processes import Server, ended

ANSWER_SECONDS = 30.0
# No connection is kept: the server may be closing an idle one just when it is to be used again.
ONCE = httpx2.Limits(max_keepalive_connections=0)
# Nothing happens by itself while a test looks at what is stored.
STILL = {
    "GLIDESLOPE_STALL_SECONDS": "86400",
    "GLIDESLOPE_QUOTA_REQUESTS": "1000000000",
}
LASTING_LEASE = 86_400.0  # seconds


@dataclass(frozen=True)
class Route:
    """One method of one address; `scope` is what its caller must be allowed, None if any key will.

    `is_public` says that it asks for nothing.
    """

    method: str
    path: str
    scope: Scope | None
    is_public: bool

    @property
    def names(self) -> list[str]:
        """What its address has in braces."""
        return re.findall(r"\{(\w+)\}", self.path)

    def at(self, ids: Mapping[str, str]) -> str:
        """Its address with names filled in."""
        return self.path.format(**ids)


def read_routes(folder: Path) -> list[Route]:
    """All routes of the application, in its own order; `folder` is for a database."""
    store = Store(f"sqlite:///{folder / 'routes.db'}")
    app = create_app(store, Settings(_env_file=None))  # type: ignore[call-arg] # pydantic's own
    app.state.context.keyring.close()
    store.close()
    found = []
    for one in iter_route_contexts(app.routes):
        path = str(one.path)
        needs = _needs(one.dependant) if isinstance(one.original_route, APIRoute) else []
        for method in sorted(one.methods or {"ANY"}):
            scope = needs[0].scope if needs else None
            found.append(Route(method, path, scope, is_public(method, path)))
    return found


def _needs(dependant: Any) -> list[Needs]:  # noqa: ANN401 # FastAPI's own
    own = [dependant.call] if isinstance(dependant.call, Needs) else []
    return own + [need for part in dependant.dependencies for need in _needs(part)]


@contextmanager
def serving(
    database: str,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    *,
    has_worker: bool = False,
) -> Iterator[Server]:
    """A server process whose folders lie in `folder`, where nothing happens by itself."""
    places = {
        f"GLIDESLOPE_{name.upper()}_FOLDER": str(folder / name)
        for name in ("data", "cache", "dataset")
    }
    (folder / "data").mkdir(exist_ok=True)
    server = Server(
        database,
        folder / "server.log",
        variables={**STILL, **places, **(variables or {})},
        has_worker=has_worker,
        lease_seconds=LASTING_LEASE,
    )
    with ended(server):
        yield server


def copied(template: Path, folder: Path) -> str:
    """The URL of a fresh copy of a migrated SQLite file."""
    shutil.copy(template, folder / "service.db")
    return f"sqlite:///{folder / 'service.db'}"


@dataclass(frozen=True)
class Keys:
    """Makes keys at a server; its first one closes the server to whoever has none."""

    client: httpx2.Client

    @staticmethod
    @contextmanager
    def of(url: str) -> "Iterator[Keys]":
        """Begin with the key of all projects."""
        with httpx2.Client(
            base_url=url, timeout=ANSWER_SECONDS, limits=ONCE, trust_env=False
        ) as client:
            wish = {"label": "first", "scopes": list(Scope), "all_projects": True}
            made = client.post("/v1/keys", json=wish)
            assert made.status_code == 201, made.text
            client.headers["Authorization"] = f"Bearer {made.json()['token']}"
            yield Keys(client)

    def make(self, project: str, *scopes: Scope, **more: object) -> dict[str, Any]:
        """A key of a project, with every scope if none is named, as the service answers it."""
        wish = {"label": "one", "scopes": list(scopes or Scope), "project": project, **more}
        answer = self.client.post("/v1/keys", json=wish)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def holder(self, project: str, *scopes: Scope) -> httpx2.Client:
        """A client that shows a new key; whoever asks for it closes it."""
        return httpx2.Client(
            base_url=self.client.base_url,
            headers={"Authorization": f"Bearer {self.make(project, *scopes)['token']}"},
            timeout=ANSWER_SECONDS,
            limits=ONCE,
            trust_env=False,
        )


@dataclass(frozen=True)
class Answer:
    """What a server answered; headers by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask_raw(
    url: str,
    method: str,
    target: str | bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
) -> Answer:
    """Ask with exactly these bytes as request target and headers, on a connection of its own.

    A server that closes the connection without a word has refused: its status is 0.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    asked = target if isinstance(target, bytes) else target.encode("latin-1", "replace")
    lines = [
        b"%s %s HTTP/1.1" % (method.encode(), asked),
        *(b"%s: %s" % header for header in headers),
        b"Connection: close",
    ]
    if not any(name.lower() == b"host" for name, _ in headers):
        lines.append(b"Host: localhost")
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", body]))
        response = HTTPResponse(connection, method=method)
        try:
            response.begin()
            # A stream of events would never end: that it began is all there is to know.
            is_stream = response.headers.get_content_type() == "text/event-stream"
            told = b"" if is_stream else response.read()
        except (HTTPException, OSError):
            return Answer(0, {}, b"")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, told)
