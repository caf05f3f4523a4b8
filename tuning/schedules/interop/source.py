"""Source: the scheduler that a few lines of a program make, read from their text.

The one idea: a program is a list of assignments and calls; the last call of a scheduler that is
known is the schedule. Its arguments are values (`reading`), calls inside it are nested, the rate of
an optimiser is taken along, and the rest is passed over. Nothing is ever run.
Not here: what the calls mean (`read_call`), values (`reading`, `arithmetic`).
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.interop import FRAMEWORKS, Imported, read_call
from tuning.schedules.interop.arithmetic import (
    FIELD,
    Unknown,
    Value,
    factors_of,
    function_of,
    number_of,
    refusal,
)
from tuning.schedules.interop.calls import (
    HELD,
    RATES,
    Made,
    framework_of,
    horizon_of,
    named_arguments,
    trainer_call,
)
from tuning.schedules.interop.reading import Function, Reader, dotted
from tuning.schedules.limits import Among
from tuning.schedules.schedule import MAX_HORIZON

LONGEST_TEXT = 20_000  # characters
LONGEST_FORMULA = 100_000  # updates
ABSOLUTE = ("optax", "keras", "sklearn")  # frameworks whose calls say the rate itself
SOME_CALL = (
    "a call of a scheduler of PyTorch, Transformers, Optax, Keras, timm or scikit-learn, such as "
    "CosineAnnealingLR(optimizer, T_max=1000)"
)


@dataclass(frozen=True, slots=True)
class Read:
    """What a text says.

    Args:
        imported: the schedule, and what is worth knowing about it.
        framework: whose call it is.
        call: its name.
        kwargs: its arguments, as `read_call` takes them.
        base_lr: the optimiser's learning rate that was used.
        horizon: the updates it is laid out over.
    """

    imported: Imported
    framework: str
    call: str
    kwargs: Mapping[str, Any]
    base_lr: float
    horizon: int


def read_source(
    text: str,
    *,
    framework: str | None = None,
    base_lr: float | None = None,
    horizon: int | None = None,
    longest: int = MAX_HORIZON,
) -> Read:
    """The schedule that the last scheduler of a program makes.

    Args:
        text: a few lines of Python.
        framework: whose schedulers are looked for; by default those of all.
        base_lr: the optimiser's learning rate; by default the one in the text.
        horizon: updates; by default as many as the scheduler says itself, if it does.
        longest: most updates that it may say.

    Raises `InvalidValue` naming `source` with line and column, `base_lr` or `horizon`.

    >>> found = read_source("CosineAnnealingLR(Adam(weights, lr=0.1), T_max=4)")
    >>> found.call, found.horizon, found.imported.schedule.table().round(3)
    ('CosineAnnealingLR', 4, array([0.1  , 0.085, 0.05 , 0.015]))
    """
    if framework is not None:
        framework = Among(FRAMEWORKS)("framework", framework)
    if len(text) > LONGEST_TEXT:
        raise InvalidValue(FIELD, f"{len(text):,} characters", f"at most {LONGEST_TEXT:,}")
    program = _Program(framework=framework)
    try:
        program.run(ast.parse(text).body)
        return _finish(program, text, base_lr, horizon, longest)
    except SyntaxError as error:
        at = f"line {error.lineno or 1}, column {max(1, error.offset or 1)}"
        raise InvalidValue(FIELD, f"{at}: {error.msg}", "Python") from error
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(FIELD, "nested too deeply", "a few lines of Python") from error
    except Unknown as error:
        raise refusal(error.node, error.why, text) from error


@dataclass
class _Program(Reader):
    """Statements, one after another; what cannot be understood is remembered as unknown."""

    framework: str | None = None
    modules: dict[str, str] = field(default_factory=dict)
    found: Made | None = None
    base_lr: float | None = None

    def run(self, body: list[ast.stmt]) -> None:
        """Look at statements in order."""
        for statement in body:
            match statement:
                case ast.Import() | ast.ImportFrom():
                    self._import(statement)
                case ast.FunctionDef():
                    self.names[statement.name] = statement
                    self._aside(statement.body)
                case ast.If() | ast.With() | ast.Try() | ast.ClassDef():
                    self.run(statement.body)
                case ast.Assign() | ast.AnnAssign() | ast.Expr() | ast.Return():
                    self._take(statement)

    def _aside(self, body: list[ast.stmt]) -> None:
        """What a function does may make a scheduler; its names are its own."""
        before = dict(self.names)
        self.run(body)
        self.names = before

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for one in statement.names:
            if isinstance(statement, ast.ImportFrom):
                self.modules[one.asname or one.name] = f"{statement.module or ''}.{one.name}"
            elif one.asname:
                self.modules[one.asname] = one.name

    def _take(self, statement: ast.Assign | ast.AnnAssign | ast.Expr | ast.Return) -> None:
        value = None if statement.value is None else self._known(statement.value)
        for name in map(dotted, _targets(statement)):
            self.names[name] = value

    def _known(self, node: ast.expr) -> Value:
        """The value of an expression, or that it is unknown, which need not matter."""
        try:
            return self.value(node)
        except Unknown as unknown:
            if unknown.is_needed:
                raise
            if isinstance(node, ast.Tuple | ast.List):  # what comes after may be a scheduler
                for item in node.elts:
                    self._known(item)
            return unknown

    def value(self, node: ast.expr) -> Value:
        """As of any reader, and of attributes that were given a value, as `self.steps`."""
        if isinstance(node, ast.Attribute) and dotted(node) in self.names:
            return self._named(ast.copy_location(ast.Name(dotted(node)), node))
        return super().value(node)

    def called(self, node: ast.Call) -> Value:
        """A scheduler as what stands for its call; the rate of an optimiser is kept."""
        name = self._whole_name(dotted(node.func))
        known = trainer_call(name) or framework_of(name, node, self.framework)
        if known is not None:
            return self._made(known, name, node)
        if dotted(node.func) not in self.names and function_of(name) is None:
            self._look_inside(name, node)
        return super().called(node)

    def _whole_name(self, name: str) -> str:
        head, _, rest = name.partition(".")
        whole = self.modules.get(head, head)
        return f"{whole}.{rest}" if rest else whole

    def _made(self, framework: str, name: str, node: ast.Call) -> Made:
        call = name.rpartition(".")[2]
        kwargs: dict[str, Value] = {}
        places: dict[str, ast.expr] = {}
        for argument, given in named_arguments(framework, call, node, self._optimizer):
            places[argument] = given
            try:
                kwargs[argument] = self.value(given)
            except Unknown as unknown:
                raise Unknown(unknown.node, unknown.why, is_needed=True) from unknown
        # Of calls within calls the outermost is made last.
        self.found = Made(framework, call, kwargs, node, places)
        return self.found

    def _optimizer(self, node: ast.expr) -> bool:
        """Whether an argument is the optimiser: what is no value here; its rate is kept."""
        try:
            self.value(node)
        except Unknown:
            return True
        return False

    def _look_inside(self, name: str, node: ast.Call) -> None:
        """The arguments of a call that is no scheduler may hold one, or be an optimiser's."""
        leaf = name.rpartition(".")[2]
        for place, given in enumerate([*node.args, *(one.value for one in node.keywords)]):
            keyword = node.keywords[place - len(node.args)].arg if place >= len(node.args) else None
            is_rate = keyword in RATES or (keyword is None and leaf in HELD and place == HELD[leaf])
            if not is_rate and not isinstance(given, ast.Call):
                continue
            value = self._known(given)
            if is_rate and number_of(value):
                self.base_lr = float(value)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """What a statement gives a value to."""
    match statement:
        case ast.Assign():
            return statement.targets
        case ast.AnnAssign():
            return [statement.target]
    return []


