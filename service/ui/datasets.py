"""Datasets as their pages show them.

Not here: what is in one (`tuning.objectives.datasets`), the charts of it (`charts.values`).
"""

from dataclasses import dataclass
from datetime import datetime

from service.schemas.datasets import DatasetView
from service.ui.facts import Fact

HELD = {"ohlcv": "bars", "quotes": "option quotes"}
NEEDED = {
    "ohlcv": "A header names time, high, low and close; other columns are ignored.",
    "quotes": "A header names time, expiry, strike, call or put, forward, years to expiry, and "
    "bid, mid and ask volatility.",
}
CHARTS = {"ohlcv": ("prices",), "quotes": ("smile", "level")}
UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Listed:
    """A dataset in words; `users` studies name it."""

    view: DatasetView
    held: str
    size: str
    begin: str
    end: str
    made: datetime
    users: int


def listed(view: DatasetView, users: int) -> Listed:
    """A dataset of the list."""
    is_intraday = view.step_seconds is not None and view.step_seconds < STEPS[0][0]
    length = 16 if is_intraday else 10
    return Listed(
        view=view,
        held=HELD[view.kind],
        size=size(view.bytes),
        begin=view.begin[:length].replace("T", " "),
        end=view.end[:length].replace("T", " "),
        made=datetime.fromisoformat(view.created_at),
        users=users,
    )


def facts(view: DatasetView) -> list[Fact]:
    """What there is to know of a dataset at a glance."""
    what = "bars" if view.kind == "ohlcv" else "snapshots"
    return [
        Fact("holds", HELD[view.kind], view.format),
        Fact("rows", f"{view.rows:,}", f"{view.moments:,} {what}"),
        Fact("from", view.begin[:10], view.begin[11:16] + " UTC"),
        Fact("to", view.end[:10], view.end[11:16] + " UTC"),
        Fact("step", _step(view.step_seconds), "the usual one"),
        Fact("size", size(view.bytes), f"{view.bytes:,} bytes"),
    ]


def size(number: int) -> str:
    """A number of bytes in its largest unit.

    >>> size(900), size(1536), size(5 * 2**20)
    ('900 bytes', '1.5 KiB', '5 MiB')
    """
    for unit, length in UNITS:
        if number >= length:
            return f"{number / length:.3g} {unit}"
    return f"{number} bytes"


def _step(seconds: int | None) -> str:
    if seconds is None:
        return "\N{EN DASH}"
    for length, unit in STEPS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds} s"
