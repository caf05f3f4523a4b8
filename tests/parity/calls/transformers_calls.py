"""Calls of transformers.get_scheduler: one row per scheduler name."""

from parity.case import Calls, Case, Dice, Draw, Kwargs


def _constant(dice: Dice) -> Case:
    return Case(
        "get_scheduler", {"name": "constant"}, dice.rate(), dice.length(), row=_row("constant")
    )


def _constant_with_warmup(dice: Dice) -> Case:
    return _case(dice, "constant_with_warmup", {}, is_bounded=False)


def _linear(dice: Dice) -> Case:
    return _case(dice, "linear", {})


def _cosine(dice: Dice) -> Case:
    return _case(dice, "cosine", dice.thinned({"num_cycles": _cycles(dice)}))


def _restarts(dice: Dice) -> Case:
    return _case(dice, "cosine_with_restarts", dice.thinned({"num_cycles": dice.randint(1, 5)}))


def _polynomial(dice: Dice) -> Case:
    specific = {"lr_end": dice.rate(1e-7, 5e-5), "power": dice.choice([1.0, dice.rounded(0.2, 4)])}
    return _case(dice, "polynomial", dice.thinned(specific))


def _inverse_sqrt(dice: Dice) -> Case:
    specific = dice.thinned({"timescale": dice.length(1, 100)})
    return _case(dice, "inverse_sqrt", specific, is_bounded=False)


def _cosine_with_min_lr(dice: Dice) -> Case:
    specific = {**_floor(dice), **dice.thinned({"num_cycles": _cycles(dice)})}
    return _case(dice, "cosine_with_min_lr", specific)


def _cosine_warmup_with_min_lr(dice: Dice) -> Case:
    optional = {"num_cycles": _cycles(dice), "warmup_lr_rate": dice.rounded(0.0, 1.0)}
    return _case(dice, "cosine_warmup_with_min_lr", {**_floor(dice), **dice.thinned(optional)})


def _warmup_stable_decay(dice: Dice) -> Case:
    warmup, stable, decay = (dice.length(0, 18) for _ in range(3))
    optional = {
        "warmup_type": dice.choice(["linear", "cosine", "1-sqrt"]),
        "decay_type": dice.choice(["linear", "cosine", "1-sqrt"]),
        "min_lr_ratio": dice.rounded(0.0, 0.5),
        "num_cycles": _cycles(dice),
    }
    specific = {"num_decay_steps": decay, **dice.thinned(optional)}
    kwargs: Kwargs = {"name": "warmup_stable_decay", "num_warmup_steps": warmup}
    total = warmup + stable + decay
    if dice.random() < 0.5:
        kwargs["num_training_steps"] = total
    else:
        specific["num_stable_steps"] = stable
    kwargs["scheduler_specific_kwargs"] = specific
    return _made(kwargs, dice.rate(), dice.horizon(max(1, total)))


def _cycles(dice: Dice) -> float:
    return dice.choice([0.5, 0.5, 1.0, 1.5, dice.rounded(0.1, 3.0)])


def _floor(dice: Dice) -> Kwargs:
    if dice.random() < 0.5:
        return {"min_lr": dice.rate(1e-6, 1e-4)}
    return {"min_lr_rate": dice.rounded(0.0, 0.5)}


def _case(dice: Dice, name: str, specific: Kwargs, *, is_bounded: bool = True) -> Case:
    total = dice.length()
    warmup = dice.choice([0, dice.randint(0, total), dice.randint(0, 1 + total // 4)])
    kwargs: Kwargs = {"name": name, "num_warmup_steps": min(warmup, total)}
    if is_bounded or dice.random() < 0.5:
        kwargs["num_training_steps"] = total
    if specific:
        kwargs["scheduler_specific_kwargs"] = specific
    return _made(kwargs, dice.rate(), dice.horizon(total))


def _made(kwargs: Kwargs, base_lr: float, horizon: int, why: str = "") -> Case:
    return Case("get_scheduler", kwargs, base_lr, horizon, why=why, row=_row(kwargs["name"]))


def _row(name: str) -> str:
    return f"get_scheduler({name})"


def _hand(why: str, name: str, warmup: int, total: int | None, **specific: object) -> Case:
    kwargs: Kwargs = {"name": name, "num_warmup_steps": warmup}
    if total is not None:
        kwargs["num_training_steps"] = total
    if specific:
        kwargs["scheduler_specific_kwargs"] = specific
    return _made(kwargs, 1.0, 12, why)


HAND = (
    _hand("the warm-up and cosine of every library", "cosine_with_min_lr", 4, 12, min_lr_rate=0.1),
    _hand("both ends an update early", "cosine_warmup_with_min_lr", 4, 12, min_lr_rate=0.1),
    _hand("a warm-up over W-1", "cosine_warmup_with_min_lr", 4, 12, min_lr=0.1, warmup_lr_rate=0.2),
    _hand("reaches 0 after its last update", "linear", 4, 12),
    _hand("a full wave comes back to the peak", "cosine", 4, 12, num_cycles=1.0),
    _hand("no warm-up", "cosine", 0, 12),
    _hand("all warm-up", "linear", 12, 12),
    _hand("a warm-up longer than the training", "linear", 20, 12),
    _hand("default time scale of 10,000", "inverse_sqrt", 0, None),
    _hand("time scale below the warm-up", "inverse_sqrt", 4, None, timescale=2),
    _hand(
        "warms up from the floor, not from 0",
        "warmup_stable_decay",
        4,
        12,
        num_decay_steps=4,
        min_lr_ratio=0.1,
    ),
    _hand("an end above the start is refused", "polynomial", 4, 12, lr_end=2.0),
    _hand("no room for the decay", "polynomial", 12, 12),
    _hand("both floors are refused", "cosine_with_min_lr", 4, 12, min_lr=0.1, min_lr_rate=0.1),
    _hand("a floor is required", "cosine_with_min_lr", 4, 12),
)

FUNCTIONS = {
    "constant": "get_constant_schedule",
    "constant_with_warmup": "get_constant_schedule_with_warmup",
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
    "inverse_sqrt": "get_inverse_sqrt_schedule",
    "cosine_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup",
    "cosine_warmup_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "warmup_stable_decay": "get_wsd_schedule",
}
UNBOUNDED = ("constant_with_warmup", "inverse_sqrt")  # their functions take no training steps


def _direct(name: str, draw: Draw) -> Draw:
    """The same arguments, given to the function behind the name."""

    def drawn(dice: Dice) -> Case:
        case = draw(dice)
        kwargs = {key: value for key, value in case.kwargs.items() if key != "name"}
        kwargs |= kwargs.pop("scheduler_specific_kwargs", {})
        if name in UNBOUNDED:
            kwargs.pop("num_training_steps", None)
        return Case(FUNCTIONS[name], kwargs, case.base_lr, case.horizon)

    return drawn


DRAWS: dict[str, Draw] = {
    "constant": _constant,
    "constant_with_warmup": _constant_with_warmup,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _restarts,
    "polynomial": _polynomial,
    "inverse_sqrt": _inverse_sqrt,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "cosine_warmup_with_min_lr": _cosine_warmup_with_min_lr,
    "warmup_stable_decay": _warmup_stable_decay,
}
CALLS = Calls(
    {
        **{_row(name): draw for name, draw in DRAWS.items()},
        **{FUNCTIONS[name]: _direct(name, draw) for name, draw in DRAWS.items()},
    },
    HAND,
)
