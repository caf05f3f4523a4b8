"""Calls of timm.scheduler, with the count of updates as their clock (t_in_epochs=False)."""

from dataclasses import replace

from parity.case import Calls, Case, Dice, Draw, Kwargs


def _cosine(dice: Dice) -> Case:
    kwargs = {**_cycles(dice), "k_decay": _k_decay(dice)}
    return _cyclic(dice, "CosineLRScheduler", kwargs)


def _tanh(dice: Dice) -> Case:
    kwargs = {**_cycles(dice), "lb": dice.rounded(-10.0, -1.0), "ub": dice.rounded(1.0, 10.0)}
    return _cyclic(dice, "TanhLRScheduler", kwargs)


def _poly(dice: Dice) -> Case:
    kwargs = {**_cycles(dice), "power": dice.rounded(0.2, 3.0), "k_decay": _k_decay(dice)}
    return _cyclic(dice, "PolyLRScheduler", kwargs)


def _step(dice: Dice) -> Case:
    kwargs = {
        "decay_t": dice.length(1, 20),
        "decay_rate": dice.rounded(0.05, 0.95),
        **_warmup(dice),
    }
    return _case(dice, "StepLRScheduler", dice.thinned(kwargs, "decay_t"), dice.length())


def _multi_step(dice: Dice) -> Case:
    milestones = dice.increasing(dice.randint(1, 4))
    kwargs = {"decay_t": milestones, "decay_rate": dice.rounded(0.05, 0.95), **_warmup(dice)}
    return _case(dice, "MultiStepLRScheduler", dice.thinned(kwargs, "decay_t"), dice.length())


def _wsd(dice: Dice) -> Case:
    length = dice.length()
    kwargs = {
        "t_initial": length,
        "decay_t": dice.randint(1, length),
        "lr_min": dice.rate(1e-6, 1e-4),
        "stable_fn": dice.choice(["constant", "constant", "rsqrt", "power"]),
        "stable_timescale": dice.rounded(1.0, 40.0),
        "stable_power": dice.rounded(0.2, 1.5),
        "decay_fn": dice.choice(["linear", "1-sqrt", "cosine", "power", "exp"]),
        "decay_power": dice.rounded(0.2, 3.0),
        "decay_ratio": dice.rounded(0.01, 0.9),
        **_warmup(dice),
    }
    del kwargs["warmup_prefix"]
    kept = dice.thinned(kwargs, "t_initial", "decay_t", "stable_timescale")
    return _case(dice, "WSDLRScheduler", kept, length + kept.get("warmup_t", 0))


FACTORY = ("cosine", "tanh", "step", "multistep", "poly", "constant", "wsd", "rsqrt", "none")


def _factory(dice: Dice) -> Case:
    epochs, each = dice.randint(3, 10), dice.randint(1, 5)
    warmup = dice.randint(0, 2)
    kwargs = {
        "sched": dice.choice(FACTORY),
        "num_epochs": epochs,
        "warmup_epochs": warmup,
        "decay_epochs": dice.choice([0.2, 0.5, 1, 2]),
        "decay_milestones": dice.increasing(2, epochs),
        "decay_rate": dice.rounded(0.05, 0.95),
        "min_lr": dice.rate(1e-6, 1e-4),
        "warmup_lr": dice.rate(1e-6, 1e-3),
        "warmup_prefix": dice.random() < 0.5,
        "cycle_mul": dice.choice([1.0, 2.0]),
        "cycle_decay": dice.rounded(0.1, 1.0),
        "cycle_limit": dice.randint(1, 3),
        "k_decay": _k_decay(dice),
        "stable_timescale": dice.randint(1, 5),
        "step_on_epochs": False,
        "updates_per_epoch": each,
    }
    required = ("sched", "num_epochs", "step_on_epochs", "updates_per_epoch", "stable_timescale")
    kept = dice.thinned(kwargs, *required)
    return Case("create_scheduler_v2", kept, dice.rate(), dice.horizon(epochs * each))


