"""Base: what it takes to translate between a framework's schedulers and schedules.

The one idea: a call of a framework is a frozen value whose fields are the call's own arguments,
each with its limit beside it (`T_max: Count`), and whose `read` says which schedule it makes; so
the arguments of a call are checked, and its unknown ones refused, in one place. Calls nest: an
argument that is itself a call travels as {"call": ..., "kwargs": {...}}.
No framework is ever imported: reading applies formulas, writing is text.
Not here: the calls (one module per framework), which schedule has given numbers (`layout`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, Protocol, TypeAlias

from tuning.errors import InvalidValue
from tuning.schedules.limits import Among, Integer, Number, check_known, settle
from tuning.schedules.schedule import MAX_HORIZON, Schedule

LARGEST_RATE = 1e100
DEEPEST = 24  # levels of objects and lists in the arguments of a call

Rate = Annotated[float, Number(0.0, LARGEST_RATE)]
PositiveRate = Annotated[float, Number(0.0, LARGEST_RATE, above=True)]
Signed = Annotated[float, Number(-LARGEST_RATE, LARGEST_RATE)]
Count = Annotated[int, Integer(1, MAX_HORIZON)]
CountOrZero = Annotated[int, Integer(0, MAX_HORIZON)]


@dataclass(frozen=True, slots=True)
class Aside:
    """A limit: anything, of an argument without influence on the learning rate."""

    def __call__(self, field: str, value: object) -> object:  # noqa: ARG002 # any is allowed
        """Return the value."""
        return value


@dataclass(frozen=True, slots=True)
class NotResumed:
    """A limit: -1, of an argument that would begin in the middle."""

    def __call__(self, field: str, value: object) -> int:
        """Return -1."""
        if isinstance(value, bool) or value != -1:
            allowed = "-1: read the whole call, and resume the schedule at any update"
            raise InvalidValue(field, value, allowed)
        return -1


Label = Annotated[object, Aside()]
LastEpoch = Annotated[int, NotResumed()]


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing about a translation.

    Args:
        code: stable, for programs: `library_fault` (the library does something odd, reproduced as
            it is), `past_end` (what follows the last update), `rebound` (it rises again after its
            own end), `absolute_rate` (the call sets the rate itself and `base_lr` is unused),
            `ignored` (an argument without influence), `shifted` (an end or a boundary is an update
            off the usual place), `table` (no family is exact), `horizon` (a
            table or document is cut or continued), `interpolated` (a file has gaps), `feedback`
            (metrics move the rate).
        message: one sentence, for people.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The schedule a call makes, and what is worth knowing about it."""

    schedule: Schedule
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """Runnable code of a framework that makes a schedule.

    Args:
        code: text; needs the framework and Python, not Glideslope.
        is_native: whether a scheduler of the framework makes it; else a look-up in its table does.
        why: the reason, in one sentence.
    """

    code: str
    is_native: bool
    why: str


class Call(Protocol):
    """A call of a framework: a frozen dataclass of its arguments, checked by `settle`."""

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule it makes.

        Args:
            base_lr: the learning rate the optimiser was made with, > 0.
            horizon: updates of the schedule; the call's own end may lie before it or beyond.
        """


Calls: TypeAlias = Mapping[str, type[Call]]


@dataclass(frozen=True, slots=True)
class Framework:
    """What can be read from a framework and written for it.

    Args:
        calls: the calls that can be read, by the framework's own names.
        write: code that makes a schedule.
        carries: which of its fields `channels` and `groups` the code has, too.
    """

    calls: Calls
    write: Callable[[Schedule], Exported]
    carries: tuple[str, ...] = ()


def make_call(calls: Calls, name: object, kwargs: object) -> Call:
    """The call of that name with these arguments.

    Raises `InvalidValue` naming `call`, or `kwargs.<name>` if an argument is unknown, missing or
    not allowed.
    """
    known = calls[Among(calls)("call", name)]
    if not isinstance(kwargs, Mapping):
        raise InvalidValue("kwargs", kwargs, "an object")
    _refuse_deep(kwargs)
    check_known(kwargs, [entry.name for entry in _arguments(known)], "kwargs")
    for entry in _arguments(known):
        has_default = entry.default is not MISSING or entry.default_factory is not MISSING
        if entry.name not in kwargs and not has_default:
            raise InvalidValue(f"kwargs.{entry.name}", None, f"an argument of every {name}")
    try:
        return known(**kwargs)
    except InvalidValue as error:
        raise error.under("kwargs") from error


def _refuse_deep(kwargs: object) -> None:
    """Refuse what would nest deeper than is sensible, or than Python can follow."""
    level: list[object] = [kwargs]
    for _ in range(DEEPEST):
        level = [
            item
            for one in level
            if isinstance(one, Mapping | list | tuple)
            for item in (one.values() if isinstance(one, Mapping) else one)
        ]
    if level:
        raise InvalidValue("kwargs", "deeper", f"at most {DEEPEST} levels of objects and lists")


def asides(call: object) -> Iterator[str]:
    """The arguments of a call, or of those nested in it, that were given without influence."""
    for entry in fields(call):  # type: ignore[arg-type] # every call is a dataclass
        value = getattr(call, entry.name)
        if entry.type == Label and value != entry.default:
            yield entry.name
        for nested in value if isinstance(value, tuple) else (value,):
            if hasattr(nested, "read"):
                yield from asides(nested)


def _arguments(call: type[Call]) -> tuple[Field[Any], ...]:
    return fields(call)  # type: ignore[arg-type] # every call is a dataclass


class Nested:
    """A limit: an argument that is itself a call, {"call": ..., "kwargs": {...}}."""

    def __init__(self, calls: Callable[[], Calls]) -> None:
        """Take a function, as a composite stands in the table that it looks into."""
        self._calls = calls

    def __call__(self, field: str, value: object) -> Call:
        """Return the call made from `value`."""
        if not isinstance(value, Mapping) or "call" not in value:
            raise InvalidValue(field, value, 'an object {"call": ..., "kwargs": {...}}')
        check_known(value, ("call", "kwargs"), field)
        try:
            return make_call(self._calls(), value["call"], value.get("kwargs", {}))
        except InvalidValue as error:
            raise error.under(field) from error


@dataclass(frozen=True, slots=True)
class Several:
    """A limit: a list of what `each` allows, as a tuple.

    >>> Several(Number())("boundaries", [1, 2])
    (1.0, 2.0)
    """

    each: Callable[[str, object], Any]
    fewest: int = 0

    def __call__(self, field: str, value: object) -> tuple[Any, ...]:
        """Return the checked items."""
        if not isinstance(value, list | tuple) or len(value) < self.fewest:
            raise InvalidValue(field, value, f"a list of at least {self.fewest}")
        return tuple(self.each(f"{field}[{place}]", item) for place, item in enumerate(value))


@dataclass(frozen=True, slots=True)
class Optional:
    """A limit: nothing, or what `limit` allows.

    >>> Optional(Number())("alpha", None)
    """

    limit: Callable[[str, object], Any]

    def __call__(self, field: str, value: object) -> Any:  # noqa: ANN401 # what the limit returns
        """Return None or the checked value."""
        return None if value is None else self.limit(field, value)


__all__ = [
    "Call",
    "Calls",
    "Count",
    "CountOrZero",
    "Exported",
    "Framework",
    "Imported",
    "Label",
    "LastEpoch",
    "Nested",
    "Note",
    "Optional",
    "PositiveRate",
    "Rate",
    "Several",
    "Signed",
    "asides",
    "make_call",
    "settle",
]
