"""Channels and groups: what a schedule moves beside the learning rate, and for whom it differs.

The one idea: a channel is a family as the learning rate is one, over the same horizon, whose values
are those of the channel itself; a group is a factor of the learning rate. Both are named, frozen
and empty unless asked for.
Not here: laying them out (`tuning.schedules.schedule`), what is suspicious about them (`lint`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Generic, TypeVar, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Family
from tuning.schedules.limits import Integer, Number, PositiveFraction, check_known, settle

LONGEST_NAME = 128
MOST_GROUPS = 1_000


@dataclass(frozen=True, slots=True)
class Channel:
    """A quantity that a schedule may move beside the learning rate.

    Args:
        help: what it is, in one line.
        holds: its sensible values, in words.
        below: the values it must stay below; infinity if there are none.
    """

    help: str
    holds: str
    below: float = float("inf")


CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        "momentum": Channel("Momentum of SGD, the first beta of Adam", "from 0, below 1", 1.0),
        "weight_decay": Channel("Coefficient of the weight decay", "from 0"),
    }
)

Value = TypeVar("Value")


@final
class Named(Mapping[str, Value], Generic[Value]):
    """Values by name, frozen and hashable; the order of the names is of no account.

    >>> Named({"head": 1.0, "body": 0.1})
    Named({'body': 0.1, 'head': 1.0})
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        """Take the values, sorted by name, so that equal ones are written alike."""
        self._values = dict(sorted((values or {}).items()))

    def __getitem__(self, name: str) -> Value:
        """The value of that name."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """The names in order."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    def __hash__(self) -> int:
        """The hash of names and values."""
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        """As it is made."""
        return f"Named({self._values!r})"


@dataclass(frozen=True, slots=True)
class Curves:
    """A limit: families by the names of channels."""

    def __call__(self, field: str, value: object) -> Named[Family]:
        """Return the families, frozen."""
        given = _mapping(field, value, "an object of channels by name")
        check_known(given, CHANNELS, field)
        return Named({name: _check_curve(f"{field}.{name}", one) for name, one in given.items()})


def _check_curve(field: str, value: object) -> Family:
    # Gains from metrics are those of the learning rate; nobody would apply a channel's.
    if not isinstance(value, Family) or value.is_feedback:
        raise InvalidValue(field, value, "a Family that needs no metric")
    return value


@dataclass(frozen=True, slots=True)
class Multipliers:
    """A limit: positive factors by the names of groups."""

    def __call__(self, field: str, value: object) -> Named[float]:
        """Return the factors as floats, frozen."""
        given = _mapping(field, value, "an object of factors by the names of groups")
        if len(given) > MOST_GROUPS:
            raise InvalidValue(field, len(given), f"at most {MOST_GROUPS:,} groups")
        for name in given:
            _check_name(field, name)
        limit = Number(above=True)
        return Named({name: limit(f"{field}.{name}", one) for name, one in given.items()})


def _check_name(field: str, name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise InvalidValue(f"{field}.{name}", name, f"names of 1 to {LONGEST_NAME} characters")


def _mapping(field: str, value: object, allowed: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue(field, value, allowed)
    return value


@final
@dataclass(frozen=True)
class _Layers:
    """The arguments of `layerwise`, checked."""

    decay: PositiveFraction
    layers: Annotated[int, Integer(1, MOST_GROUPS)]

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        settle(self)


def layerwise(decay: float, layers: int) -> Named[float]:
    """Groups of layer-wise decay: layer l of L learns at decay^(L - 1 - l) of the rate.

    Args:
        decay: factor from a layer to the one below it, above 0, at most 1; usual are 0.6 to 1.
        layers: number L of layers, from 1 to 1,000.

    Returns:
        factors of the groups `layer.0`, the one next to the input, to `layer.L-1`.

    Raises `InvalidValue` naming `decay` or `layers`, or a factor that is too small to be a number.

    Howard & Ruder (2018), arXiv:1801.06146, with a decay of 1/2.6.

    >>> layerwise(0.5, 3)
    Named({'layer.0': 0.25, 'layer.1': 0.5, 'layer.2': 1.0})
    """
    given = _Layers(decay, layers)
    factors = {f"layer.{at}": given.decay ** (given.layers - 1 - at) for at in range(given.layers)}
    return Multipliers()("groups", factors)
