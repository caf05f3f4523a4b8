"""Checkpoints: where a run stood when its process died, so that it can go on from there.

The one idea: a file per run, named by a hash of all that decides its bits (objective, config, data,
horizon, splits, schedule, seed), holds its lane of the trainer's state and what was measured so
far. Runs that stand at the same point go on together; those that do not are trained apart, which
changes none of their bits. A file is removed when its run ends, and may be deleted at any time; it
should be when the training code has changed, which the hash does not know.
Not here: trainers (`tuning.objectives.base.Resumable`), nor how they are driven
(`tuning.execution.training`).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import final

import numpy as np

from tuning.execution.block import Block, Lane
from tuning.objectives import Objective, Resumable, Trainer
from tuning.objectives.base import Arrays
from tuning.objectives.cached import read_arrays, write_arrays
from tuning.records import Measurement

logger = logging.getLogger(__name__)

CHECKPOINT_FOLDER = "checkpoints"  # in the cache folder
EVERY_SECONDS = 30.0  # at most; what a crash may cost
KEPT_FILES = 1_000  # those of runs that nobody took up again are not kept for ever
_STATE = "state/"

Past = Sequence[Measurement]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """One run at a point of its training.

    Args:
        past: what was measured so far, at least once.
        state: the trainer's, of this lane alone.
    """

    past: Past
    state: Arrays


@final
class Checkpoints:
    """The checkpoints of one training of some runs of a block.

    Args:
        folder: where the files lie; None keeps none.
        objective: what is trained.
        block: its runs.
        splits: what this training is scored on.
        data_hash: of the problem, if it is known.
        clock: seconds, going on.
    """

    def __init__(
        self,
        folder: Path | None,
        objective: Objective,
        block: Block,
        splits: tuple[str, ...],
        data_hash: str | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._folder = folder
        measured = [objective.measurements, *(metric.name for metric in objective.metrics)]
        about = [objective.name, dict(block.config), data_hash, block.horizon, splits]
        if block.updates < block.horizon:  # its last measurement may be none of the whole run
            about.append(block.updates)
        self._common = [*about, measured]
        self._clock = clock
        self._last = clock()

    def together(
        self, lanes: Sequence[Lane]
    ) -> Iterator[tuple[Sequence[Lane], Sequence[Checkpoint]]]:
        """Lanes that stand at the same point, and their checkpoints; none at the beginning."""
        groups: dict[int, list[tuple[Lane, Checkpoint | None]]] = {}
        for lane in lanes:
            found = self._read(lane)
            groups.setdefault(0 if found is None else len(found.past), []).append((lane, found))
        for members in groups.values():
            yield [lane for lane, _ in members], [one for _, one in members if one is not None]

    def note(self, trainer: Trainer, lanes: Sequence[Lane], pasts: Mapping[str, Past]) -> None:
        """Write a checkpoint of every lane, if the last one is long enough ago.

        Args:
            trainer: in training; one that is not `Resumable` has none.
            lanes: of the trainer, in order.
            pasts: what was measured so far, by run.
        """
        if self._folder is None or not isinstance(trainer, Resumable):
            return
        if self._clock() - self._last < EVERY_SECONDS:
            return
        state = trainer.state()
        for place, lane in enumerate(lanes):
            own = {name: one[place : place + 1] if one.ndim else one for name, one in state.items()}
            _write(self._path(self._folder, lane), Checkpoint(pasts[lane.run], own))
        _thin_out(self._folder)
        self._last = self._clock()

    def forget(self, lane: Lane) -> None:
        """Remove the checkpoint of a lane that ended, or cannot be taken up."""
        if self._folder is not None:
            with suppress(OSError):
                self._path(self._folder, lane).unlink(missing_ok=True)

    def _read(self, lane: Lane) -> Checkpoint | None:
        path = None if self._folder is None else self._path(self._folder, lane)
        if path is None:
            return None
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            logger.warning("a checkpoint cannot be read, its run begins anew: %s", error)
            return None

    def _path(self, folder: Path, lane: Lane) -> Path:
        text = json.dumps([*self._common, lane.seed, lane.schedule.document()], sort_keys=True)
        return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def merge(checkpoints: Sequence[Checkpoint]) -> Arrays:
    """The state of a trainer of these lanes.

    >>> one, other = (Checkpoint([], {"weights": np.full((1, 2), x)}) for x in (1, 2))
    >>> merge([one, other])
    {'weights': array([[1, 1],
           [2, 2]])}
    """
    first, *_ = states = [one.state for one in checkpoints]
    return {
        name: np.concatenate([state[name] for state in states]) if array.ndim else array
        for name, array in first.items()
    }


def _write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file; if that fails, it is told and no more."""
    names = list(checkpoint.past[0].values)
    rows = [[one.values[name] for name in names] for one in checkpoint.past]
    arrays = {
        "names": np.array(names),
        "steps": np.array([one.step for one in checkpoint.past]),
        "values": np.array(rows, dtype=np.float64),
        **{f"{_STATE}{name}": array for name, array in checkpoint.state.items()},
    }
    try:
        write_arrays(path, arrays)
    except OSError as error:
        logger.warning("a checkpoint cannot be written: %s", error)


def _read(path: Path) -> Checkpoint:
    arrays = read_arrays(path)
    names = arrays["names"].tolist()
    past = [
        Measurement(step, dict(zip(names, row, strict=True)))
        for step, row in zip(arrays["steps"].tolist(), arrays["values"].tolist(), strict=True)
    ]
    state = {
        name.removeprefix(_STATE): array
        for name, array in arrays.items()
        if name.startswith(_STATE)
    }
    return Checkpoint(past, state)


def _thin_out(folder: Path) -> None:
    """Remove the oldest files beyond `KEPT_FILES`."""
    with suppress(OSError):  # another process may be removing the same ones
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in files[:-KEPT_FILES]:
            path.unlink(missing_ok=True)