def _finish(
    program: _Program, text: str, base_lr: float | None, horizon: int | None, longest: int
) -> Read:
    """The schedule of the call that was found."""
    made = program.found
    if made is None:
        first = ast.parse(text).body[:1]
        where = first[0] if first else ast.Pass(lineno=1, col_offset=0)
        raise refusal(where, SOME_CALL, text)
    own_rate = program.base_lr if made.rate is None else made.rate
    made = made.settled()
    updates = horizon if horizon is not None else horizon_of(made)
    if updates is not None and updates > longest:
        raise InvalidValue("horizon", updates, f"at most {longest:,} here")
    rate = base_lr if base_lr is not None else own_rate
    is_idle = rate is None and made.framework in ABSOLUTE
    kwargs = _plain(made, program, updates or 1)
    used = 1.0 if rate is None else rate
    try:
        # Without a length too: what is wrong with the arguments comes first.
        imported = read_call(made.framework, made.call, kwargs, base_lr=used, horizon=updates or 1)
    except InvalidValue as error:
        if updates is not None or error.field != "horizon":
            raise _located(error, made, text) from error
    if updates is None:
        raise InvalidValue("horizon", None, f"a number of updates, since {made.call} has none")
    if rate is None and not is_idle:
        allowed = "a learning rate, since the text has no optimiser with one"
        raise InvalidValue("base_lr", None, allowed)
    if is_idle:
        notes = tuple(note for note in imported.notes if note.code != "absolute_rate")
        imported = replace(imported, notes=notes)
    return Read(imported, made.framework, made.call, kwargs, used, updates)


