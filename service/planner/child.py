"""The planner's child process: answers questions until its parent goes away."""

import traceback
from collections.abc import Mapping
from typing import Any

from service import logs
from service.planner.messages import Memory
from tuning.execution.link import attach

NICE = 5  # planning may wait a little for requests, but not for training


def main() -> None:
    """Answer one question after another."""
    channel = attach(nice=NICE)
    logs.start()
    memory = Memory()
    while True:
        channel.send(_answer_or_error(memory, channel.receive()))


def _answer_or_error(memory: Memory, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return memory.answer(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        trace = traceback.format_exc(limit=-5)
        return {"kind": "error", "reason": f"{type(error).__name__}: {error}", "trace": trace}


if __name__ == "__main__":
    main()
