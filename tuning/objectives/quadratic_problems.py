"""Named noisy quadratics, and the settings that choose and change one.

The one idea: a problem is a few numbers, a power law of curvatures and one of starting distances,
batch, noise and drift; a setting left out is the named problem's own. N1 to N6 are the six whose
optimum and best-tuned families are known.
Not here: what the numbers mean for training (`tuning.objectives.quadratic`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np

from tuning.errors import InvalidValue
from tuning.objectives.base import Floats
from tuning.objectives.idle import refuse_idle
from tuning.objectives.quadratic import Quadratic
from tuning.schedules.limits import Among, Each, Integer, Number, OrNone, settle
from tuning.seeds import derive

CUSTOM, RANDOM = "custom", "random"
FORMS = ("static", "regression", "drifting")
MODES = 300
DRIFT = 0.01
START = 25.0

MAX_MODES = 10_000
MAX_BATCH = 4_096
MAX_REPLICAS = 10_000
MAX_SCALE = 1e6


@dataclass(frozen=True, slots=True)
class Recipe:
    """Quadratics with any number of modes: mode i = 1, 2, … has h_i = i^-`decay`, so h_max = 1.

    Args:
        decay: how fast curvatures fall.
        approach: E θ_i² = i^-`approach` before the first update.
        batch: B, rows per gradient.
        noise: a gradient's noise has variance `noise` h_i / B at the optimum; in a regression
            `noise` is the variance of the labels' noise.
        form: one of `FORMS`.
    """

    decay: float = 0.0
    approach: float = 0.0
    batch: int = 1
    noise: float = 1.0
    form: str = "static"


def _random(seed: int) -> Recipe:
    """A recipe about as varied as N1 to N6."""
    draw = np.random.default_rng(derive(seed, "noisy_quadratic", "recipe"))
    return Recipe(
        decay=float(draw.uniform(0.7, 2.0)),
        approach=float(draw.uniform(-0.8, 1.5)),
        batch=int(2 ** draw.integers(0, 6)),
        noise=float(10 ** draw.uniform(-1.0, 0.3)),
        form=FORMS[draw.integers(0, 2)],
    )


# A recipe from a seed, which only `random` uses.
RECIPES: Mapping[str, Callable[[int], Recipe]] = MappingProxyType(
    {
        "N1": lambda _: Recipe(decay=1.0),
        "N2": lambda _: Recipe(decay=1.0, batch=32),
        "N3": lambda _: Recipe(decay=1.5, approach=1.5),
        "N4": lambda _: Recipe(decay=2.0, approach=-0.8, batch=8),
        "N5": lambda _: Recipe(decay=1.5, approach=0.5, batch=8, noise=0.1, form="regression"),
        "N6": lambda _: Recipe(decay=1.0, batch=4),
        RANDOM: _random,
        CUSTOM: lambda _: Recipe(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `noisy_quadratic`; None is the named problem's own value.

    Args:
        problem: N1 to N6, `random` (drawn by `data_seed`), or `custom`. What is known of N6 is
            known at a horizon of 50, of the others at 500.
        mode: `exact` computes the expected loss; `sampled` trains `replicas` by SGD and averages.
        form: `static`, `regression` or `drifting`.
        modes: how many; 300 if None. A custom problem has one per curvature.
        batch: rows per gradient.
        noise: variance of one row's gradient, in units of the curvature; of the labels' noise in
            a regression.
        drift: variance by which the optimum moves per update; drifting form only, 0.01 if None.
        curvatures: of a custom problem, > 0; one of 1 if None.
        starts: mean squared distance from the optimum of a custom problem, one for all modes or
            one per mode; 25 if None.
        momentum: of the heavy ball, from 0 to 0.999.
        replicas: trainings that a lane of the sampled mode averages.
        log_noise: standard deviation of a noise on the logarithm of what is measured, drawn per
            schedule, seed, horizon and split.
        data_seed: of a random problem, and of no other.
    """

    problem: Annotated[str, Among(RECIPES)] = "N1"
    mode: Annotated[str, Among(("exact", "sampled"))] = "exact"
    form: Annotated[str | None, OrNone(Among(FORMS))] = None
    modes: Annotated[int | None, OrNone(Integer(1, MAX_MODES))] = None
    batch: Annotated[int | None, OrNone(Integer(1, MAX_BATCH))] = None
    noise: Annotated[float | None, OrNone(Number(1 / MAX_SCALE, MAX_SCALE))] = None
    drift: Annotated[float | None, OrNone(Number(0.0, MAX_SCALE))] = None
    curvatures: Annotated[
        Sequence[float] | None, OrNone(Each(Number(1 / MAX_SCALE, MAX_SCALE), most=MAX_MODES))
    ] = None
    starts: Annotated[
        Sequence[float] | None, OrNone(Each(Number(0.0, MAX_SCALE), most=MAX_MODES))
    ] = None
    momentum: Annotated[float, Number(0.0, 0.999)] = 0.0
    replicas: Annotated[int, Integer(1, MAX_REPLICAS)] = 16
    log_noise: Annotated[float, Number(0.0, 1.0)] = 0.0
    data_seed: Annotated[int, Integer(0, 2**53)] = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self, "config")
        self._check_used()

    def _check_used(self) -> None:
        """Refuse what the chosen problem would ignore."""
        if self.problem == CUSTOM:
            if self.modes is not None:
                raise InvalidValue("config.modes", self.modes, f"null, for problem {CUSTOM}")
            count = len(self.curvatures or (1.0,))
            if self.starts is not None and len(self.starts) not in {1, count}:
                raise InvalidValue("config.starts", self.starts, f"1 or {count} numbers")
            if self.starts is not None and not any(self.starts):
                raise InvalidValue("config.starts", self.starts, "numbers that are not all 0")
        elif self.curvatures is not None or self.starts is not None:
            name = "starts" if self.curvatures is None else "curvatures"
            allowed = f"null, unless the problem is {CUSTOM}"
            raise InvalidValue(f"config.{name}", getattr(self, name), allowed)
        if self.drift is not None and self.recipe.form != "drifting":
            raise InvalidValue("config.drift", self.drift, "null, unless the form is drifting")
        if self.mode != "sampled":
            refuse_idle(self, "the mode is sampled", "replicas")
        if self.problem != RANDOM:
            refuse_idle(self, f"the problem is {RANDOM}", "data_seed")

    @property
    def recipe(self) -> Recipe:
        """The named problem, with the settings of this config in place of its own."""
        base = RECIPES[self.problem](self.data_seed)
        return Recipe(
            base.decay,
            base.approach,
            base.batch if self.batch is None else self.batch,
            base.noise if self.noise is None else float(self.noise),
            base.form if self.form is None else self.form,
        )


def build(config: Config) -> Quadratic:
    """The quadratic that `config` describes.

    >>> build(Config(problem="N2", modes=3)).noise.round(4)  # h / 32
    array([0.0312, 0.0156, 0.0104])
    """
    recipe = config.recipe
    curvatures, starts = _spectrum(config, recipe)
    drifting = recipe.form == "drifting"
    return Quadratic(
        curvatures,
        starts,
        noise=curvatures * (recipe.noise / recipe.batch),
        rows=recipe.batch if recipe.form == "regression" else 0,
        drift=(DRIFT if config.drift is None else float(config.drift)) if drifting else 0.0,
        momentum=float(config.momentum),
    )


def _spectrum(config: Config, recipe: Recipe) -> tuple[Floats, Floats]:
    """Curvatures and starting distances."""
    if config.problem == CUSTOM:
        curvatures = np.array(config.curvatures or (1.0,), dtype=np.float64)
        starts = np.array(config.starts or (START,), dtype=np.float64)
        return curvatures, np.ascontiguousarray(np.broadcast_to(starts, curvatures.shape))
    number = np.arange(1, (config.modes or MODES) + 1, dtype=np.float64)
    return number**-recipe.decay, number**-recipe.approach
