"""Traces (OpenTelemetry): which part of a request, a plan or a block took how long.

The one idea: whoever does something wraps it in `span`, whether traces are wanted or not; where
they are not, that is a context that does nothing, and nothing of the extra is imported. Spans carry
templates of routes and ids, never addresses or bodies. A claim carries its context to the worker
(`traceparent`, W3C Trace Context), so that a block belongs to the trace of its claim.
Not here: where spans are sent, which the standard variables `OTEL_…` say.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, final

from tuning.errors import InvalidValue

if TYPE_CHECKING:  # an extra, imported where traces are wanted
    from opentelemetry.trace import Span
    from opentelemetry.trace import Tracer as OtelTracer

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MISSING = "the extra: pip install 'glideslope[otel]'"
TRACEPARENT = "traceparent"

Choice = Literal["auto", "on", "off"]
Kind = Literal["server", "internal", "client"]


@final
class Tracing:
    """Makes spans; without a tracer, nothing."""

    def __init__(self, tracer: "OtelTracer | None" = None, provider: Any = None) -> None:  # noqa: ANN401 - the SDK's, an extra
        self._tracer = tracer
        self._provider = provider

    @property
    def is_on(self) -> bool:
        """Whether anybody listens."""
        return self._tracer is not None

    def span(
        self,
        name: str,
        attributes: Mapping[str, object] | None = None,
        *,
        parent: str | None = None,
        kind: Kind = "internal",
    ) -> "AbstractContextManager[Span | None]":
        """A span around a block, which an error marks.

        Args:
            name: of few different ones: no ids.
            attributes: what it is about; those that are None are left out.
            parent: the `traceparent` of another process; the span at hand if None.
            kind: which part in a call between processes it has.
        """
        if self._tracer is None:
            return nullcontext()
        return self._open(self._tracer, name, attributes or {}, parent, kind)

    def carry(self) -> str | None:
        """The `traceparent` of the span at hand, for another process; None if there is none."""
        if self._tracer is None:
            return None
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an extra
            TraceContextTextMapPropagator,
        )

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return carrier.get(TRACEPARENT)

    def close(self) -> None:
        """Send what was not sent yet."""
        if self._provider is not None:
            self._provider.shutdown()

    @staticmethod
    @contextmanager
    def _open(
        tracer: "OtelTracer",
        name: str,
        attributes: Mapping[str, object],
        parent: str | None,
        kind: Kind,
    ) -> "Iterator[Span]":
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - likewise
            TraceContextTextMapPropagator,
        )

        known = {key: str(value) for key, value in attributes.items() if value is not None}
        context = parent and TraceContextTextMapPropagator().extract({TRACEPARENT: parent})
        with tracer.start_as_current_span(
            name, context=context or None, kind=SpanKind[kind.upper()], attributes=known
        ) as span:
            yield span


OFF = Tracing()


def start(service: str, choice: Choice) -> Tracing:
    """What makes the spans of this process.

    Args:
        service: its name, where `OTEL_SERVICE_NAME` says no other.
        choice: `on`, `off`, or `auto`: on if the environment names where to send spans.

    Raises `InvalidValue` naming `traces` if they are wanted and the extra is not installed; if it
    is only the environment that wants them, they are left out with a warning.
    """
    if choice == "off" or (choice == "auto" and not _is_wanted()):
        return OFF
    try:
        return _exporting(service)
    except ImportError as error:
        if choice == "on":
            raise InvalidValue("traces", "on", f"off, or {MISSING}") from error
        logger.warning("the environment asks for traces, which need %s", MISSING)
        return OFF


def _is_wanted() -> bool:
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_for_none = os.environ.get("OTEL_TRACES_EXPORTER", "").lower() == "none"
    return any(map(os.environ.get, ENDPOINTS)) and not is_disabled and not is_for_none


def _exporting(service: str) -> Tracing:
    """Spans to a collector, by OTLP over HTTP, in batches from a thread of its own."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise

    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider.get_tracer("glideslope"), provider)
