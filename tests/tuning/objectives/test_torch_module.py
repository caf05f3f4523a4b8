"""PyTorch modules as objectives, beside PyTorch's own optimisers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.execution import Block, Ended, Inline, Lane, Process
from tuning.objectives import NO_FOLDERS, TEST, VALIDATION, Objective, Resumable, Trainer
from tuning.objectives.base import Floats
from tuning.objectives.batches import Permutations
from tuning.objectives.torch_module import Adam, Rule, Sgd, module_objective
from tuning.schedules import Schedule, build
from tuning.seeds import derive

pytestmark = pytest.mark.full
torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 - after the skip

UPDATES = 12
ROWS, BATCH = 40, 16
RULES = [
    Sgd(),
    Sgd(momentum=0.9),
    Sgd(momentum=0.9, nesterov=True, weight_decay=0.1),
    Adam(),
    Adam(betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1),
]
LRS = 0.05 * np.linspace(1, 0.1, UPDATES)


def pairs(rows: int, seed: int, width: int = 16) -> Any:  # noqa: ANN401
    """Rows of a noisy wave."""
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, width, generator=random)
    return torch.utils.data.TensorDataset(inputs, torch.sin(inputs.sum(1, keepdim=True)))


def datasets(config: object, folders: object) -> Mapping[str, Any]:
    """Three of them."""
    del config, folders
    return {"train": pairs(ROWS, 1), VALIDATION: pairs(30, 2), TEST: pairs(20, 3)}


def mlp(config: object) -> Any:  # noqa: ANN401
    """Widths of full registers."""
    del config
    return nn.Sequential(
        nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1)
    )


def odd_widths(config: object) -> Any:  # noqa: ANN401
    """Widths that leave lanes at any address."""
    del config
    return nn.Sequential(
        nn.Linear(16, 30), nn.ELU(), nn.Linear(30, 17), nn.GELU(), nn.Linear(17, 1)
    )


def dropout(config: object) -> Any:  # noqa: ANN401
    """A module that draws random numbers."""
    del config
    return nn.Sequential(nn.Linear(16, 32), nn.Dropout(0.2), nn.ReLU(), nn.Linear(32, 1))


def batch_norm(config: object) -> Any:  # noqa: ANN401
    """A module with running statistics."""
    del config
    return nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))


def frozen(config: object) -> Any:  # noqa: ANN401
    """A module whose first layer is not trained."""
    module = mlp(config)
    module[0].requires_grad_(requires_grad=False)
    return module


def objective(make: Callable[[Any], Any] = mlp, **given: Any) -> Objective:  # noqa: ANN401
    """The module as an objective."""
    return module_objective(
        make,
        **{
            "datasets": datasets,
            "loss": nn.functional.mse_loss,
            "name": "wave",
            "horizon": UPDATES,
            "peak": (1e-3, 1.0),
            "batch": BATCH,
            **given,
        },
    )


def trainer(made: Objective, seeds: Sequence[int] = (1,)) -> Trainer:
    """Its lanes."""
    problem = made.open(made.config_type(), NO_FOLDERS)
    return problem.trainer(seeds, UPDATES, (VALIDATION,))


def trained(made: Objective, lrs: Floats, seeds: Sequence[int] = (1,), chunk: int = 5) -> Trainer:
    """Its lanes after training."""
    lanes = trainer(made, seeds)
    for first in range(0, lrs.shape[1], chunk):
        lanes.train(lrs[:, first : first + chunk])
    return lanes


def by_hand(make: Callable[[Any], Any], rule: Rule, seed: int) -> float:
    """The validation loss after a loop as PyTorch's tutorial has it, in the same order of data."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        module = make(None)
    decay = {"weight_decay": rule.weight_decay}
    if isinstance(rule, Sgd):
        more = {"momentum": rule.momentum, "nesterov": rule.nesterov}
        optimizer = torch.optim.SGD(module.parameters(), lr=1.0, **more, **decay)
    else:
        more = {"betas": rule.betas, "eps": rule.eps}
        optimizer = torch.optim.Adam(module.parameters(), lr=1.0, **more, **decay)
    data = datasets(None, None)
    rows = Permutations(ROWS, BATCH)(derive(seed, "order"), 0, UPDATES)
    for lr, chosen in zip(LRS.tolist(), rows.tolist(), strict=True):
        optimizer.param_groups[0]["lr"] = lr
        inputs, targets = data["train"][chosen]
        optimizer.zero_grad()
        nn.functional.mse_loss(module(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        inputs, targets = data[VALIDATION].tensors
        return float(nn.functional.mse_loss(module(inputs), targets))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_one_by_one_is_pytorch_itself(rule: Rule) -> None:
    """To the last bit what a hand-written loop gives."""
    lanes = trained(objective(rule=rule), np.stack([LRS, LRS]), (1, 2))
    assert lanes.evaluate(VALIDATION)["loss"].tolist() == [
        by_hand(mlp, rule, 1),
        by_hand(mlp, rule, 2),
    ]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_many_at_once_follow_the_formulas_of_pytorch(rule: Rule) -> None:
    """Up to rounding, with another learning rate per lane."""
    lanes = trained(objective(rule=rule, vectorized=True), np.stack([0 * LRS, LRS, LRS]), (3, 1, 2))
    untouched = trainer(objective(rule=rule), (3,)).evaluate(VALIDATION)["loss"][0]
    expected = [untouched, by_hand(mlp, rule, 1), by_hand(mlp, rule, 2)]
    np.testing.assert_allclose(lanes.evaluate(VALIDATION)["loss"], expected, rtol=2e-5)


def test_widths_of_full_registers_are_trained_many_at_once() -> None:
    """The trial finds nothing against it."""
    problem = objective(vectorized=True).open(None, NO_FOLDERS)
    problem.trainer((1,), UPDATES, (VALIDATION,))
    assert problem.refusal == ""


@pytest.mark.parametrize(
    ("make", "told"), [(dropout, "torch.func says: vmap"), (batch_norm, "the module has buffers")]
)
def test_what_cannot_be_mapped_is_trained_one_by_one(make: Callable[[Any], Any], told: str) -> None:
    """Even if it was asked for, and the trial says why."""
    problem = objective(make, vectorized=True).open(None, NO_FOLDERS)
    problem.trainer((1,), UPDATES, (VALIDATION,))
    assert problem.refusal.startswith(told)


def test_a_lane_that_depends_on_its_place_is_found() -> None:
    """Rounding that differs by place is enough, as kernels have it."""

    def loss(outputs: Any, targets: Any) -> Any:  # noqa: ANN401
        return nn.functional.mse_loss(outputs, targets) * Uneven.apply(outputs.sum())

    class Uneven(torch.autograd.Function):
        """One, but a little more in the last lane."""

        @staticmethod
        def forward(total: Any) -> Any:  # noqa: ANN401
            return torch.ones_like(total)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ANN401
            pass

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:  # noqa: ANN401, ARG004
            return torch.zeros_like(gradient)

        @staticmethod
        def vmap(info: Any, dims: Any, total: Any) -> Any:  # noqa: ANN401, ARG004
            ones = torch.ones_like(total)
            ones[-1] += 1e-6
            return ones, 0

    problem = objective(loss=loss, vectorized=True).open(None, NO_FOLDERS)
    problem.trainer((1,), UPDATES, (VALIDATION,))
    assert problem.refusal == "a lane's bits depend on its place"


@pytest.mark.parametrize(
    ("lanes", "widths"),
    [(1, [4]), (4, [4]), (5, [16]), (16, [16]), (18, [16, 4]), (37, [16, 16, 16])],
)
def test_buckets_are_of_two_sizes(lanes: int, widths: list[int]) -> None:
    """Every lane is in one, in order; what is missing is the last lane again."""
    from tuning.objectives.torch_lanes import buckets

    found = buckets(lanes)
    assert [len(bucket) for bucket in found] == widths
    flat = [lane for bucket in found for lane in bucket]
    assert flat == list(range(lanes)) + [lanes - 1] * (len(flat) - lanes)


def test_lanes_go_one_by_one_by_default() -> None:
    """Where nothing can come between them."""
    problem = objective().open(None, NO_FOLDERS)
    problem.trainer((1,), UPDATES, (VALIDATION,))
    assert problem.refusal


@pytest.mark.parametrize(
    ("make", "vectorized"),
    # Odd widths many at once are what a trial cannot vouch for.
    [(mlp, True), (frozen, True), (dropout, True), (odd_widths, False), (dropout, False)],
)
def test_bits_depend_on_neither_neighbours_nor_chunks(
    make: Callable[[Any], Any], vectorized: bool
) -> None:
    """However the trial decided: alone, beside 17 others, and after most were dropped."""
    made = objective(make, vectorized=vectorized)
    seeds = tuple(range(18))
    rates = np.linspace(0.2, 1, 18)[:, None] * LRS
    many = trainer(made, seeds)
    many.train(rates[:, :5])
    many.keep([0, 3, 16, 17])
    many.train(rates[[0, 3, 16, 17], 5:])

    for place, lane in enumerate((0, 3, 16, 17)):
        alone = trained(made, rates[lane : lane + 1], (lane,), chunk=UPDATES)
        assert many.block_losses(VALIDATION)[place] == alone.block_losses(VALIDATION)[0]


@pytest.mark.parametrize("make", [mlp, dropout, batch_norm])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_lanes_go_on_from_their_state(make: Callable[[Any], Any], rule: Rule) -> None:
    """Weights, buffers, momenta and noise: the same bits as without a break."""
    made = objective(make, rule=rule, vectorized=True)
    rates = np.stack([LRS, 0.5 * LRS])
    first, second = trainer(made, (1, 2)), trainer(made, (1, 2))
    assert isinstance(first, Resumable)
    assert isinstance(second, Resumable)
    first.train(rates[:, :7])
    state = {name: array.copy() for name, array in first.state().items()}
    first.train(rates[:, 7:])
    second.restore(state)
    second.train(rates[:, 7:])
    assert (first.block_losses(VALIDATION) == second.block_losses(VALIDATION)).all()


def test_seeds_decide_and_nobody_elses_numbers_are_touched() -> None:
    """Equal seeds give equal bits, unequal ones do not, and the global stream stays."""
    before = torch.get_rng_state()
    for make in (mlp, dropout):
        losses = trained(objective(make), np.stack([LRS] * 3), (1, 1, 2)).block_losses(VALIDATION)
        assert losses[0] == losses[1] != losses[2]
    assert torch.equal(before, torch.get_rng_state())


def test_a_frozen_layer_stays_and_modes_are_put_back() -> None:
    """What is not to be trained is not, and evaluating changes nothing."""
    modules: list[Any] = []

    def make(config: object) -> Any:  # noqa: ANN401
        module = nn.Sequential(frozen(config), nn.BatchNorm1d(1).eval())
        modules.append(module)
        return module

    lanes = trainer(objective(make, rule=Adam(weight_decay=0.1)))
    weights = {name: one.clone() for name, one in modules[-1].state_dict().items()}
    lanes.train(LRS[None])
    lanes.evaluate(VALIDATION)
    changed = {
        name
        for name, one in modules[-1].state_dict().items()
        if not torch.equal(one, weights[name])
    }
    assert "0.0.weight" not in changed
    assert {"0.2.weight", "0.4.bias"} <= changed
    assert "1.running_mean" not in changed
    assert modules[-1].training
    assert not modules[-1][1].training


def test_any_dataset_of_pairs_will_do() -> None:
    """Not only tensors; the data and their hash are the same."""

    class Rows:
        def __init__(self, source: Any) -> None:  # noqa: ANN401
            self.source = source

        def __len__(self) -> int:
            return len(self.source)

        def __getitem__(self, row: int) -> Any:  # noqa: ANN401
            inputs, targets = self.source[row]
            return inputs.numpy(), targets

    def rows(config: object, folders: object) -> Mapping[str, Any]:
        return {name: Rows(one) for name, one in datasets(config, folders).items()}

    one, other = objective().open(None, NO_FOLDERS), objective(datasets=rows).open(None, NO_FOLDERS)
    assert one.data_hash == other.data_hash


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"train": None, VALIDATION: None}, "datasets: .*exactly train, validation, test"),
        ({"train": [], VALIDATION: [], TEST: []}, "datasets.train: 0"),
    ],
)
def test_datasets_that_are_not_there_are_named(wrong: Mapping[str, Any], told: str) -> None:
    """Before anything is trained."""
    with pytest.raises(InvalidValue, match=told):
        objective(datasets=lambda *_: wrong).open(None, NO_FOLDERS)


