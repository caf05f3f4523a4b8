"""Function: a plain training function as an `Objective`.

The one idea: the function runs in a thread of its own, but only while the trainer waits for it. It
asks for learning rates; beyond those known so far it rests until the next chunk, so it may be
written as one loop although a feedback family decides its next rates from what it reports.
Not here: objectives that are classes (`tuning.objectives.own`).
"""

import math
import operator
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Unpack, final

from tuning.errors import BrokenObjective, InvalidValue, UnknownName
from tuning.objectives.base import LAST, TEST, VALIDATION, Arrays, Config, Floats, Objective, Score
from tuning.objectives.own import LOSS, Assignment, Data, Description, model_objective

JOIN_SECONDS = 5.0  # what a dropped lane may take to clean up behind itself

Values = Mapping[str, float]


def function_objective(
    train: Callable[["Run"], object],
    *,
    name: str,
    horizon: int,
    peak: tuple[float, float],
    data: Data | None = None,
    **described: Unpack[Description],
) -> Objective:
    """An objective out of a function that trains one model; its lanes are trained one by one.

    Args:
        train: trains one model as `Run` says, and reports every declared metric. What it does may
            depend on `run.seed`, `run.config` and `run.data` only, and on no other state.
        name: how it is asked for.
        horizon: updates of a full training, unless a study wants others.
        peak: smallest and largest learning rate worth a look.
        data: makes the arrays of a config, once.
        described: anything else that `Objective` knows; the metric is `loss` by default.

    >>> def train(run):
    ...     weight = 1.0
    ...     for step, lr in run:
    ...         weight -= lr * weight
    ...         run.report(step, loss=weight**2)
    >>> function_objective(train, name="bowl", horizon=100, peak=(1e-3, 1.0)).default_horizon
    100
    """
    metrics = tuple(metric.name for metric in described.get("metrics", (LOSS,)))
    score = described.get("score", LAST)
    return model_objective(
        lambda assignment: FunctionLane(train, assignment, metrics, score),
        name=name,
        horizon=horizon,
        peak=peak,
        data=data,
        **described,
    )


