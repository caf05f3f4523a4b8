"""The simulated executor: workers that are not there, on a clock that nobody waits for.

The one idea: what a run comes to is really trained, or told by a function; how long it takes and
which workers are lost over it is drawn from one seed. So the same study takes the same simulated
hours every time, and its trials and its best schedule are those it has anywhere else.
Not here: a fleet that shares one store (`tests/benchmarks/fleet.py`), which draws from the same
`Chances`.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from random import Random

from tuning.errors import InvalidValue
from tuning.execution.block import Block, Ended, Event, Lane, Measured
from tuning.execution.course import chunks
from tuning.execution.inline import Inline
from tuning.objectives import NO_FOLDERS, Folders, find, load
from tuning.records import Cause, Measurement, Result, RunState, check_integer, check_number

DAY = 86_400.0  # seconds
LOST = "its worker was lost"

Loss = Callable[[Lane, int], float]
Timed = tuple[float, Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How long a run takes, and how soon a worker is lost.

    Args:
        update_seconds: of one update, usually.
        spread: standard deviation of the logarithm of a run's time.
        straggler_share: share of the runs that take `straggler_factor` times as long.
        straggler_factor: see there.
        losses_per_day: how often a worker is lost; 0: never.

    >>> from random import Random
    >>> Chances(spread=0.0, straggler_share=0.0).run_seconds(300, Random(1))
    3.0
    """

    update_seconds: float = 0.01
    spread: float = 0.25
    straggler_share: float = 0.01
    straggler_factor: float = 10.0
    losses_per_day: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no share, no time or no rate, naming the field."""
        if not 0.0 < self.update_seconds < math.inf:
            raise InvalidValue("update_seconds", self.update_seconds, "a positive number")
        check_number("spread", self.spread, 0.0, 10.0)
        check_number("straggler_share", self.straggler_share, 0.0, 1.0)
        check_number("straggler_factor", self.straggler_factor, 1.0, 1e6)
        check_number("losses_per_day", self.losses_per_day, 0.0, 1e9)

    def run_seconds(self, updates: int, random: Random) -> float:
        """Draw how long a run of so many updates takes."""
        seconds = updates * self.update_seconds * random.lognormvariate(0.0, self.spread)
        return seconds * (self.straggler_factor if random.random() < self.straggler_share else 1.0)

    def life_seconds(self, random: Random) -> float:
        """Draw how long a worker lives."""
        rate = self.losses_per_day / DAY
        return random.expovariate(rate) if rate else math.inf


USUAL = Chances()


class Simulated:
    """An `Executor` of some workers on a virtual clock.

    A block is dealt to the workers in equal parts. A worker trains its runs side by side, for as
    long as they take one after the other. When it is lost they begin anew on another one,
    `lease_seconds` later; what was measured until then does not count. Runs whose workers were
    lost `attempts` times have failed. With one worker the events come in the order of `Inline`.

    Args:
        folders: where objectives may read and keep files.
        modules: more objectives, see `tuning.objectives.load`.
        workers: how many there are.
        chances: what is drawn.
        seed: of the draws.
        loss: the compared metric of a lane after so many updates, instead of a training.
        lease_seconds: until a loss is noticed.
        attempts: lost workers after which a run has failed.

    >>> from tuning.records import Budget
    >>> from tuning.study import run_study, specify
    >>> spec = specify(
    ...     "noisy_quadratic", families=["constant"], baselines=[], sampler="random",
    ...     rungs=[], budget=Budget(8), peak=(1e-3, 1e-1), leaders=0, confirm_seeds=2,
    ... )
    >>> fleet = Simulated(workers=4, loss=lambda lane, step: 1 + abs(lane.schedule.peak - 0.01))
    >>> outcome = run_study(spec, fleet)
    >>> searched = outcome.history.trials[:8]  # the confirmation has others beside
    >>> outcome.best == min(searched, key=lambda one: abs(one.schedule.peak - 0.01))
    True
    >>> fleet.seconds > 0.0
    True
    """

    def __init__(
        self,
        folders: Folders = NO_FOLDERS,
        modules: Sequence[str] = (),
        *,
        workers: int = 1,
        chances: Chances = USUAL,
        seed: int = 0,
        loss: Loss | None = None,
        lease_seconds: float = 30.0,
        attempts: int = 3,
    ) -> None:
        self._workers = check_integer("workers", workers, 1, 1_000_000)
        self._attempts = check_integer("attempts", attempts, 1, 100)
        self._lease_seconds = check_number("lease_seconds", lease_seconds, 0.0, DAY)
        self._chances = chances
        self._random = Random(seed)  # noqa: S311 # simulates, keeps no secret
        self._loss = loss
        self._objectives = load(modules)
        self._inline = Inline(folders, modules)
        self._seconds = 0.0
        self._losses = 0

    @property
    def seconds(self) -> float:
        """The time by the virtual clock."""
        return self._seconds

    @property
    def losses(self) -> int:
        """How many workers were lost over a run until now."""
        return self._losses

    def clock(self) -> float:
        """The same as `seconds`, as `run_study` asks for it."""
        return self._seconds

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block`; whenever an event comes, the clock stands at its time."""
        parts = [self._train(part, self._seconds) for part in _deal(block, self._workers)]
        for at, event in heapq.merge(*parts, key=itemgetter(0)):
            self._seconds = at
            yield event

    def close(self) -> None:
        """Forget the opened problems."""
        self._inline.close()

    def _train(self, block: Block, begin: float) -> Iterator[Timed]:
        """The events of what one worker trains, with their times."""
        chances, updates = self._chances, block.updates
        for _ in range(self._attempts):
            # Not the same draws again: a straggler may have been on a slow machine.
            seconds = sum(chances.run_seconds(updates, self._random) for _ in block.lanes)
            life = chances.life_seconds(self._random)
            if life >= seconds:
                loss = self._loss
                events = self._inline.run(block) if loss is None else self._tell(block, loss)
                return _timed(events, begin, seconds, updates)
            self._losses += 1
            begin += life + self._lease_seconds
        lost = Result(RunState.FAILED, reason=LOST, cause=Cause.LOST_WORKER)
        return iter([(begin, Ended(lane.run, lost)) for lane in block.lanes])

    def _tell(self, block: Block, loss: Loss) -> Iterator[Event]:
        """The events of runs whose loss is known, instead of a training."""
        objective = find(block.objective, self._objectives)
        metric = objective.metrics[0].name
        lanes = {lane: lane.schedule.table() for lane in block.lanes}
        for _, step in chunks(block.updates, objective.measurements):
            for lane, table in list(lanes.items()):
                value, lr = loss(lane, step), float(table[step - 1])
                yield Measured(lane.run, Measurement(step, {metric: value, "lr": lr}))
                if not math.isfinite(value):
                    del lanes[lane]
                    reason = f"{metric} was {value:g} after update {step} at lr {lr:g}"
                    yield Ended(lane.run, _diverged(reason, step, lr))
        for lane in lanes:
            scores = {split: {metric: loss(lane, block.updates)} for split in block.splits}
            yield Ended(lane.run, Result(RunState.COMPLETED, metrics=scores))


def _diverged(reason: str, step: int, lr: float) -> Result:
    return Result(RunState.DIVERGED, reason=reason, cause=Cause.NON_FINITE, step=step, lr=lr)


def _deal(block: Block, workers: int) -> list[Block]:
    """The block in as many parts as there are workers for it, as equal as can be."""
    lanes = block.lanes
    count = min(workers, len(lanes))
    edges = [len(lanes) * number // count for number in range(count + 1)]
    return [replace(block, lanes=lanes[first:last]) for first, last in pairwise(edges)]


def _timed(events: Iterator[Event], begin: float, seconds: float, updates: int) -> Iterator[Timed]:
    """Events with their times: measurements by their step, and no event before another one's."""
    at = begin
    for event in events:
        if isinstance(event, Measured):
            at = max(at, begin + seconds * min(1.0, event.measurement.step / updates))
        elif event.result.state is RunState.COMPLETED:
            at = begin + seconds
        yield at, event
