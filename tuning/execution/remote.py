"""The Ray executor: trains on a machine of a cluster that may be gone at any time.

The one idea: what a machine says of a block comes as messages, and a block whose machine is gone is
no crash: nothing that counts was lost with it, so it may be trained again, elsewhere, at no charge.
Not here: which machine (`tuning.execution.cluster`), what it does (`tuning.execution.node`).
"""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec

from tuning.errors import NoCluster, TrainingCrashed, TrainingLost
from tuning.execution.block import Block, Ended, Event, read_event
from tuning.execution.cluster import AUTO, Cluster, Task
from tuning.execution.link import Message
from tuning.execution.process import STOPPED
from tuning.objectives import NO_FOLDERS, Folders
from tuning.records import Cause

ENDS = {"done", "crashed", "lost", "away", "unfit"}
WAIT_SECONDS = 600.0  # for a machine with room, after which a block is handed back
SILENCE_SECONDS = 60.0  # of a machine that trains, after which it is lost


class Remote:
    """An `Executor` somewhere in a cluster.

    Args:
        cluster: where blocks are trained.
        is_alone: whether nobody else uses that cluster, so that it is closed with this executor.
    """

    def __init__(self, cluster: Cluster, *, is_alone: bool = False) -> None:
        self._cluster = cluster
        self._is_alone = is_alone
        self._inbox: queue.SimpleQueue[Message] | None = None

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block` on a machine that has room for it, waiting for one if need be.

        Raises `TrainingLost` if there is none for long, or the machine is gone.
        """
        task = self._cluster.send(block)
        self._inbox = task.inbox
        try:
            for message in self._messages(task):
                event = read_event(message)
                if isinstance(event, Ended):
                    self._cluster.absolve(event.run)
                    event = replace(event, log_tail=message["log_tail"])
                yield event
        finally:
            self._inbox = None
            self._cluster.forget(task)

    def stop(self) -> None:
        """Stop what is trained, at once, from any thread."""
        inbox = self._inbox
        if inbox is not None:
            inbox.put({"event": "stopped"})

    def close(self) -> None:
        """Leave the cluster, if nobody else uses it."""
        if self._is_alone:
            self._cluster.close()

    def _messages(self, task: Task) -> Iterator[Message]:
        """What is said about the runs of a block, until it is done."""
        while not task.is_over:
            message = self._next(task)
            # What has ended by itself must not be stopped: its process may train another block.
            task.is_over = message["event"] in ENDS
            match message["event"]:
                case "done":
                    return
                case "alive":
                    continue
                case "begun":
                    self._cluster.begin(task)
                case "stopped":
                    raise TrainingCrashed(STOPPED, Cause.KILLED)
                case "crashed":
                    raise _crash(message)
                case "lost":
                    raise self._cluster.blame(task, message["reason"])
                case "away":
                    raise TrainingLost(message["reason"])
                case "unfit":
                    self._cluster.give_up(message["reason"])
                    raise TrainingLost(message["reason"])
                case _:
                    yield message

    def _next(self, task: Task) -> Message:
        seconds = SILENCE_SECONDS if task.has_begun else WAIT_SECONDS
        try:
            return task.inbox.get(timeout=seconds)
        except queue.Empty:
            pass
        if task.has_begun:
            raise self._cluster.blame(task, f"its machine said nothing for {seconds:g} s")
        raise TrainingLost(f"no machine had room within {seconds:g} s")


def on_ray(folders: Folders = NO_FOLDERS, modules: Sequence[str] = ()) -> Remote:
    """An executor on the cluster of `RAY_ADDRESS`, or of this machine, that nobody shares."""
    check_installed()
    return Remote(Cluster(AUTO, folders, modules), is_alone=True)


def check_installed() -> None:
    """Raise `NoCluster` if Ray is not installed here."""
    if find_spec("ray") is None:
        raise NoCluster("Ray is not installed: pip install glideslope[ray]")


def _crash(message: Message) -> TrainingCrashed:
    error = TrainingCrashed(message["message"], message["cause"], message["trace"])
    error.log_tail = message["log_tail"]
    return error