@final
class Run:
    """One training, as its function sees it.

    Iterating gives the number of every update and its learning rate: `for step, lr in run`.
    """

    def __init__(self, assignment: Assignment, exchange: "_Exchange") -> None:
        self._assignment = assignment
        self._exchange = exchange

    @property
    def seed(self) -> int:
        """Decides initial weights and data order."""
        return self._assignment.seed

    @property
    def horizon(self) -> int:
        """Updates in all."""
        return self._assignment.horizon

    @property
    def splits(self) -> tuple[str, ...]:
        """What must be reported on by the end; `test` is among them in confirmation runs only."""
        return self._assignment.splits

    @property
    def config(self) -> Config:
        """Settings, of the objective's `config_type`."""
        return self._assignment.config

    @property
    def data(self) -> Arrays:
        """The objective's arrays by name, shared by all lanes."""
        return self._assignment.data

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Number and learning rate of every update, in order."""
        for step in range(self.horizon):
            yield step, self.lr(step)

    def lr(self, step: int) -> float:
        """The learning rate of update `step`, from 0 to the horizon - 1; waits until it is known.

        Raises `InvalidValue` outside that range.
        """
        number = operator.index(step)
        if not 0 <= number < self.horizon:
            raise InvalidValue("step", step, f"an integer from 0 to {self.horizon - 1}")
        return self._exchange.rate(number)

    def is_due(self, step: int) -> bool:
        """Whether a report after update `step` is a measurement; one that is not may be left out.

        The last report before a measurement is the one that counts.
        """
        return self._exchange.is_due(step)

    def report(self, step: int, *, split: str | None = None, **metrics: float) -> None:
        """Tell every declared metric of the model as it is after update `step`.

        Args:
            step: the number of the update just made, -1 before the first one.
            split: what it was measured on; by default the compared split, `validation`. What is
                told of a split that nobody asked for is ignored.
            metrics: values by name; they need not be finite.

        Raises `InvalidValue` or `UnknownName` if it tells something else.
        """
        if not -1 <= operator.index(step) <= self.horizon:
            raise InvalidValue("step", step, f"an integer from -1 to {self.horizon}")
        chosen = self.splits[0] if split is None else split
        if chosen not in {VALIDATION, TEST}:
            raise UnknownName("split", chosen, (VALIDATION, TEST))
        self._exchange.note(step, chosen, {name: float(value) for name, value in metrics.items()})


@final
class _Dropped(BaseException):
    """Raised out of `Run` once nobody waits for the lane: no `except Exception` stops it."""


@final
class _Exchange:
    """What a lane and its thread share; exactly one of the two runs at any time."""

    def __init__(self, horizon: int, metrics: Sequence[str], score: Score) -> None:
        self.horizon = horizon
        self.rates: list[float] = []
        self.last_step = -1  # reported
        self.was_asked = False
        self.has_ended = False
        self.error: BaseException | None = None
        self._metrics = metrics
        self._begin = score.first_update(horizon) if score.kind == "mean" else None
        self._latest: dict[str, list[Values]] = {}  # reports since the last grant, or before it
        self._stale: set[str] = set()
        self._segment: dict[str, list[float]] = {}
        self._is_over = False
        self._go, self._rest = threading.Semaphore(0), threading.Semaphore(0)

    # In the function's thread

    def perform(self, train: Callable[[Run], object], run: Run) -> None:
        """Wait for the first turn, then train to the end."""
        self._go.acquire()
        try:
            if not self._is_over:
                train(run)
        except _Dropped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the lane is trained
            self.error = error
        self.has_ended = True
        self._rest.release()

    def rate(self, step: int) -> float:
        """The learning rate of an update, as soon as it is granted."""
        self.was_asked = True
        while step >= len(self.rates):
            self._check_over()
            self._rest.release()
            self._go.acquire()
        self._check_over()
        return self.rates[step]

    def is_due(self, step: int) -> bool:
        """Whether no learning rate beyond that of `step` is granted."""
        return step + 1 >= len(self.rates)

    def note(self, step: int, split: str, values: Values) -> None:
        """Take down a report."""
        self._check_over()
        if set(values) != set(self._metrics):
            allowed = f"values of exactly {', '.join(self._metrics)}"
            raise InvalidValue("report", sorted(values), allowed)
        if split in self._stale:
            self._stale.discard(split)
            self._latest[split] = []
        self._latest.setdefault(split, []).append(values)
        if self._begin is not None and step >= self._begin:
            self._segment.setdefault(split, []).append(values[self._metrics[0]])
        self.last_step = max(self.last_step, step)

    def _check_over(self) -> None:
        if self._is_over:
            raise _Dropped

    # In the thread of whoever trains

    def take_turn(self, rates: Sequence[float]) -> None:
        """Grant more learning rates and wait until the function needs others, or ends."""
        self.rates.extend(rates)
        self._stale = set(self._latest)
        self._go.release()
        self._rest.acquire()

    def drop(self) -> None:
        """Have the next word of the function to its run be its last."""
        self._is_over = True
        self._go.release()

    def reported(self, split: str) -> Values | None:
        """The last report or, if means are scored, the mean of those since the last grant."""
        reports = self._latest.get(split)
        if not reports:
            return None
        if self._begin is None:
            return reports[-1]
        return {
            name: math.fsum(report[name] for report in reports) / len(reports)
            if all(math.isfinite(report[name]) for report in reports)
            else math.nan
            for name in self._metrics
        }

    def segment(self, split: str) -> Sequence[float]:
        """The compared metric of every report within the scored segment."""
        return self._segment.get(split, ())


@final
class FunctionLane:
    """A `Model` whose updates are made by a function in a thread; it ends with this object.

    Args:
        train: the function.
        assignment: what its run is told.
        metrics: names of what it reports, the compared one first.
        score: what counts of a run.
    """

    def __init__(
        self,
        train: Callable[[Run], object],
        assignment: Assignment,
        metrics: Sequence[str],
        score: Score = LAST,
    ) -> None:
        self._metrics = metrics
        self._splits = assignment.splits
        self._exchange = _Exchange(assignment.horizon, metrics, score)
        run = Run(assignment, self._exchange)
        self._thread = threading.Thread(
            target=self._exchange.perform, args=(train, run), name="function-lane", daemon=True
        )
        # The thread knows the exchange only, so nothing keeps a lane that its trainer let go.
        weakref.finalize(self, _end, self._exchange, self._thread)

    def train(self, lrs: Floats) -> None:
        """Let the function go on with the learning rates `lrs`, of shape (chunk,).

        Raises what the function raises, `BrokenObjective` if it ended too early.
        """
        exchange = self._exchange
        if len(exchange.rates) + len(lrs) > exchange.horizon:
            allowed = f"{exchange.horizon - len(exchange.rates)} updates, which are left"
            raise InvalidValue("lrs", len(lrs), f"at most {allowed}")
        self._go_on(lrs.tolist())
        if exchange.has_ended:
            self._check_end()

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The last report on `split`, NaN before the first update if there is none.

        Raises `BrokenObjective` if there should be one.
        """
        if not self._exchange.rates:
            self._go_on([])
        found = self._exchange.reported(split)
        if found is not None:
            return {name: found[name] for name in self._metrics}
        if not self._exchange.rates:
            return dict.fromkeys(self._metrics, math.nan)
        raise BrokenObjective(
            f"the function reported nothing on {split} within {len(self._exchange.rates)} updates; "
            f'it should call run.report(step, {self._metrics[0]}=...), with split="{split}" if '
            f"{split} is not the first of run.splits"
        )

    def block_losses(self, split: str) -> Sequence[float]:
        """The compared metric of the last report or, if means are scored, its mean."""
        segment = self._exchange.segment(split)
        if segment:
            return [sum(segment) / len(segment)]
        return [self.evaluate(split)[self._metrics[0]]]

    def _go_on(self, rates: Sequence[float]) -> None:
        exchange = self._exchange
        if exchange.has_ended:
            exchange.rates.extend(rates)
            return
        if not self._thread.ident:
            self._thread.start()
        exchange.take_turn(rates)
        error, exchange.error = exchange.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # or its traceback would keep this frame, and all lanes, alive

    def _check_end(self) -> None:
        exchange = self._exchange
        if not exchange.was_asked:
            raise BrokenObjective(
                "the function ended without asking for a learning rate; it should iterate over its "
                "run, or call run.lr(step)"
            )
        if exchange.last_step < exchange.horizon - 1:
            raise BrokenObjective(
                f"the function ended after its report of update {exchange.last_step}; it should go "
                f"on and report update {exchange.horizon - 1}, the last of run.horizon"
            )


def _end(exchange: _Exchange, thread: threading.Thread) -> None:
    """Let the thread of a lane that is gone clean up and end."""
    if thread.ident and thread.is_alive():
        exchange.drop()
        thread.join(JOIN_SECONDS)
