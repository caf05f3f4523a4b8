"""Calls of torch.optim.lr_scheduler: random arguments, and the cases with known oddities."""

from collections.abc import Sequence
from dataclasses import replace

from parity.case import Calls, Case, Dice, Draw, Kwargs


def _cosine(dice: Dice) -> Case:
    length = dice.length()
    kwargs = {"T_max": length, "eta_min": dice.rate(1e-6, 0.1)}
    return _case(dice, "CosineAnnealingLR", dice.thinned(kwargs, "T_max"), length)


def _polynomial(dice: Dice) -> Case:
    length = dice.length()
    kwargs = {"total_iters": length, "power": dice.choice([1.0, 2.0, dice.rounded(0.2, 4.0)])}
    return _case(dice, "PolynomialLR", dice.thinned(kwargs, "total_iters"), length)


def _linear(dice: Dice) -> Case:
    length = dice.length()
    start, end = dice.rate(1e-3, 1.0), dice.choice([0.0, 1.0, dice.rounded(0.0, 1.0)])
    kwargs = {"start_factor": start, "end_factor": end, "total_iters": length}
    return _case(dice, "LinearLR", dice.thinned(kwargs, "total_iters"), length)


def _constant(dice: Dice) -> Case:
    length = dice.length()
    kwargs = {"factor": dice.rate(1e-3, 1.0), "total_iters": length}
    return _case(dice, "ConstantLR", dice.thinned(kwargs, "total_iters"), length)


def _exponential(dice: Dice) -> Case:
    return _case(dice, "ExponentialLR", {"gamma": dice.rounded(0.3, 1.0)}, dice.length())


def _step(dice: Dice) -> Case:
    kwargs = {"step_size": dice.length(1, 20), "gamma": dice.rounded(0.05, 0.95)}
    return _case(dice, "StepLR", dice.thinned(kwargs, "step_size"), dice.length())


def _multi_step(dice: Dice) -> Case:
    milestones = dice.increasing(dice.randint(1, 4))
    kwargs = {"milestones": milestones, "gamma": dice.rounded(0.05, 0.95)}
    return _case(dice, "MultiStepLR", dice.thinned(kwargs, "milestones"), dice.length())


def _one_cycle(dice: Dice) -> Case:
    length = dice.length(3)
    kwargs = {
        "max_lr": dice.rate(),
        "total_steps": length,
        "pct_start": dice.rounded(0.05, 0.6),
        "anneal_strategy": dice.choice(["cos", "linear"]),
        "div_factor": dice.rounded(1.0, 50.0),
        "final_div_factor": dice.rate(10.0, 1e5),
        "three_phase": dice.random() < 0.3,
        "cycle_momentum": False,
    }
    # Two short up and down phases must leave room for the third.
    if kwargs["three_phase"]:
        kwargs["pct_start"] = dice.rounded(0.05, 0.45)
    kept = dice.thinned(kwargs, "max_lr", "total_steps", "pct_start", "cycle_momentum")
    return Case("OneCycleLR", kept, dice.rate(), length)


def _cyclic(dice: Dice) -> Case:
    low = dice.rate(1e-5, 1e-2)
    kwargs = {
        "base_lr": low,
        "max_lr": round(low * dice.rounded(1.5, 50.0), 9),
        "step_size_up": dice.length(1, 16),
        "step_size_down": dice.length(1, 16),
        "mode": dice.choice(["triangular", "triangular2", "exp_range"]),
        "gamma": dice.rounded(0.9, 1.0),
        "cycle_momentum": False,
    }
    kept = dice.thinned(kwargs, "base_lr", "max_lr", "step_size_up", "mode", "cycle_momentum")
    return _case(dice, "CyclicLR", kept, dice.length())


def _with_momentum(draw: Draw) -> Draw:
    """The same draws, with the momentum cycled, too."""

    def drawn(dice: Dice) -> Case:
        case = draw(dice)
        kwargs = {**case.kwargs, "cycle_momentum": True}
        kwargs |= {"base_momentum": dice.rounded(0.0, 0.9), "max_momentum": dice.rounded(0.5, 1.0)}
        kept = dice.thinned(kwargs, *case.kwargs)
        return replace(case, kwargs=kept)

    return drawn


