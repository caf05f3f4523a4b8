"""`regime_finetune`: the network it starts from, what is clean and what is not, and its ranking."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from tuning.errors import DataError, InvalidValue
from tuning.objectives import NO_FOLDERS, TEST, VALIDATION, Folders, Problem, configure
from tuning.objectives.base import Floats
from tuning.objectives.regime_finetune import REGIME_FINETUNE, RegimeFinetuneProblem
from tuning.objectives.scan import Scan
from tuning.objectives.surfaces import Surfaces

SMALL = {"validation_surfaces": 60, "test_surfaces": 40}
Compare = Callable[[Problem, Mapping[str, Sequence[Floats]]], Mapping[str, Floats]]


def open_problem(folders: Folders, **config: object) -> RegimeFinetuneProblem:
    """The problem with fewer surfaces to score."""
    problem = REGIME_FINETUNE.open(configure(REGIME_FINETUNE, {**SMALL, **config}), folders)
    assert isinstance(problem, RegimeFinetuneProblem)
    return problem


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A cache that the tests share, and a data folder."""
    folder = tmp_path_factory.mktemp("regime")
    (folder / "data").mkdir()
    return Folders(data=folder / "data", cache=folder / "cache")


@pytest.fixture(scope="module")
def problem(folders: Folders) -> RegimeFinetuneProblem:
    """The problem that starts from a network pretrained here."""
    return open_problem(folders)


def trained(problem: RegimeFinetuneProblem, lrs: Floats, seeds: Sequence[int] = (1,)) -> Scan:
    """Lanes that all had these updates."""
    trainer = problem.trainer(seeds, len(lrs), (VALIDATION,))
    assert isinstance(trainer, Scan)
    trainer.train(np.tile(lrs, (len(seeds), 1)))
    return trainer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("file", ""),
        ("file", 1),
        ("surfaces", 0),
        ("validation_surfaces", 0),
        ("test_surfaces", True),
        ("noise_bp", 1_001),
        ("batch", 0),
        ("data_seed", -1),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(field: str, value: object) -> None:
    """The error names `config.<field>`."""
    with pytest.raises(InvalidValue) as refusal:
        configure(REGIME_FINETUNE, {field: value})
    assert refusal.value.field == f"config.{field}"


def test_the_network_knows_the_old_regime_and_not_the_new(problem: RegimeFinetuneProblem) -> None:
    """Before the first update it is within 20 basis points on the one and far off on the other."""
    metrics = trained(problem, np.zeros(0)).evaluate(VALIDATION)

    assert metrics["retention_rmse_bp"][0] < 20
    assert metrics["rmse_bp"][0] > 150


def test_fine_tuning_learns_the_new_regime_and_forgets_the_old(
    problem: RegimeFinetuneProblem,
) -> None:
    """A linear schedule ends near 45 basis points, below the noise of what it learns from."""
    metrics = trained(problem, np.linspace(0.01, 0, 1200)).evaluate(VALIDATION)

    assert metrics["rmse_bp"][0] < 60
    assert metrics["retention_rmse_bp"][0] > 60


def test_noise_is_on_training_surfaces_only(
    problem: RegimeFinetuneProblem, folders: Folders
) -> None:
    """It is a volatility point; what is scored stays free of it."""
    clean = open_problem(folders, noise_bp=0)
    errors = problem.train.volatilities - clean.train.volatilities

    assert errors.std() == pytest.approx(0.01, rel=0.05)
    for split in (VALIDATION, TEST):
        for name, surfaces in problem.scored[split].items():
            other = clean.scored[split][name]
            assert (surfaces.volatilities == other.volatilities).all()


def test_all_sets_differ(problem: RegimeFinetuneProblem) -> None:
    """No surface is in two of the sets: training, and two regimes on each split."""
    sets = [problem.train, *problem.scored[VALIDATION].values(), *problem.scored[TEST].values()]
    rows = [tuple(row) for surfaces in sets for row in surfaces.parameters.tolist()]

    assert len(rows) == 300 + 60 + 500 + 40 + 500
    assert len(set(rows)) == len(rows)


def test_scored_surfaces_change_no_weight(problem: RegimeFinetuneProblem) -> None:
    """Weights have the same bits whatever validation and test hold."""
    upset = replace(
        problem,
        scored={
            split: {
                name: Surfaces(2 * one.parameters, 3 * one.volatilities)
                for name, one in sets.items()
            }
            for split, sets in problem.scored.items()
        },
    )
    leaves = [
        jax.tree.leaves(trained(one, np.linspace(0.01, 0, 30)).params()[0])
        for one in (problem, upset)
    ]

    assert all((one == other).all() for one, other in zip(*leaves, strict=True))
    assert upset.data_hash != problem.data_hash


