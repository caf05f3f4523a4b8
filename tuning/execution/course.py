"""Course: how long a training lasts, and at which updates it is measured.

The one idea: a run that ends before its schedule does is measured where the whole run would be, and
once more where it ends; so its measurements are the first ones of the whole run.
Not here: the training (`tuning.execution.training`).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tuning.objectives import Objective, Paced, Problem, Segmented


@dataclass(frozen=True, slots=True)
class Course:
    """One training of a block.

    Args:
        horizon: updates that its schedules are laid out over.
        planned: measurements of the whole horizon.
        chunks: first and one past the last update of each chunk, until the training ends.
    """

    horizon: int
    planned: int
    chunks: tuple[tuple[int, int], ...]


def plan_course(
    objective: Objective, problem: Problem, split: str, horizon: int, updates: int
) -> Course:
    """The course of the training that is scored on `split`.

    A prefix ends with the last whole unit that its updates hold, at least with the first.

    Args:
        objective: what is trained.
        problem: its data.
        split: the first one of the training.
        horizon: of the study.
        updates: of the horizon until the training ends.
    """
    whole = horizon
    if objective.trains_per_split and isinstance(problem, Segmented):
        whole = problem.horizon(split, horizon)
    unit = problem.unit if isinstance(problem, Paced) else 1
    begin = objective.score.first_update(whole) if objective.score.kind == "mean" else 0
    edges = list(chunks(whole, objective.measurements, unit, begin))
    end = whole
    if updates < horizon:
        end = max(unit, updates * whole // horizon // unit * unit)
    trained = tuple((first, min(last, end)) for first, last in edges if first < end)
    return Course(whole, len(edges), trained)


def chunks(
    horizon: int, measurements: int, unit: int = 1, begin: int = 0
) -> Iterator[tuple[int, int]]:
    """First and one past the last update of each chunk: as equal as can be, none empty.

    Args:
        horizon: updates in all.
        measurements: chunks in all, if there are as many units.
        unit: updates that belong together; only the end of the last chunk may be between.
        begin: an update that a chunk begins with, or the unit after it; the nearest edge moves.

    >>> list(chunks(10, 4))
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    >>> list(chunks(10, 4, unit=3))
    [(0, 3), (3, 6), (6, 9), (9, 10)]
    >>> list(chunks(10, 4, begin=1))
    [(0, 1), (1, 5), (5, 7), (7, 10)]
    """
    units = -(-horizon // unit)
    count = min(units, measurements)
    edges = [min(horizon, unit * (units * number // count)) for number in range(count + 1)]
    wanted = unit * -(-begin // unit)
    if count > 1 and 0 < wanted < horizon:
        edges[min(range(1, count), key=lambda number: abs(edges[number] - wanted))] = wanted
    return itertools.pairwise(edges)
