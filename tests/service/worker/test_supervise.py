"""The supervisor with processes that do nothing: always one alive, whatever fails meanwhile."""

import subprocess
import sys
import threading

from service.errors import StoreBusy
from service.worker.supervise import Supervisor

PATIENCE_SECONDS = 20.0
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


class Nursery:
    """Starts idle processes and remembers them; the first `stillborn` restarts fail."""

    def __init__(self, stillborn: int = 0) -> None:
        self.workers: list[subprocess.Popen[bytes]] = []
        self.stillborn = stillborn
        self.born = threading.Semaphore(0)

    def start(self) -> subprocess.Popen[bytes]:
        """Start one."""
        if self.workers and self.stillborn:
            self.stillborn -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.workers.append(subprocess.Popen(SLEEP))
        self.born.release()
        return self.workers[-1]

    def await_birth(self) -> None:
        """Wait for the next one."""
        assert self.born.acquire(timeout=PATIENCE_SECONDS)


def test_replaces_a_worker_that_was_killed() -> None:
    """What it held is put back first; stopping ends the last one and is not a death."""
    deaths = []
    nursery = Nursery()

    def put_back() -> int:
        deaths.append(len(nursery.workers))
        return 0

    supervisor = Supervisor(nursery.start, put_back, 10)
    supervisor.start()
    nursery.await_birth()
    nursery.workers[0].kill()
    nursery.await_birth()
    supervisor.stop()
    assert deaths == [1]
    assert [worker.poll() is not None for worker in nursery.workers] == [True, True]


def test_a_store_that_is_away_delays_the_next_worker() -> None:
    """No worker claims under the dead one's name before its runs are put back."""
    nursery = Nursery()
    calls = 0

    def put_back() -> int:
        nonlocal calls
        calls += 1
        assert len(nursery.workers) == 1
        if calls < 3:
            raise StoreBusy("the database did not answer")
        return 0

    supervisor = Supervisor(nursery.start, put_back, 10)
    supervisor.start()
    nursery.await_birth()
    nursery.workers[0].kill()
    nursery.await_birth()
    supervisor.stop()
    assert calls == 3


def test_a_worker_that_cannot_be_started_is_tried_again() -> None:
    """The machine had no room for a process for a while."""
    nursery = Nursery(stillborn=2)
    supervisor = Supervisor(nursery.start, lambda: 0, 10)
    supervisor.start()
    nursery.await_birth()
    nursery.workers[0].kill()
    nursery.await_birth()
    supervisor.stop()
    assert (len(nursery.workers), nursery.stillborn) == (2, 0)


def test_workers_that_die_of_what_they_train_are_replaced_without_delay() -> None:
    """One study that kills workers must not keep the others waiting longer and longer."""
    nursery = Nursery()
    supervisor = Supervisor(nursery.start, lambda: 1, 10)
    supervisor.start()
    for number in range(10):  # the tenth pause would be beyond all patience
        nursery.await_birth()
        nursery.workers[number].kill()
    nursery.await_birth()
    supervisor.stop()
    assert len(nursery.workers) == 11


def test_stops_while_there_is_no_worker() -> None:
    """Stopping does not wait for a start that never succeeds."""
    nursery = Nursery(stillborn=10**9)
    supervisor = Supervisor(nursery.start, lambda: 0, 10)
    supervisor.start()
    nursery.await_birth()
    nursery.workers[0].kill()
    nursery.workers[0].wait()
    supervisor.stop()
    assert len(nursery.workers) == 1
