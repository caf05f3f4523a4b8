"""Calls of transformers.get_scheduler: one row per scheduler name."""

from parity.case import Calls, Case, Dice, Draw, Kwargs


def constant(dice: Dice) -> Case:
    return Case(
        "get_scheduler", {"name": "constant"}, dice.rate(), dice.length(), row=_row("constant")
    )


def constant_with_warmup(dice: Dice) -> Case:
    return _case(dice, "constant_with_warmup", {}, is_bounded=False)


def linear(dice: Dice) -> Case:
    return _case(dice, "linear", {})


def cosine(dice: Dice) -> Case:
    return _case(dice, "cosine", dice.thinned({"num_cycles": _cycles(dice)}))


def restarts(dice: Dice) -> Case:
    return _case(dice, "cosine_with_restarts", dice.thinned({"num_cycles": dice.randint(1, 5)}))


def polynomial(dice: Dice) -> Case:
    specific = {"lr_end": dice.rate(1e-7, 5e-5), "power": dice.choice([1.0, dice.rounded(0.2, 4)])}
    return _case(dice, "polynomial", dice.thinned(specific))


def inverse_sqrt(dice: Dice) -> Case:
    specific = dice.thinned({"timescale": dice.length(1, 100)})
    return _case(dice, "inverse_sqrt", specific, is_bounded=False)


def cosine_with_min_lr(dice: Dice) -> Case:
    specific = {**_floor(dice), **dice.thinned({"num_cycles": _cycles(dice)})}
    return _case(dice, "cosine_with_min_lr", specific)


def cosine_warmup_with_min_lr(dice: Dice) -> Case:
    optional = {"num_cycles": _cycles(dice), "warmup_lr_rate": dice.rounded(0.0, 1.0)}
    return _case(dice, "cosine_warmup_with_min_lr", {**_floor(dice), **dice.thinned(optional)})


def warmup_stable_decay(dice: Dice) -> Case:
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

DRAWS: dict[str, Draw] = {
    "constant": constant,
    "constant_with_warmup": constant_with_warmup,
    "linear": linear,
    "cosine": cosine,
    "cosine_with_restarts": restarts,
    "polynomial": polynomial,
    "inverse_sqrt": inverse_sqrt,
    "cosine_with_min_lr": cosine_with_min_lr,
    "cosine_warmup_with_min_lr": cosine_warmup_with_min_lr,
    "warmup_stable_decay": warmup_stable_decay,
}
CALLS = Calls({_row(name): draw for name, draw in DRAWS.items()}, HAND)
