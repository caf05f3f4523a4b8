"""Constraints: what a user demands of every schedule, as `name <= number` or `name >= number`.

The one idea: a constraint is data, read by one small pattern and never evaluated as code; it bounds
a coordinate of the space or a learning rate of the schedule. A constraint on a coordinate says
nothing of families that do not use it.
Not here: ranges, which narrow a coordinate for the search alone (`tuning.search.space`).
"""

import re
from collections.abc import Callable, Mapping, Sequence

from tuning.errors import InvalidValue, UnknownName
from tuning.records import Comparator, Constraint, ParameterValue, check_number
from tuning.schedules import PARAMETERS, Schedule

MAX_CONSTRAINTS = 32
LONGEST = 200  # characters
PATTERN = re.compile(r"\s*([a-z_0-9]+)\s*(<=|>=)\s*([-+.0-9eE]+)\s*")
LARGEST = 1e300

RATES: Mapping[str, Callable[[Schedule], float]] = {
    "first_lr": lambda schedule: float(schedule(0)),
    "final_lr": lambda schedule: float(schedule(schedule.horizon - 1)),
}


def parse(texts: Sequence[str]) -> tuple[Constraint, ...]:
    """Read constraints; raises InvalidValue or UnknownName naming `constraints[i]`.

    >>> parse(["final_lr <= 1e-5"])[0].value
    1e-05
    """
    if len(texts) > MAX_CONSTRAINTS:
        raise InvalidValue("constraints", len(texts), f"at most {MAX_CONSTRAINTS}")
    return tuple(_parse(f"constraints[{i}]", text) for i, text in enumerate(texts))


def _parse(field: str, text: str) -> Constraint:
    found = PATTERN.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise InvalidValue(field, text[:LONGEST], "NAME <= NUMBER or NAME >= NUMBER")
    name, comparator, number = found.groups()
    numeric = [key for key, parameter in PARAMETERS.items() if parameter.kind != "choice"]
    if name not in {*numeric, *RATES}:
        raise UnknownName(field, name, [*RATES, *numeric])
    try:
        value = float(number)
    except ValueError:
        raise InvalidValue(field, text, "NAME <= NUMBER or NAME >= NUMBER") from None
    return Constraint(name, Comparator(comparator), check_number(field, value, -LARGEST, LARGEST))


def describe(constraint: Constraint) -> str:
    """The constraint as `parse` reads it.

    >>> describe(parse(["peak>=0.1"])[0])
    'peak >= 0.1'
    """
    return f"{constraint.name} {constraint.comparator} {constraint.value:g}"


def hold(
    constraints: Sequence[Constraint],
    params: Mapping[str, ParameterValue],
    schedule: Schedule,
) -> bool:
    """Whether a schedule satisfies every constraint; `params` are its coordinates.

    >>> from tuning.schedules import build
    >>> schedule = Schedule(build("linear", 0.1, {"warmup": 0.1}), 10)
    >>> hold(parse(["warmup <= 0.05"]), {"peak": 0.1, "warmup": 0.1}, schedule)
    False
    """
    return all(_holds(one, params, schedule) for one in constraints)


def _holds(one: Constraint, params: Mapping[str, ParameterValue], schedule: Schedule) -> bool:
    rate = RATES.get(one.name)
    value = params.get(one.name) if rate is None else rate(schedule)
    if value is None or isinstance(value, str):
        return True
    return value <= one.value if one.comparator is Comparator.AT_MOST else value >= one.value
