"""`regime_rugged`: who wins and by how much, through the loop that trains blocks."""

from collections.abc import Callable

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.execution import Block, Ended, Lane
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS, TEST, VALIDATION, configure
from tuning.objectives.base import Floats
from tuning.objectives.regime_rugged import REGIME_RUGGED, Config
from tuning.schedules import Schedule, Table

SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "8 cycles": lambda x: (1 + np.cos(np.pi * (8 * x % 1))) / 2,
    "16 cycles": lambda x: (1 + np.cos(np.pi * (16 * x % 1))) / 2,
    "4 cycles": lambda x: (1 + np.cos(np.pi * (4 * x % 1))) / 2,
    "constant": np.ones_like,
    "cosine": lambda x: (1 + np.cos(np.pi * x)) / 2,
}


def means(
    horizon: int, peaks: dict[str, float], seeds: range, **config: object
) -> dict[str, tuple[float, float]]:
    """Test loss of shapes at their peaks, over the life: its mean and deviation over seeds."""
    problem = REGIME_RUGGED.open(configure(REGIME_RUGGED, config), NO_FOLDERS)
    life = np.arange(horizon) / horizon
    lanes = tuple(
        Lane(f"{name}/{seed}", seed, Schedule(Table.of(peak * SHAPES[name](life)), horizon))
        for name, peak in peaks.items()
        for seed in seeds
    )
    block = Block("regime_rugged", config, horizon, lanes, (VALIDATION, TEST))
    ends = {e.run: e.result for e in train(block, REGIME_RUGGED, problem) if isinstance(e, Ended)}
    found = {}
    for name in peaks:
        scores = [ends[f"{name}/{seed}"].metrics[TEST]["loss"] for seed in seeds]
        found[name] = (float(np.mean(scores)), float(np.std(scores, ddof=1)))
    return found


def test_cycles_in_step_with_the_jumps_win() -> None:
    """In small: eight cycles lead sixteen, four, a constant and one decay, each at a good peak."""
    peaks = {"8 cycles": 0.15, "16 cycles": 0.15, "4 cycles": 0.2, "constant": 0.1, "cosine": 0.25}
    found = {name: mean for name, (mean, _) in means(2_000, peaks, range(2), replicas=40).items()}

    assert found["8 cycles"] < 0.97 * found["16 cycles"]
    assert found["8 cycles"] < 0.8 * min(found["4 cycles"], found["constant"])
    assert found["cosine"] > 1.8 * found["8 cycles"]


@pytest.mark.full
def test_the_full_problem_has_the_published_losses() -> None:
    """Means over three seeds: published 1.234, 1.282, 1.976, 1.901 and 3.26, peaks not told."""
    peaks = {"8 cycles": 0.12, "16 cycles": 0.12, "4 cycles": 0.15, "constant": 0.12}
    found = {name: mean for name, (mean, _) in means(4_000, peaks, range(3)).items()}
    published = {"8 cycles": 1.234, "16 cycles": 1.282, "4 cycles": 1.976, "constant": 1.901}

    assert found == pytest.approx(published, rel=0.02)
    assert means(4_000, {"cosine": 0.25}, range(3))["cosine"][0] == pytest.approx(3.26, rel=0.03)


@pytest.mark.full
def test_without_a_beat_no_cycle_wins() -> None:
    """The control: at irregular jumps a constant of a good peak is at least as good."""
    peaks = {"8 cycles": 0.15, "16 cycles": 0.15, "constant": 0.08}
    found = means(4_000, peaks, range(4), irregular=True)
    constant = found["constant"][0]

    assert all(mean > constant for mean, _ in found.values() if mean != constant)


def test_each_split_is_trained_on_by_itself() -> None:
    """One trainer serves one split."""
    problem = REGIME_RUGGED.open(Config(), NO_FOLDERS)
    with pytest.raises(InvalidValue, match="splits"):
        problem.trainer((1,), 100, (VALIDATION, TEST))


def test_lanes_of_one_seed_meet_the_same_world() -> None:
    """With no learning rate at all they measure the same, whoever stands beside them."""
    problem = REGIME_RUGGED.open(Config(replicas=5), NO_FOLDERS)
    trainer = problem.trainer((1, 2, 1), 80, (VALIDATION,))
    trainer.train(np.zeros((3, 80)))
    losses = trainer.block_losses(VALIDATION)
    trainer.keep([2])

    assert (losses[0] == losses[2]).all()
    assert (losses[0] != losses[1]).all()
    assert (trainer.block_losses(VALIDATION) == losses[2]).all()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"jumps": 0}, "jumps"),
        ({"irregular": 1}, "irregular"),
        ({"noise": -1.0}, "noise"),
        ({"replicas": 0}, "replicas"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_by_name(
    settings: dict[str, object], field: str
) -> None:
    """Out of range or of the wrong type."""
    with pytest.raises(InvalidValue, match=rf"^config\.{field}: "):
        Config(**settings)  # type: ignore[arg-type] # straight from JSON


def test_the_hash_tells_configs_apart() -> None:
    """Every setting is part of what worlds are drawn from."""
    changes = ({}, {"jumps": 4}, {"irregular": True}, {"noise": 1.0}, {"replicas": 5})
    configs = [configure(REGIME_RUGGED, config) for config in changes]

    assert len({REGIME_RUGGED.open(c, NO_FOLDERS).data_hash for c in configs}) == 5
