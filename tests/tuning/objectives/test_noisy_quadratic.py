"""`noisy_quadratic`: exact losses, published ratios of tuned families, the known optimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.execution import Block, Ended, Lane
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS, TEST, VALIDATION, Problem, Solved, Trainer, configure
from tuning.objectives.base import Floats
from tuning.objectives.log_noise import NoisyProblem
from tuning.objectives.noisy_quadratic import NOISY_QUADRATIC, ExactProblem, ExactTrainer
from tuning.objectives.quadratic import Quadratic
from tuning.objectives.quadratic_optimum import best_schedule, lower_bound
from tuning.records import Cause, Result, RunState
from tuning.schedules import Constant, Schedule, build

# Best loss of a family, its peak tuned up to the cap, over the optimum: as published with the
# optima of N1 to N6. WSD's 1-sqrt cooldown takes the last fifth.
RATIOS = {
    "N1": {"linear": 1.026, "cosine": 1.073, "constant": 1.579, "one_cycle": 1.189, "wsd": 1.174},
    "N2": {"linear": 1.976, "cosine": 1.994, "constant": 2.198, "one_cycle": 2.033, "wsd": 1.033},
    "N5": {"linear": 1.212, "cosine": 1.215, "constant": 1.924, "step": 1.318, "rex": 1.104},
    "N6": {"linear": 1.178, "cosine": 1.195, "constant": 1.209, "step": 1.285, "wsd": 1.018},
}


def open_problem(**config: object) -> Problem:
    """The problem with that config."""
    return NOISY_QUADRATIC.open(configure(NOISY_QUADRATIC, config), NO_FOLDERS)


def exact_problem(**config: object) -> ExactProblem:
    """The problem with that config, in exact mode."""
    problem = open_problem(**config)
    assert isinstance(problem, ExactProblem)
    return problem


def tuned(problem: Problem, family: str, horizon: int) -> float:
    """The loss of a family at the best of 161 peaks up to the cap."""
    peaks = np.geomspace(0.01, 1.0, 161)
    trainer = problem.trainer(range(161), horizon, (VALIDATION,))
    trainer.train(peaks[:, None] * Schedule(build(family, 1.0, {}), horizon).table())
    return float(trainer.evaluate(VALIDATION)["loss"].min())


@pytest.mark.parametrize("name", RATIOS)
def test_tuned_families_end_at_the_published_ratios(name: str) -> None:
    """To the digits printed; 300 modes, 500 updates (N6: 50)."""
    problem, horizon = exact_problem(problem=name), 50 if name == "N6" else 500
    optimum = problem.optimum(horizon, VALIDATION)
    found = {family: tuned(problem, family, horizon) / optimum for family in RATIOS[name]}

    assert found == pytest.approx(RATIOS[name], abs=0.001)


def test_exact_losses_do_not_depend_on_seed_or_split() -> None:
    """An expectation is over all chance: that is why two seeds agree here, and only here."""
    trainer = exact_problem(modes=20).trainer((1, 2), 30, (VALIDATION, TEST))
    trainer.train(np.full((2, 30), 0.3))
    losses = trainer.block_losses(VALIDATION)

    assert losses[0] == losses[1]
    assert (trainer.block_losses(TEST) == losses).all()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_exact_lanes_keep_their_bits(momentum: float) -> None:
    """In chunks, beside others and after some were dropped; updates of size zero do nothing."""
    problem = exact_problem(problem="N5", momentum=momentum)
    lrs = np.outer([0.01, 0.05, 0.1], np.linspace(1.0, 0.0, 24))
    trainer = problem.trainer((1, 2, 3), 24, (VALIDATION,))
    trainer.train(lrs[:, :5])
    trainer.keep([0, 2])
    trainer.train(lrs[[0, 2], 5:])
    for place, lane in enumerate((0, 2)):
        alone = problem.trainer((9,), 24, (VALIDATION,))
        alone.train(lrs[lane : lane + 1])
        assert trainer.block_losses(VALIDATION)[place] == alone.block_losses(VALIDATION)[0]
    before = trainer.evaluate(VALIDATION)["loss"]
    trainer.train(np.zeros((2, 3)))
    assert (trainer.evaluate(VALIDATION)["loss"] == before).all()


def test_a_static_mode_ends_where_the_filter_says() -> None:
    """From E_0 = 25 with h = s = 1, T = 500 updates lead to .0019998, of which the loss is half."""
    optimum = exact_problem(problem="custom").optimum(500, VALIDATION)

    assert round(2 * optimum, 7) == 0.0019998


def test_only_a_problem_without_chance_is_solved() -> None:
    """Samples and noisy measurements may fall below the optimum, so they do not declare one."""
    assert isinstance(open_problem(), Solved)
    assert not isinstance(open_problem(mode="sampled"), Solved)
    assert isinstance(open_problem(log_noise=0.05), NoisyProblem)
    assert not isinstance(open_problem(log_noise=0.05), Solved)


def test_a_loss_below_the_optimum_is_told() -> None:
    """The best schedule, rounding included, is possible; one part in 5,000 less is not."""
    problem = exact_problem(modes=20)
    _, rates = best_schedule(problem.quadratic, 60)
    trainer = problem.trainer((1, 1), 60, (VALIDATION,))
    trainer.train(np.vstack([rates, np.full(60, 0.2)]))
    best, constant = trainer.evaluate(VALIDATION)["loss"].tolist()
    bound = 0.9999 * problem.optimum(60, VALIDATION)

    assert problem.broken_bound(best, 60, VALIDATION) is None
    assert problem.broken_bound(0.9998 * best, 60, VALIDATION) == bound
    assert problem.broken_bound(0.9998 * constant, 60, VALIDATION) is None


def test_a_loss_worse_than_a_straight_line_needs_no_optimum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which takes seconds; one that is better asks for it once, however many there are."""
    asked = []

    def solve(quadratic: Quadratic, horizon: int) -> tuple[float, Floats]:
        asked.append(horizon)
        return best_schedule(quadratic, horizon)

    monkeypatch.setattr("tuning.objectives.quadratic_optimum.best_schedule", solve)
    problem = exact_problem(modes=20)
    assert problem.broken_bound(10.0, 60, VALIDATION) is None
    assert not asked
    for split in (VALIDATION, TEST):
        assert problem.broken_bound(0.0, 60, split) is not None
    assert asked == [60]
    assert problem.broken_bound(0.0, 1_000_000, VALIDATION) is None
    assert asked == [60]


