"""Documents: the portable JSON of a schedule, `glideslope/schedule@1`.

The one idea: whoever reads the document needs either Glideslope, and rebuilds the schedule from its
family, or nothing, and uses the table; hashes say that both are the same. A field nobody reads is
refused, so that a misspelled one cannot be silently ignored. A document of an older format is
brought up to date first, one version at a time. A channel is written as the learning rate is;
channels and groups are there only if the schedule has some.
Not here: the schedule itself (`tuning.schedules.schedule`).
"""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from tuning.errors import InvalidValue
from tuning.schedules.channels import CHANNELS
from tuning.schedules.curves import Floats
from tuning.schedules.families import Family, Warmup, find
from tuning.schedules.limits import LARGEST, Number, check_known

FORMAT = "glideslope/schedule@1"
FORMAT_0 = "glideslope/schedule@0"
FIELDS_0 = ("format", "horizon", "family", "peak", "warmup", "params")
REQUIRED = ("format", "horizon", "family", "peak")
FORM = ("warmup", "params", "end", "after_end", "table")  # of the learning rate or of a channel
OPTIONAL = (*FORM, "identity", "channels", "groups")
NEEDED = ("family", "peak")  # by every channel
# Machines may round cosines and powers differently, in the last bits of a table.
TOLERANCE = 1e-12
FINITE = Number(-LARGEST, LARGEST)
LONG = 1_000


class Written(Protocol):
    """What a document is written from: a schedule."""

    @property
    def family(self) -> Family:
        """Peak, shape and conventions."""

    @property
    def horizon(self) -> int:
        """Updates."""

    @property
    def identity(self) -> str:
        """Hash of the mathematics."""

    @property
    def channels(self) -> Mapping[str, Family]:
        """What else moves."""

    @property
    def groups(self) -> Mapping[str, float]:
        """Factors of the learning rate."""

    @property
    def table_sha256(self) -> str:
        """Hash of the table."""

    def channel(self, name: str) -> "Written":
        """One of the channels over the horizon."""

    def table(self) -> Floats:
        """The learning rates."""


def write(schedule: Written, *, table: bool) -> dict[str, Any]:
    """The document of a schedule, with the values of its tables on request."""
    form, figures = _write_form(schedule), _write_table(schedule, with_values=table)
    identity = {"identity": schedule.identity}
    document = {"format": FORMAT, "horizon": schedule.horizon, **form, **identity, **figures}
    if schedule.channels:
        laid_out = {name: schedule.channel(name) for name in schedule.channels}
        document["channels"] = {
            name: {**_write_form(one), **_write_table(one, with_values=table)}
            for name, one in laid_out.items()
        }
    if schedule.groups:
        document["groups"] = dict(schedule.groups)
    return document


def _write_form(schedule: Written) -> dict[str, Any]:
    """A family as it is laid out."""
    family = schedule.family
    return {
        "family": family.kind,
        "peak": family.peak,
        "warmup": family.warmup.document(schedule.horizon),
        "params": family.params(),
        "end": family.end,
        "after_end": family.after_end,
    }


