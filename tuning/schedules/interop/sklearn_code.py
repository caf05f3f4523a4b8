"""Code for scikit-learn: a rule of its SGD where it is exact, else the rate set for every sample.

The one idea: an update is one sample; `partial_fit` of one sample at a rate set before it follows
any schedule.
Not here: what is read (`sklearn_calls`).
"""

from collections.abc import Iterator

from tuning.schedules.families import Family, InverseSqrt, InverseTime, PowerDecay
from tuning.schedules.interop.base import Exported
from tuning.schedules.interop.export import Spelled, Writer, title_of, write_index, write_table
from tuning.schedules.interop.own_rule import with_own_rule
from tuning.schedules.interop.rules import find_rule, open_loop, propose_sklearn
from tuning.schedules.interop.sklearn_calls import CALLS
from tuning.schedules.schedule import Schedule


def write_sklearn(schedule: Schedule) -> Exported:
    """Code for scikit-learn."""
    title = title_of(schedule, "; an update is one sample")
    if not schedule.family.is_feedback:
        return WRITER.write(schedule, title)
    rule = find_rule(CALLS, propose_sklearn(schedule), schedule)
    if rule is None:
        return with_own_rule(WRITER.write(open_loop(schedule), title), schedule)
    why = "The rule 'adaptive' of its SGD listens as this one does, once an epoch."
    return Exported(_native(rule, title), is_native=True, why=why)


def _native(native: Spelled, title: str) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in native.kwargs.items())
    return (
        f"{title}\n\nfrom sklearn.linear_model import SGDRegressor\n\n"
        f"# The same arguments make an SGDClassifier.\nmodel = SGDRegressor({given})\n"
    )


def _because(native: Spelled) -> str:
    return f"The rule {native.kwargs['learning_rate']!r} has these values at every sample."


def _propose(schedule: Schedule) -> Iterator[Spelled]:
    first, second = schedule([0, min(1, schedule.horizon - 1)]).tolist()
    if first <= 0.0 or schedule.family.is_feedback:
        return
    if first == second:
        kwargs = {"learning_rate": "constant", "eta0": first}
        yield Spelled("SGDRegressor", kwargs, schedule.peak)
    exponent = _exponent(schedule.family)
    if exponent is not None:
        kwargs = {"learning_rate": "invscaling", "eta0": first, "power_t": exponent}
        yield Spelled("SGDRegressor", kwargs, schedule.peak)
    kwargs = {"learning_rate": "optimal", "alpha": first**-4.0}
    yield Spelled("SGDRegressor", kwargs, schedule.peak)


def _exponent(family: Family) -> float | None:
    """The power of time that a family falls with."""
    match family:
        case PowerDecay():
            return family.exponent
        case InverseSqrt():
            return 0.5
        case InverseTime():
            return 1.0
    return None


def _looked_up(schedule: Schedule, title: str) -> str:
    return f'''{title}

{write_table(schedule)}


def fit(model, samples, targets, **options):
    """Fit an SGDRegressor or SGDClassifier, one sample an update, in the order given.

    Options go to partial_fit: the first call of a classifier needs classes=...
    """
    for t, target in enumerate(targets):
        rate = LEARNING_RATES[{write_index(schedule)}]
        if rate > 0.0:  # scikit-learn takes no rate of 0, at which nothing would move
            model.set_params(learning_rate="constant", eta0=rate)
            model.partial_fit(samples[t : t + 1], [target], **options)
    return model
'''


WRITER = Writer(
    name="scikit-learn",
    calls=CALLS,
    propose=_propose,
    spell=_native,
    look_up=_looked_up,
    native=_because,
    table="No rule of scikit-learn's SGD has these values; so the rate is set for every sample.",
)
