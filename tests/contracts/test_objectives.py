"""What every built-in objective promises."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pytest

from tuning.errors import UnknownName
from tuning.execution import Block, Ended, Lane, Measured
from tuning.execution.training import train
from tuning.objectives import (
    NO_FOLDERS,
    OBJECTIVES,
    TEST,
    VALIDATION,
    Folders,
    Objective,
    Problem,
    Trainer,
    configure,
    find,
)
from tuning.objectives.base import Floats
from tuning.provenance import installed
from tuning.records import RunState
from tuning.schedules import Schedule, build

UPDATES = 12

# What makes a problem small enough for this suite; by default an objective's own config is.
SMALL: Mapping[str, Mapping[str, object]] = {
    "heston_surface": {"surfaces": 64, "validation_surfaces": 24, "test_surfaces": 16},
    "regime_finetune": {"surfaces": 64, "validation_surfaces": 24, "test_surfaces": 16},
    "online_surface": {"snapshots": 12, "updates": 1},
    "regime_rugged": {"jumps": 1, "replicas": 20},
    # Exact losses do not depend on the seed, which is no chance lost: see test_noisy_quadratic.py.
    "noisy_quadratic": {"mode": "sampled", "modes": 20, "replicas": 4},
}


# Other forms of an objective, which must keep the same promises.
VARIANTS: Sequence[tuple[str, Mapping[str, object]]] = (
    ("realized_volatility", {"model": "mlp", "hidden": 4, "folds": 1}),
    ("noisy_quadratic", {"mode": "sampled", "problem": "N5", "modes": 20, "momentum": 0.5}),
)
CASES = [(name, SMALL.get(name, {})) for name in sorted(OBJECTIVES)] + list(VARIANTS)


@pytest.fixture(
    scope="module", params=CASES, ids=[f"{name} {dict(config)}" for name, config in CASES]
)
def case(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, object]]:
    """The name of an objective, and a config."""
    chosen: tuple[str, Mapping[str, object]] = request.param
    return chosen


@pytest.fixture(scope="module")
def objective(case: tuple[str, Mapping[str, object]]) -> Objective:
    """Every objective of the table."""
    return OBJECTIVES[case[0]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A cache that the tests share."""
    return Folders(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def problem(
    objective: Objective, case: tuple[str, Mapping[str, object]], folders: Folders
) -> Problem:
    """The objective with a small config."""
    return objective.open(configure(objective, case[1]), folders)


@pytest.fixture(scope="module")
def together(objective: Objective) -> Sequence[tuple[str, ...]]:
    """The splits that share a training."""
    return [(VALIDATION,), (TEST,)] if objective.trains_per_split else [(VALIDATION, TEST)]


def trained(
    problem: Problem,
    lrs: Floats,
    seeds: Sequence[int] = (1,),
    splits: tuple[str, ...] = (VALIDATION,),
    chunk: int = UPDATES,
) -> Trainer:
    """A trainer after updates with the rows of `lrs`, made in chunks."""
    trainer = problem.trainer(seeds, lrs.shape[1], splits)
    for first in range(0, lrs.shape[1], chunk):
        trainer.train(lrs[:, first : first + chunk])
    return trainer


def steps(objective: Objective, lanes: int = 1) -> Floats:
    """Falling learning rates within the objective's range, another peak per lane."""
    peaks = np.geomspace(*objective.peak, lanes + 2)[1:-1]
    return peaks[:, None] * np.linspace(1, 0, UPDATES)


def test_the_table_says_what_the_objective_is(objective: Objective) -> None:
    """An objective is found under its own name and describes itself."""
    assert find(objective.name) is objective
    assert objective.title
    assert objective.help
    assert objective.metrics
    assert 0 < objective.peak[0] < objective.peak[1]
    assert objective.measurements <= objective.default_horizon
    assert objective.applies_to(configure(objective, {}))["optimizer"]


def test_its_data_and_its_packages_can_be_named(objective: Objective, problem: Problem) -> None:
    """SHA-256 of the data, and the versions of what it is trained with."""
    assert re.fullmatch("[0-9a-f]{64}", problem.data_hash or "")
    assert set(objective.packages) <= set(installed(objective.packages))


def test_the_default_config_is_complete_json(objective: Objective) -> None:
    """A config survives a trip through JSON."""
    config = configure(objective, {})
    document = json.loads(json.dumps(asdict(config)))

    assert configure(objective, document) == config


def test_an_unknown_setting_is_refused_by_name(objective: Objective) -> None:
    """A misspelled field is not ignored."""
    with pytest.raises(UnknownName, match=r"^config\.no_such_setting: 'no_such_setting' "):
        configure(objective, {"no_such_setting": 1})


def test_the_default_config_passes_the_check(objective: Objective) -> None:
    """What the API accepts without a config can be opened, over a horizon that it has room for."""
    config = configure(objective, {})
    objective.check(config, NO_FOLDERS)
    assert objective.horizon(config, NO_FOLDERS) >= objective.measurements
    assert objective.cap(config) >= objective.peak[1]


def test_metrics_and_blocks_are_those_declared(
    objective: Objective, problem: Problem, together: Sequence[tuple[str, ...]]
) -> None:
    """A trainer reports the declared metrics per lane, and one loss per declared block."""
    for splits in together:
        trainer = trained(problem, steps(objective, 2), (1, 2), splits)
        for split in splits:
            metrics = trainer.evaluate(split)
            assert list(metrics) == [metric.name for metric in objective.metrics]
            assert all(values.shape == (2,) for values in metrics.values())
            assert trainer.block_losses(split).shape == (2, len(problem.blocks[split]))


def test_training_learns(objective: Objective, problem: Problem) -> None:
    """A dozen updates improve the compared metric."""
    name = objective.metrics[0].name
    before = problem.trainer((1,), UPDATES, (VALIDATION,)).evaluate(VALIDATION)[name]
    after = trained(problem, steps(objective)).evaluate(VALIDATION)[name]

    assert after < before


def test_equal_seeds_give_equal_bits(objective: Objective, problem: Problem) -> None:
    """Two trainings with one seed end alike, with two seeds they do not."""
    lrs = np.repeat(steps(objective), 3, axis=0)
    losses = trained(problem, lrs, (1, 1, 2)).block_losses(VALIDATION)

    assert (losses[0] == losses[1]).all()
    assert (losses[0] != losses[2]).any()


def test_chunks_do_not_matter(objective: Objective, problem: Problem) -> None:
    """Updates made in chunks of any size end at the same bits."""
    lrs = steps(objective)
    whole, pieces = trained(problem, lrs), trained(problem, lrs, chunk=5)

    assert (whole.block_losses(VALIDATION) == pieces.block_losses(VALIDATION)).all()


def test_lanes_do_not_feel_each_other(objective: Objective, problem: Problem) -> None:
    """A lane ends at the same bits alone, beside others, and after others were dropped."""
    lrs = steps(objective, 3)
    trainer = problem.trainer((1, 2, 3), UPDATES, (VALIDATION,))
    trainer.train(lrs[:, :5])
    trainer.keep([0, 2])
    trainer.train(lrs[[0, 2], 5:])

    for position, lane in enumerate([0, 2]):
        alone = trained(problem, lrs[lane : lane + 1], (lane + 1,)).block_losses(VALIDATION)
        assert (trainer.block_losses(VALIDATION)[position] == alone[0]).all()


def test_the_test_split_leaves_validation_alone(objective: Objective, problem: Problem) -> None:
    """Validation has the same bits whether or not the test split is trained and read."""
    if objective.trains_per_split:
        trained(problem, steps(objective), splits=(TEST,)).evaluate(TEST)
        read = trained(problem, steps(objective))
    else:
        read = trained(problem, steps(objective), splits=(VALIDATION, TEST))
        read.evaluate(TEST)
        read.evaluate(TEST)

    alone = trained(problem, steps(objective)).block_losses(VALIDATION)
    assert (read.block_losses(VALIDATION) == alone).all()


def test_a_learning_rate_of_zero_changes_no_weight(objective: Objective, problem: Problem) -> None:
    """Updates of size zero leave the losses as they were."""
    trainer = trained(problem, steps(objective))
    before = trainer.block_losses(VALIDATION)
    trainer.train(np.zeros((1, 3)))

    assert (trainer.block_losses(VALIDATION) == before).all()


def test_an_absurd_learning_rate_is_a_loss(objective: Objective, problem: Problem) -> None:
    """Overflow shows as an infinite or enormous loss, and training goes on."""
    trainer = trained(problem, np.full((1, UPDATES), 1e6))
    loss = trainer.evaluate(VALIDATION)[objective.metrics[0].name][0]

    assert not loss < 1e6


def test_a_prefix_is_the_first_part_of_the_whole_training(
    case: tuple[str, Mapping[str, object]], objective: Objective, problem: Problem, folders: Folders
) -> None:
    """Bit for bit: its clock, its data and its schedule are those of the full horizon."""
    horizon = objective.horizon(configure(objective, case[1]), folders, None)
    if objective.fixed_horizon is None:
        horizon = 40
    schedule = Schedule(build("cosine", objective.peak[0], {}), horizon)
    whole, part = (
        list(
            train(
                Block(case[0], case[1], horizon, (Lane("a", 1, schedule),), updates=updates),
                objective,
                problem,
            )
        )
        for updates in (0, horizon // 2)
    )
    assert whole[: len(part) - 1] == part[:-1]
    *measured, ended = part
    assert isinstance(measured[-1], Measured)
    assert isinstance(ended, Ended)
    assert measured[-1].measurement.step == horizon // 2
    assert ended.result.state is RunState.COMPLETED


def test_listing_objectives_is_light() -> None:
    """A server that only lists objectives loads no training library."""
    code = "import sys, tuning.objectives; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert not {"sklearn", "pandas", "arch", "scipy", "optuna", "jax", "optax"} & set(
        loaded.stdout.split()
    )
