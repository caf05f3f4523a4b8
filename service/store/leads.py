"""Leads: how the best of a study got better, trial by trial.

The one idea: kept on the study's row and changed only when a trial takes the lead, so that a list
of studies draws all of them without reading a trial. Trials conclude in any order, and a lead is a
lead by its number: what is kept does not depend on how fast workers were.
Not here: which trial is the best now (`conclusions`).
"""

from collections.abc import Iterable, Sequence

from tuning.evidence.score import is_better
from tuning.records import Direction

MOST = 64  # that are kept; of more, every other one between the ends goes

Lead = tuple[int, float]


def insert(known: Sequence[Lead], number: int, value: float, direction: Direction) -> list[Lead]:
    """The leads once trial `number` has this value.

    >>> insert([(0, 3.0), (4, 1.0)], 2, 2.0, Direction.MINIMIZE)
    [(0, 3.0), (2, 2.0), (4, 1.0)]
    >>> insert([(0, 3.0), (4, 1.0)], 2, 0.5, Direction.MINIMIZE)
    [(0, 3.0), (2, 0.5)]
    """
    before = [lead for lead in known if lead[0] < number]
    after = [lead for lead in known if lead[0] > number]
    if before and not is_better(value, before[-1][1], direction):
        return list(known)
    beaten = [lead for lead in after if is_better(lead[1], value, direction)]
    found = [*before, (number, value), *beaten]
    return found if len(found) <= MOST else [*found[:-1:2], found[-1]]


def of(scores: Iterable[Lead], direction: Direction) -> list[Lead]:
    """The leads of trials by their number."""
    found: list[Lead] = []
    for number, value in scores:
        found = insert(found, number, value, direction)
    return found
