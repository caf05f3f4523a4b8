"""Functions as objectives: one loop, learning rates chunk by chunk, and threads that end."""

import gc
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tuning.errors import BrokenObjective, InvalidValue, UnknownName
from tuning.execution import Block, Ended, Lane, Measured
from tuning.execution.training import train as train_block
from tuning.objectives import NO_FOLDERS, TEST, VALIDATION, Objective, Score, Trainer, configure
from tuning.objectives.base import Folders
from tuning.objectives.function import Run, function_objective
from tuning.records import Metric, RunState
from tuning.schedules import Schedule, build

HORIZON = 12
BOTH = (VALIDATION, TEST)


@dataclass(frozen=True)
class Config:
    """Settings of the bowl."""

    noise: float = 0.0


def arrays(config: Config, folders: Folders) -> dict[str, np.ndarray]:
    """Where the bowl begins."""
    del config, folders
    return {"start": np.array([1.0, 2.0])}


def bowl(run: Run) -> None:
    """Descend |x|^2 / 2 with noise of the seed."""
    random = np.random.default_rng(run.seed)
    weight = run.data["start"].copy()
    for step, lr in run:
        weight -= lr * (weight + run.config.noise * random.normal(size=2))
        run.report(step, loss=0.5 * weight @ weight)
    if TEST in run.splits:
        run.report(run.horizon, split=TEST, loss=1.0 + 0.5 * weight @ weight)


def objective(function: Callable[[Run], object] = bowl, **described: Any) -> Objective:  # noqa: ANN401
    """The function as an objective with the bowl's data."""
    return function_objective(
        function,
        name="bowl",
        horizon=HORIZON,
        peak=(1e-3, 1.0),
        data=arrays,
        **{"config_type": Config, "measurements": 4, **described},
    )


def trainer(
    function: Callable[[Run], object] = bowl,
    *,
    seeds: tuple[int, ...] = (1,),
    splits: tuple[str, ...] = (VALIDATION,),
    noise: float = 0.0,
    **described: Any,  # noqa: ANN401
) -> Trainer:
    """Its lanes."""
    made = objective(function, **described)
    problem = made.open(configure(made, {"noise": noise}), NO_FOLDERS)
    return problem.trainer(seeds, HORIZON, splits)


def rates(lanes: int = 1, lr: float = 0.1, count: int = HORIZON) -> np.ndarray:
    """Constant learning rates."""
    return np.full((lanes, count), lr)


