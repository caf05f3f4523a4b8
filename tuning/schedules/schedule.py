"""Schedule: a family laid out over a horizon, update index `t` -> learning rate.

The one idea: a schedule is data. It compiles to a table of float64 learning rates, has a hash of
that table and an identity of its mathematics, and travels as JSON; a_t, t = 0..T-1, multiplies the
(t+1)-th update, and resuming needs nothing but t. Channels (momentum, weight decay) are laid out
beside the learning rate in the same way, and groups are factors of it.
Not here: the JSON form (`tuning.schedules.documents`), the families (`tuning.schedules.families`),
which channels there are (`tuning.schedules.channels`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, final

import numpy as np
from numpy.typing import ArrayLike

from tuning.errors import InvalidValue
from tuning.schedules import documents
from tuning.schedules.channels import Curves, Multipliers, Named
from tuning.schedules.combine import Part
from tuning.schedules.compose import Node, Steps
from tuning.schedules.curves import Floats
from tuning.schedules.families import Expression, Family
from tuning.schedules.limits import Among, Integer, settle

MAX_HORIZON = 10_000_000
FEWEST_POINTS = 4
BLOCK = 65_536  # updates at once: what is in between stays in the cache


@final
@dataclass(frozen=True)
class Schedule:
    """A family over a horizon of updates; comparable, hashable and callable.

    Args:
        family: peak, shape and conventions.
        horizon: number of updates T, from 1 to 10,000,000.
        channels: families of what else moves, by the names in `CHANNELS`; the largest value of a
            channel is its family's peak.
        groups: factors > 0 of the learning rate, by the names of parameter groups; all others
            learn at the rate itself.

    Raises `InvalidValue` naming a length in updates that does not fit into the horizon.

    >>> from tuning.schedules import Cosine, Warmup
    >>> schedule = Schedule(Cosine(1.0, warmup=Warmup(2)), horizon=4)
    >>> schedule(np.arange(6))
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """

    family: Family
    horizon: Annotated[int, Integer(1, MAX_HORIZON)]
    channels: Annotated[Mapping[str, Family], Curves()] = Named()
    groups: Annotated[Mapping[str, float], Multipliers()] = Named()

    def __post_init__(self) -> None:
        """Refuse a horizon outside its range, or one too short for the family's lengths."""
        settle(self)
        if not isinstance(self.family, Family):
            raise InvalidValue("family", self.family, "a Family")
        _ = self.shape
        for name in self.channels:
            try:
                _ = self.channel(name).shape
            except InvalidValue as error:
                raise error.under(f"channels.{name}") from error

    @cached_property
    def shape(self) -> Node:
        """The schedule divided by its peak, as an expression in its simplest form."""
        return self.family.shape(self.horizon)

    @property
    def peak(self) -> float:
        """The largest learning rate."""
        return self.family.peak

    def __call__(self, steps: ArrayLike) -> Floats:
        """The learning rates of updates `steps`.

        Args:
            steps: integers >= 0 of any shape; beyond the horizon the family's `after_end` holds.

        Returns:
            float64 learning rates >= 0, the shape of `steps`.

        Raises `InvalidValue` naming `steps` if one is negative or no integer, or lies beyond the
        horizon of a family whose `after_end` is `error`.
        """
        updates = _check_steps(steps)
        # In one dimension: NumPy rounds a power of a scalar and of an array differently.
        flat = updates.ravel()
        if flat.size <= BLOCK:
            return self._rates(flat).reshape(updates.shape)
        rates = np.empty(flat.size)
        for begin in range(0, flat.size, BLOCK):
            rates[begin : begin + BLOCK] = self._rates(flat[begin : begin + BLOCK])
        return rates.reshape(updates.shape)

    def _rates(self, updates: Steps) -> Floats:
        beyond = updates >= self.horizon
        if not beyond.any():
            return self.peak * self.shape(updates)
        match self.family.after_end:
            case "hold":
                return self.peak * self.shape(updates)
            case "zero":
                return np.where(beyond, 0.0, self.peak * self.shape(updates))
            case "rebound":
                return self.peak * self.shape(np.where(beyond, self._rebound(updates), updates))
            case "error":
                allowed = f"integers from 0 to {self.horizon - 1:,}"
                raise InvalidValue("steps", int(updates.max()), allowed)

    def _rebound(self, steps: Steps) -> Steps:
        """Where in the body a step beyond the end is: back and forth between its two ends."""
        begin = self.family.warmup.updates(self.horizon)
        span = self.horizon - begin - (self.family.end == "last")
        if span <= 0:
            return steps
        return begin + span - np.abs((steps - begin) % (2 * span) - span)

    @property
    def rate_alone(self) -> "Schedule":
        """The learning rate without channels and groups."""
        if not self.channels and not self.groups:
            return self
        return Schedule(self.family, self.horizon)

    def channel(self, name: str) -> "Schedule":
        """What a channel does over the horizon: a schedule of its own, whose values are its.

        Raises `UnknownName` naming `channel` if the schedule has no such channel.

        >>> from tuning.schedules import Constant, Linear, Warmup
        >>> decay = Constant(0.1, warmup=Warmup(2, start=0.5))
        >>> Schedule(Linear(1.0), 4, channels={"weight_decay": decay}).channel("weight_decay")(1)
        array(0.075)
        """
        return Schedule(self.channels[Among(self.channels)("channel", name)], self.horizon)

    def rates(self, group: str, steps: ArrayLike) -> Floats:
        """The learning rates of a group: its factor times those of the schedule.

        Args:
            group: a name in `groups`.
            steps: as for the schedule itself.

        Raises `UnknownName` naming `group` if the schedule has no such group.

        >>> from tuning.schedules import Linear
        >>> Schedule(Linear(1.0), 4, groups={"body": 0.1}).rates("body", [0, 2])
        array([0.1 , 0.05])
        """
        factor = self.groups[Among(self.groups)("group", group)]
        return factor * self(steps)

    def table(self) -> Floats:
        """The learning rates of all updates, float64[T], read-only."""
        values = np.empty(self.horizon)
        for begin in range(0, self.horizon, BLOCK):
            block = np.arange(begin, min(begin + BLOCK, self.horizon))
            values[begin : begin + BLOCK] = self._rates(block)
        values.flags.writeable = False
        return values

    @cached_property
    def table_sha256(self) -> str:
        """SHA-256, in hexadecimal, of the table as little-endian float64."""
        return documents.hash_table(self.table())

    @cached_property
    def identity(self) -> str:
        """SHA-256, in hexadecimal, of the mathematics: peak, resolved expression, after the end.

        Channels and groups are part of it, if there are any. Schedules with one identity have the
        same values bit for bit, whatever their families; it does not depend on the machine, as
        rounding of transcendental functions might. Long lists of numbers, those of a table, enter
        by their own hash.
        """
        content = _mathematics(self)
        if self.channels:
            channels = {name: self.channel(name) for name in self.channels}
            content["channels"] = {name: _mathematics(one) for name, one in channels.items()}
        if self.groups:
            content["groups"] = dict(self.groups)
        content = documents.condensed(content)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def at(self, horizon: int) -> "Schedule":
        """The same shape over another horizon.

        Lengths in updates scale along unless pinned, those of channels too; the way back is exact.

        >>> from tuning.schedules import Cosine, Warmup
        >>> Schedule(Cosine(1.0, warmup=Warmup(20)), 100).at(50)([10])
        array([1.])
        """
        if horizon == self.horizon:
            return self
        stretched = {name: family.stretched(self.horizon) for name, family in self.channels.items()}
        family = self.family.stretched(self.horizon)
        return replace(self, family=family, horizon=horizon, channels=Named(stretched))

    def resumed(self, step: int) -> "Schedule":
        """What is left from an update on: its update t is update `step` + t of this schedule.

        The values are the same to the last bit, those of channels and groups too. What follows the
        last update is the same, save that what rebounds refuses steps beyond its end, as its turns
        are not its own.

        Args:
            step: the first update that is left, from 0 to T - 1.

        >>> from tuning.schedules import Linear
        >>> Schedule(Linear(1.0), 4).resumed(2).table()
        array([0.5 , 0.25])
        """
        first = Integer(0, self.horizon - 1)("step", step)
        after_end = "error" if self.family.after_end == "rebound" else self.family.after_end
        left = self.horizon - first
        node = Part(self.shape, first, left).simplified()
        return Schedule(
            Expression(self.peak, node=node, after_end=after_end),
            left,
            channels={name: self.channel(name).resumed(first).family for name in self.channels},
            groups=self.groups,
        )

    def preview(self, points: int = 500) -> tuple[Steps, Floats]:
        """Steps and learning rates for a picture: at most `points`, no extreme lost.

        Of each of (points - 2) // 2 equal stretches the lowest and the highest value are kept, and
        the first and the last of all.

        Args:
            points: at least 4.

        Returns:
            int64 steps, increasing, and their float64 learning rates.
        """
        if points < FEWEST_POINTS:
            raise InvalidValue("points", points, f"an integer from {FEWEST_POINTS}")
        values = self.table()
        if self.horizon <= points:
            return np.arange(self.horizon), values
        cuts = np.linspace(0, self.horizon, (points - 2) // 2 + 1).astype(np.int64)
        kept = {0, self.horizon - 1}
        for begin, end in pairwise(cuts):
            stretch = values[begin:end]
            kept |= {int(begin + stretch.argmin()), int(begin + stretch.argmax())}
        steps = np.array(sorted(kept))
        return steps, values[steps]

    def document(self, *, table: bool = False) -> dict[str, Any]:
        """The portable form, `glideslope/schedule@1`, as JSON-able values.

        Args:
            table: whether to include all values, for programs without Glideslope.
        """
        return documents.write(self, table=table)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Schedule":
        """The schedule of a portable document: equal to the one that wrote it.

        Raises `InvalidValue` naming a field that is missing, unknown or outside its range, or an
        identity or table that is not the one of the schedule described.
        """
        schedule = cls(
            documents.read_family(document),
            document["horizon"],
            channels=documents.read_channels(document),
            groups=document.get("groups", {}),
        )
        documents.check_figures(schedule, document)
        return schedule


def _mathematics(schedule: Schedule) -> dict[str, Any]:
    """What says everything about the values, as JSON."""
    family = schedule.family
    after: dict[str, Any] = {"after_end": family.after_end}
    if family.after_end == "rebound":
        after["end"] = family.end
        after["warmup"] = family.warmup.updates(schedule.horizon)
    return {"peak": schedule.peak, "shape": schedule.shape.document(), **after}


def _check_steps(steps: ArrayLike) -> Steps:
    updates = np.asarray(steps)
    if updates.dtype.kind not in "iu" and updates.size:
        raise InvalidValue("steps", str(updates.dtype), "integers from 0")
    if updates.size and updates.min() < 0:
        raise InvalidValue("steps", int(updates.min()), "integers from 0")
    return updates.astype(np.int64, copy=False)
