"""Schedules: pure data and function, update index `t` -> learning rate.

The one idea: a family is a frozen value whose mathematics is an expression of a small algebra
(`compose`, `curves`); laid out over a horizon it is a `Schedule`, which compiles to a table, has a
hash and an identity, and travels as JSON.
Not here: which schedules to try (`tuning.search`).
"""

from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.families import (
    FAMILIES,
    Constant,
    Cosine,
    Exponential,
    Expression,
    Family,
    InverseSqrt,
    Knots,
    Linear,
    OneCycle,
    PiecewiseConstant,
    PiecewiseLinear,
    Polynomial,
    Sgdr,
    Step,
    Table,
    Triangular,
    Warmup,
    Wsd,
    build,
)
from tuning.schedules.parameters import PARAMETERS, Parameter
from tuning.schedules.schedule import Schedule

__all__ = [
    "CURVES",
    "FAMILIES",
    "PARAMETERS",
    "Constant",
    "Cosine",
    "Curve",
    "Exponential",
    "Expression",
    "Family",
    "InverseSqrt",
    "Knots",
    "Linear",
    "OneCycle",
    "Parameter",
    "PiecewiseConstant",
    "PiecewiseLinear",
    "Polynomial",
    "Schedule",
    "Sgdr",
    "Step",
    "Table",
    "Triangular",
    "Warmup",
    "Wsd",
    "build",
]
