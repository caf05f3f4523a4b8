"""The worker's life: slots, heartbeats, and three steps to its end.

The one idea: the main thread only waits for notices (a signal, a slot that ended) and opens three
gates one after the other. Draining: claim nothing more, and wait for no work. Halting,
`drain_seconds` later: stop training and put back. Over: whoever is still talking to a service that
does not answer is left behind, and its leases run out.
Not here: what a slot does (`slot`).
"""

import logging
import os
import queue
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import FrameType

from service.client import Client, ClientError, Forbidden, NotAuthenticated, Patience
from service.client.patience import TEMPORARY
from service.tracing import OFF, Tracing
from service.worker.apart import settle
from service.worker.datasets import DatasetCache
from service.worker.delivery import Delivery
from service.worker.gate import Gate, Open
from service.worker.heartbeat import beat
from service.worker.leases import Leases
from service.worker.slot import Ask, Bring, Slot, Stoppable
from tuning.errors import NoCluster
from tuning.execution import UNLIMITED, Allowance, Cluster, Process, Remote
from tuning.execution.pinning import cores
from tuning.objectives import NO_FOLDERS, Folders, load

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 300.0
NOTICE_SECONDS = 0.2  # longest wait for a notice, and between attempts to stop what still trains
LEAST_BEAT_SECONDS = 2.0  # for the service to answer a heartbeat
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def worker_name() -> str:
    """A name that no other worker has: host, process id and six random digits."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker works.

    Args:
        worker: its name, unlike that of any other worker.
        processes: slots, each with one training process, or one block at a cluster.
        lanes: runs that a slot trains side by side.
        drain_seconds: how long running blocks may go on once the worker was told to stop.
        hand_back_seconds: how long it may then take to put back what was stopped.
        wait_seconds: how long the service may hold a claim until there is work.
        patience_seconds: how long the service may be away before the worker gives up.
        objectives: names of what it can train; None for anything.
    """

    worker: str = field(default_factory=worker_name)
    processes: int = 1
    lanes: int = 4
    drain_seconds: float = 5.0
    hand_back_seconds: float = 4.0
    wait_seconds: float = 2.0
    patience_seconds: float = PATIENCE_SECONDS
    objectives: tuple[str, ...] | None = None


