"""Calls of keras.optimizers.schedules. Rates are the calls' own, in float32."""

from parity.case import Calls, Case, Dice, Kwargs


def _cosine(dice: Dice) -> Case:
    length, warmup = dice.length(), 0
    kwargs: Kwargs = {
        "initial_learning_rate": dice.rate(),
        "decay_steps": length,
        "alpha": dice.rounded(0.0, 0.5),
    }
    if dice.random() < 0.6:
        warmup = dice.length(0, 20)
        kwargs["warmup_target"] = dice.rate()
        kwargs["warmup_steps"] = warmup
        kwargs["initial_learning_rate"] = dice.choice([0.0, dice.share(kwargs["warmup_target"])])
    return _case(dice, "CosineDecay", kwargs, min(56, length + warmup))


def _restarts(dice: Dice) -> Case:
    kwargs = {
        "initial_learning_rate": dice.rate(),
        "first_decay_steps": dice.length(1, 20),
        "t_mul": dice.choice([1.0, 2.0, dice.rounded(1.1, 3.0)]),
        "m_mul": dice.rounded(0.3, 1.0),
        "alpha": dice.rounded(0.0, 0.5),
    }
    kept = dice.thinned(kwargs, "initial_learning_rate", "first_decay_steps")
    return _case(dice, "CosineDecayRestarts", kept, dice.length())


def _exponential(dice: Dice) -> Case:
    return _case(dice, "ExponentialDecay", _decay(dice, 0.3, 0.99), dice.length())


def _inverse_time(dice: Dice) -> Case:
    return _case(dice, "InverseTimeDecay", _decay(dice, 0.1, 4.0), dice.length())


def _polynomial(dice: Dice) -> Case:
    peak, length = dice.rate(1e-3), dice.length()
    kwargs = {
        "initial_learning_rate": peak,
        "decay_steps": length,
        "end_learning_rate": dice.share(peak),
        "power": dice.choice([1.0, 2.0, dice.rounded(0.3, 3.0)]),
        "cycle": dice.random() < 0.3,
    }
    kept = dice.thinned(kwargs, "initial_learning_rate", "decay_steps")
    return _case(dice, "PolynomialDecay", kept, length)


def _piecewise(dice: Dice) -> Case:
    count = dice.randint(1, 4)
    values = [dice.rate() for _ in range(count + 1)]
    kwargs = {"boundaries": dice.increasing(count), "values": values}
    return _case(dice, "PiecewiseConstantDecay", kwargs, dice.length())


def _decay(dice: Dice, low: float, high: float) -> Kwargs:
    kwargs = {
        "initial_learning_rate": dice.rate(),
        "decay_steps": dice.length(1, 20),
        "decay_rate": dice.rounded(low, high),
        "staircase": dice.random() < 0.4,
    }
    return dice.thinned(kwargs, "initial_learning_rate", "decay_steps", "decay_rate")


def _case(dice: Dice, call: str, kwargs: Kwargs, length: int) -> Case:
    return Case(call, kwargs, 1.0, dice.horizon(length))


def _hand(why: str, call: str, **kwargs: object) -> Case:
    return Case(call, kwargs, 1.0, 12, why=why)


HAND = (
    _hand(
        "the warm-up and cosine of every library; its decay excludes the warm-up",
        "CosineDecay",
        initial_learning_rate=0.0,
        decay_steps=8,
        alpha=0.1,
        warmup_target=1.0,
        warmup_steps=4,
    ),
    _hand(
        "the new value one update after the boundary",
        "PiecewiseConstantDecay",
        boundaries=[3, 6],
        values=[1.0, 0.5, 0.1],
    ),
    _hand(
        "touches its end, then begins again lower",
        "PolynomialDecay",
        initial_learning_rate=1.0,
        decay_steps=4,
        end_learning_rate=0.0,
        cycle=True,
    ),
    _hand("no length is refused", "CosineDecay", initial_learning_rate=1.0, decay_steps=0),
)

CALLS = Calls(
    {
        "CosineDecay": _cosine,
        "CosineDecayRestarts": _restarts,
        "ExponentialDecay": _exponential,
        "PolynomialDecay": _polynomial,
        "InverseTimeDecay": _inverse_time,
        "PiecewiseConstantDecay": _piecewise,
    },
    HAND,
)