def test_with_momentum_losses_are_held_to_what_is_certain() -> None:
    """The computed optimum may be a local one there; the Kalman bound holds for every schedule."""
    problem = exact_problem(modes=20, momentum=0.5)
    bound = 0.9999 * lower_bound(problem.quadratic, 60)

    assert problem.broken_bound(1.0001 * bound, 60, VALIDATION) is None
    assert problem.broken_bound(0.9999 * bound, 60, VALIDATION) == bound


class Miscounted(ExactTrainer):
    """Reports a tenth of its loss: the planted mistake."""

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Too good to be true."""
        return {"loss": 0.1 * super().evaluate(split)["loss"]}


@dataclass(frozen=True, slots=True, eq=False)
class MiscountedProblem:
    """A solved problem with such a trainer."""

    exact: ExactProblem
    data_hash: str = "0"
    blocks: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {VALIDATION: ("expectation",), TEST: ("expectation",)}
    )

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One that errs."""
        del horizon, splits
        return Miscounted(self.exact.quadratic, len(seeds))

    def optimum(self, horizon: int, split: str) -> float:
        """The truth."""
        return self.exact.optimum(horizon, split)

    def broken_bound(self, loss: float, horizon: int, split: str) -> float | None:
        """The truth."""
        return self.exact.broken_bound(loss, horizon, split)


def test_a_run_below_the_optimum_fails_with_figure_and_bound() -> None:
    """A run that claims a tenth of its loss is no result; one beside it that stays above is."""
    config = {"modes": 20}
    problem = exact_problem(**config)
    block = Block(
        "noisy_quadratic",
        config,
        60,
        (
            Lane("good", 1, Schedule(build("linear", 0.7, {}), 60)),
            Lane("bad", 1, Schedule(Constant(1e-6), 60)),
        ),
    )

    def ends(problem: Problem) -> dict[str, Result]:
        events = train(block, replace(NOISY_QUADRATIC, training_bytes=None), problem)
        return {event.run: event.result for event in events if isinstance(event, Ended)}

    right, wrong = ends(problem), ends(MiscountedProblem(problem))

    assert {end.state for end in right.values()} == {RunState.COMPLETED}
    assert wrong["bad"].state is RunState.COMPLETED
    failed = wrong["good"]
    assert (failed.state, failed.cause, failed.step) == (RunState.FAILED, Cause.IMPOSSIBLE, 60)
    assert not failed.metrics
    loss = 0.1 * right["good"].metrics[VALIDATION]["loss"]
    bound = 0.9999 * problem.optimum(60, VALIDATION)
    assert f"loss on validation was {loss:.6g}" in failed.reason
    assert failed.reason.endswith(f"gets below {bound:.6g}")


@pytest.mark.parametrize(("momentum", "cap"), [(0.0, 1.0), (0.9, 0.1)])
def test_a_table_above_the_cap_is_refused(momentum: float, cap: float) -> None:
    """A constant at the cap is trained; one above it is not."""
    config = {"modes": 5, "momentum": momentum}
    settings = configure(NOISY_QUADRATIC, config)
    problem = NOISY_QUADRATIC.open(settings, NO_FOLDERS)
    assert NOISY_QUADRATIC.cap(settings) == pytest.approx(cap)

    def block(peak: float) -> Block:
        lane = Lane("run", 1, Schedule(Constant(peak), 30))
        return Block("noisy_quadratic", config, 30, (lane,))

    end = list(train(block(NOISY_QUADRATIC.cap(settings)), NOISY_QUADRATIC, problem))[-1]
    assert isinstance(end, Ended)
    assert end.result.metrics[VALIDATION]["loss"] > 0
    with pytest.raises(InvalidValue, match="schedule"):
        list(train(block(1.01 * cap), NOISY_QUADRATIC, problem))


def test_the_optimizer_is_that_of_the_config() -> None:
    """What a schedule found here is for names the momentum and the problem's own batch."""
    settings = configure(NOISY_QUADRATIC, {"problem": "N5", "momentum": 0.5})

    found = NOISY_QUADRATIC.applies_to(settings)
    assert found == {"optimizer": "sgd", "momentum": 0.5, "batch": 8}


def test_other_numbers_are_other_data() -> None:
    """The hash tells problems apart, and is the same for the same one."""
    hashes = [open_problem(problem=name).data_hash for name in ("N1", "N2", "N5", "N1")]

    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3
    assert open_problem(momentum=0.5).data_hash != hashes[0]
