"""Torch lanes: PyTorch modules in training, one by one or many at once.

The one idea: one by one, a lane is a module with an optimiser of PyTorch's own. Many at once,
`torch.func` maps gradients over stacked weights, in buckets of two sizes. PyTorch's kernels choose
their path by where a lane lies in memory (alignment, vectors, their remainders), so a lane's last
bits may depend on its place. Hence that is on request only, and a trial puts one lane at every
place of both buckets: unless all come out with the same bits, lanes go one by one.
Not here: the description (`tuning.objectives.torch_module`). This leaf imports PyTorch and is
imported only to train.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.utils.data import TensorDataset

from tuning.errors import InvalidValue
from tuning.objectives.base import TEST, VALIDATION, Arrays, Config, Floats, Folders, Trainer
from tuning.objectives.batches import Indices, Permutations
from tuning.objectives.cached import hash_arrays
from tuning.objectives.lanes import side_by_side
from tuning.objectives.own import ONE_BLOCK
from tuning.objectives.torch_module import Adam, Recipe, Rule, Sgd
from tuning.seeds import derive

logger = logging.getLogger(__name__)

TRAIN = "train"
NOT_ASKED = "nobody asked for more"
WIDTHS = (4, 16)  # lanes of a bucket; what is missing is padded
# A trial is no proof: of random networks, bits of 14 in 63 depended on the place after a trial of 3
# updates had found nothing, and of 1 in 200 after such a one.
TRIAL_UPDATES = 40
TRIAL_SEEDS = 2
TRIAL_LR = 1e-2

Tensors: TypeAlias = dict[str, Tensor]
Pair: TypeAlias = tuple[Tensor, Tensor]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A recipe with its data in memory."""

    recipe: Recipe
    config: Config
    data: Mapping[str, Pair]
    order: Permutations

    def module(self, seed: int) -> torch.nn.Module:
        """An untrained module; nobody else's random numbers are touched."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights"))
            return self.recipe.make_module(self.config)

    def rows(self, seed: int, first: int, last: int) -> Indices:
        """Training rows of updates `first` to `last` - 1, of shape (last - first, batch)."""
        return self.order(derive(seed, "order"), first, last)

    def batch(self, rows: Tensor) -> Pair:
        """Inputs and targets at these rows."""
        inputs, targets = self.data[TRAIN]
        return inputs[rows], targets[rows]

    def score(self, module: torch.nn.Module, weights: Tensors, split: str) -> float:
        """The loss on a split of `module` with these weights in the place of its own."""
        inputs, targets = self.data[split]
        modes = [(part, part.training) for part in module.modules()]
        module.eval()
        with torch.no_grad():
            loss = self.recipe.loss(functional_call(module, weights, (inputs,)), targets)
        for part, mode in modes:  # some may be kept in evaluation mode for good
            part.training = mode
        return float(loss)


@final
@dataclass(slots=True, eq=False)
class ModuleProblem:
    """A `Problem` of PyTorch modules.

    Args:
        data_hash: of all datasets.
        task: what is trained.
        refusal: why lanes are not trained many at once; empty if they are, None before the trial.
    """

    data_hash: str
    task: Task
    refusal: str | None = None
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ONE_BLOCK)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """Untrained modules, one lane per seed; the horizon plays no part."""
        del horizon, splits
        torch.set_num_threads(1)  # or bits would depend on the machine's number of cores
        if self.refusal is None:
            self.refusal = refusal(self.task) if self.task.recipe.vectorized else NOT_ASKED
            how = f"one by one: {self.refusal}" if self.refusal else "many at once"
            logger.info("lanes are trained %s", how)
        if self.refusal:
            return side_by_side([ModuleLane(self.task, seed) for seed in seeds])
        return StackedLanes(self.task, seeds)


def open_module(recipe: Recipe, config: Config, folders: Folders) -> ModuleProblem:
    """Read the datasets into memory.

    Raises `InvalidValue` naming `datasets` if one is missing or has no rows.
    """
    datasets = recipe.datasets(config, folders)
    names = (TRAIN, VALIDATION, TEST)
    if set(datasets) != set(names):
        raise InvalidValue("datasets", sorted(datasets), f"exactly {', '.join(names)}")
    data = {name: _in_memory(name, datasets[name]) for name in names}
    arrays = {
        f"{name}/{part}": tensor.numpy()
        for name, pair in data.items()
        for part, tensor in zip(("inputs", "targets"), pair, strict=True)
    }
    task = Task(recipe, config, data, Permutations(len(data[TRAIN][0]), recipe.batch))
    return ModuleProblem(hash_arrays(arrays), task)


def _in_memory(name: str, dataset: Any) -> Pair:  # noqa: ANN401 - any map-style dataset
    if not len(dataset):
        raise InvalidValue(f"datasets.{name}", 0, "a dataset of at least one row")
    if isinstance(dataset, TensorDataset) and len(dataset.tensors) == 2:
        inputs, targets = dataset.tensors
        return inputs, targets
    pairs = [dataset[row] for row in range(len(dataset))]
    inputs, targets = (
        torch.stack([torch.as_tensor(one) for one in part]) for part in zip(*pairs, strict=True)
    )
    return inputs, targets


@final
class ModuleLane:
    """A `Model` and `Resumable`: one module with an optimiser of PyTorch's own."""

    def __init__(self, task: Task, seed: int) -> None:
        self._task, self._seed, self._done = task, seed, 0
        self._module = task.module(seed)
        trained = [one for one in self._module.parameters() if one.requires_grad]
        self._optimizer = _optimizer(task.recipe.rule, trained)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "noise"))
            self._noise = torch.get_rng_state()

    def train(self, lrs: Floats) -> None:
        """Make one update with each of `lrs`."""
        orders = self._task.rows(self._seed, self._done, self._done + len(lrs))
        with self._own_noise():
            for lr, rows in zip(lrs.tolist(), torch.from_numpy(orders.copy()), strict=True):
                for group in self._optimizer.param_groups:
                    group["lr"] = lr
                inputs, targets = self._task.batch(rows)
                self._optimizer.zero_grad()
                self._task.recipe.loss(self._module(inputs), targets).backward()
                self._optimizer.step()
        self._done += len(lrs)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The loss of the last iterate on `split`."""
        return {self._task.recipe.metric: self._task.score(self._module, {}, split)}

    def state(self) -> Arrays:
        """Weights, buffers, the optimiser's memory and the state of the noise."""
        weights = {f"module/{key}": one for key, one in self._module.state_dict().items()}
        memory = {
            f"optimizer/{number}/{slot}": value
            for number, slots in self._optimizer.state_dict()["state"].items()
            for slot, value in slots.items()
            if value is not None
        }
        tensors = {**weights, **memory, "noise": self._noise}
        arrays = {name: one.numpy(force=True).copy() for name, one in tensors.items()}
        return {**arrays, "done": np.array(self._done)}

    def restore(self, state: Arrays) -> None:
        """Go on from what `state` returned."""
        tensors = {name: torch.tensor(array) for name, array in state.items()}
        self._done = int(tensors.pop("done"))
        self._noise = tensors.pop("noise")
        memory: dict[int, Tensors] = {}
        weights: Tensors = {}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "module":
                weights[rest] = tensor
            else:
                number, _, slot = rest.partition("/")
                memory.setdefault(int(number), {})[slot] = tensor
        self._module.load_state_dict(weights)
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": memory, "param_groups": groups})

    @contextmanager
    def _own_noise(self) -> Iterator[None]:
        """Dropout and the like draw from the lane's own stream, whatever others draw."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._noise)
            yield
            self._noise = torch.get_rng_state()


def _optimizer(rule: Rule, weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    match rule:
        case Sgd(momentum=momentum, nesterov=nesterov, weight_decay=decay):
            return torch.optim.SGD(
                weights, lr=0.0, momentum=momentum, nesterov=nesterov, weight_decay=decay
            )
        case Adam(betas=betas, eps=eps, weight_decay=decay):
            return torch.optim.Adam(weights, lr=0.0, betas=betas, eps=eps, weight_decay=decay)


@final
class StackedLanes:
    """A `Trainer` and `Resumable`: the weights of all lanes as stacked tensors."""

    def __init__(self, task: Task, seeds: Sequence[int]) -> None:
        self._task, self._seeds, self._done = task, list(seeds), 0
        modules = {seed: task.module(seed) for seed in set(seeds)}
        self._module = modules[self._seeds[0]]
        self._weights = {
            name: torch.stack([modules[seed].get_parameter(name).detach() for seed in seeds])
            for name, _ in self._module.named_parameters()
        }
        self._trained = [name for name, one in self._module.named_parameters() if one.requires_grad]
        self._slots = {
            f"{slot}/{name}": torch.zeros_like(self._weights[name])
            for slot in _slots(task.recipe.rule)
            for name in self._trained
        }

    def train(self, lrs: Floats) -> None:
        """Make one update per column with the learning rates `lrs`, of shape (lanes, chunk)."""
        first, last = self._done, self._done + lrs.shape[1]
        orders = np.stack([self._task.rows(seed, first, last) for seed in self._seeds])
        for lanes in buckets(len(self._seeds)):
            places = torch.tensor(lanes)
            weights = {name: one[places] for name, one in self._weights.items()}
            slots = {name: one[places] for name, one in self._slots.items()}
            rates, rows = torch.from_numpy(lrs[lanes]), torch.from_numpy(orders[lanes])
            for update in range(last - first):
                self._update(weights, slots, rates[:, update], rows[:, update], first + update)
            for own, new in ((self._weights, weights), (self._slots, slots)):
                for name, one in new.items():
                    own[name][places] = one  # a padded place holds the bits of its lane again
        self._done = last

    def _update(
        self, weights: Tensors, slots: Tensors, rates: Tensor, rows: Tensor, done: int
    ) -> None:
        trained = {name: weights[name] for name in self._trained}
        fixed = {name: one for name, one in weights.items() if name not in trained}
        inputs, targets = self._task.batch(rows)

        def loss(lane: Tensors, others: Tensors, x: Tensor, y: Tensor) -> Tensor:
            outputs = functional_call(self._module, {**lane, **others}, (x,))
            return self._task.recipe.loss(outputs, y)

        gradients = vmap(grad(loss))(trained, fixed, inputs, targets)
        for name, gradient in gradients.items():
            own = {slot: slots[f"{slot}/{name}"] for slot in _slots(self._task.recipe.rule)}
            _step(self._task.recipe.rule, weights[name], gradient, own, rates, done)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """The loss of every lane's last iterate on `split`."""
        losses = [
            # Copies, so that every lane lies in memory as it would alone.
            self._task.score(
                self._module,
                {name: one[lane].clone() for name, one in self._weights.items()},
                split,
            )
            for lane in range(len(self._seeds))
        ]
        return {self._task.recipe.metric: np.array(losses)}

    def block_losses(self, split: str) -> Floats:
        """The same as the one block."""
        return self.evaluate(split)[self._task.recipe.metric][:, None]

    def lane(self, place: int) -> Tensors:
        """The weights of one lane, in memory as they would lie alone."""
        return {name: one[place].clone() for name, one in self._weights.items()}

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these."""
        kept = list(lanes)
        self._seeds = [self._seeds[lane] for lane in kept]
        self._weights = {name: one[kept] for name, one in self._weights.items()}
        self._slots = {name: one[kept] for name, one in self._slots.items()}

    def state(self) -> Arrays:
        """Weights and the optimiser's memory, lanes in front."""
        named = {**{f"weights/{name}": one for name, one in self._weights.items()}, **self._slots}
        arrays = {name: one.numpy().copy() for name, one in named.items()}
        return {**arrays, "done": np.array(self._done)}

    def restore(self, state: Arrays) -> None:
        """Go on from what `state` returned."""
        self._done = int(state["done"])
        self._weights = {name: torch.tensor(state[f"weights/{name}"]) for name in self._weights}
        self._slots = {name: torch.tensor(state[name]) for name in self._slots}


