"""Calls of the rules that listen to a metric, with the metric log that each is told.

The rate of update t is the one after t metrics: the first is always the base rate.
"""

from dataclasses import replace
from functools import partial

from parity.case import Calls, Case, Dice, Draw, Kwargs


def _torch_plateau(dice: Dice) -> Case:
    kwargs = {**_relative(dice), "cooldown": dice.randint(0, 4), "min_lr": dice.rate(1e-6, 1e-3)}
    kept = dice.thinned({**kwargs, "mode": dice.choice(["min", "max"])})
    return _case(dice, "torch ReduceLROnPlateau", kept)


def _transformers_plateau(dice: Dice) -> Case:
    specific = dice.thinned({**_relative(dice), "cooldown": dice.randint(0, 4)})
    kwargs = {"name": "reduce_lr_on_plateau", "scheduler_specific_kwargs": specific}
    return _case(dice, "transformers get_scheduler", kwargs)


def _transformers_greedy(dice: Dice) -> Case:
    specific = {
        "factor": dice.rounded(0.5, 0.97),
        "patience": dice.randint(0, 4),
        "threshold": dice.choice([1e-6, 0.01]),
        "threshold_mode": dice.choice(["rel", "abs"]),
        "cooldown": dice.randint(0, 3),
        "warmup": dice.randint(0, 3),
        "min_lr": dice.rate(1e-4, 1e-2),
        "max_lr": dice.rate(0.5, 2.0),
        "reset_start": dice.choice([1, 2, 500]),
        "smooth": dice.random() < 0.3,
        "window_size": dice.randint(1, 8),
    }
    kept = dice.thinned(specific, "patience", "min_lr")
    return _case(
        dice, "transformers get_scheduler", {"name": "greedy", "scheduler_specific_kwargs": kept}
    )


def _direct(draw: Draw, function: str) -> Draw:
    """The same arguments, given to the function behind the name."""

    def drawn(dice: Dice) -> Case:
        case = draw(dice)
        return replace(case, call=function, kwargs=case.kwargs["scheduler_specific_kwargs"])

    return drawn


def _timm_plateau(dice: Dice) -> Case:
    kwargs = {
        "decay_rate": dice.rounded(0.1, 0.8),
        "patience_t": dice.randint(0, 6),
        "threshold": dice.choice([1e-4, 0.01]),
        "cooldown_t": dice.randint(0, 4),
        "lr_min": dice.rate(1e-6, 1e-3),
        "mode": dice.choice(["min", "max"]),
    }
    case = _case(dice, "timm PlateauLRScheduler", dice.thinned(kwargs))
    if dice.random() < 0.5:
        start = float(f"{case.base_lr * dice.rounded(0.0, 1.0):.4g}")
        case.kwargs.update(warmup_t=dice.randint(1, 8), warmup_lr_init=start)
    return case


def _timm_factory(dice: Dice) -> Case:
    kwargs = {
        "decay_rate": dice.rounded(0.1, 0.8),
        "patience_epochs": dice.randint(0, 6),
        "min_lr": dice.rate(1e-6, 1e-3),
        "warmup_epochs": dice.randint(0, 4),
        "warmup_lr": dice.rate(1e-6, 1e-3),
        "plateau_mode": dice.choice(["min", "max"]),
    }
    kept = {"sched": "plateau", **dice.thinned(kwargs)}
    case = _case(dice, "timm create_scheduler_v2", kept)
    return replace(case, row="timm create_scheduler_v2(plateau)")


def _optax_plateau(dice: Dice) -> Case:
    kwargs = {
        "factor": dice.rounded(0.1, 0.8),
        "patience": dice.randint(1, 6),
        **dice.choice([{"rtol": 1e-4}, {"rtol": 0.01}, {"rtol": 0.0}]),
        **dice.choice([{"atol": 0.01}, {"atol": dice.rounded(0.001, 0.05)}, {}]),
        "cooldown": dice.randint(0, 4),
        "accumulation_size": dice.choice([1, 1, dice.randint(2, 5)]),
        "min_scale": dice.choice([0.0, 0.01]),
    }
    if kwargs["rtol"] == 0.0:
        kwargs.setdefault("atol", 0.01)
    return _case(dice, "optax reduce_on_plateau", dice.thinned(kwargs, "rtol", "atol"))