def _warm_restarts(dice: Dice) -> Case:
    first = dice.length(1, 20)
    kwargs = {"T_0": first, "T_mult": dice.randint(1, 3), "eta_min": dice.rate(1e-6, 0.1)}
    kept = dice.thinned(kwargs, "T_0")
    return _case(dice, "CosineAnnealingWarmRestarts", kept, dice.length())


def _swa(dice: Dice) -> Case:
    kwargs = {
        "swa_lr": dice.rate(),
        "anneal_epochs": dice.length(0, 20),
        "anneal_strategy": dice.choice(["cos", "linear"]),
    }
    return _case(dice, "SWALR", dice.thinned(kwargs, "swa_lr"), dice.length())


def _factors(dice: Dice) -> Case:
    length = dice.length()
    values = [dice.rounded(0.0, 1.0) for _ in range(length)]
    values[dice.randrange(length)] = 1.0
    return Case("LambdaLR", {"lr_lambda": values}, dice.rate(), length)


# Children of composites: their lengths are short, so that several fit.
CHILDREN = (_cosine, _polynomial, _linear, _constant, _exponential, _step, _multi_step)


def _multiplicative(dice: Dice) -> Case:
    length = dice.length()
    values = [dice.rounded(0.7, 1.2) for _ in range(length)]
    return Case("MultiplicativeLR", {"lr_lambda": values}, dice.rate(), length)


def _sequential(dice: Dice) -> Case:
    count = dice.randint(2, 3)
    kwargs = {
        "schedulers": [_child(dice) for _ in range(count)],
        "milestones": dice.increasing(count - 1, 40),
    }
    return _case(dice, "SequentialLR", kwargs, dice.length(8))


def _chained(dice: Dice) -> Case:
    kwargs = {"schedulers": [_child(dice) for _ in range(dice.randint(1, 3))]}
    return _case(dice, "ChainedScheduler", kwargs, dice.length())


# Also those that set the rate whatever it was, and composites within composites.
LATER = (*CHILDREN, _cyclic, _warm_restarts, _one_cycle, _factors, _multiplicative, _sequential)
ANY = (*LATER, _chained)  # which cannot come later in a sequence: it has no reset


def _sequential_of_any(dice: Dice) -> Case:
    count = dice.randint(2, 3)
    children = [_child(dice, LATER if place else ANY) for place in range(count)]
    kwargs = {"schedulers": children, "milestones": dice.increasing(count - 1, 30)}
    return _case(dice, "SequentialLR", kwargs, dice.length(8))


def _chained_of_any(dice: Dice) -> Case:
    kwargs = {"schedulers": [_child(dice, ANY) for _ in range(dice.randint(2, 3))]}
    return _case(dice, "ChainedScheduler", kwargs, dice.length())


MOVING = (_with_momentum(_one_cycle), _with_momentum(_cyclic), _linear, _one_cycle, _warm_restarts)


def _sequential_of_cycles(dice: Dice) -> Case:
    children = [_child(dice, MOVING) for _ in range(dice.randint(2, 3))]
    kwargs = {"schedulers": children, "milestones": dice.increasing(len(children) - 1, 30)}
    return _case(dice, "SequentialLR", kwargs, dice.length(8))


def _chained_of_cycles(dice: Dice) -> Case:
    kwargs = {"schedulers": [_child(dice, MOVING) for _ in range(dice.randint(2, 3))]}
    return _case(dice, "ChainedScheduler", kwargs, dice.length())


def _child(dice: Dice, among: Sequence[Draw] = CHILDREN) -> Kwargs:
    case = dice.choice(among)(dice)
    return {"call": case.call, "kwargs": case.kwargs}


def _case(dice: Dice, call: str, kwargs: Kwargs, length: int) -> Case:
    return Case(call, kwargs, dice.rate(), dice.horizon(length))


def _nest(call: str, **kwargs: object) -> Kwargs:
    return {"call": call, "kwargs": kwargs}


def _by_hand(horizon: int, why: str, **kwargs: object) -> Case:
    fixed = {"max_lr": 1.0, "cycle_momentum": False}
    return Case("OneCycleLR", {**fixed, **kwargs}, 1.0, horizon, why=why)


