"""The simulated executor: hours by a clock that nobody waits for."""

import math
from dataclasses import replace
from random import Random
from statistics import median

import pytest

from tuning.errors import InvalidValue
from tuning.execution import Block, Chances, Ended, Lane, Measured, Simulated
from tuning.records import Budget, Cause, RunState, StudySpec
from tuning.schedules import Schedule, build
from tuning.study import run_study, specify

HORIZON = 30
CALM = Chances(losses_per_day=0.0, straggler_share=0.0)
DEADLY = Chances(update_seconds=1.0, losses_per_day=86_400.0)


def block(lanes: int = 4) -> Block:
    """A block of so many lanes."""
    peaks = [0.01 * (number + 1) for number in range(lanes)]
    return Block(
        "realized_volatility",
        {},
        HORIZON,
        tuple(
            Lane(f"run {peak:g}", 1, Schedule(build("linear", peak, {}), HORIZON)) for peak in peaks
        ),
    )


@pytest.fixture(scope="module")
def spec() -> StudySpec:
    """A small study."""
    return specify(
        "realized_volatility",
        horizon=HORIZON,
        families=["linear"],
        baselines=["constant"],
        budget=Budget(12),
        sampler="random",
        confirm_seeds=2,
        leaders=0,
    )


def by_peak(lane: Lane, step: int) -> float:
    """A loss that is told, not trained: it falls with every update."""
    return 1.0 + abs(math.log(lane.schedule.peak / 0.01)) + 1 / step


def test_the_same_seed_takes_the_same_time() -> None:
    """And another one does not."""
    times = []
    for seed in (1, 1, 2):
        executor = Simulated(loss=by_peak, seed=seed)
        list(executor.run(block()))
        times.append(executor.seconds)
    assert times[0] == times[1] != times[2]
    assert times[0] == pytest.approx(4 * HORIZON * 0.01, rel=0.8)


def test_a_fleet_changes_no_bit_and_saves_time() -> None:
    """Four workers take about a quarter; whenever an event comes, the clock stands at its time."""
    alone, fleet = Simulated(chances=CALM), Simulated(chances=CALM, workers=4)
    expected = list(alone.run(block()))
    seen = [(fleet.seconds, event) for event in fleet.run(block())]
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    assert seen[0][0] > 0.0
    for lane in block().lanes:
        assert [e for _, e in seen if e.run == lane.run] == [
            e for e in expected if e.run == lane.run
        ]
    assert fleet.clock() < 0.5 * alone.clock()


def test_losses_cost_time_and_nothing_else(spec: StudySpec) -> None:
    """A study has the trials, results and verdict that it has where no worker is ever lost."""
    rough = Chances(losses_per_day=86_400.0, straggler_share=0.1)  # they live for a second
    executor = Simulated(workers=3, chances=rough, attempts=100, loss=by_peak)
    outcome = run_study(spec, executor)
    calm = run_study(spec, Simulated(chances=CALM, loss=by_peak))
    assert (outcome.history, outcome.verdict) == (calm.history, calm.verdict)
    assert executor.losses > 10
    assert executor.seconds > 30.0 * executor.losses / 3


def test_a_run_whose_workers_keep_dying_fails() -> None:
    """As it does in the service; only the runs of that worker do."""
    executor = Simulated(chances=DEADLY, workers=2, loss=by_peak, attempts=2)
    ends = [event for event in executor.run(block()) if isinstance(event, Ended)]
    assert len(ends) == 4
    assert {(end.result.state, end.result.cause) for end in ends} == {
        (RunState.FAILED, Cause.LOST_WORKER)
    }
    assert executor.losses == 4
    assert executor.seconds > 60.0


def test_a_study_gives_up_if_too_many_runs_are_lost(spec: StudySpec) -> None:
    """What a study makes of failures can be tried without any."""
    outcome = run_study(spec, Simulated(chances=DEADLY, loss=by_peak))
    assert outcome.verdict is None
    assert "fail" in outcome.reason


def test_a_loss_may_be_told_instead_of_trained(spec: StudySpec) -> None:
    """It decides who wins; one that is not finite is a divergence, where it happens."""
    outcome = run_study(spec, Simulated(loss=by_peak))
    best = min(outcome.history.trials, key=lambda one: abs(math.log(one.schedule.peak / 0.01)))
    assert outcome.best == best
    name = spec.metric.name

    def wild(lane: Lane, step: int) -> float:
        is_lost = lane.schedule.peak > 0.03 and step > HORIZON // 2
        return math.nan if is_lost else by_peak(lane, step)

    events = list(Simulated(loss=wild).run(block()))
    *measured, ended = (event for event in events if event.run == "run 0.04")
    assert all(isinstance(event, Measured) for event in measured)
    assert (ended.result.state, ended.result.cause) == (RunState.DIVERGED, Cause.NON_FINITE)
    assert ended.result.step == measured[-1].measurement.step
    assert math.isnan(measured[-1].measurement.values[name])
    *_, last = (event for event in events if event.run == "run 0.01")
    assert last.result.metrics == {"validation": {name: by_peak(block().lanes[0], HORIZON)}}


def test_a_budget_in_seconds_is_one_of_the_virtual_clock(spec: StudySpec) -> None:
    """A study of hours can be played in a moment."""
    hours = replace(spec, budget=Budget(1000, seconds=2 * 3600.0), early_stop=False)
    executor = Simulated(chances=Chances(update_seconds=20.0), workers=2, loss=by_peak)
    outcome = run_study(hours, executor, clock=executor.clock)
    assert outcome.history.closed_from is not None
    assert 12 < len(outcome.history.trials) < 1000
    assert executor.seconds > 2 * 3600.0


def test_times_are_those_of_the_chances() -> None:
    """A usual run takes its updates; one in a hundred is a straggler; workers live for a day."""
    chances, random = Chances(), Random(1)
    runs = [chances.run_seconds(6000, random) for _ in range(20_000)]
    assert median(runs) == pytest.approx(60.0, rel=0.02)
    assert sum(run > 250.0 for run in runs) / len(runs) == pytest.approx(0.01, rel=0.2)
    lives = [chances.life_seconds(random) for _ in range(20_000)]
    assert sum(lives) / len(lives) == pytest.approx(86_400.0, rel=0.05)
    assert CALM.life_seconds(random) == math.inf


@pytest.mark.parametrize(
    "changes",
    [
        {"update_seconds": 0.0},
        {"update_seconds": math.inf},
        {"spread": -1.0},
        {"straggler_share": 1.1},
        {"straggler_factor": 0.5},
        {"losses_per_day": math.nan},
    ],
)
def test_impossible_chances_are_refused(changes: dict[str, float]) -> None:
    """By name."""
    with pytest.raises(InvalidValue, match=next(iter(changes))):
        Chances(**changes)


@pytest.mark.parametrize("changes", [{"workers": 0}, {"attempts": 0}, {"lease_seconds": -1.0}])
def test_an_impossible_fleet_is_refused(changes: dict[str, int]) -> None:
    """Likewise."""
    with pytest.raises(InvalidValue, match=next(iter(changes))):
        Simulated(**changes)
