"""Numbers as a reader wants them: as many digits as the error allows, true minus signs.

The one idea: a figure is never shown finer than it is known.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime

MINUS = "\N{MINUS SIGN}"
MOST_DECIMALS = 9


def significant(value: float | None, digits: int = 5) -> str:
    """A number with so many significant digits; a dash for none.

    >>> significant(0.0123456), significant(-1234.0, 3), significant(None)
    ('0.012346', '−1.23e+03', '–')
    """
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    written = f"{value:.{digits}g}"
    return written.replace("-", MINUS, 1) if value < 0 else written


def beside(value: float | None, error: float) -> str:
    """A number with as many decimals as two significant digits of its error have.

    >>> beside(0.512345, 0.00213), beside(11.4321, 0.2), beside(3.0, 0.0)
    ('0.5123', '11.43', '3')
    """
    return fixed(value, decimals([error]))


def decimals(errors: Iterable[float]) -> int | None:
    """Decimals that show two significant digits of the middle one of `errors`; None without one.

    >>> decimals([0.00016, 0.0016, 0.00005]), decimals([0.0]), decimals([250.0])
    (5, None, None)
    """
    known = sorted(error for error in errors if math.isfinite(error) and error > 0.0)
    if not known:
        return None
    found = 1 - math.floor(math.log10(known[len(known) // 2]))
    return found if 0 <= found <= MOST_DECIMALS else None


def fixed(value: float | None, places: int | None) -> str:
    """A number with so many decimals; with five significant digits if that is None.

    >>> fixed(-0.5, 3), fixed(0.123456, None), fixed(None, 3)
    ('−0.500', '0.12346', '–')
    """
    if value is None or not math.isfinite(value) or places is None:
        return significant(value)
    return f"{value:.{places}f}".replace("-", MINUS)


def percent(share: float | None, *, signed: bool = False) -> str:
    r"""A share as a percentage with two significant digits.

    >>> percent(0.0123), percent(-0.5, signed=True), percent(0.031, signed=True)
    ('1.2\xa0%', '−50\xa0%', '+3.1\xa0%')
    """
    if share is None or not math.isfinite(share):
        return "\N{EN DASH}"
    rounded = float(f"{100 * share:.2g}")
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:g}\N{NO-BREAK SPACE}%".replace("-", MINUS)


def compact(values: Iterable[float | None]) -> list[float | None]:
    """Numbers for a plot: six significant digits, None where there is nothing to draw.

    >>> compact([0.123456789, float("nan"), None])
    [0.123457, None, None]
    """
    return [
        None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
        for value in values
    ]


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the minute; a dash for none.

    >>> moment(datetime(2026, 11, 26, 9, 5, 59, tzinfo=UTC)), moment(None)
    ('2026-11-26 09:05 UTC', '–')
    """
    if at is None:
        return "\N{EN DASH}"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(at: datetime | None, now: datetime) -> str:
    """How long before `now` something was, in its largest unit; a dash for never.

    >>> from datetime import timedelta
    >>> at = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    >>> ago(at, at + timedelta(seconds=59)), ago(at, at + timedelta(hours=50)), ago(None, at)
    ('59 s ago', '2 d ago', '–')
    """
    if at is None:
        return "\N{EN DASH}"
    return f"{duration((now - at).total_seconds())} ago"


def duration(seconds: float) -> str:
    """A time in its largest whole unit.

    >>> duration(0.2), duration(75), duration(7200), duration(3 * 86400)
    ('0 s', '1 min', '2 h', '3 d')
    """
    seconds = max(0.0, seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