def _keras_plateau(dice: Dice) -> Case:
    kwargs = {
        "factor": dice.rounded(0.1, 0.8),
        "patience": dice.randint(0, 6),
        "min_delta": dice.choice([1e-4, 0.01]),
        "cooldown": dice.randint(0, 4),
        "min_lr": dice.choice([0.0, dice.rate(1e-6, 1e-3)]),
        "mode": dice.choice(["min", "max"]),
    }
    return _case(dice, "keras ReduceLROnPlateau", dice.thinned(kwargs))


def _sklearn_adaptive(dice: Dice, estimator: str) -> Case:
    kwargs = {
        "tol": dice.choice([1e-4, 0.01]),
        "n_iter_no_change": dice.randint(1, 6),
        "early_stopping": dice.random() < 0.3,
    }
    kept = {"solver": "sgd", "learning_rate": "adaptive", **dice.thinned(kwargs)}
    case = _case(dice, f"sklearn {estimator}", kept)
    return replace(case, row=f"sklearn {estimator}(adaptive)")


def _sklearn_sgd(dice: Dice, estimator: str) -> Case:
    kwargs = {
        "learning_rate": "adaptive",
        "eta0": dice.rounded(0.01, 0.4),
        "tol": dice.choice([1e-3, 0.01]),
        "n_iter_no_change": dice.randint(1, 6),
    }
    kept = dice.thinned(kwargs, "learning_rate")
    case = _case(dice, f"sklearn {estimator}", kept)
    return replace(case, row=f"sklearn {estimator}(adaptive)")


def _relative(dice: Dice) -> Kwargs:
    return {
        "factor": dice.rounded(0.1, 0.8),
        "patience": dice.randint(0, 6),
        "threshold": dice.choice([1e-4, 0.01]),
        "threshold_mode": dice.choice(["rel", "abs"]),
    }


def _case(dice: Dice, row: str, kwargs: Kwargs) -> Case:
    call = row.split()[1]
    name = f"{row}({kwargs['name']})" if "name" in kwargs else row
    return Case(call, kwargs, dice.rate(1e-2), 40, tuple(_log(dice, 40)), row=name)


def _log(dice: Dice, count: int) -> list[float]:
    """A metric that falls, halts and falls again, with noise."""
    level, values = 2.0, []
    for index in range(count):
        level *= 0.9 if index % 20 < 8 else 1.0
        values.append(round(level + dice.uniform(-0.02, 0.02), 4))
    return values


def _flat(row: str, **kwargs: object) -> Case:
    """The oracle of every count: a metric that never moves."""
    return Case(row.split()[1], kwargs, 1.0, 16, (1.0,) * 16, "a metric that never moves", row)


HAND = (
    _flat("torch ReduceLROnPlateau", patience=2),
    _flat("torch ReduceLROnPlateau", patience=2, cooldown=2),
    _flat("timm PlateauLRScheduler", patience_t=2, warmup_t=3, mode="min"),
    _flat("optax reduce_on_plateau", patience=2, accumulation_size=3),
    _flat("optax reduce_on_plateau", patience=2),
    _flat("optax reduce_on_plateau", patience=2, cooldown=2),
    _flat("keras ReduceLROnPlateau", patience=2),
    _flat("keras ReduceLROnPlateau", patience=2, cooldown=2),
)
CALLS = Calls(
    {
        "torch ReduceLROnPlateau": _torch_plateau,
        "transformers get_scheduler(reduce_lr_on_plateau)": _transformers_plateau,
        "transformers get_scheduler(greedy)": _transformers_greedy,
        "transformers get_reduce_on_plateau_schedule": _direct(
            _transformers_plateau, "get_reduce_on_plateau_schedule"
        ),
        "transformers get_greedy_schedule": _direct(_transformers_greedy, "get_greedy_schedule"),
        "timm PlateauLRScheduler": _timm_plateau,
        "timm create_scheduler_v2(plateau)": _timm_factory,
        "optax reduce_on_plateau": _optax_plateau,
        "keras ReduceLROnPlateau": _keras_plateau,
        **{
            f"sklearn {estimator}(adaptive)": partial(draw, estimator=estimator)
            for estimator, draw in (
                ("MLPRegressor", _sklearn_adaptive),
                ("MLPClassifier", _sklearn_adaptive),
                ("SGDRegressor", _sklearn_sgd),
                ("SGDClassifier", _sklearn_sgd),
            )
        },
    },
    HAND,
)
