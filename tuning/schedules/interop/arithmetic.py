"""Arithmetic: the values that a few lines of Python say, computed here and never run.

The one idea: what is allowed is a short list (numbers, names that were given one, lists, the usual
functions), each with its own few lines below; all else is unknown, and named where it stands. A
formula of one name is computed for all updates at once.
Not here: which calls are schedulers (`tuning.schedules.interop.source`).
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.curves import Floats

FIELD = "source"
LARGEST = 2**63  # of an integer, in size
LONGEST = 100_000  # of a list
KNOWN = "a number, or a name that was given one above"

Value = Any  # a number, a text, None, a list, a dict, an array, or what stands for a call


class Unknown(Exception):
    """Something that is no value here; a fault only if a scheduler needs it."""

    def __init__(self, node: ast.AST, why: str = KNOWN, *, is_needed: bool = False) -> None:
        """Keep where it stands, what would be a value, and whether a scheduler needs it."""
        super().__init__()
        self.node = node
        self.why = why
        self.is_needed = is_needed


def refusal(node: ast.AST, allowed: str, source: str = "") -> InvalidValue:
    """The error that names a place in the text."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    found = ast.get_source_segment(source, node) if isinstance(node, ast.expr) else None
    told = f": {found}" if found and "\n" not in found else ""
    return InvalidValue(FIELD, f"line {line}, column {column}{told}", allowed)


BINARY: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
    }
)
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], Value]] = MappingProxyType(
    {
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
    }
)
CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e})
SMOOTH = ("sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "tanh", "floor", "ceil")


def number_of(value: Value) -> bool:
    """Whether a value is a number, or an array of them."""
    return isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)


def power(base: Value, exponent: Value) -> Value:
    """A power that cannot take forever: of integers only small ones are exact."""
    if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent <= 63:
        return base**exponent
    if isinstance(base, np.ndarray) or isinstance(exponent, np.ndarray):
        return np.asarray(base, np.float64) ** exponent
    return float(base) ** exponent


def least(*values: Value) -> Value:
    """The smallest of numbers, or of arrays place by place."""
    return _extreme(np.minimum, min, values)


def greatest(*values: Value) -> Value:
    """The largest of numbers, or of arrays place by place."""
    return _extreme(np.maximum, max, values)


def _extreme(of_arrays: Any, of_numbers: Any, values: Sequence[Value]) -> Value:  # noqa: ANN401
    given = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    has_array = any(isinstance(one, np.ndarray) for one in given)
    return reduce(of_arrays, given) if has_array else of_numbers(given)


def whole(value: Value) -> Value:
    """`int` of a number, or of an array place by place."""
    return np.trunc(value) if isinstance(value, np.ndarray) else int(value)


def nearest(value: Value, digits: int = 0) -> Value:
    """`round` of a number, or of an array place by place."""
    if isinstance(value, np.ndarray):
        return np.round(value, digits)
    return round(value, digits) if digits else round(value)


def counted(*bounds: int) -> list[int]:
    """`range`, as a list."""
    span = range(*bounds)
    if len(span) > LONGEST:
        raise ValueError
    return list(span)


FUNCTIONS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "min": least,
        "max": greatest,
        "abs": abs,
        "int": whole,
        "float": lambda value: value * 1.0,
        "round": nearest,
        "len": len,
        "sum": sum,
        "range": counted,
        "list": list,
        "tuple": list,
        "dict": dict,
        "pow": power,
        "minimum": least,
        "maximum": greatest,
        "where": np.where,
    }
)


def function_of(name: str) -> Callable[..., Value] | None:
    """The function that a name means, whichever module it is of; None if there is none."""
    leaf = name.rpartition(".")[2]
    if leaf in SMOOTH:
        return lambda value: _smooth(leaf, value)
    return FUNCTIONS.get(leaf)


def _smooth(name: str, value: Value) -> Value:
    if isinstance(value, np.ndarray):
        return getattr(np, name)(value)
    return getattr(math, name)(value)


def sized(value: Value) -> Value:
    """A value, unless it is larger than any that is meant."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise OverflowError
    if isinstance(value, list) and len(value) > LONGEST:
        raise OverflowError
    return value


def combined(kind: type[ast.operator], left: Value, right: Value) -> Value:
    """Two numbers combined; a list may be repeated or joined to another."""
    if isinstance(left, list) or isinstance(right, list):
        return sized(_lists(kind, left, right))
    if not number_of(left) or not number_of(right):
        raise TypeError
    return sized(power(left, right) if kind is ast.Pow else BINARY[kind](left, right))


def _lists(kind: type[ast.operator], left: Value, right: Value) -> list[Value]:
    if kind is ast.Add and isinstance(left, list) and isinstance(right, list):
        return left + right
    items, times = (left, right) if isinstance(left, list) else (right, left)
    if kind is not ast.Mult or not isinstance(times, int):
        raise TypeError
    if len(items) * times > LONGEST:
        raise OverflowError
    joined: list[Value] = items * times
    return joined


def chosen(test: Value, one: Callable[[], Value], other: Callable[[], Value]) -> Value:
    """One value or the other; for updates at once, each where it holds."""
    if isinstance(test, np.ndarray):
        return np.where(test, one(), other())
    return one() if test else other()


def all_of(values: Sequence[Value]) -> Value:
    """Whether all hold, place by place."""
    return reduce(np.logical_and, values)


def any_of(values: Sequence[Value]) -> Value:
    """Whether any holds, place by place."""
    return reduce(np.logical_or, values)


def factors_of(value: Value, count: int) -> Floats:
    """What a formula of the update gave, as so many numbers."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))
