"""Isolating: finds out how far children can be kept apart on this machine.

The one idea: no list of kernels, containers and rights is ever complete, so a child is started once
as all others would be, and what came of it decides for the life of this process. What was asked for
and cannot be had is refused; what was merely hoped for is told, once, as a warning.
Not here: what keeps a child apart (`tuning.execution.isolation`).
"""

import logging
import pwd
import subprocess
import sys
from functools import cache

from tuning.errors import InvalidValue
from tuning.execution.isolation import Account, Isolation, Network
from tuning.execution.link import child_environment

logger = logging.getLogger(__name__)

TRIAL_MODULE = "tuning.seeds"  # of ours, and does nothing; whether it can be read is tried, too
TRIAL_SECONDS = 60.0
LARGEST_ID = 2**32 - 2  # the next one means "unchanged"


@cache
def isolate(network: Network, user: str | None) -> Isolation:
    """How children are kept apart; the first call takes a moment, for it starts some.

    Args:
        network: what they may have.
        user: name or number of who they are; None: who this process is.

    Raises `InvalidValue` if this machine cannot keep them apart so far.
    """
    account = None if user is None else _account(user)
    bare = Isolation(is_walled=False, account=account)
    if account is not None and (fault := _fault(bare)):
        allowed = "a user whom this process may become, and who can read Python and Glideslope"
        raise InvalidValue("user", user, f"{allowed} ({fault})")
    faults: list[str] = []
    for wanted in _walls(network, account):
        fault = _fault(wanted)
        if not fault:
            _tell(wanted, faults)
            return wanted
        faults.append(fault)
    if network is Network.NONE:
        allowed = f"auto or shared, for this machine gives no process one of its own ({faults[0]})"
        raise InvalidValue("network", str(network), allowed)
    _tell(bare, faults)
    return bare


def _walls(network: Network, account: Account | None) -> list[Isolation]:
    """The walls to be tried, the best one first."""
    closed = Isolation(is_walled=True, has_network=False, account=account)
    open_ = Isolation(is_walled=True, has_network=True, account=account)
    return {
        Network.NONE: [closed],
        Network.AUTO: [closed, open_],
        Network.SHARED: [open_],
    }[network]


def _tell(isolation: Isolation, faults: list[str]) -> None:
    network = "this machine's network" if isolation.has_network else "no network"
    walled = "do not see into" if isolation.is_walled else "can look into"
    told = f"training processes have {network} and {walled} other processes of their user"
    if faults:
        logger.warning("%s: the kernel refuses more (%s)", told, faults[0])
    else:
        logger.info("%s", told)


def _account(user: str) -> Account:
    allowed = "a name or number of a user of this machine"
    try:
        if not user.isdecimal():
            entry = pwd.getpwnam(user)
            return Account(entry.pw_uid, entry.pw_gid)
    except (KeyError, ValueError) as error:  # no such name; a name that holds a NUL
        raise InvalidValue("user", user, allowed) from error
    number = int(user)
    if number > LARGEST_ID:
        raise InvalidValue("user", user, f"{allowed}, 0 to {LARGEST_ID}")
    try:
        return Account(number, pwd.getpwuid(number).pw_gid)
    except KeyError:  # a number is enough for the kernel
        return Account(number, number)


def _fault(isolation: Isolation) -> str:
    """Why no child can be kept apart so, in words; empty if it can."""
    try:
        ended = subprocess.run(  # noqa: S603 - a module of ours
            isolation.command(TRIAL_MODULE),
            cwd="/",
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TRIAL_SECONDS,
            check=False,
            **isolation.identity(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return ""
    words = ended.stderr.decode(errors="replace").strip().splitlines()
    return words[-1] if words else f"{sys.executable} ended with {ended.returncode}"
