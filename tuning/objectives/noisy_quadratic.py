"""Noisy quadratics: the objective whose answer is known.

The one idea: on a quadratic the expected loss of SGD is a recursion, so a study takes seconds, no
seed matters, and every schedule can be held against the best one there is. The sampled mode trains
for real and agrees within its error. The search may not look at the optimum.
Not here: the mathematics (`tuning.objectives.quadratic`), the optimum
(`tuning.objectives.quadratic_optimum`, imported when one is asked for), the named problems
(`tuning.objectives.quadratic_problems`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tuning.objectives.base import TEST, VALIDATION, Floats, Folders, Objective, Problem, Trainer
from tuning.objectives.log_noise import NoisyProblem
from tuning.objectives.needs import Needs
from tuning.objectives.quadratic import Moments, Quadratic
from tuning.objectives.quadratic_problems import Config, build
from tuning.objectives.quadratic_sampling import DRAWN_VALUES, SampledTrainer, block_names
from tuning.records import Direction, Metric

LEAST_RATIO = 0.9999  # of a true loss to the optimum: what rounding may explain
LONGEST_SOLVED = 4_000  # updates whose optimum takes some seconds


class ExactTrainer:
    """Expected losses; the same on every split, as they are those of the population."""

    def __init__(self, quadratic: Quadratic, lanes: int) -> None:
        self._moments = Moments(quadratic, lanes)

    def train(self, lrs: Floats) -> None:
        """Make one update per column of `lrs`."""
        self._moments.train(lrs)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """The expected loss of every lane."""
        del split
        return {"loss": self._moments.losses()}

    def block_losses(self, split: str) -> Floats:
        """The same, as the only block."""
        del split
        return self._moments.losses()[:, None]

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these."""
        self._moments.keep(lanes)


@dataclass(frozen=True, slots=True, eq=False)
class ExactProblem:
    """A quadratic whose expected loss is computed; seeds play no part."""

    quadratic: Quadratic
    _optima: dict[int, float] = field(default_factory=dict, init=False)
    _lines: dict[int, float] = field(default_factory=dict, init=False)

    @property
    def data_hash(self) -> str:
        """Hash of everything that describes the quadratic."""
        return _hash(self.quadratic)

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """One block: an expectation has no parts."""
        return dict.fromkeys((VALIDATION, TEST), ("expectation",))

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane per seed; lanes with one schedule are equal."""
        del horizon, splits
        return ExactTrainer(self.quadratic, len(seeds))

    def optimum(self, horizon: int, split: str) -> float:
        """The smallest expected loss under the hard cap; computed once, in about a second."""
        del split
        if horizon not in self._optima:
            from tuning.objectives.quadratic_optimum import (  # noqa: PLC0415 - SciPy is heavy
                best_schedule,
            )

            self._optima[horizon] = best_schedule(self.quadratic, horizon)[0]
        return self._optima[horizon]

    def broken_bound(self, loss: float, horizon: int, split: str) -> float | None:
        """`LEAST_RATIO` of the least loss if `loss`, of a table under the cap, is below that.

        The optimum takes about a second at 500 updates, so it is asked for only when a straight
        line is beaten, whose loss no optimum exceeds; beyond `LONGEST_SOLVED` updates never.
        """
        if horizon > LONGEST_SOLVED or loss >= self._line(horizon):
            return None
        bound = LEAST_RATIO * self._least(horizon, split)
        return bound if loss < bound else None

    def _least(self, horizon: int, split: str) -> float:
        """The optimum or, with momentum, where it is local and takes ten times as long, less."""
        if not self.quadratic.momentum:
            return self.optimum(horizon, split)
        from tuning.objectives.quadratic_optimum import lower_bound  # noqa: PLC0415 - SciPy is heavy

        return lower_bound(self.quadratic, horizon)

    def _line(self, horizon: int) -> float:
        """The loss of a straight line from 0.7 of the cap to 0, at least the optimum."""
        if horizon not in self._lines:
            moments = Moments(self.quadratic, 1)
            moments.train(self.quadratic.cap * np.linspace(0.7, 0.0, horizon, endpoint=False)[None])
            self._lines[horizon] = float(moments.losses()[0])
        return self._lines[horizon]


@dataclass(frozen=True, slots=True, eq=False)
class SampledProblem:
    """A quadratic that is trained on; the optimum holds for the mean of its losses only."""

    quadratic: Quadratic
    replicas: int

    @property
    def data_hash(self) -> str:
        """Hash of everything that describes the quadratic."""
        return _hash(self.quadratic)

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """Groups of replicas."""
        return dict.fromkeys((VALIDATION, TEST), block_names(self.replicas))

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane of replicas per seed and split; the horizon plays no part."""
        del horizon
        return SampledTrainer(self.quadratic, self.replicas, seeds, splits)


_PROBLEMS: Mapping[str, Callable[[Quadratic, Config], Problem]] = {
    "exact": lambda quadratic, _: ExactProblem(quadratic),
    "sampled": lambda quadratic, config: SampledProblem(quadratic, config.replicas),
}


def _open(config: Config, folders: Folders) -> Problem:
    del folders
    problem = _PROBLEMS[config.mode](build(config), config)
    return NoisyProblem(problem, config.log_noise) if config.log_noise else problem


def _hash(quadratic: Quadratic) -> str:
    digest = hashlib.sha256()
    numbers = [quadratic.rows, quadratic.drift, quadratic.momentum]
    for values in (quadratic.curvatures, quadratic.starts, quadratic.noise, numbers):
        digest.update(np.asarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _training_bytes(
    problem: ExactProblem | SampledProblem | NoisyProblem, lanes: int, horizon: int
) -> int:
    """The moments of every lane or, on both splits, its replicas and what they see next."""
    if isinstance(problem, NoisyProblem):
        inner: Any = problem.problem  # Any: one of the others
        return _training_bytes(inner, lanes, horizon)
    modes = len(problem.quadratic.curvatures)
    if isinstance(problem, ExactProblem):
        return 8 * 6 * modes * (lanes + 10)
    values = problem.replicas * modes
    drawn = max(DRAWN_VALUES, values * max(1, problem.quadratic.rows))
    return 8 * (lanes * (2 * 4 * values + 2 * drawn) + 4 * values)


NOISY_QUADRATIC = Objective(
    name="noisy_quadratic",
    title="Noisy quadratic (known optimum)",
    help=(
        "SGD, with momentum or not, on a quadratic loss seen through noise: static, a linear "
        "regression, or with an optimum that drifts. The expected loss is computed exactly, so "
        "that seeds do not matter, or trainings are sampled. Learning rates are capped at "
        "(1 - momentum) over the largest curvature, and the best schedule under that cap is known: "
        "a search can be measured against it. Six named problems with 300 modes, and your own."
    ),
    metrics=(
        Metric("loss", Direction.MINIMIZE, help="expected loss in excess of the smallest possible"),
    ),
    default_horizon=500,
    peak=(1e-3, 1.0),
    optimizer={"optimizer": "sgd"},
    settings=lambda config: {"momentum": config.momentum, "batch": config.recipe.batch},
    config_type=Config,
    open=_open,
    # Measured on 38 shapes and ten problems: the best quarter of the shapes at a quarter of the
    # horizon holds one within 0.2 % of the best, at half the horizon the best itself.
    rungs=(0.25, 0.5),
    hard_cap=lambda config: build(config).cap,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=256),
)
