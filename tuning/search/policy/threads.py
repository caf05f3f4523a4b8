"""Threads: the linear algebra of a decision keeps to one thread.

The one idea: its matrices are small, so threads of BLAS cost more than they bring: they wait for
each other more than they work, and on a busy machine far more. Nor may the last bits of a proposal
depend on how many cores a machine has, as they do from about 150 results on.
Not here: the threads of training children (`tuning.execution.link`).
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Given = ParamSpec("Given")
Found = TypeVar("Found")


def in_one_thread(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """The same function, during which BLAS has one thread, and then as many as before."""

    @wraps(function)
    def limited(*given: Given.args, **named: Given.kwargs) -> Found:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*given, **named)

    return limited


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of this process; at the first decision all that it needs are loaded."""
    return ThreadpoolController()
