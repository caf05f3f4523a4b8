"""Traces: requests, plans, transactions and blocks in one trace; nothing where unwanted."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from service import tracing
from service.app import create_app
from service.client import Client
from service.settings import Settings
from service.store import projects
from service.store.engine import Store
from service.tracing import OFF, Tracing
from tests.chaos.processes import Server, ended
from tuning.errors import InvalidValue

PROGRAM = """
import sys
from service.tracing import start
traces = start("x", "auto")
with traces.span("a"):
    assert traces.carry() is None
import service.worker
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
SMALL = {
    "objective": "realized_volatility",
    "horizon": 20,
    "space": {"families": ["cosine"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 1,
    "confirm_seeds": 2,
}


@pytest.fixture(autouse=True)
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests asks for no traces."""
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_imported_where_nobody_listens() -> None:
    """A worker without traces does not pay for the library."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)


@pytest.mark.usefixtures("without_extra")
def test_traces_without_the_extra_are_refused() -> None:
    """With what to install; `auto` and `off` ask for nothing."""
    with pytest.raises(InvalidValue, match=r"traces: .on. is not allowed.*glideslope\[otel\]"):
        tracing.start("x", "on")
    assert tracing.start("x", "auto") is OFF
    assert tracing.start("x", "off") is OFF


@pytest.mark.usefixtures("without_extra")
def test_an_environment_that_asks_in_vain_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be one for all programs of a machine, so the service starts all the same."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.test:4318")
    with caplog.at_level(logging.WARNING):
        assert tracing.start("x", "auto") is OFF
    assert "glideslope[otel]" in caplog.text
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    caplog.clear()
    assert tracing.start("x", "auto") is OFF
    assert caplog.text == ""


@pytest.fixture
def spans() -> Iterator[tuple[Any, Tracing]]:
    """An exporter that keeps spans in memory, and the tracing that feeds it."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    yield kept, Tracing(provider.get_tracer("test"))
    provider.shutdown()


@pytest.mark.full
def test_a_request_is_a_trace_with_its_transactions(
    store: Store, spans: tuple[Any, Tracing]
) -> None:
    """Called after its route, under the span of the client that asked, without what was typed."""
    kept, traces = spans
    with store.write() as session:
        projects.ensure(session, "default")
    store._tracing = traces
    app = create_app(store, Settings(), tracing=traces)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    client.get("/v1/studies/st_x/best?mine=s3cr3t", headers={"traceparent": parent})

    *before, request = kept.get_finished_spans()
    assert request.name == "GET /v1/studies/{study}/best"
    inner = [one for one in before if one.context.trace_id == request.context.trace_id]
    assert {(one.name, one.parent.span_id) for one in inner} == {
        ("store.read", request.context.span_id)
    }
    assert f"{request.context.trace_id:032x}" == parent.split("-")[1]
    assert request.attributes["http.response.status_code"] == 404
    assert "s3cr3t" not in str(request.attributes)
    assert len(str(request.attributes["request"])) == 16


@pytest.mark.full
def test_a_claim_carries_its_trace(store: Store, spans: tuple[Any, Tracing]) -> None:
    """The span of the request that claimed; none where nothing was claimed."""
    kept, traces = spans
    with store.write() as session:
        projects.ensure(session, "default")
    app = create_app(store, Settings(), tracing=traces)
    client = TestClient(app, base_url="http://localhost")
    answer = client.post("/v1/work:claim", json={"worker": "w", "claim": "c"}).json()
    assert (answer["block"], answer["traceparent"]) == (None, None)
    with traces.span("a") as span:
        carried = traces.carry()
    assert carried is not None
    assert carried.split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    with traces.span("b", {"study": "st_x", "none": None}, parent=carried, kind="client"):
        pass
    b = kept.get_finished_spans()[-1]
    assert b.parent.span_id == span.get_span_context().span_id
    assert dict(b.attributes) == {"study": "st_x"}


class Collector:
    """A collector of traces on loopback, which keeps what it is sent."""

    def __init__(self) -> None:
        """Listen."""
        received: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            """Takes what is posted."""

            def do_POST(self) -> None:
                """Keep a body, unpacked."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._received = received
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[tuple[str, Any]]:
        """Every span with the service it is of."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        found = []
        for body in self._received:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                found += [
                    (names["service.name"], span)
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
        return found

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.full
def test_a_study_is_traced_from_claim_to_tell(tmp_path: Path) -> None:
    """Server and worker send to the same collector; a block belongs to its claim, a tell to it."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    collector = Collector()
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "GLIDESLOPE_LOG_FORMAT": "json",
        "GLIDESLOPE_LOG_LEVEL": "info",
    }
    database = f"sqlite:///{tmp_path / 'traced.db'}"
    server = Server(database, tmp_path / "log", has_worker=True, variables=variables)
    with ended(server):
        with Client(server.url) as client:
            study = client.studies.create(SMALL).id
            assert client.studies.wait(study).state == "completed"
        assert server.stop() == 0
    spans = collector.spans()
    collector.close()

    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line[:1] == "{"]
    told = [json.loads(line) for line in lines]
    assert {"service.api.requests", "uvicorn.error"} <= {one["logger"] for one in told}
    assert len({one["process"] for one in told}) > 1, "of the worker, too"
    assert {service for service, _ in spans} == {"glideslope-server", "glideslope-worker"}
    by_id = {span.span_id: span for _, span in spans}
    blocks = [span for _, span in spans if span.name == "block"]
    assert blocks
    claims = {by_id[block.parent_span_id].name for block in blocks}
    assert claims == {"POST /v1/work:claim"}
    tells = [span for _, span in spans if span.name == "POST /v1/runs:tell"]
    assert tells
    assert {by_id[tell.parent_span_id].name for tell in tells} == {"block"}
    proposals = [span for _, span in spans if span.name == "plan.propose"]
    assert {by_id[one.parent_span_id].name for one in proposals} == {"plan"}
    writes = [span for _, span in spans if span.name == "store.write"]
    assert {by_id[one.parent_span_id].name for one in writes if one.parent_span_id} >= {
        "plan.commit",
        "POST /v1/runs:tell",
    }
