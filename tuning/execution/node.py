"""Node: what a machine of a cluster does with a block that was sent there.

The one idea: it is trained by the process executor, the one that trains everywhere else, so that no
bit, no limit and no last word of a run depends on where it was trained. The child is kept from
block to block as long as the process that holds it is kept.
Not here: who sends blocks and hears of them (`tuning.execution.cluster`), how they travel
(`tuning.execution.ray`).
"""

import hashlib
import queue
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuning.errors import DataError, InvalidValue, TrainingCrashed
from tuning.execution.block import Block, Ended, Event, write_event
from tuning.execution.executor import report
from tuning.execution.isolating import isolate
from tuning.execution.isolation import Network
from tuning.execution.memory import usual_bytes
from tuning.execution.process import Process
from tuning.execution.watch import Allowance
from tuning.objectives import Folders
from tuning.objectives.dataset_files import dataset_id
from tuning.objectives.plain_files import is_plain
from tuning.records import Cause

Message = dict[str, Any]  # Any: JSON values
Order = Mapping[str, Any]

GATHER_SECONDS = 0.05  # what is said so soon after the first word travels with it
ALIVE_SECONDS = 10.0  # without any word, after which one is said for its own sake

_kept: dict[str, Process] = {}  # this process's executor, by the order's `place` as text


def train(order: Order, fetch: Callable[[], bytes]) -> Iterator[list[Message]]:
    """Train the block of an order, telling what happens in batches.

    The first message says `begun`, the last one `done`, `crashed` or, if nothing can be trained on
    this machine, `unfit`; `alive` stands between words that are far apart.

    Args:
        order: as `tuning.execution.cluster` wrote it.
        fetch: gets the bytes of the dataset that the order names, if it does.
    """
    yield [{"event": "begun", "node": socket.gethostname()}]
    fault = _fault(order)
    if fault:
        yield [{"event": "unfit", "reason": fault}]
        return
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(order, fetch, inbox), name="block", daemon=True).start()
    pause, is_over = threading.Event(), False
    while not is_over:
        try:
            batch = [inbox.get(timeout=ALIVE_SECONDS)]
        except queue.Empty:
            yield [{"event": "alive"}]
            continue
        pause.wait(GATHER_SECONDS)
        while not inbox.empty():
            batch.append(inbox.get())
        is_over = batch[-1]["event"] in {"done", "crashed"}
        yield batch


def _fault(order: Order) -> str:
    """Why this machine cannot train what the order asks for, in words; empty if it can."""
    here, wanted = socket.gethostname(), order["version"]
    try:
        found = version("glideslope")
    except PackageNotFoundError:
        found = "none"
    if found != wanted:
        return f"{here} has glideslope {found}, the worker has {wanted}: install {wanted} there"
    for module in order["place"]["modules"]:
        if not _is_found(module):
            return f"{here} does not find the module {module} of GLIDESLOPE_OBJECTIVES"
    try:
        isolate(Network(order["place"]["network"]), order["place"]["user"])
    except InvalidValue as error:
        return f"{here} cannot keep training apart: {error}"
    return ""


def _is_found(module: str) -> bool:
    try:
        return find_spec(module.partition(".")[0]) is not None
    except ValueError:  # a module that is there and has no spec
        return True


def _listen(order: Order, fetch: Callable[[], bytes], inbox: "queue.SimpleQueue[Message]") -> None:
    """Train, in a thread of its own; whatever happens, the last word is put into the inbox."""
    try:
        _place_dataset(order, fetch)
        for event in _executor(order).run(Block.from_document(order["block"])):
            inbox.put(write(event))
    except TrainingCrashed as error:
        inbox.put(write_crash(error))
    except Exception as error:  # noqa: BLE001 - nobody else would ever hear of it
        reason, trace = report(error)
        inbox.put(write_crash(TrainingCrashed(reason, Cause.RAISED, trace)))
    else:
        inbox.put({"event": "done"})


def write(event: Event) -> Message:
    """An event with the end of what its process printed."""
    told = write_event(event)
    return {**told, "log_tail": event.log_tail} if isinstance(event, Ended) else told


def write_crash(error: TrainingCrashed) -> Message:
    """A crash with all that is known of it."""
    return {
        "event": "crashed",
        "message": str(error),
        "cause": str(error.cause),
        "trace": error.trace,
        "log_tail": error.log_tail,
    }


def _executor(order: Order) -> Process:
    """The executor of this process, made anew if another place is asked for."""
    place = order["place"]
    key = repr(sorted(place.items())) + repr(order["threads"])
    if key not in _kept:
        for executor in _kept.values():
            executor.close()
        _kept.clear()
        folders = Folders(*(None if name is None else Path(name) for name in place["folders"]))
        allowance = Allowance(
            run_seconds=place["run_seconds"],
            memory_bytes=place["memory_bytes"] or usual_bytes(),
            files=place["files"],
            file_bytes=place["file_bytes"],
            processes=place["processes"],
            network=Network(place["network"]),
            user=place["user"],
        )
        _kept[key] = Process(
            folders, place["modules"], allowance=allowance, threads=order["threads"]
        )
    return _kept[key]


def _place_dataset(order: Order, fetch: Callable[[], bytes]) -> None:
    """Put the dataset that the order names where objectives look for it, unless it is there."""
    if order["dataset"] is None:
        return
    path = Path(order["place"]["folders"][2]) / order["dataset"]
    if is_plain(path):
        return
    content = fetch()
    if dataset_id(hashlib.sha256(content).hexdigest()) != path.name:
        raise DataError(f"the content of dataset {path.name} is not what its name says")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        part.write(content)
    Path(part.name).chmod(0o640)  # as a worker's, see `GLIDESLOPE_RUN_USER`
    Path(part.name).replace(path)  # whole or not at all