def _cyclic(dice: Dice, call: str, kwargs: Kwargs) -> Case:
    length = dice.length(1, 30)
    common = {"t_initial": length, "lr_min": dice.rate(1e-6, 1e-4), **kwargs, **_warmup(dice)}
    cycles = common.get("cycle_limit", 1)
    kept = dice.thinned(common, "t_initial")
    return _case(dice, call, kept, min(56, length * cycles + kept.get("warmup_t", 0)))


def _cycles(dice: Dice) -> Kwargs:
    return {
        "cycle_mul": dice.choice([1.0, 1.0, 2.0, dice.rounded(1.0, 3.0)]),
        "cycle_decay": dice.rounded(0.1, 1.0),
        "cycle_limit": dice.randint(1, 4),
    }


def _warmup(dice: Dice) -> Kwargs:
    length = dice.choice([0, dice.randint(1, 10)])
    return {
        "warmup_t": length,
        "warmup_lr_init": dice.rate(1e-6, 1e-4),
        "warmup_prefix": dice.random() < 0.7,
    }


def _noisy(draw: Draw) -> Draw:
    """The same with noise, on some of the updates or shares of the whole."""

    def drawn(dice: Dice) -> Case:
        case = draw(dice)
        whole, name = (
            (1.0, "noise") if case.call == "create_scheduler_v2" else (40, "noise_range_t")
        )
        first = dice.rounded(0.0, 0.5) * whole
        given = {
            name: dice.choice([first, [first, first + dice.rounded(0.1, 0.6) * whole]]),
            "noise_pct": dice.rounded(0.1, 0.9),
            "noise_std": dice.rounded(0.1, 1.5),
            "noise_seed": dice.randint(0, 10**6),
        }
        return replace(case, kwargs={**case.kwargs, **dice.thinned(given, name)})

    return drawn


def _k_decay(dice: Dice) -> float:
    return dice.choice([1.0, 1.0, dice.rounded(0.3, 3.0)])


def _case(dice: Dice, call: str, kwargs: Kwargs, length: int) -> Case:
    return Case(call, {**kwargs, "t_in_epochs": False}, dice.rate(), dice.horizon(length))


def _hand(why: str, call: str, horizon: int, **kwargs: object) -> Case:
    return Case(call, {**kwargs, "t_in_epochs": False}, 1.0, horizon, why=why)


HAND = (
    _hand(
        "as every library's warm-up and cosine",
        "CosineLRScheduler",
        12,
        t_initial=8,
        lr_min=0.1,
        warmup_t=4,
        warmup_prefix=True,
    ),
    _hand(
        "without the prefix it jumps down after the warm-up: the peak is never reached",
        "CosineLRScheduler",
        10,
        t_initial=10,
        warmup_t=4,
        warmup_lr_init=0.01,
    ),
    _hand(
        "tanh's warm-up targets the curve, not the peak",
        "TanhLRScheduler",
        10,
        t_initial=10,
        warmup_t=4,
        warmup_lr_init=0.01,
    ),
    _hand("drops an update early", "MultiStepLRScheduler", 10, decay_t=[3, 6], decay_rate=0.1),
    _hand(
        "growing cycles: the index of the cycle is found by logarithm",
        "CosineLRScheduler",
        63,
        t_initial=7,
        cycle_mul=2.0,
        cycle_limit=5,
        cycle_decay=0.5,
    ),
    _hand(
        "finds the wrong cycle at its exact boundary, update 12: the floor, not the peak",
        "CosineLRScheduler",
        30,
        t_initial=5,
        cycle_mul=1.4,
        cycle_limit=5,
    ),
    Case(
        "create_scheduler_v2",
        {"sched": "poly", "num_epochs": 10, "step_on_epochs": False, "updates_per_epoch": 1},
        1.0,
        10,
        why="its decay rate is the power",
    ),
)

DRAWS: dict[str, Draw] = {
    "CosineLRScheduler": _cosine,
    "TanhLRScheduler": _tanh,
    "PolyLRScheduler": _poly,
    "StepLRScheduler": _step,
    "MultiStepLRScheduler": _multi_step,
    "WSDLRScheduler": _wsd,
    "create_scheduler_v2": _factory,
}
CALLS = Calls({**DRAWS, **{f"{name}(noise)": _noisy(draw) for name, draw in DRAWS.items()}}, HAND)