def buckets(lanes: int) -> list[list[int]]:
    """Lanes of every bucket, padded by repeating the last one: 3 are [[0, 1, 2, 2]]."""
    small, large = WIDTHS
    found = []
    for begin in range(0, lanes, large):
        width = small if lanes - begin <= small else large
        found.append([min(begin + place, lanes - 1) for place in range(width)])
    return found


def refusal(task: Task) -> str:
    """Why lanes of `task` cannot be trained many at once; empty if they can.

    One lane is put at every place of buckets of either size; all must come out with the same bits.
    """
    if next(task.module(0).buffers(), None) is not None:
        return "the module has buffers, which are its own to change"
    for seed in range(TRIAL_SEEDS):
        ends: list[Tensors] = []
        for width in WIDTHS:
            trial = StackedLanes(task, [seed] * width)
            try:
                trial.train(np.full((width, TRIAL_UPDATES), TRIAL_LR))
            except Exception as error:  # noqa: BLE001 - any module may fail in its own way
                return f"torch.func says: {str(error).strip().splitlines()[0]}"
            ends += [trial.lane(place) for place in range(width)]
        if not all(torch.equal(one, ends[0][name]) for end in ends for name, one in end.items()):
            return "a lane's bits depend on its place"
    return ""


def _slots(rule: Rule) -> tuple[str, ...]:
    """What the optimiser remembers of every weight."""
    match rule:
        case Sgd(momentum=momentum):
            return ("momentum",) if momentum else ()
        case Adam():
            return ("mean", "square")


def _step(
    rule: Rule, weights: Tensor, gradient: Tensor, slots: Tensors, rates: Tensor, done: int
) -> None:
    """One update of one stacked weight, in place, by the formulas of `torch.optim`."""
    if rule.weight_decay:
        gradient = gradient.add(weights, alpha=rule.weight_decay)
    match rule:
        case Sgd(momentum=momentum, nesterov=nesterov):
            scale, direction = rates, gradient
            if momentum:
                memory = slots["momentum"].mul_(momentum).add_(gradient)
                direction = gradient.add(memory, alpha=momentum) if nesterov else memory
        case Adam(betas=(first, second), eps=eps):
            mean = slots["mean"].lerp_(gradient, 1 - first)
            square = slots["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
            scale = rates / (1 - first ** (done + 1))
            direction = mean / (square.sqrt() / (1 - second ** (done + 1)) ** 0.5).add_(eps)
    per_lane = scale.to(weights.dtype).reshape(-1, *[1] * (weights.ndim - 1))
    weights.sub_(per_lane * direction)
