"""Calls of optax's schedules. Rates are the calls' own: the base rate has no influence."""

from parity.case import Calls, Case, Dice, Kwargs


def _constant(dice: Dice) -> Case:
    return _case(dice, "constant_schedule", {"value": dice.rate()}, dice.length())


def _cosine(dice: Dice) -> Case:
    length = dice.length()
    kwargs = {
        "init_value": dice.rate(),
        "decay_steps": length,
        "alpha": dice.rounded(0.0, 0.5),
        "exponent": dice.choice([1.0, dice.rounded(0.3, 4.0)]),
    }
    kept = dice.thinned(kwargs, "init_value", "decay_steps")
    return _case(dice, "cosine_decay_schedule", kept, length)


def _warmup_cosine(dice: Dice) -> Case:
    length = dice.length(2)
    peak = dice.rate()
    kwargs = {
        "init_value": dice.choice([0.0, dice.share(peak)]),
        "peak_value": peak,
        "warmup_steps": dice.choice([0, dice.randint(0, length - 1)]),
        "decay_steps": length,
        "end_value": dice.share(peak),
        "exponent": dice.choice([1.0, dice.rounded(0.3, 4.0)]),
    }
    kept = dice.thinned(kwargs, "init_value", "peak_value", "warmup_steps", "decay_steps")
    return _case(dice, "warmup_cosine_decay_schedule", kept, length)


def _polynomial(dice: Dice) -> Case:
    kwargs = {**_transition(dice), "power": dice.choice([1, 2, dice.rounded(0.2, 4.0)])}
    kept = dice.thinned(kwargs, "init_value", "end_value", "power", "transition_steps")
    return _case(dice, "polynomial_schedule", kept, kwargs["transition_steps"])


def _linear(dice: Dice) -> Case:
    kwargs = _transition(dice)
    kept = dice.thinned(kwargs, "init_value", "end_value", "transition_steps")
    return _case(dice, "linear_schedule", kept, kwargs["transition_steps"])


def _exponential(dice: Dice) -> Case:
    kwargs = {"init_value": dice.rate(), **_decay(dice)}
    kept = dice.thinned(kwargs, "init_value", "transition_steps", "decay_rate")
    return _case(dice, "exponential_decay", kept, dice.length())


def _warmup_exponential(dice: Dice) -> Case:
    peak = dice.rate()
    fixed = {
        "init_value": dice.choice([0.0, dice.share(peak)]),
        "peak_value": peak,
        "warmup_steps": dice.length(0, 20),
    }
    kept = dice.thinned(_decay(dice), "transition_steps", "decay_rate")
    return _case(dice, "warmup_exponential_decay_schedule", {**fixed, **kept}, dice.length())


def _warmup_constant(dice: Dice) -> Case:
    peak = dice.rate()
    start, length = dice.choice([0.0, dice.share(peak)]), dice.length(1, 30)
    kwargs = {"init_value": start, "peak_value": peak, "warmup_steps": length}
    return _case(dice, "warmup_constant_schedule", kwargs, dice.length())


def _piecewise_constant(dice: Dice) -> Case:
    kwargs = {"init_value": dice.rate(), "boundaries_and_scales": _scales(dice, 0.05, 1.5)}
    return _case(dice, "piecewise_constant_schedule", kwargs, dice.length())


def _piecewise_interpolate(dice: Dice) -> Case:
    kwargs = {
        "interpolate_type": dice.choice(["linear", "cosine"]),
        "init_value": dice.rate(),
        "boundaries_and_scales": _scales(dice, 0.05, 3.0),
    }
    return _case(dice, "piecewise_interpolate_schedule", kwargs, dice.length())


def _cosine_onecycle(dice: Dice) -> Case:
    length = dice.length(4)
    kwargs = _onecycle(dice, length)
    kept = dice.thinned(kwargs, "transition_steps", "peak_value")
    return _case(dice, "cosine_onecycle_schedule", kept, length)


def _linear_onecycle(dice: Dice) -> Case:
    length = dice.length(8)
    kwargs = {**_onecycle(dice, length), "pct_final": dice.rounded(0.6, 0.95)}
    kept = dice.thinned(kwargs, "transition_steps", "peak_value")
    return _case(dice, "linear_onecycle_schedule", kept, length)


def _sgdr(dice: Dice) -> Case:
    cycles = []
    for _ in range(dice.randint(1, 4)):
        length, peak = dice.length(2, 18), dice.rate()
        kwargs = {
            "init_value": dice.share(peak),
            "peak_value": peak,
            "warmup_steps": dice.randint(0, length - 1),
            "decay_steps": length,
            "end_value": dice.share(peak),
        }
        cycles.append(kwargs)
    total = sum(cycle["decay_steps"] for cycle in cycles)
    return _case(dice, "sgdr_schedule", {"cosine_kwargs": cycles}, min(56, total))


