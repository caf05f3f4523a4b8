"""Whatever is written into a field is refused, or stored as the text it is (S4).

Every text and number of every body, path, query and header gets the whole corpus. No 5xx, no
status that is not described, no line of the log but those of the requests, nothing that a page
runs, nothing that reaches another project.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from sqlalchemy import make_url

from tests.campaign import Campaign
from tests.fuzz import html_pages, loglines
from tests.fuzz.corpus import ALL, FORGED, PRODUCT, TEXTS, Payload
from tests.fuzz.places import JSON, Place, Request, attack, find
from tests.fuzz.roles import EXTERNAL, SMALL, House, create, serving

WIDE = {
    "GLIDESLOPE_QUOTA_RUNNING_STUDIES": "100000",
    "GLIDESLOPE_QUOTA_TRIALS": "100000000",
    "GLIDESLOPE_QUOTA_REQUESTS": "100000000",
    "GLIDESLOPE_WEBHOOKS": "hooks.example",
}
FORMS = {"sqlite": "json", "postgresql": "text"}  # of the log
ANYWHERE = {404, 405, 431}  # where an address leads to nothing, or is too long
NO_HTTP = "Invalid HTTP request received."  # of the parser, before there is a request
STREAM = "text/event-stream"
# Where the API's own examples name what is not there, or wait for it.
EXAMPLES = {
    "/v1/studies": SMALL,
    "/v1/studies:validate": SMALL,
    "/v1/work:claim": {"worker": "w", "claim": "c"},
    "/v1/webhooks": {"url": "https://hooks.example/b"},
}
PAGES = (
    *("/", "/compare", "/datasets", "/keys", "/workers", "/objectives", "/workbench", "/docs"),
    "/studies/new",
)
ASKED = (
    *(("/", name) for name in ("q", "state", "objective", "label", "labels", "sort", "cursor")),
    *(("/studies/new", name) for name in ("from", "objective", "dataset")),
    *(("/compare", "study"), ("/sign-in", "next"), ("/datasets", "cursor")),
)


@dataclass
class Sender:
    """Sends attacks and judges each answer."""

    house: House
    client: httpx2.Client
    wrong: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)

    def send(self, place: Place, payload: Payload, request: Request) -> None:
        """Send one and judge its answer."""
        name = f"case-{len(self.sent)}"
        words = f"{payload.name} in {place.words}"
        if place.part == "header":
            status, headers, body = self._send_raw(request, name)
        else:
            status, headers, body = self._send(request, name)
        if status == 400 and body == NO_HTTP.encode():
            return
        self.sent.append(name)
        self.wrong += (f"{words}: {one}" for one in judge(place, status, headers, body))
        if status < 300 and body and headers.get("content-type") == JSON:
            told = json.loads(body)
            if isinstance(told, dict) and str(told.get("id", "")).startswith("st_"):
                self.stored.add(told["id"])
                # Its text stays, and the planner has nothing to do for it.
                self.client.post(f"/v1/studies/{told['id']}:cancel")

    def _send(self, request: Request, name: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {one: value.decode() for one, value in request.headers.items()}
        with self.client.stream(
            request.method,
            request.target,
            headers={**headers, "X-Request-Id": name},
            content=request.content,
        ) as response:
            is_stream = response.headers.get("content-type", "").startswith(STREAM)
            body = b"" if is_stream else response.read()
            return response.status_code, response.headers, body

    def _send_raw(self, request: Request, name: str) -> tuple[int, Mapping[str, str], bytes]:
        """Send it as it stands: a client of HTTP would refuse such headers itself."""
        url = urlsplit(self.house.url)
        lines = {
            "Host": url.netloc.encode(),
            "X-Request-Id": name.encode(),
            "Connection": b"close",
            "Content-Length": str(len(request.content)).encode(),
            "Authorization": self.house.headers("admin")["Authorization"].encode(),
            **request.headers,
        }
        head = f"{request.method} {request.target} HTTP/1.1\r\n".encode()
        for one, value in lines.items():
            head += one.encode() + b": " + value + b"\r\n"
        with socket.create_connection((url.hostname, url.port), 30) as connection:
            connection.sendall(head + b"\r\n" + request.content)
            return _answer(connection)


def _answer(connection: socket.socket) -> tuple[int, Mapping[str, str], bytes]:
    """The answer on a connection that the server then closes; of a stream only the beginning."""
    told = b""
    while piece := connection.recv(65_536):
        told += piece
        if STREAM.encode() in told.partition(b"\r\n\r\n")[0]:
            break
    head, _, body = told.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = httpx2.Headers([tuple(one.split(": ", 1)) for one in lines])
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return int(first.split()[1]), headers, body


def _chunks(body: bytes) -> Iterator[bytes]:
    """The pieces of a body of which each tells its length."""
    while body:
        length, _, rest = body.partition(b"\r\n")
        yield rest[: int(length, 16)]
        body = rest[int(length, 16) + 2 :]


def judge(place: Place, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """What is wrong with an answer."""
    if status >= 500 and not (status == 503 and "retry-after" in headers):
        yield f"answered {status}: {body[:300]!r}"
    allowed = place.statuses | (ANYWHERE if place.part in {"path", "query", "header"} else set())
    if status not in allowed:
        yield f"answered {status}, which is not described: {body[:300]!r}"
    if f"x-{FORGED}" in headers:
        yield "a header was forged"
    if PRODUCT.encode() in body:
        yield "a template was computed"
    if b"Traceback (most recent" in body:
        yield "a traceback was answered"
    if body and headers.get("content-type", "").partition(";")[0].endswith("json"):
        try:
            json.loads(body, parse_constant=pytest.fail)
        except ValueError as error:
            yield f"answered what is no JSON ({error}): {body[:300]!r}"


def attacks(
    places: list[Place], ids: Mapping[str, str]
) -> Iterator[tuple[Place, Payload, Request]]:
    """Everything everywhere."""
    for place in places:
        for payload in ALL:
            request = attack(place, payload, ids)
            if request is not None:
                yield place, payload, request


def inhabit(house: House, client: httpx2.Client) -> dict[str, str]:
    """Something of every kind, whose ids paths need; deleted things are not missed."""
    study = create(client, EXTERNAL)
    hook = client.post("/v1/webhooks", json={"url": "https://hooks.example/a"})
    assert hook.status_code == 201, hook.text
    return {"study": study, "number": "0", "webhook": hook.json()["id"], "key": house.ids["read"]}


def look_at_pages(sender: Sender, campaign: Campaign) -> None:
    """Every page, and what pages say of texts that are asked for, as a browser would read them."""
    most = campaign.dose(4, 60)
    studies = sorted(sender.stored)[:most]
    addresses = [*PAGES, *(f"/studies/{one}" for one in studies)]
    addresses += [f"/v1/studies/{one}/report" for one in studies[: most // 4]]
    addresses += [f"/studies/new?from={one}" for one in studies[: most // 4]]
    for path, name in ASKED:
        addresses += [f"{path}?{name}={quote(one.text or '', safe='')}" for one in TEXTS[:-1]]
    if not campaign.is_whole:
        addresses = campaign.random().sample(addresses, 15) + list(PAGES[:3])
    for address in addresses:
        page = sender.client.get(address, headers={"Accept": "text/html"})
        campaign.case()
        if page.status_code >= 500:
            sender.wrong.append(f"{address} answered {page.status_code}")
        location = page.headers.get("location", "/")
        if not location.startswith("/") or location.startswith("//"):
            sender.wrong.append(f"{address} leads to {location}")
        sender.wrong += html_pages.check(page.text, address)


@pytest.mark.timeout(3600)
def test_nothing_that_is_written_into_a_field_does_anything(
    empty_database_url: str, campaign: Campaign, tmp_path: Path
) -> None:
    """In any field, of any operation; other studies, the log and the pages stay what they are."""
    form = FORMS[make_url(empty_database_url).get_backend_name()]
    variables = {**WIDE, "GLIDESLOPE_LOG_FORMAT": form}
    with (
        serving(empty_database_url, tmp_path, variables=variables) as house,
        house.client("admin") as client,
    ):
        ids = inhabit(house, client)
        bystander = create(client, EXTERNAL, label="bystander")
        client.post(f"/v1/studies/{bystander}:pause")
        before = client.get(f"/v1/studies/{bystander}").json()["spec"]
        document = client.get("/openapi.json").json()
        places = list(find(document, EXAMPLES))
        every = list(attacks(places, ids))
        chosen = campaign.random().sample(every, min(len(every), campaign.dose(100, 10**6)))
        sender = Sender(house, client)
        for place, payload, request in chosen:
            sender.send(place, payload, request)
            campaign.case()
        look_at_pages(sender, campaign)
        after = client.get(f"/v1/studies/{bystander}").json()["spec"]
        assert house.stop() == 0
    campaign.find(sender.wrong)
    campaign.find(loglines.check(house.log, sender.sent, form))
    if after != before:
        campaign.find(["another study is not what it was"])
    campaign.measure("places", len({place for place, _, _ in every}))
    campaign.measure("requests_in_the_log", len(sender.sent))
    campaign.measure("studies_stored", len(sender.stored))
