"""Secrecy: a process that holds keys is read by no other process of its user.

The one idea: what a process may not dump, others may not read: the kernel then hands its memory,
environment and open files to root alone, and never writes them to a core. So a key is safe from
training code that runs as the same user, also where that has no wall (`tuning.execution.wall`).
Not here: what a training process is told (`tuning.execution.link`).
"""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def keep_secrets() -> None:
    """Close this process to others of its user, but root, until it ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