CHILDREN = (
    _constant,
    _cosine,
    _warmup_cosine,
    _polynomial,
    _linear,
    _exponential,
    _piecewise_constant,
)


def _join(dice: Dice) -> Case:
    count = dice.randint(2, 3)
    children = [dice.choice(CHILDREN)(dice) for _ in range(count)]
    kwargs = {
        "schedules": [{"call": child.call, "kwargs": child.kwargs} for child in children],
        "boundaries": dice.increasing(count - 1, 40),
    }
    return _case(dice, "join_schedules", kwargs, dice.length(8))


def _transition(dice: Dice) -> Kwargs:
    start, end = dice.rate(), dice.choice([0.0, dice.rate()])
    if dice.random() < 0.3:
        start, end = 0.0, start
    return {
        "init_value": start,
        "end_value": end,
        "transition_steps": dice.length(1, 40),
        "transition_begin": dice.choice([0, dice.length(0, 16)]),
    }


def _decay(dice: Dice) -> Kwargs:
    return {
        "transition_steps": dice.length(1, 20),
        "decay_rate": dice.rounded(0.1, 0.99),
        "transition_begin": dice.choice([0, dice.length(0, 16)]),
        "staircase": dice.random() < 0.4,
        "end_value": dice.rate(1e-6, 1e-4),
    }


def _scales(dice: Dice, low: float, high: float) -> dict[str, float]:
    # The keys of a JSON object are text; the library takes integers.
    boundaries = dice.increasing(dice.randint(1, 4))
    return {str(boundary): dice.rounded(low, high) for boundary in boundaries}


def _onecycle(dice: Dice, length: int) -> Kwargs:
    return {
        "transition_steps": length,
        "peak_value": dice.rate(),
        "pct_start": dice.rounded(0.1, 0.5),
        "div_factor": dice.rounded(1.0, 50.0),
        "final_div_factor": dice.rate(10.0, 1e5),
    }


def _case(dice: Dice, call: str, kwargs: Kwargs, length: int) -> Case:
    return Case(call, kwargs, 1.0, dice.horizon(length))


def _hand(why: str, call: str, horizon: int = 12, **kwargs: object) -> Case:
    return Case(call, kwargs, 1.0, horizon, why=why)


HAND = (
    _hand(
        "the warm-up and cosine of every library",
        "warmup_cosine_decay_schedule",
        init_value=0.0,
        peak_value=1.0,
        warmup_steps=4,
        decay_steps=12,
        end_value=0.1,
    ),
    _hand(
        "no transition: the start for ever",
        "linear_schedule",
        init_value=0.0,
        end_value=1.0,
        transition_steps=0,
    ),
    _hand(
        "no warm-up: trains at 0",
        "warmup_constant_schedule",
        init_value=0.0,
        peak_value=1.0,
        warmup_steps=0,
    ),
    _hand(
        "no warm-up, where that is no fault",
        "warmup_cosine_decay_schedule",
        init_value=0.0,
        peak_value=1.0,
        warmup_steps=0,
        decay_steps=12,
    ),
    _hand(
        "peak at update 3, least at 10",
        "cosine_onecycle_schedule",
        10,
        transition_steps=10,
        peak_value=1.0,
    ),
    _hand("three phases", "linear_onecycle_schedule", 20, transition_steps=20, peak_value=1.0),
    _hand("one step", "cosine_onecycle_schedule", 3, transition_steps=1, peak_value=1.0),
    _hand(
        "the new value from the boundary on",
        "piecewise_constant_schedule",
        init_value=1.0,
        boundaries_and_scales={"3": 0.5, "6": 0.1},
    ),
    _hand("no boundaries", "piecewise_constant_schedule", init_value=1.0),
    _hand(
        "a rate above 1 grows up to its bound",
        "exponential_decay",
        init_value=0.01,
        transition_steps=3,
        decay_rate=2.0,
        end_value=0.05,
    ),
)

CALLS = Calls(
    {
        "constant_schedule": _constant,
        "cosine_decay_schedule": _cosine,
        "warmup_cosine_decay_schedule": _warmup_cosine,
        "polynomial_schedule": _polynomial,
        "linear_schedule": _linear,
        "exponential_decay": _exponential,
        "warmup_exponential_decay_schedule": _warmup_exponential,
        "warmup_constant_schedule": _warmup_constant,
        "piecewise_constant_schedule": _piecewise_constant,
        "piecewise_interpolate_schedule": _piecewise_interpolate,
        "cosine_onecycle_schedule": _cosine_onecycle,
        "linear_onecycle_schedule": _linear_onecycle,
        "sgdr_schedule": _sgdr,
        "join_schedules": _join,
    },
    HAND,
)