def test_lanes_start_alike_and_differ_in_the_order_of_the_data(
    problem: RegimeFinetuneProblem,
) -> None:
    """Seeds share the first weights; only what they see in which order is theirs."""
    before = trained(problem, np.zeros(0), (1, 2)).evaluate(VALIDATION)["rmse_bp"]
    after = trained(problem, np.full(30, 0.01), (1, 2)).evaluate(VALIDATION)["rmse_bp"]

    assert before[0] == before[1]
    assert after[0] != after[1]


def test_the_network_is_pretrained_once(problem: RegimeFinetuneProblem, folders: Folders) -> None:
    """A second opening finds the same network in the cache; a new data seed makes another."""
    again = open_problem(folders)
    assert folders.cache is not None

    assert again.data_hash == problem.data_hash
    assert len(list(folders.cache.glob("surface-network-*.npz"))) == 1


def test_a_network_of_ones_own_is_fine_tuned(
    problem: RegimeFinetuneProblem, folders: Folders
) -> None:
    """A file in the data folder takes the place of pretraining, whatever its hidden layers."""
    generator = np.random.default_rng(0)
    arrays = {
        **{name: array for name, array in problem.start.arrays.items() if "_scale" in name},
        **{name: array for name, array in problem.start.arrays.items() if "_centre" in name},
        "weights_0": generator.normal(0, 0.1, (5, 7)),
        "bias_0": np.zeros(7),
        "weights_1": generator.normal(0, 0.1, (7, 88)),
        "bias_1": np.zeros(88),
        "activation": np.array("tanh"),
    }
    assert folders.data is not None
    np.savez(folders.data / "own.npz", allow_pickle=False, **arrays)
    REGIME_FINETUNE.check(configure(REGIME_FINETUNE, {"file": "own.npz"}), folders)
    own = open_problem(folders, file="own.npz")
    (first, bias), _ = trained(own, np.zeros(0)).params()[0]

    assert (first == arrays["weights_0"].astype("f4")).all()
    assert bias.shape == (7,)
    assert own.data_hash != problem.data_hash


@pytest.mark.parametrize("file", ["missing.npz", "../own.npz", "own.csv"])
def test_a_file_that_is_not_there_is_refused_by_the_check(file: str, tmp_path: Path) -> None:
    """So is one outside the data folder, or of another kind."""
    (tmp_path / "data").mkdir()
    (tmp_path / "own.npz").touch()
    with pytest.raises(InvalidValue) as refusal:
        REGIME_FINETUNE.check(
            configure(REGIME_FINETUNE, {"file": file}), Folders(data=tmp_path / "data")
        )
    assert refusal.value.field == "config.file"


def test_a_file_that_is_no_network_is_refused_by_the_check(tmp_path: Path) -> None:
    """The check reads the file; without a file it has nothing to do."""
    (tmp_path / "own.npz").write_bytes(b"no network")
    with pytest.raises(DataError, match=r"own\.npz"):
        REGIME_FINETUNE.check(
            configure(REGIME_FINETUNE, {"file": "own.npz"}), Folders(data=tmp_path)
        )
    REGIME_FINETUNE.check(configure(REGIME_FINETUNE, {}), NO_FOLDERS)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_annealing_wins(tmp_path: Path, errors_when_tuned: Compare) -> None:
    """On fresh seeds and test surfaces, linear and one-cycle end below a tuned constant.

    Measured with five seeds: constant 47.7 +- 1.1, linear 42.4 +- 0.6, one-cycle 42.6 +- 0.2.
    """
    problem = REGIME_FINETUNE.open(configure(REGIME_FINETUNE, {}), Folders(cache=tmp_path))
    past = np.arange(REGIME_FINETUNE.default_horizon) / REGIME_FINETUNE.default_horizon
    rise = np.minimum(past / 0.3, 1.0)
    cycle = (1 - np.cos(np.pi * rise)) / 2 * (1 + np.cos(np.pi * np.maximum(past - 0.3, 0) / 0.7))
    schedules = {
        "constant": [peak * np.ones_like(past) for peak in (1e-3, 1.5e-3, 3e-3, 6e-3)],
        "linear": [1e-2 * (1 - past)],
        "one-cycle": [1e-2 * cycle / cycle.max()],
    }
    ends = errors_when_tuned(problem, schedules)

    for name in ("linear", "one-cycle"):
        assert (ends[name] < ends["constant"]).all()
        assert ends[name].mean() < ends["constant"].mean() / 1.05
