"""The program of a training child: `python -m tuning.execution.child`.

The one idea: an inline executor at the other end of a link. It trains the blocks it is sent, one
after the other, and says how each ended; what it says is read by `tuning.execution.process`.
Not here: staying alive and dying in time (`tuning.execution.link`).
"""

import faulthandler
import sys
from contextlib import suppress
from pathlib import Path

from tuning.errors import TrainingCrashed
from tuning.execution.block import Block, write_event
from tuning.execution.inline import Inline
from tuning.execution.limits import confine
from tuning.execution.link import Channel, Message, attach
from tuning.execution.memory import give_way
from tuning.execution.pinning import pin
from tuning.execution.programs import keep_programs
from tuning.objectives import Folders

NICE = 10  # the server and the worker's heartbeat go first


def serve(channel: Channel) -> None:
    """Train what comes over `channel`, until the parent ends this process."""
    give_way()
    faulthandler.enable()  # a fault of compiled code then says where
    greeting = channel.receive()
    confine(greeting["files"], greeting["file_bytes"], greeting["processes"])
    pin(greeting["core"])
    folders = Folders(
        data=_folder(greeting["data_folder"]),
        cache=_folder(greeting["cache_folder"]),
        datasets=_folder(greeting["dataset_folder"]),
    )
    keep_programs(folders.cache)
    executor = Inline(folders, greeting["modules"], greeting["memory_bytes"])
    while True:
        channel.send(_train(executor, channel, channel.receive()))


def _train(executor: Inline, channel: Channel, block: Message) -> Message:
    try:
        for event in executor.run(Block.from_document(block)):
            channel.send(write_event(event))
    except TrainingCrashed as error:
        flush()
        told = {"message": str(error), "cause": error.cause, "trace": error.trace}
        return {"event": "crashed", **told}
    return {"event": "done"}


def flush() -> None:
    """Print what was kept back, before the parent asks for the last words."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # training code may have closed it
            stream.flush()


def _folder(name: str | None) -> Path | None:
    return None if name is None else Path(name)


if __name__ == "__main__":
    serve(attach(nice=NICE))