WARMUP = _nest("LinearLR", start_factor=1e-8, end_factor=1.0, total_iters=4)
HAND = (
    Case("CosineAnnealingLR", {"T_max": 100}, 0.1, 120, why="rebounds after its own end"),
    Case("CosineAnnealingLR", {"T_max": 8}, 1.0, 30, why="two rebounds"),
    _by_hand(10, "cosine: peak at update 2, least at 9", total_steps=10, pct_start=0.3),
    _by_hand(11, "cosine, one update too many", total_steps=10, pct_start=0.3),
    _by_hand(11, "linear: negative at the extra update", total_steps=10, anneal_strategy="linear"),
    _by_hand(10, "divides by zero", total_steps=10, pct_start=0.1),
    _by_hand(10, "starts at .993, the peak is never reached", total_steps=10, pct_start=0.05),
    _by_hand(20, "length in epochs", epochs=4, steps_per_epoch=5),
    Case("LinearLR", {"start_factor": 0.0}, 0.1, 10, why="a start factor of 0 is refused"),
    Case("ConstantLR", {"factor": 0.0, "total_iters": 3}, 0.1, 10, why="a factor of 0"),
    Case(
        "SequentialLR",
        {"schedulers": [WARMUP, _nest("CosineAnnealingLR", T_max=8)], "milestones": [4]},
        1.0,
        12,
        why="warm-up, then cosine",
    ),
    Case(
        "SequentialLR",
        {"schedulers": [WARMUP, _nest("CosineAnnealingLR", T_max=8)], "milestones": [0]},
        1.0,
        12,
        why="a milestone at 0",
    ),
    Case(
        "SequentialLR",
        {
            "schedulers": [
                _nest("LinearLR", start_factor=0.1, total_iters=4),
                _nest("OneCycleLR", max_lr=1.0, total_steps=10, cycle_momentum=False),
            ],
            "milestones": [4],
        },
        1.0,
        14,
        why="one-cycle rewrites the initial rate: the warm-up runs at 1/25",
    ),
    Case(
        "SequentialLR",
        {
            "schedulers": [
                _nest(
                    "SequentialLR",
                    schedulers=[
                        _nest("LinearLR", start_factor=0.1, total_iters=2),
                        _nest("ConstantLR", factor=1.0, total_iters=2),
                    ],
                    milestones=[2],
                ),
                _nest("CosineAnnealingLR", T_max=8),
            ],
            "milestones": [4],
        },
        1.0,
        12,
        why="nested: the warm-up is skipped",
    ),
    Case(
        "SequentialLR",
        {
            "schedulers": [
                _nest(
                    "ChainedScheduler",
                    schedulers=[
                        _nest("LinearLR", start_factor=0.1, total_iters=3),
                        _nest("ExponentialLR", gamma=0.9),
                    ],
                ),
                _nest("CosineAnnealingLR", T_max=8),
            ],
            "milestones": [4],
        },
        1.0,
        12,
        why="chained first: starts at .09",
    ),
    Case(
        "SequentialLR",
        {
            "schedulers": [
                _nest("LinearLR", start_factor=0.1, total_iters=4),
                _nest("ChainedScheduler", schedulers=[_nest("ExponentialLR", gamma=0.9)]),
            ],
            "milestones": [4],
        },
        1.0,
        12,
        why="chained second",
    ),
    Case(
        "ChainedScheduler",
        {
            "schedulers": [
                _nest("LinearLR", start_factor=0.1, total_iters=4),
                _nest("CosineAnnealingWarmRestarts", T_0=5),
            ]
        },
        1.0,
        12,
        why="an absolute scheduler wins: no product",
    ),
)

CALLS = Calls(
    {
        "CosineAnnealingLR": _cosine,
        "PolynomialLR": _polynomial,
        "LinearLR": _linear,
        "ConstantLR": _constant,
        "ExponentialLR": _exponential,
        "StepLR": _step,
        "MultiStepLR": _multi_step,
        "OneCycleLR": _one_cycle,
        "CyclicLR": _cyclic,
        "OneCycleLR(momentum)": _with_momentum(_one_cycle),
        "CyclicLR(momentum)": _with_momentum(_cyclic),
        "CosineAnnealingWarmRestarts": _warm_restarts,
        "SequentialLR": _sequential,
        "ChainedScheduler": _chained,
        "LambdaLR": _factors,
        "MultiplicativeLR": _multiplicative,
        "SWALR": _swa,
        "SequentialLR(of any)": _sequential_of_any,
        "ChainedScheduler(of any)": _chained_of_any,
        "SequentialLR(momentum)": _sequential_of_cycles,
        "ChainedScheduler(momentum)": _chained_of_cycles,
    },
    HAND,
)