MODULE = """
import torch
from tuning.objectives.torch_module import module_objective

def datasets(config, folders):
    inputs = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.utils.data.TensorDataset(inputs, inputs.sum(1, keepdim=True))
    return {name: rows for name in ("train", "validation", "test")}

def module(config):
    layers = torch.nn.Linear(5, 30), torch.nn.Dropout(0.1), torch.nn.ELU(), torch.nn.Linear(30, 1)
    return torch.nn.Sequential(*layers)

OBJECTIVES = {
    "own": module_objective(
        module, datasets=datasets, loss=torch.nn.functional.mse_loss,
        name="own", horizon=40, peak=(1e-3, 1.0),
    )
}
"""


def test_a_training_child_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a module is trained changes nothing, whatever the number of cores there."""
    (tmp_path / "own_torch.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lanes = tuple(Lane(str(seed), seed, Schedule(build("cosine", 0.01, {}), 40)) for seed in (1, 2))
    block = Block("own", {}, 40, lanes, (VALIDATION, TEST))
    executors = Inline(modules=("own_torch",)), Process(modules=("own_torch",))
    here, there = (list(executor.run(block)) for executor in executors)
    executors[1].close()
    assert here == there
    assert isinstance(here[-1], Ended)


def test_settings_are_those_of_pytorch() -> None:
    """And what a schedule applies to is described."""
    made = objective(rule=Sgd(momentum=0.9, nesterov=True))
    assert made.optimizer == {
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.0,
        "batch": BATCH,
    }
    with pytest.raises(InvalidValue, match="nesterov"):
        Sgd(nesterov=True)
    with pytest.raises(InvalidValue, match="betas"):
        Adam(betas=(0.9, 1.0))
