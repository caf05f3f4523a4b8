"""Torch module: a `torch.nn.Module`, its datasets and a loss as an `Objective`.

The one idea: the adapter only describes; PyTorch is imported when a problem is opened. Optimisers
are PyTorch's own by name and setting, without the learning rate, which the schedule gives.
Not here: how modules are trained (`tuning.objectives.torch_lanes`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias, Unpack, final

from tuning.errors import InvalidValue
from tuning.objectives.base import Config, Folders, Objective, Problem
from tuning.objectives.own import LOSS, Description
from tuning.records import check_integer, check_number

MAX_BATCH = 1_000_000

# Any: a torch.nn.Module, a torch.utils.data.Dataset and tensors, which are not imported here.
MakeModule: TypeAlias = Callable[[Config], Any]
MakeDatasets: TypeAlias = Callable[[Config, Folders], Mapping[str, Any]]
Loss: TypeAlias = Callable[[Any, Any], Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sgd:
    """`torch.optim.SGD`, with its momentum and weight decay."""

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what PyTorch refuses."""
        if check_number("momentum", self.momentum, 0.0, 1.0) == 0.0 and self.nesterov:
            raise InvalidValue("nesterov", self.nesterov, "false without momentum")
        check_number("weight_decay", self.weight_decay, 0.0, 1e6)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """`torch.optim.Adam`; its weight decay is a penalty in the gradient."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what PyTorch refuses."""
        for beta in self.betas:
            if check_number("betas", beta, 0.0, 1.0) == 1.0:
                raise InvalidValue("betas", self.betas, "two numbers from 0 to below 1")
        check_number("eps", self.eps, 0.0, 1.0)
        check_number("weight_decay", self.weight_decay, 0.0, 1e6)


Rule: TypeAlias = Sgd | Adam

ADAM = Adam()


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """What is trained on what; see `module_objective`."""

    make_module: MakeModule
    datasets: MakeDatasets
    loss: Loss
    metric: str
    rule: Rule
    batch: int
    vectorized: bool


def module_objective(
    make_module: MakeModule,
    *,
    datasets: MakeDatasets,
    loss: Loss,
    name: str,
    horizon: int,
    peak: tuple[float, float],
    rule: Rule = ADAM,
    batch: int = 32,
    vectorized: bool = False,
    **described: Unpack[Description],
) -> Objective:
    """An objective out of a PyTorch module; it needs the extra `torch`.

    Args:
        make_module: makes an untrained module from a config; what it draws follows the seed.
        datasets: from a config, map-style datasets of pairs (input, target) by the names `train`,
            `validation` and `test`; they are read into memory once.
        loss: (outputs, targets) -> scalar, a mean over rows; also the compared metric, of a whole
            split at once and with the module in evaluation mode.
        name: how it is asked for.
        horizon: updates of a full training, unless a study wants others.
        peak: smallest and largest learning rate worth a look.
        rule: the optimiser, `Sgd` or `Adam`.
        batch: rows per update, every epoch a fresh permutation from the seed.
        vectorized: train lanes many at once by `torch.func`, if a trial shows that the module
            allows it and finds no bit that depends on a lane's place; else, and by default, one by
            one. It pays with more than four lanes, and its bits are other ones.
        described: anything else that `Objective` knows; one metric, `loss` by default.

    Raises InvalidValue if the description does not hold together.
    """
    check_integer("batch", batch, 1, MAX_BATCH)
    metrics = described.get("metrics", (LOSS,))
    if len(metrics) != 1:
        raise InvalidValue("metrics", [metric.name for metric in metrics], "one, the loss")
    recipe = Recipe(
        make_module=make_module,
        datasets=datasets,
        loss=loss,
        metric=metrics[0].name,
        rule=rule,
        batch=batch,
        vectorized=vectorized,
    )

    def open_problem(config: Config, folders: Folders) -> Problem:
        from tuning.objectives.torch_lanes import open_module  # noqa: PLC0415 - PyTorch is heavy

        return open_module(recipe, config, folders)

    given: Description = {
        "title": name,
        "help": f"Your own PyTorch module {name}.",
        "metrics": metrics,
        "optimizer": {"optimizer": type(rule).__name__.lower(), **asdict(rule), "batch": batch},
        "packages": ("torch",),
    }
    given.update(described)
    return Objective(name=name, default_horizon=horizon, peak=peak, open=open_problem, **given)
