"""Traces of a worker: what it asks while it trains a block belongs to the trace of that block."""

import httpx2

from service.tracing import TRACEPARENT, Tracing


def carry_along(http: httpx2.Client, tracing: Tracing) -> None:
    """Have every request of a client tell which span it belongs to, if anybody listens."""

    def tell(request: httpx2.Request) -> None:
        parent = tracing.carry()
        if parent is not None:
            request.headers[TRACEPARENT] = parent

    if tracing.is_on:
        http.event_hooks = {"request": [tell], "response": []}
