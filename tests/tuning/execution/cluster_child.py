"""A second implementation of the program that talks to a cluster: it does as a test tells it.

`RAY_PLAY` names a folder: `refuse`, if there is one, says why nobody connects; `machines` says,
again and again, which there are and what is free; what is asked is appended to `asked`, a line
each. How a block fares stands in its config.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuning.execution.block import Ended
from tuning.execution.link import Channel, attach
from tuning.execution.node import write
from tuning.records import Cause, Result, RunState

FOLDER = Path(os.environ.get("RAY_PLAY", ""))  # none for whoever looks for doctests here
CRASH = {
    "event": "crashed",
    "message": "too large",
    "cause": Cause.MEMORY.value,
    "trace": "line 1",
    "log_tail": "last words",
}


def play(channel: Channel, lock: threading.Lock) -> None:
    """Do what is asked."""
    while True:
        message = channel.receive()
        with (FOLDER / "asked").open("a", encoding="utf-8") as asked:
            asked.write(json.dumps(message) + "\n")
        if message["do"] == "train":
            for answer in answers(message["order"]["block"]):
                with lock:
                    channel.send({"task": message["task"], **answer})


def answers(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is said of a block."""
    begun = {"event": "begun", "node": "far away"}
    match block["config"].get("fate"):
        case "waits":
            return []
        case "begins":
            return [begun]
        case "is lost":
            return [begun, {"event": "lost", "reason": "its machine was lost"}]
        case "crashes":
            return [begun, CRASH]
        case "is refused":
            return [{"event": "unfit", "reason": "far away has glideslope none"}]
        case "ends everything":
            os._exit(7)
    failed = Result(RunState.FAILED, reason="of a test", cause=Cause.RAISED)
    ends = [write(Ended(lane["run"], failed, "last words")) for lane in block["lanes"]]
    return [begun, *ends, {"event": "done"}]


def tell_machines(channel: Channel, lock: threading.Lock) -> None:
    """Say which machines there are, unless nobody knows."""
    while True:
        machines = FOLDER / "machines"
        if machines.exists():
            with lock:
                channel.send({"event": "machines", **json.loads(machines.read_text("utf-8"))})
        time.sleep(0.02)


def main() -> None:
    """Connect, or not."""
    channel, lock = attach(), threading.Lock()
    channel.receive()
    if (FOLDER / "refuse").exists():
        channel.send({"event": "refused", "reason": (FOLDER / "refuse").read_text("utf-8")})
        return
    channel.send({"event": "connected"})
    threading.Thread(target=tell_machines, args=(channel, lock), daemon=True).start()
    play(channel, lock)


if __name__ == "__main__":
    main()