def _write_table(schedule: Written, *, with_values: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {"sha256": schedule.table_sha256}
    if with_values:
        figures["values"] = schedule.table().tolist()
    return {"table": figures}


def up_to_date(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document of any known format as one of the present format.

    >>> up_to_date({"format": "glideslope/schedule@0", "warmup": 10})
    {'format': 'glideslope/schedule@1', 'warmup': {'length': 10}}
    """
    known = document.get("format")
    if not isinstance(known, str) or known not in OLDER:
        return document
    return up_to_date(OLDER[known](document))


def _from_0(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Conventions were not written down and a warmup was a mere length."""
    check_known(document, FIELDS_0)
    warmup = {"warmup": {"length": document["warmup"]}} if "warmup" in document else {}
    return {**document, "format": FORMAT, **warmup}


# How documents of older formats become documents of the next one.
OLDER: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = MappingProxyType(
    {FORMAT_0: _from_0}
)


def read_family(document: Mapping[str, Any]) -> Family:
    """The family of a document; raises `InvalidValue` naming what is missing, unknown or wrong."""
    document = up_to_date(document)
    for name in REQUIRED:
        if name not in document:
            raise InvalidValue(name, None, "a field of every schedule document")
    if document["format"] != FORMAT:
        raise InvalidValue("format", document["format"], " or ".join((FORMAT, *OLDER)))
    check_known(document, (*REQUIRED, *OPTIONAL))
    return _read_form(document)


def read_channels(document: Mapping[str, Any]) -> dict[str, Family]:
    """The families of a document's channels; raises `InvalidValue` naming what is wrong."""
    channels = _mapping(document, "channels")
    check_known(channels, CHANNELS, "channels")
    families = {}
    for name in channels:
        channel = _mapping(channels, name, "channels")
        for needed in NEEDED:
            if needed not in channel:
                raise InvalidValue(f"channels.{name}.{needed}", None, "a field of every channel")
        check_known(channel, (*NEEDED, *FORM), f"channels.{name}")
        try:
            families[name] = _read_form(channel)
        except InvalidValue as error:
            raise error.under(f"channels.{name}") from error
    return families


def _read_form(document: Mapping[str, Any]) -> Family:
    """The family of a document or of a channel."""
    family = find(document["family"])
    params = _mapping(document, "params")
    check_known(params, family.own_fields(), "params")
    conventions = {name: document[name] for name in ("end", "after_end") if name in document}
    warmup = _read_warmup(_mapping(document, "warmup"))
    try:
        return family(document["peak"], warmup=warmup, **params, **conventions)
    except InvalidValue as error:
        raise error.under("params") if error.field in params else error from error


def _mapping(document: Mapping[str, Any], name: str, field: str = "") -> Mapping[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{field}.{name}" if field else name, value, "an object")
    return value


def _read_warmup(document: Mapping[str, Any]) -> Warmup:
    try:
        return Warmup.from_document(document)
    except InvalidValue as error:
        raise error.under("warmup") from error


def check_figures(schedule: Written, document: Mapping[str, Any]) -> None:
    """Refuse a document whose resolved figures are not those of the schedule it describes."""
    document = up_to_date(document)
    _check_same("identity", document, schedule.identity)
    _check_form(schedule, document)
    for name in schedule.channels:
        try:
            _check_form(schedule.channel(name), document["channels"][name])
        except InvalidValue as error:
            raise error.under(f"channels.{name}") from error


def _check_form(schedule: Written, document: Mapping[str, Any]) -> None:
    steps = schedule.family.warmup.updates(schedule.horizon)
    _check_same("warmup.steps", _mapping(document, "warmup"), steps)
    table = _mapping(document, "table")
    check_known(table, ("sha256", "values"), "table")
    if "values" in table:
        _check_values(schedule.table(), table["values"], table.get("sha256"))


def _check_same(field: str, document: Mapping[str, Any], expected: object) -> None:
    found = document.get(field.rpartition(".")[2], expected)
    if found != expected:
        raise InvalidValue(field, found, f"{expected!r}, or to leave it out")


def _check_values(expected: Floats, values: object, sha256: object) -> None:
    allowed = f"the {expected.size:,} values of the family"
    if not isinstance(values, list | tuple):
        raise InvalidValue("table.values", type(values).__name__, allowed)
    found = np.array(FINITE.each("table.values", values))
    if found.shape != expected.shape:
        raise InvalidValue("table.values", f"shape {found.shape}", allowed)
    wrong = ~np.isclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * expected.max())
    if wrong.any():
        at = int(wrong.argmax())
        raise InvalidValue(f"table.values[{at}]", float(found[at]), f"{expected[at]}")
    if sha256 is not None and sha256 != hash_table(found):
        raise InvalidValue("table.sha256", sha256, "the hash of the values")


def condensed(value: Any) -> Any:  # noqa: ANN401 # JSON
    """JSON with long lists of numbers given by their hash; a million in digits take a second."""
    match value:
        case Mapping():
            return {name: condensed(inner) for name, inner in value.items()}
        case list() if len(value) > LONG and set(map(type, value)) == {float}:
            return {"numbers": len(value), "sha256": hash_table(value)}
        case list():
            return [condensed(inner) for inner in value]
    return value


def hash_table(table: ArrayLike) -> str:
    """SHA-256, in hexadecimal, of learning rates as little-endian float64."""
    return hashlib.sha256(np.asarray(table, dtype="<f8").tobytes()).hexdigest()
