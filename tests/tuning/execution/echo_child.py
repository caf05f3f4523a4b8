"""A child for tests of links: it answers what it is sent, and does what it is told."""

import os
import signal
import subprocess
import sys

from tuning.execution.link import Channel, attach


def answer(channel: Channel) -> None:
    """Echo one message, after doing what its `do` says."""
    message = channel.receive()
    match message.get("do"):
        case "exit":
            sys.exit(int(message["code"]))
        case "die in the middle of a line":
            channel.send({"first": "line"})
            channel._outward.write('{"second": ')
            channel._outward.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave a helper and exit":
            # The helper inherits the pipe, as a fork would.
            ends = [end for end in range(3, 64) if is_open(end)]
            command = [sys.executable, "-c", "import signal; signal.pause()"]
            helper = subprocess.Popen(command, pass_fds=ends)
            channel.send({"helper": helper.pid})
            os._exit(0)
        case "start a helper":
            command = [sys.executable, "-c", "import signal; signal.pause()"]
            helper = subprocess.Popen(command)
            channel.send({"helper": helper.pid})
            signal.pause()
    channel.send(message)


def is_open(end: int) -> bool:
    """Whether that file descriptor is open."""
    try:
        os.fstat(end)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    echo = attach(nice=5)
    print("noise on standard output")  # noqa: T201 - the very point
    while True:
        answer(echo)
