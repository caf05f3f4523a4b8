"""Quotas on the wire: 429 with the quota, what is used, the limit, and when to come back."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service.api.caller import OPEN, Caller
from service.api.meter import Meter
from service.errors import QuotaExceeded
from service.quotas import UNLIMITED, Quotas
from service.schemas.keys import Scope
from service.store import quotas
from service.store.engine import Store
from tests.service.conftest import SMALL

ONE = Caller("a", "k", frozenset(Scope))


@pytest.fixture
def limited(
    store: Store, api: TestClient, holder: Callable[..., TestClient]
) -> Callable[..., TestClient]:
    """A client of a project with limits: `limited(trials=5)`."""

    def limit(**own: int) -> TestClient:
        client = holder("small")
        with store.write() as session:
            quotas.set_own(session, "small", own)
        api.app.state.context.keyring.forget()  # type: ignore[attr-defined] # the application's
        return client

    return limit


def refused(response: Any, quota: str, used: int, limit: int) -> dict[str, Any]:  # noqa: ANN401
    """The document of a refusal that names the quota."""
    assert response.status_code == 429, response.text
    assert int(response.headers["Retry-After"]) > 0
    problem: dict[str, Any] = response.json()
    assert problem["type"] == "urn:glideslope:problem:quota-exceeded"
    told = problem["quota"]
    assert (told["name"], told["used"], told["limit"]) == (quota, used, limit)
    return problem


def test_a_study_too_many_is_refused_with_its_cost(limited: Callable[..., TestClient]) -> None:
    """Nothing is stored, a check costs nothing, and a repetition is none."""
    client = limited(running_studies=1)
    headers = {"Idempotency-Key": "one"}
    first = client.post("/v1/studies", json=SMALL, headers=headers)
    assert first.status_code == 202
    problem = refused(client.post("/v1/studies", json=SMALL), "running_studies", 1, 1)
    check = client.post("/v1/studies:validate", json=SMALL)
    assert problem["estimate"] == check.json()["estimate"]
    assert client.post("/v1/studies", json=SMALL, headers=headers).json() == first.json()
    assert len(client.get("/v1/studies").json()["items"]) == 1
    study = first.json()["id"]
    refused(client.post(f"/v1/studies/{study}:clone", json={}), "running_studies", 1, 1)
    client.post(f"/v1/studies/{study}:cancel")
    assert client.post("/v1/studies", json=SMALL).status_code == 202


def test_trials_and_storage_have_limits_of_their_own(limited: Callable[..., TestClient]) -> None:
    """The refusal says what was asked for."""
    client = limited(trials=7, storage_bytes=10)
    assert client.post("/v1/studies", json=SMALL).status_code == 202
    problem = refused(client.post("/v1/studies", json=SMALL), "trials", 6, 7)
    assert problem["quota"]["asked"] == 6
    bars = "date,open,high,low,close\n" + "".join(
        f"2020-01-{day:02},1,2,1,1.5\n" for day in range(1, 31)
    )
    upload = client.post("/v1/datasets?kind=ohlcv&name=x", content=bars.encode())
    refused(upload, "storage_bytes", 0, 10)
    assert client.get("/v1/datasets").json()["items"] == []


def test_requests_are_counted_by_the_minute(limited: Callable[..., TestClient]) -> None:
    """Health and the API's description are not."""
    client = limited(requests_per_minute=3)
    statuses = [client.get("/v1/studies").status_code for _ in range(5)]
    assert 429 in statuses
    assert statuses == sorted(statuses)
    assert client.get("/livez").status_code == 200
    assert "retry-after" in client.get("/v1/studies").headers


def test_where_no_key_is_needed_nothing_is_limited(
    api: TestClient, submit: Callable[..., dict[str, Any]]
) -> None:
    """Whoever has the machine has all of it."""
    submit()
    assert api.app.state.context.keyring.usual == UNLIMITED  # type: ignore[attr-defined]


class Minute:
    """A clock."""

    def __init__(self) -> None:
        """At the beginning of a minute."""
        self.at = 6_000.0

    def __call__(self) -> float:
        """The time by it."""
        return self.at


def take(meter: Meter, caller: Caller = ONE) -> bool:
    """Whether a request is let through."""
    try:
        meter.count(caller)
    except QuotaExceeded:
        return False
    return True


def test_a_meter_lets_through_what_the_limit_allows() -> None:
    """Exactly, within each minute; the refusal says how long it lasts."""
    clock = Minute()
    meter = Meter(lambda _: Quotas(requests_per_minute=5), clock)
    assert [take(meter) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.at += 45
    with pytest.raises(QuotaExceeded) as error:
        meter.count(ONE)
    assert error.value.retry_after == 15
    assert all(take(meter, OPEN) for _ in range(9))
    clock.at += 15
    assert take(meter)


def test_two_servers_exceed_a_limit_by_no_more_than_a_second_brings() -> None:
    """What they told the store counts for both."""
    clock, stored = Minute(), {"a": 0}

    def add(_: int, counted: Any) -> Any:  # noqa: ANN401
        stored["a"] += counted["a"]
        return dict(stored)

    meters = [Meter(lambda _: Quotas(requests_per_minute=10), clock) for _ in range(2)]
    passed = 0
    for _ in range(10):
        passed += sum(take(meter) for meter in meters for _ in range(2))
        for meter in meters:
            meter.flush(add)
    assert 10 <= passed <= 12
    assert stored["a"] == passed


def test_what_could_not_be_told_to_the_store_counts_here_all_the_same() -> None:
    """A store that is away opens no gate."""
    meter = Meter(lambda _: Quotas(requests_per_minute=2), Minute())
    assert take(meter)

    def fail(*_: object) -> Any:  # noqa: ANN401
        raise ConnectionError

    with pytest.raises(ConnectionError):
        meter.flush(fail)
    assert [take(meter), take(meter)] == [True, False]


def test_streams_are_closed_again(limited: Callable[..., TestClient]) -> None:
    """One too many is refused; one that ended, or waited, makes room."""
    client = limited(streams=0)
    study = client.post("/v1/studies", json=SMALL).json()["id"]
    refused(client.get(f"/v1/studies/{study}/events"), "streams", 0, 0)
    refused(client.get(f"/v1/studies/{study}?wait=1"), "streams", 0, 0)
    claim = {"worker": "w", "claim": "c", "wait_seconds": 1}
    refused(client.post("/v1/work:claim", json=claim), "streams", 0, 0)
    assert client.get(f"/v1/studies/{study}").status_code == 200


def test_a_stream_counts_until_it_ends(limited: Callable[..., TestClient]) -> None:
    """However it ends: here its reader goes away."""
    client = limited(streams=1)
    study = client.post("/v1/studies", json=SMALL).json()["id"]
    client.post(f"/v1/studies/{study}:cancel")
    meter: Meter = client.app.state.context.meter  # type: ignore[attr-defined]
    for _ in range(3):  # it has ended, so each stream ends, too
        assert client.get(f"/v1/studies/{study}/events").status_code == 200
    assert meter._streams == {}

    async def hang_up() -> None:
        transport = httpx2.ASGITransport(client.app)  # type: ignore[arg-type]
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost", headers=client.headers
        ) as other:
            open_study = (await other.post("/v1/studies", json=SMALL)).json()["id"]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await other.get(f"/v1/studies/{open_study}/events")

    asyncio.run(hang_up())
    assert meter._streams == {}
