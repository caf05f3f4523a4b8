"""The inline executor: trains in the calling thread.

The one idea: the plainest executor, for notebooks, for tests, and inside the child process of
`tuning.execution.process`. Opened problems are kept, so that the blocks of a study load their data
once.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from tuning.errors import InvalidValue, NotEnoughMemory, TrainingCrashed
from tuning.execution.block import Block, Event
from tuning.execution.checkpoints import CHECKPOINT_FOLDER
from tuning.execution.executor import report
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS, Folders, Objective, Problem, configure, find, load
from tuning.records import Cause

KEPT_PROBLEMS = 4


class Inline:
    """An `Executor` in this very thread.

    Args:
        folders: where objectives may read and keep files.
        modules: more objectives, see `tuning.objectives.load`.
        memory_bytes: what this process may hold, for lanes that declare what they need; None if as
            much as there is. Nothing ends a training that takes more.
    """

    def __init__(
        self,
        folders: Folders = NO_FOLDERS,
        modules: Sequence[str] = (),
        memory_bytes: int | None = None,
    ) -> None:
        self._folders = folders
        self._memory_bytes = memory_bytes
        self._checkpoints = folders.cache and folders.cache / CHECKPOINT_FOLDER
        self._objectives = load(modules)
        self._problems: dict[str, Problem] = {}  # oldest use first

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block` here."""
        try:
            objective = find(block.objective, self._objectives)
            problem = self._open(objective, block.config)
            yield from train(block, objective, problem, self._memory_bytes, self._checkpoints)
        except Exception as error:
            self._problems.clear()  # a crash may have left anything behind
            reason, trace = report(error)
            raise TrainingCrashed(reason, _cause(error), trace) from error

    def close(self) -> None:
        """Forget the opened problems."""
        self._problems.clear()

    def _open(self, objective: Objective, config: Mapping[str, object]) -> Problem:
        key = json.dumps([objective.name, dict(config)], sort_keys=True)
        problem = self._problems.pop(key, None)
        if problem is None:
            problem = objective.open(configure(objective, config), self._folders)
        self._problems[key] = problem
        while len(self._problems) > KEPT_PROBLEMS:
            del self._problems[next(iter(self._problems))]
        return problem


def _cause(error: Exception) -> Cause:
    if isinstance(error, MemoryError | NotEnoughMemory):
        return Cause.MEMORY
    return Cause.REFUSED if isinstance(error, InvalidValue) else Cause.RAISED
