"""Cluster: blocks trained on whatever machines a Ray cluster has at the moment.

The one idea: what the cluster has free is looked at every few seconds and filled; when all that was
sent there is in training, one block more of each kind of needs is claimed, and waits. So claims
follow machines that come and go, and other users of the cluster; and what waits there is the demand
that an autoscaler sees. The cluster keeps nothing of ours: what was trained on a machine that is
gone, or when the whole cluster was lost, is handed back.
Not here: Ray (`tuning.execution.ray`), what its machines do (`tuning.execution.node`), the process
in between (`tuning.execution.connection`), the executor that a slot has (`.remote`), claims.
"""

import logging
import queue
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from tuning.errors import InvalidValue, NoCluster, TrainingCrashed, TrainingLost
from tuning.execution.block import Block
from tuning.execution.connection import Connection
from tuning.execution.link import Message
from tuning.execution.watch import UNLIMITED, Allowance
from tuning.objectives import NO_FOLDERS, Folders, Needs, load
from tuning.objectives.dataset_files import is_dataset_id
from tuning.objectives.needs import ONE_CORE
from tuning.records import Cause

logger = logging.getLogger(__name__)

PROGRAM = "tuning.execution.ray"
AUTO = "auto"  # the cluster of RAY_ADDRESS, or of this machine
CLIENT = "ray://"
MOST_LOSSES = 3  # times that a run loses its machine before it is held to be why
PER_WAITING = 4  # blocks in training for each further one that waits, where machines are added

CPU, GPU, MEMORY = "CPU", "GPU", "memory"  # as Ray calls them
Resources = Mapping[str, float]


@dataclass(slots=True, eq=False)
class Turn:
    """The right to claim a block of one of these objectives; nobody else has it meanwhile."""

    objectives: tuple[str, ...]
    end: Callable[[], None]


@dataclass(slots=True, eq=False)
class Task:
    """A block at the cluster, and what is said about it."""

    block: Block
    needs: Needs
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    inbox: "queue.SimpleQueue[Message]" = field(default_factory=queue.SimpleQueue)
    has_begun: bool = False
    is_over: bool = False  # whether nothing more will be said
    is_seen: bool = False  # whether the last look at the cluster saw what it takes


