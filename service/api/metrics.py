"""Metrics for Prometheus: what this server did since it started, and what there is to do.

The one idea: two kinds of figures. Counts and times are of this process alone, so those of several
replicas are added up. Gauges of the store are the same whichever replica is asked, so their maximum
is taken; they are read at most once in a few seconds. Labels come from short fixed lists: states,
outcomes, templates of routes; never an id, a name or an address.
Not here: the queries (`service.store.figures`), who times requests (`service.api.requests`).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from service.errors import ServiceError
from service.store import figures
from service.store.engine import Store
from service.store.figures import Figures

FRESH_SECONDS = 5.0  # how long what was read from the store is told again
REQUEST_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
PLANNING_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self._requests = Histogram(
            "glideslope_request_seconds",
            "Time until an answer began, by template of the route",
            ("method", "route", "status"),
            buckets=REQUEST_BUCKETS,
            registry=own,
        )
        self._planning = Histogram(
            "glideslope_planning_seconds",
            "Time of the steps of planning: load the history, propose (sampler and policy), commit",
            ("step",),
            buckets=PLANNING_BUCKETS,
            registry=own,
        )
        writing = Histogram(
            "glideslope_write_seconds",
            "Time of transactions that write: wait for their turn (on SQLite one at a time; on "
            "PostgreSQL for a connection), hold it until all is stored",
            ("step",),
            buckets=REQUEST_BUCKETS,
            registry=own,
        )
        steps = {step: writing.labels(step) for step in ("wait", "hold")}
        store.time_writes(lambda step, seconds: steps[step].observe(seconds))
        self._claims = Counter(
            "glideslope_claims", "Answered claims: with runs, or empty", ("answer",), registry=own
        )
        self.claimed_runs = Counter(
            "glideslope_claimed_runs", "Runs handed out, as often as they were", registry=own
        )
        self._told_runs = Counter(
            "glideslope_told_runs",
            "Ends of runs that were told, by what was told and whether it counted",
            ("outcome", "status"),
            registry=own,
        )
        self.expired_leases = Counter(
            "glideslope_expired_leases", "Leases that ran out and were taken back", registry=own
        )
        self.open_streams = Gauge(
            "glideslope_open_streams", "Event streams that are open", registry=own
        )
        own.register(_StoreCollector(store, clock))
        ProcessCollector(registry=own)
        self._timers: dict[tuple[str, str, int], Histogram] = {}

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        timer = self._timers.get(key)
        if timer is None:  # the library's own lookup takes longer than all the rest
            timer = self._timers[key] = self._requests.labels(method, route, str(status))
        timer.observe(seconds)

    def observe_planning(self, step: str, seconds: float) -> None:
        """Count a step of planning."""
        self._planning.labels(step).observe(seconds)

    def count_claim(self, runs: int) -> None:
        """Count an answered claim and the runs it brought."""
        self._claims.labels("runs" if runs else "empty").inc()
        self.claimed_runs.inc(runs)

    def count_tell(self, outcome: str, status: str) -> None:
        """Count the end of a run that was told."""
        self._told_runs.labels(outcome, status).inc()

    def text(self) -> bytes:
        """All figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class _StoreCollector(Collector):
    """Gauges of the store; without the database it tells that it is down and nothing else."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()  # many may ask at once; one reads
        self._read_at = -FRESH_SECONDS
        self._figures: Figures | None = None

    def describe(self) -> list[Metric]:
        """Nothing: the store is not to be asked when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        found = self._read()
        yield GaugeMetricFamily(
            "glideslope_store_up", "Whether the store answered", value=float(found is not None)
        )
        pool = GaugeMetricFamily(
            "glideslope_database_connections",
            "Connections to the database of this server that are in use",
            labels=("pool",),
        )
        for name, used in self._store.connections_in_use().items():
            pool.add_metric((name,), used)
        yield pool
        if found is not None:
            yield from _gauges(found)

    def _read(self) -> Figures | None:
        with self._lock:
            if self._clock() - self._read_at >= FRESH_SECONDS:
                self._read_at = self._clock()
                try:
                    with self._store.read() as session:
                        self._figures = figures.take(session)
                except ServiceError:
                    self._figures = None
            return self._figures


def _gauges(found: Figures) -> Iterator[Metric]:
    yield _family("studies", "Studies of all projects", "state", found.studies)
    runs = {"queued": found.queued_runs, "leased": found.leased_runs}
    yield _family("runs", "Runs that wait for a worker, or are with one", "state", runs)
    for name, words, value in (
        (
            "queue_age_seconds",
            "Longest time since a running study with queued runs was served",
            found.queue_age_seconds,
        ),
        ("workers", "Workers that asked for work in the last minute", found.workers),
        ("datasets", "Datasets of all projects", found.datasets),
        ("dataset_bytes", "Bytes of these", found.dataset_bytes),
    ):
        yield GaugeMetricFamily(f"glideslope_{name}", words, value=value)


def _family(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"glideslope_{name}", words, labels=(label,))
    for state, value in values.items():
        family.add_metric((state,), value)
    return family
