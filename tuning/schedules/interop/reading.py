"""Reading: expressions of Python's grammar, one by one, as values.

The one idea: a reader holds what names mean and walks the tree; it never runs anything, so a text
can at worst be refused.
Not here: single functions and operators (`arithmetic`), which calls are schedulers (`source`).
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from tuning.schedules.interop.arithmetic import (
    COMPARISONS,
    CONSTANTS,
    LONGEST,
    Unknown,
    Value,
    all_of,
    any_of,
    chosen,
    combined,
    function_of,
)

MOST_STEPS = 200_000
AT_ONCE = 1_000  # numbers that are computed in the time of a step
ANY_VALUE = "numbers, names given above, lists, and the functions of `math`"
Function = ast.Lambda | ast.FunctionDef
OPERATIONS = (ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.IfExp, ast.Compare)
SIGNS: Mapping[type[ast.unaryop], int] = MappingProxyType({ast.USub: -1, ast.UAdd: 1})
FAULTS = (TypeError, ValueError, OverflowError, ZeroDivisionError, IndexError, KeyError)


@dataclass
class Work:
    """What a text may cost: so many steps, each an expression or a thousand numbers."""

    left: int = MOST_STEPS

    def spend(self, node: ast.AST, steps: int = 1) -> None:
        """Count; raises `Unknown` once it is too much."""
        self.left -= steps
        if self.left < 0:
            raise Unknown(node, "less to compute")


@dataclass
class Reader:
    """Values of expressions, by what names mean; a subclass knows calls that are no arithmetic."""

    names: dict[str, Any] = field(default_factory=dict)
    work: Work = field(default_factory=Work)

    def value(self, node: ast.expr) -> Value:
        """The value of an expression; raises `Unknown` where there is none."""
        self.work.spend(node)
        match node:
            case ast.Constant(value=int() | float() | str() | None):
                return node.value
            case ast.Attribute(attr=name) if name in CONSTANTS:
                return CONSTANTS[name]
            case ast.List() | ast.Tuple():
                return [self.value(item) for item in node.elts]
            case ast.Lambda():
                return node
        for kind, read in self._readers().items():
            if isinstance(node, kind):
                return read(node)
        raise Unknown(node, ANY_VALUE)

    def _readers(self) -> Mapping[type[ast.expr], Callable[[Any], Value]]:
        """What reads an expression, by its kind."""
        return {
            ast.Name: self._named,
            ast.Call: self.called,
            ast.Dict: self._mapping,
            ast.ListComp: self._each,
            ast.GeneratorExp: self._each,
            **dict.fromkeys(OPERATIONS, lambda node: self._guarded(node, self._operation)),
            ast.Subscript: lambda node: self._guarded(node, self._item),
        }

    def called(self, node: ast.Call) -> Value:
        """The value of a call: of a function of `math`, or of one that was defined above."""
        name = dotted(node.func)
        own = self.names.get(name)
        if isinstance(own, Function) and len(node.args) == 1:
            return self.applied(own, self.value(node.args[0]))
        known = function_of(name)
        if known is None:
            raise Unknown(node, ANY_VALUE)
        given = [self.value(one) for one in node.args]
        named = {one.arg: self.value(one.value) for one in node.keywords if one.arg}
        return self._guarded(node, lambda _: known(*given, **named))

    def applied(self, function: Function, given: Value) -> Value:
        """A function of one argument, of a number or of all updates at once."""
        arguments = function.args.args
        if len(arguments) != 1:
            raise Unknown(function, "a function of one argument, the update")
        inner = self.within({arguments[0].arg: given})
        if isinstance(function, ast.Lambda):
            return inner.value(function.body)
        return inner.returned(function.body, function)

    def within(self, names: Mapping[str, Any]) -> "Reader":
        """A reader that knows some names besides."""
        return Reader({**self.names, **names}, self.work)

    def returned(self, body: list[ast.stmt], function: ast.AST) -> Value:
        """What statements return: assignments, decisions, and what is returned."""
        for place, statement in enumerate(body):
            match statement:
                case ast.Return(value=ast.expr() as result):
                    return self.value(result)
                case ast.Assign(targets=[ast.Name(id=name)]):
                    self.names[name] = self.value(statement.value)
                case ast.If():
                    ways = (statement.body, statement.orelse)
                    rest = body[place + 1 :]
                    one, other = (partial(self._branch, [*way, *rest], function) for way in ways)
                    return chosen(self.value(statement.test), one, other)
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    continue
                case _:
                    raise Unknown(statement, "assignments, `if` and `return`")
        raise Unknown(function, "a function that returns a number")

    def _branch(self, body: list[ast.stmt], function: ast.AST) -> Value:
        return self.within({}).returned(body, function)

    def _named(self, node: ast.Name) -> Value:
        if isinstance(found := self.names.get(node.id, Unknown(node)), Unknown):
            raise Unknown(node)
        return found

    def _mapping(self, node: ast.Dict) -> dict[str, Value]:
        """Keys are texts, as in JSON; a boundary of Optax may be a number."""
        if None in node.keys:
            raise Unknown(node, ANY_VALUE)
        keys = [self.value(key) for key in node.keys if key is not None]
        values = [self.value(one) for one in node.values]
        return dict(zip(map(str, keys), values, strict=True))

    def _guarded(self, node: ast.expr, work: Any) -> Value:  # noqa: ANN401 # of one node
        try:
            with np.errstate(all="ignore"):  # where a branch does not hold, anything may come out
                found = work(node)
        except FAULTS as error:
            raise Unknown(node, ANY_VALUE) from error
        size = len(found) if isinstance(found, list) else int(np.size(found))
        self.work.spend(node, size // AT_ONCE)
        return found

    def _operation(self, node: ast.expr) -> Value:
        match node:
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign):
                return combined(ast.Mult, SIGNS[type(sign)], self.value(node.operand))
            case ast.BinOp():
                return combined(type(node.op), self.value(node.left), self.value(node.right))
            case ast.BoolOp():
                join = all_of if isinstance(node.op, ast.And) else any_of
                return join([self.value(one) for one in node.values])
            case ast.IfExp():
                one, other = (partial(self.value, part) for part in (node.body, node.orelse))
                return chosen(self.value(node.test), one, other)
            case ast.Compare():
                return self._comparison(node)
        raise Unknown(node, ANY_VALUE)

    def _comparison(self, node: ast.Compare) -> Value:
        values = [self.value(one) for one in (node.left, *node.comparators)]
        pairs = zip(node.ops, values, values[1:], strict=False)
        return all_of([COMPARISONS[type(op)](one, other) for op, one, other in pairs])

    def _item(self, node: ast.expr) -> Value:
        assert isinstance(node, ast.Subscript)  # noqa: S101 # it is only called for one
        within, place = self.value(node.value), self.value(node.slice)
        return within[str(place)] if isinstance(within, dict) else within[place]

    def _each(self, node: ast.ListComp | ast.GeneratorExp) -> list[Value]:
        loop = node.generators[0]
        if len(node.generators) > 1 or loop.ifs or not isinstance(loop.target, ast.Name):
            raise Unknown(node, ANY_VALUE)
        items = self.value(loop.iter)
        if not isinstance(items, list) or len(items) > LONGEST:
            raise Unknown(node, ANY_VALUE)
        return [self.within({loop.target.id: item}).value(node.elt) for item in items]


def dotted(node: ast.expr) -> str:
    """A name with those before it, as `optax.schedules.linear_schedule`; empty if it is none."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            before = dotted(node.value)
            return f"{before}.{node.attr}" if before else node.attr
    return ""