class Cluster:
    """A Ray cluster, and what of ours it trains; all methods may be called from any thread.

    Args:
        address: `host:port` of its head, or `AUTO`.
        folders: where objectives may read and keep files, on every machine of the cluster.
        modules: more objectives, see `tuning.objectives.load`; importable there, too.
        allowance: what training may take; without a limit of memory, a share of each machine's.
        is_growing: whether machines are added when blocks wait, also for needs that none meets yet.
        patience_seconds: how long the cluster may be away before it is given up.
        program: the module of the process that talks to it.

    Raises `NoCluster` if the cluster cannot be reached, `InvalidValue` for an address that is none.
    """

    def __init__(
        self,
        address: str = AUTO,
        folders: Folders = NO_FOLDERS,
        modules: Sequence[str] = (),
        allowance: Allowance = UNLIMITED,
        *,
        is_growing: bool = False,
        patience_seconds: float = 300.0,
        program: str = PROGRAM,
    ) -> None:
        if address.startswith(CLIENT):  # by which nothing could be streamed
            told = "host:port of the head, for this runs on a machine of the cluster"
            raise InvalidValue("address", address, told)
        self._needs = {name: one.needs for name, one in load(modules).items()}
        self._datasets = folders.datasets
        self._place = _place(folders, modules, allowance)
        self._is_growing = is_growing
        self._changed = threading.Condition()  # guards what follows
        self._machines: list[Resources] = []
        self._free: Resources = {}  # what nobody used at the last look
        self._tasks: dict[str, Task] = {}
        self._turn: Turn | None = None
        self._losses: Counter[str] = Counter()
        self._error: NoCluster | None = None
        greeting = {"address": address, "datasets": self._place["folders"][2]}
        name = f"the Ray cluster at {address}"
        self._connection = Connection(program, greeting, name, patience_seconds)
        self._connection.begin(self)

    def take(self, seconds: float) -> Turn | None:
        """The turn to claim, if there is room for another block; waits for it at most so long.

        It ends when `Turn.end` is called, or when the block that it brought is sent.
        Raises `NoCluster` if the cluster was given up.
        """
        with self._changed:
            self._changed.wait_for(self._is_open, seconds)
            if self._error is not None:
                raise self._error
            if not self._is_open():
                return None
            turn = Turn(self._offers(), lambda: self._end(turn))
            self._turn = turn
            return turn

    def send(self, block: Block) -> Task:
        """Have a block trained; raises `TrainingLost` if the cluster is away."""
        task = Task(block, self._needs.get(block.objective, ONE_CORE))
        with self._changed:
            self._tasks[task.name] = task
            self._turn = None  # whoever had it brought this block
            self._changed.notify_all()
        try:
            self._connection.send({"do": "train", "task": task.name, "order": self._order(task)})
        except TrainingLost:
            task.is_over = True
            self.forget(task)
            raise
        return task

    def begin(self, task: Task) -> None:
        """Note that a block waits no longer."""
        with self._changed:
            task.has_begun = True
            self._changed.notify_all()

    def forget(self, task: Task) -> None:
        """Note that nobody waits for a block any more; it is stopped if it is not over."""
        with self._changed:
            self._tasks.pop(task.name, None)
            self._changed.notify_all()
        if not task.is_over:
            with suppress(TrainingLost):  # then it has ended, too
                self._connection.send({"do": "stop", "task": task.name})

    def blame(self, task: Task, reason: str) -> TrainingLost | TrainingCrashed:
        """What it means that a block was lost: an accident, but not if it happens every time."""
        runs = [lane.run for lane in task.block.lanes]
        with self._changed:
            self._losses.update(runs)
            if max(self._losses[run] for run in runs) < MOST_LOSSES:
                return TrainingLost(reason)
            for run in runs:  # alone, the next one counts
                self._losses[run] = MOST_LOSSES - 1
        return TrainingCrashed(f"{reason}, and not for the first time", Cause.LOST_WORKER)

    def absolve(self, run: str) -> None:
        """Forget what happened to a run before, for it has ended."""
        with self._changed:
            self._losses.pop(run, None)

    def close(self) -> None:
        """Stop all that is trained there, and leave."""
        self._connection.close()

    def hear(self, message: Message) -> None:
        """Take what comes from the cluster."""
        with self._changed:
            if message["event"] == "machines":
                self._note(message["machines"], message["free"])
            elif task := self._tasks.get(message["task"]):
                task.inbox.put(message)

    def lose(self, reason: str) -> None:
        """Tell everybody that waits for a block that the cluster is gone."""
        with self._changed:
            self._machines, self._free = [], {}
            for task in self._tasks.values():
                task.inbox.put({"event": "away", "reason": reason})

    def give_up(self, reason: str) -> None:
        """Have nobody claim any more: `take` raises from now on."""
        with self._changed:
            self._error = NoCluster(reason)
            self._changed.notify_all()

    def _is_open(self) -> bool:
        return self._error is not None or (self._turn is None and bool(self._offers()))

    def _offers(self) -> tuple[str, ...]:
        """Objectives whose needs can be met, if not enough blocks of such needs wait already."""
        if not self._connection.is_up:
            return ()
        has_room = {needs: self._has_room(needs) for needs in {*self._needs.values()}}
        return tuple(sorted(name for name, needs in self._needs.items() if has_room[needs]))

    def _has_room(self, needs: Needs) -> bool:
        if not self._is_growing and not any(_fits(needs, one) for one in self._machines):
            return False
        left = Counter(self._free)
        for task in self._tasks.values():
            if not task.is_seen:
                left.subtract(_resources(task.needs))
        if _fits(needs, left):
            return True
        begun = [task.has_begun for task in self._tasks.values() if task.needs == needs]
        more = begun.count(True) // PER_WAITING if self._is_growing else 0
        return begun.count(False) < 1 + more

    def _end(self, turn: Turn) -> None:
        with self._changed:
            if self._turn is turn:
                self._turn = None
                self._changed.notify_all()

    def _order(self, task: Task) -> Message:
        """What the machine that trains a block is told: nothing of the service."""
        dataset = task.block.config.get("dataset")
        has_dataset = self._datasets is not None and is_dataset_id(dataset)
        return {
            "version": version("glideslope"),
            "needs": _resources(task.needs),
            "threads": task.needs.cpus,
            "place": self._place,
            "dataset": dataset if has_dataset else None,
            "block": task.block.document(),
        }

    def _note(self, machines: Sequence[Resources], free: Resources) -> None:
        if len(machines) != len(self._machines):
            cores = sum(machine.get(CPU, 0.0) for machine in machines)
            logger.info("the Ray cluster has %d machines, %g cores", len(machines), cores)
        self._machines = list(machines)
        self._free = free
        for task in self._tasks.values():
            task.is_seen = task.has_begun
        self._changed.notify_all()


def _resources(needs: Needs) -> dict[str, float]:
    memory = 0 if needs.memory_mib is None else needs.memory_mib * 2**20
    return {CPU: needs.cpus, GPU: needs.gpus, MEMORY: memory}


def _fits(needs: Needs, resources: Resources) -> bool:
    """Whether there are resources for a block of such needs."""
    return all(resources.get(name, 0.0) >= much for name, much in _resources(needs).items() if much)


def _place(folders: Folders, modules: Sequence[str], allowance: Allowance) -> Message:
    """Where and how blocks are trained, the same on every machine."""
    names = (folders.data, folders.cache, folders.datasets)
    return {
        "folders": [None if one is None else str(Path(one).resolve()) for one in names],
        "modules": list(modules),
        "run_seconds": allowance.run_seconds,
        "memory_bytes": allowance.memory_bytes,
        "files": allowance.files,
        "file_bytes": allowance.file_bytes,
        "processes": allowance.processes,
        "network": allowance.network,
        "user": allowance.user,
    }