class Worker:
    """A worker of the service behind `client`.

    `open_executor` makes one executor per slot; `gate` says when which slot may claim, any at any
    time if there is none; `bring` gets the data that a block needs.
    """

    def __init__(
        self,
        client: Client,
        options: Options,
        open_executor: Callable[[], Stoppable],
        bring: Bring = lambda _objective, _config: None,
        tracing: Tracing = OFF,
        gate: Gate | None = None,
    ) -> None:
        self._client = client
        self._gate = Open(options.objectives) if gate is None else gate
        self._bring = bring
        self._tracing = tracing
        self._options = options
        self._draining = threading.Event()
        self._halting = threading.Event()
        self._over = threading.Event()
        self._notices: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._failures: queue.SimpleQueue[Exception] = queue.SimpleQueue()
        self._is_told = False
        self._leases = Leases()
        self._slots = [self._slot(number, open_executor()) for number in range(options.processes)]
        self._serving = [self._thread(f"slot-{slot.number}", slot.serve) for slot in self._slots]
        self._beating = self._thread("heartbeat", self._beat_until_over)

    def start(self) -> None:
        """Start the threads."""
        for thread in (*self._serving, self._beating):
            thread.start()

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """Drain and end; may be called from any thread and from a signal handler.

        Called again, the process exits at once.
        """
        self._notices.put(signal_number)

    def wait(self) -> int:
        """Wait until the worker was stopped or failed; returns its exit code, 0 or 1."""
        while not self._take_notice(NOTICE_SECONDS):
            pass
        self._draining.set()
        self._thread("withdrawal", self._withdraw).start()
        is_done = self._await_slots(self._options.drain_seconds)
        self._halting.set()
        is_done = is_done or self._await_slots(self._options.hand_back_seconds)
        self._over.set()
        if not is_done and not self._await_slots(NOTICE_SECONDS):
            logger.warning("runs could not be put back; their leases will run out")
            self._kill_all()
        return 0 if self._failures.empty() else 1

    def _slot(self, number: int, executor: Stoppable) -> Slot:
        options = self._options
        patience = Patience(
            seconds=options.patience_seconds,
            statuses=TEMPORARY | {500},
            pause=self._over.wait,
        )
        return Slot(
            number,
            Ask(options.worker, options.lanes, options.wait_seconds),
            client=self._client,
            claiming=replace(
                patience,
                answer_seconds=patience.answer_seconds + options.wait_seconds,
                pause=self._halting.wait,
            ),
            delivery=Delivery(self._client, options.worker, patience),
            leases=self._leases,
            executor=executor,
            draining=self._draining,
            gate=self._gate,
            bring=self._bring,
            tracing=self._tracing,
        )

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guard, args=(name, work), name=name, daemon=True)

    def _guard(self, name: str, work: Callable[[], None]) -> None:
        """Run a thread's work; an error ends the worker, in order, instead of passing unseen."""
        try:
            work()
        except Exception as error:
            if self._halting.is_set() and isinstance(error, ClientError):
                logger.warning("%s could not finish: %s", name, error)
            elif isinstance(error, NotAuthenticated | Forbidden | NoCluster):
                if self._failures.empty():  # not once for each slot
                    logger.error("the worker ends: %s", error)  # noqa: TRY400 - a trace says no more
                self._failures.put(error)
            else:
                logger.exception("the worker ends: %s failed", name)
                self._failures.put(error)
        self._notices.put(None)

    def _beat_until_over(self) -> None:
        while not self._over.wait(self._leases.heartbeat_seconds):
            once = Patience(
                seconds=0, answer_seconds=max(LEAST_BEAT_SECONDS, self._leases.heartbeat_seconds)
            )
            beat(Delivery(self._client, self._options.worker, once), self._leases)
            for slot in self._slots:
                slot.interrupt_if_lost()

    def _withdraw(self) -> None:
        """Have the claims answered that wait for work; they hold up the end for nothing.

        Again, until none waits: one may arrive after its withdrawal.
        """
        once = Patience(seconds=0, answer_seconds=LEAST_BEAT_SECONDS)
        while any(slot.is_waiting for slot in self._slots):
            for slot in self._slots:
                with suppress(ClientError):  # then it waits as long as it said
                    slot.withdraw(once)
            if self._halting.wait(NOTICE_SECONDS):
                return

    def _await_slots(self, seconds: float) -> bool:
        """Wait until all slots ended; False if they did not."""
        deadline = time.monotonic() + seconds
        while any(thread.is_alive() for thread in self._serving):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._halting.is_set():
                self._interrupt_all()
            self._take_notice(min(left, NOTICE_SECONDS))
        return True

    def _take_notice(self, seconds: float) -> bool:
        """Wait for a notice; at the second signal, exit as a process that died of it would.

        Never waits for long: a signal that another thread of the process received does not
        interrupt this one, and its handler runs only when this one wakes up.
        """
        try:
            notice = self._notices.get(timeout=seconds)
        except queue.Empty:
            return False
        if notice is not None and self._is_told:
            self._kill_all()
            os._exit(128 + notice)
        self._is_told = self._is_told or notice is not None
        return True

    def _interrupt_all(self) -> None:
        for slot in self._slots:
            slot.interrupt()

    def _kill_all(self) -> None:
        for slot in self._slots:
            slot.kill()


def run(
    client: Client,
    *,
    name: str | None = None,
    processes: int = 1,
    lanes: int = 4,
    drain_seconds: float = 5.0,
    allowance: Allowance = UNLIMITED,
    folders: Folders = NO_FOLDERS,
    modules: Sequence[str] = (),
    tracing: Tracing = OFF,
    cluster: Cluster | None = None,
) -> int:
    """Work in the main thread until SIGTERM or SIGINT; returns the exit code.

    Args:
        client: the service; it must outlive the call.
        name: unlike that of any other worker; made up if None.
        processes: training processes, or blocks at most that a cluster trains at once.
        lanes: runs that a process trains side by side.
        drain_seconds: how long running blocks may go on after the signal.
        allowance: what a training process may take.
        folders: where objectives may read and keep files.
        modules: more objectives, see `tuning.objectives.load`.
        tracing: makes a span of every block.
        cluster: where blocks are trained; None for processes of this machine.

    Returns:
        0 after a signal, 1 if the worker could not go on.

    Raises `InvalidValue` if training cannot be kept apart as the allowance asks.
    """
    if cluster is None:
        settle(allowance)
    known = load(modules)
    options = Options(
        worker=name or worker_name(),
        processes=processes,
        lanes=lanes,
        drain_seconds=drain_seconds,
        objectives=tuple(sorted(known)),
    )
    free = iter(cores(processes))
    working = Worker(
        client,
        options,
        lambda: (
            Process(folders, modules, next(free), allowance) if cluster is None else Remote(cluster)
        ),
        DatasetCache(client, folders.datasets, known).bring,
        tracing,
        cluster,
    )
    with _signals(working.stop):
        working.start()
        return working.wait()


@contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        stop(number)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
