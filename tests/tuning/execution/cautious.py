"""A parent that keeps its child as far apart as it can, and tells how far, and what came of it.

`python -m cautious NETWORK USER BEHAVIOUR [net]`: with `net`, on a kernel that refuses networks.
"""

import logging
import os
import sys
from contextlib import closing

from tests.tuning.execution.test_process import odd
from tuning.errors import TuningError
from tuning.execution import Allowance, Network, Process, wall


def refuse_networks() -> None:
    """Go to a namespace in which no network can be made."""
    user, group = os.geteuid(), os.getegid()
    wall._call("unshare", wall._CLONE_NEWUSER)
    wall._write("/proc/self/setgroups", "deny")
    wall._write("/proc/self/uid_map", f"{user} {user} 1")
    wall._write("/proc/self/gid_map", f"{group} {group} 1")
    wall._write("/proc/sys/user/max_net_namespaces", "0")


def main() -> None:
    """Train one block."""
    network, user, behaviour, *refused = sys.argv[1:]
    if refused == ["net"]:
        refuse_networks()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    allowance = Allowance(network=Network(network), user=user or None, processes=1234)
    try:
        with closing(Process(modules=("odd_objectives",), allowance=allowance)) as executor:
            for event in executor.run(odd(behaviour)):
                print(event)  # noqa: T201 - it is read by a test
    except TuningError as error:
        print(f"{type(error).__name__}: {error}")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
