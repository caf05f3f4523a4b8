"""Memo: what was worked out about a view, while one decision looks at it again and again.

The one idea: spec and history never change, so what follows from the same two objects is worked out
once. Only the last few are kept, and nothing but time depends on it.
Not here: what is worked out (`ladder`, `cap`).
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from tuning.records import History, StudySpec

KEPT = 4  # a decision looks at two or three views

Found = TypeVar("Found")


def remembered(
    work_out: Callable[[StudySpec, History], Found],
) -> Callable[[StudySpec, History], Found]:
    """The same function, which tells what it told before of the same spec and view.

    >>> told = remembered(lambda spec, view: object())
    >>> spec, view = object(), object()  # whatever they are, they are known by being the same
    >>> told(spec, view) is told(spec, view), told(spec, view) is told(spec, object())
    (True, False)
    """
    kept: tuple[tuple[StudySpec, History, Found], ...] = ()

    @wraps(work_out)
    def recall(spec: StudySpec, view: History) -> Found:
        nonlocal kept
        for known_spec, known_view, found in kept:
            if known_spec is spec and known_view is view:
                return found
        found = work_out(spec, view)
        kept = ((spec, view, found), *kept[: KEPT - 1])
        return found

    return recall
