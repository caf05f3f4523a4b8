"""The program that talks to a Ray cluster, and the only one that knows Ray.

The one idea: Ray ends a process that uses it without a word when the head of the cluster is gone,
so it has one of its own, `python -m tuning.execution.ray`, which holds nothing that would be
missed: no key, no lease, no result. What is sent to the cluster are the documents of blocks and the
bytes of datasets; what comes back is what was measured. Ray never tries a block again: whoever
holds its leases decides.
Not here: what is done on a machine (`tuning.execution.node`), who listens to this process
(`tuning.execution.cluster`).
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import ray
from ray.exceptions import OutOfMemoryError

from tuning.execution.executor import report
from tuning.execution.link import Channel, Message, attach
from tuning.objectives.plain_files import open_plain
from tuning.records import Cause

LOOK_SECONDS = 2.0  # between looks at which machines there are; each is a sign of life, too
KNOCK_SECONDS = 10.0
KEPT_DATASETS = 4  # in the cluster's memory


# Sent by value, as all of `__main__` is: it must speak also where glideslope is not installed.
def train_there(
    order: dict[str, Any],  # Any: JSON values
    parcel: list[Any],  # Any: a reference in a list is not fetched before it is needed
) -> Iterator[list[dict[str, Any]]]:
    """Train a block on the machine that runs this, saying what happens in batches."""
    try:
        from tuning.execution import node  # noqa: PLC0415 # of this machine, if it has one
    except ImportError as error:
        where = os.uname().nodename
        told = f"{where} cannot import glideslope {order['version']}, install it there: {error}"
        yield [{"event": "unfit", "reason": told}]
        return
    yield from node.train(order, lambda: ray.get(parcel[0]))


_train_there = ray.remote(max_retries=0)(train_there)


class Driver:
    """Has blocks trained, and says what is said about them.

    Args:
        channel: to whoever wants them trained.
        datasets: the folder that datasets lie in here; None if there is none.
    """

    def __init__(self, channel: Channel, datasets: Path | None) -> None:
        self._channel = channel
        self._datasets = datasets
        self._lock = threading.Lock()  # held while something is said
        self._running: dict[str, Any] = {}  # Any: the generators of Ray, by task
        self._parcels: dict[str, Any] = {}  # Any: references of Ray, by dataset, oldest use first

    def serve(self) -> NoReturn:
        """Do what is asked, until the parent ends this process."""
        _thread(self._tell_machines)
        while True:
            message = self._channel.receive()
            if message["do"] == "stop":
                self._stop(message["task"])
            else:
                self._train(message["task"], message["order"])

    def _train(self, task: str, order: Message) -> None:
        try:
            needs = order["needs"]
            trained = _train_there.options(
                num_cpus=needs["CPU"], num_gpus=needs["GPU"], memory=needs["memory"] or None
            ).remote(order, self._parcel(order["dataset"]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the block is not trained
            self._say(task, {"event": "lost", "reason": report(error)[0]})
            return
        self._running[task] = trained
        _thread(lambda: self._follow(task, trained))

    def _follow(self, task: str, trained: Any) -> None:  # noqa: ANN401 - a generator of Ray
        try:
            for batch in trained:
                for message in ray.get(batch):
                    self._say(task, message)
        except OutOfMemoryError as error:
            told = {"message": report(error)[0], "cause": Cause.MEMORY.value}
            self._say(task, {"event": "crashed", **told, "trace": "", "log_tail": ""})
        except Exception as error:  # noqa: BLE001 - of Ray's many, all mean the same to the block
            reason = f"its machine was lost: {report(error)[0]}"
            self._say(task, {"event": "lost", "reason": reason})
        finally:
            self._running.pop(task, None)

    def _stop(self, task: str) -> None:
        trained = self._running.get(task)
        if trained is not None:
            with suppress(Exception):  # it ended meanwhile, or its machine did
                ray.cancel(trained, force=True)

    def _parcel(self, dataset: str | None) -> list[Any]:  # Any: a reference of Ray
        """A dataset in the cluster's memory, where it is put once."""
        if dataset is None or self._datasets is None:
            return []
        reference = self._parcels.pop(dataset, None)
        if reference is None:
            with open_plain(self._datasets / dataset) as file:
                reference = ray.put(file.read())
        self._parcels[dataset] = reference
        while len(self._parcels) > KEPT_DATASETS:
            del self._parcels[next(iter(self._parcels))]
        return [reference]

    def _tell_machines(self) -> None:
        """Say again and again which machines there are, and what is free; ends if nobody knows."""
        pause = threading.Event()
        try:
            while True:
                found = [one["Resources"] for one in ray.nodes() if one["Alive"]]
                told = {"machines": found, "free": ray.available_resources()}
                with self._lock:
                    self._channel.send({"event": "machines", **told})
                pause.wait(LOOK_SECONDS)
        finally:
            os._exit(1)

    def _say(self, task: str, message: Message) -> None:
        with self._lock:
            self._channel.send({"task": task, **message})


def connect(address: str) -> str:
    """Connect this process to a cluster; returns why that cannot be, empty if it can."""
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), KNOCK_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except Exception as error:  # noqa: BLE001 - of whatever kind, it is told
        return " ".join(str(error).split())
    return ""


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def main() -> None:
    """Connect, then serve."""
    channel = attach()
    greeting = channel.receive()
    fault = connect(greeting["address"])
    if fault:
        channel.send({"event": "refused", "reason": fault})
        return
    channel.send({"event": "connected"})
    datasets = greeting["datasets"]
    Driver(channel, None if datasets is None else Path(datasets)).serve()


if __name__ == "__main__":
    main()