def lane_threads() -> list[threading.Thread]:
    """Threads of functions that are alive."""
    return [one for one in threading.enumerate() if one.name == "function-lane"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever a test does, its lanes end with it."""
    yield
    if lane_threads():
        gc.collect()  # a traceback may hold a lane
    assert lane_threads() == []


def test_a_loop_trains_as_it_would_alone() -> None:
    """The closed form of gradient descent on a bowl, (1 - lr)^T from the start."""
    lanes = trainer(seeds=(1, 2))
    lanes.train(np.stack([rates(lr=0.1)[0], rates(lr=0.5)[0]]))

    expected = [0.5 * 5.0 * (1 - lr) ** (2 * HORIZON) for lr in (0.1, 0.5)]
    np.testing.assert_allclose(lanes.evaluate(VALIDATION)["loss"], expected, rtol=1e-12)
    np.testing.assert_allclose(lanes.block_losses(VALIDATION)[:, 0], expected, rtol=1e-12)


def test_the_function_rests_between_chunks() -> None:
    """It makes the updates that were granted and no other, whatever the other thread does."""
    seen: list[int] = []

    def noting(run: Run) -> None:
        for step, _ in run:
            seen.append(step)
            run.report(step, loss=1.0)

    lanes = trainer(noting)
    counts = []
    for _ in range(4):
        lanes.train(rates(count=3))
        counts.append(len(seen))
    assert counts == [3, 6, 9, 12]
    assert seen == list(range(HORIZON))


def test_bits_depend_on_neither_neighbours_nor_chunks() -> None:
    """Alone and whole, or beside others and in pieces after one was dropped: the same."""
    alone = trainer(seeds=(2,), noise=1.0)
    alone.train(rates())
    others = trainer(seeds=(1, 2, 3), noise=1.0)
    others.train(rates(3, count=5))
    others.keep([1, 2])
    others.train(rates(2, count=7))

    assert others.block_losses(VALIDATION)[0] == alone.block_losses(VALIDATION)[0]
    assert others.block_losses(VALIDATION)[1] != alone.block_losses(VALIDATION)[0]


def test_a_dropped_lane_cleans_up_and_ends() -> None:
    """Its `finally` runs at once, and a broad `except Exception` does not keep it."""
    ends: list[int] = []

    def careful(run: Run) -> None:
        try:
            for step, _ in run:
                try:
                    run.report(step, loss=1.0)
                    run.lr(min(step + 1, run.horizon - 1))
                except Exception:  # noqa: BLE001 - the very point
                    ends.append(-1)
        finally:
            ends.append(run.seed)

    lanes = trainer(careful, seeds=(1, 2, 3))
    lanes.train(rates(3, count=5))
    assert len(lane_threads()) == 3
    lanes.keep([0, 2])
    assert ends == [2]
    assert len(lane_threads()) == 2
    del lanes
    assert sorted(ends) == [1, 2, 3]
    assert lane_threads() == []


def test_what_the_function_raises_is_raised_where_it_is_trained() -> None:
    """With its own traceback; its neighbours end too."""

    def raising(run: Run) -> None:
        for step, _ in run:
            if step == 7 and run.seed == 2:
                raise ZeroDivisionError("the data are odd")
            run.report(step, loss=1.0)

    lanes = trainer(raising, seeds=(1, 2))
    lanes.train(rates(2, count=5))
    with pytest.raises(ZeroDivisionError, match="odd") as raised:
        lanes.train(rates(2, count=5))
    assert [entry.name for entry in raised.traceback][-1] == "raising"
    del lanes, raised


def test_a_function_that_exits_exits_where_it_is_trained() -> None:
    """As a class would: whoever runs it decides what becomes of the process."""

    def leaving(run: Run) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        trainer(leaving).train(rates())


@pytest.mark.parametrize(
    ("last", "told"),
    [(5, r"ended after its report of update 5.*update 11, the last"), (10, "update 10")],
)
def test_a_function_that_returns_early_is_told(last: int, told: str) -> None:
    """A loop that stops by a criterion of its own would be scored on another horizon."""

    def early(run: Run) -> None:
        for step, _ in run:
            run.report(step, loss=1.0)
            if step == last:
                return

    with pytest.raises(BrokenObjective, match=told):
        trainer(early).train(rates())


def test_a_function_that_leaves_the_last_update_out_is_told() -> None:
    """The last iterate is scored, so it must be reported."""

    def sparing(run: Run) -> None:
        for step, _ in run:
            if step % 5 == 0:
                run.report(step, loss=1.0)

    with pytest.raises(BrokenObjective, match="report update 11"):
        trainer(sparing).train(rates())


def test_a_function_that_never_reports_is_told() -> None:
    """At the first measurement, in words that say what to call."""

    def silent(run: Run) -> None:
        for _ in run:
            pass

    lanes = trainer(silent)
    lanes.train(rates(count=5))
    with pytest.raises(BrokenObjective, match=r"nothing on validation within 5.*run\.report"):
        lanes.evaluate(VALIDATION)


def test_a_function_that_forgets_the_test_split_is_told() -> None:
    """In a confirmation run, when it is asked for."""

    def forgetful(run: Run) -> None:
        for step, _ in run:
            run.report(step, loss=1.0)

    lanes = trainer(forgetful, splits=BOTH)
    lanes.train(rates())
    with pytest.raises(BrokenObjective, match='split="test"'):
        lanes.evaluate(TEST)


def test_a_function_without_learning_rates_is_told() -> None:
    """One that trains with a rate of its own has no schedule to find."""

    def stubborn(run: Run) -> None:
        run.report(run.horizon - 1, loss=1.0)

    with pytest.raises(BrokenObjective, match="without asking for a learning rate"):
        trainer(stubborn).train(rates())


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda run: run.lr(HORIZON), InvalidValue, "step: 12"),
        (lambda run: run.lr(-1), InvalidValue, "step: -1"),
        (lambda run: run.report(0, accuracy=1.0), InvalidValue, "exactly loss"),
        (lambda run: run.report(HORIZON + 1, loss=1.0), InvalidValue, "step: 13"),
        (lambda run: run.report(0, split="train", loss=1.0), UnknownName, "test, validation"),
    ],
)
def test_a_wrong_word_to_the_run_names_it(
    call: Callable[[Run], object], error: type[Exception], told: str
) -> None:
    """Field, value and what would be allowed."""
    with pytest.raises(error, match=told):
        trainer(call).train(rates())


def test_more_updates_than_the_horizon_are_refused() -> None:
    """A function that ended cannot go on."""
    lanes = trainer()
    lanes.train(rates())
    with pytest.raises(InvalidValue, match="lrs"):
        lanes.train(rates(count=1))


def test_reports_before_the_first_update_are_the_start() -> None:
    """And without one the start is unknown, which is no divergence."""

    def begins(run: Run) -> None:
        run.report(-1, loss=7.0)
        bowl(run)

    assert trainer(begins).evaluate(VALIDATION)["loss"] == [7.0]
    assert math.isnan(trainer().evaluate(VALIDATION)["loss"][0])


def test_measurements_alone_are_enough() -> None:
    """A function that evaluates only when it is due gives the same measurements."""
    reports: list[int] = []

    def thrifty(run: Run) -> None:
        weight = run.data["start"].copy()
        for step, lr in run:
            weight -= lr * weight
            if run.is_due(step):
                reports.append(step)
                run.report(step, loss=0.5 * weight @ weight)

    lane = Lane("a", 1, Schedule(build("cosine", 0.3, {}), HORIZON))
    block = Block("bowl", {}, HORIZON, (lane,))
    events = [
        list(train_block(block, made, made.open(Config(), NO_FOLDERS)))
        for made in (objective(thrifty), objective())
    ]
    assert events[0] == events[1]
    assert reports == [2, 5, 8, 11]


def test_a_feedback_family_hears_the_function() -> None:
    """Its later rates follow from what the loop reported before, although it is one loop."""

    def flat(run: Run) -> None:
        for step, _ in run:
            run.report(step, loss=1.0)

    made = objective(flat, measurements=HORIZON)
    family = replace(build("plateau", 0.5, {}), patience=2)
    block = Block("bowl", {}, HORIZON, (Lane("a", 1, Schedule(family, HORIZON)),))
    events = list(train_block(block, made, made.open(Config(), NO_FOLDERS)))
    lrs = [one.measurement.values["lr"] for one in events if isinstance(one, Measured)]
    assert lrs[-1] < lrs[0]
    assert isinstance(events[-1], Ended)
    assert events[-1].result.state is RunState.COMPLETED


def test_the_mean_over_a_segment_is_that_of_its_reports() -> None:
    """Measurements are means of their chunks, and the score is the mean beyond the beginning."""

    def counting(run: Run) -> None:
        for step, _ in run:
            run.report(step, loss=float(step))

    made = objective(counting, score=Score("mean", 0.5))
    block = Block("bowl", {}, HORIZON, (Lane("a", 1, Schedule(build("constant", 0.5, {}), 12)),))
    *measured, ended = train_block(block, made, made.open(Config(), NO_FOLDERS))
    values = [one.measurement.values["loss"] for one in measured if isinstance(one, Measured)]
    assert values == [1.0, 4.0, 7.0, 10.0]
    assert isinstance(ended, Ended)
    assert ended.result.metrics[VALIDATION]["loss"] == np.mean(range(6, 12))
    assert ended.result.blocks[VALIDATION] == (np.mean(range(6, 12)),)


def test_a_loss_that_is_not_finite_is_a_diverged_run() -> None:
    """It may be reported, in a mean too; the lane ends and the others go on."""

    def bursting(run: Run) -> None:
        for step, lr in run:
            run.report(step, loss=math.inf if lr > 0.5 and step > 4 else 1.0)

    for score in (Score(), Score("mean", 0.1)):
        made = objective(bursting, score=score)
        lanes = [
            Lane(str(peak), 1, Schedule(build("constant", peak, {}), 12)) for peak in (0.1, 0.9)
        ]
        block = Block("bowl", {}, HORIZON, tuple(lanes))
        ends = [
            one
            for one in train_block(block, made, made.open(Config(), NO_FOLDERS))
            if isinstance(one, Ended)
        ]
        assert [(end.run, end.result.state) for end in ends] == [
            ("0.9", RunState.DIVERGED),
            ("0.1", RunState.COMPLETED),
        ]


def test_data_are_made_once_and_cannot_be_changed() -> None:
    """All lanes see the same arrays, whose hash is that of the problem."""
    made = objective()
    problem = made.open(Config(), NO_FOLDERS)
    assert problem.data_hash == made.open(Config(noise=1.0), NO_FOLDERS).data_hash

    def writing(run: Run) -> None:
        run.data["start"][0] = 0.0

    with pytest.raises(ValueError, match="read-only"):
        trainer(writing).train(rates())


def test_every_declared_metric_is_asked_for() -> None:
    """Two metrics, in the declared order, whatever the order of the words."""

    def two(run: Run) -> None:
        for step, _ in run:
            run.report(step, skill=0.5, mse=1.0)

    lanes = trainer(two, metrics=(Metric("mse"), Metric("skill")))
    lanes.train(rates())
    assert list(lanes.evaluate(VALIDATION)) == ["mse", "skill"]