def _plain(made: Made, program: _Program, horizon: int) -> dict[str, Any]:
    """Arguments as JSON: nested calls as objects, formulas as their values."""
    return {name: _plain_value(one, program, horizon) for name, one in made.kwargs.items()}


def _plain_value(value: Value, program: _Program, horizon: int) -> Any:  # noqa: ANN401 # JSON
    plain = partial(_plain_value, program=program, horizon=horizon)
    match value:
        case Made():
            return {"call": value.call, "kwargs": _plain(value, program, horizon)}
        case list():
            program.work.spend(program.found.node if program.found else ast.Pass(), len(value))
            return list(map(plain, value))
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case ast.Lambda() | ast.FunctionDef():
            return _formula(value, program, horizon)
    return value


def _formula(function: Function, program: _Program, horizon: int) -> list[float]:
    """A formula of the update, for all updates and the one after the last."""
    if horizon > LONGEST_FORMULA:
        allowed = f"at most {LONGEST_FORMULA:,} for a formula"
        raise InvalidValue("horizon", horizon, allowed)
    steps = np.arange(horizon + 1, dtype=np.float64)
    given = program.within({}).applied(function, steps)
    try:
        factors = factors_of(given, horizon + 1)
    except (TypeError, ValueError) as error:  # a text, an object, another function, a list
        raise Unknown(function, "a formula that gives a number at every update") from error
    if not np.isfinite(factors).all():
        at = int((~np.isfinite(factors)).argmax())
        raise Unknown(function, f"a formula that is finite; at update {at:,} it is not")
    values: list[float] = factors.tolist()
    return values


def _located(error: InvalidValue, made: Made, text: str) -> InvalidValue:
    """An error about an argument as one about the place where it stands."""
    if not error.field.startswith("from."):
        return error
    node: ast.AST = made.node
    value: Value = made
    for part in error.field.split("."):
        name, _, place = part.partition("[")
        if isinstance(value, Made) and name in value.kwargs:
            node, value = value.places.get(name, node), value.kwargs[name]
        at = int(place.partition("]")[0] or -1) if place else -1
        if isinstance(value, list) and 0 <= at < len(value):
            node, value = _item(node, at), value[at]
        if isinstance(value, Made):
            node = value.node
    argument = error.field.rpartition(".")[2]
    return refusal(node, f"{argument} as {error.allowed}", text)


def _item(node: ast.AST, at: int) -> ast.AST:
    """Where an item of a list stands, if the list is written out."""
    is_there = isinstance(node, ast.List | ast.Tuple) and at < len(node.elts)
    return node.elts[at] if is_there and isinstance(node, ast.List | ast.Tuple) else node
