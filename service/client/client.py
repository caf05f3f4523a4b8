"""Clients: the HTTP contract as typed methods, blocking and asynchronous.

The one idea: a client is its resources over one driver; both clients have the same resources, so
`client.studies.get("st_…")` is a study for one and awaits it for the other. Whatever the service
refuses is a `ProblemError` that carries its problem document.
Not here: the calls (one file per resource), retries (`service.client.flows`), what a worker does
with its runs (`service.worker`).
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, final

import httpx2

from service.client.addresses import open_async_http, open_http
from service.client.catalogue import Catalogue
from service.client.datasets import Datasets
from service.client.drivers import AsyncDriver, SyncDriver, sleep
from service.client.health import Health
from service.client.keys import Keys
from service.client.patience import Patience
from service.client.results import Results
from service.client.schedules import Schedules
from service.client.shares import Shares
from service.client.studies import Studies
from service.client.transfers import Transfers
from service.client.trials import Trials
from service.client.webhooks import Webhooks
from service.client.work import Work
from service.client.workers import Workers


@final
class Client:
    """The service at `base_url`; safe to share between threads, closes itself as a context manager.

    Args:
        base_url: for instance `http://127.0.0.1:8000`.
        key: the API key to show; that of `GLIDESLOPE_API_KEY` in the environment if None.
        http: an HTTP client to use instead of an own one, for instance Starlette's `TestClient`;
            it is not closed here.
        transport: how an own HTTP client sends its requests.
        patience: how long calls are tried, where a method is not told otherwise.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        http: httpx2.Client | None = None,
        transport: httpx2.BaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._http = http or open_http(base_url, transport, key)
        self._is_owner = http is None
        driver = SyncDriver(self._http, patience or Patience())
        self.studies = Studies(driver)
        self.trials = Trials(driver)
        self.results = Results(driver)
        self.transfers = Transfers(driver)
        self.schedules = Schedules(driver)
        self.catalogue = Catalogue(driver)
        self.datasets = Datasets(driver)
        self.webhooks = Webhooks(driver)
        self.work = Work(driver)
        self.workers = Workers(driver)
        self.keys = Keys(driver)
        self.shares = Shares(driver)
        self.health = Health(driver)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections, unless they belong to someone else."""
        if self._is_owner:
            self._http.close()


@final
class AsyncClient:
    """The same for asynchronous programs: every method is awaited, every list is `async for`.

    Args:
        base_url: for instance `http://127.0.0.1:8000`.
        key: the API key to show; that of `GLIDESLOPE_API_KEY` in the environment if None.
        http: an HTTP client to use instead of an own one; it is not closed here.
        transport: how an own HTTP client sends its requests.
        patience: how long calls are tried, where a method is not told otherwise.
        pause: awaited between tries instead of the patience's own pause; True means give up.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        http: httpx2.AsyncClient | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
        pause: Callable[[float], Awaitable[bool]] = sleep,
    ) -> None:
        self._http = http or open_async_http(base_url, transport, key)
        self._is_owner = http is None
        driver = AsyncDriver(self._http, patience or Patience(), pause)
        self.studies = Studies(driver)
        self.trials = Trials(driver)
        self.results = Results(driver)
        self.transfers = Transfers(driver)
        self.schedules = Schedules(driver)
        self.catalogue = Catalogue(driver)
        self.datasets = Datasets(driver)
        self.webhooks = Webhooks(driver)
        self.work = Work(driver)
        self.workers = Workers(driver)
        self.keys = Keys(driver)
        self.shares = Shares(driver)
        self.health = Health(driver)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, unless they belong to someone else."""
        if self._is_owner:
            await self._http.aclose()
