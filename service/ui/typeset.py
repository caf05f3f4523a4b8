"""Numbers as a reader wants them: as many digits as the error allows, true minus signs.

The one idea: a figure is never shown finer than it is known.
"""

import math
from collections.abc import Iterable

MINUS = "\N{MINUS SIGN}"


def significant(value: float | None, digits: int = 5) -> str:
    """A number with so many significant digits; a dash for none.

    >>> significant(0.0123456), significant(-1234.0, 3), significant(None)
    ('0.012346', '−1.23e+03', '–')
    """
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:.{digits}g}".replace("-", MINUS, 1) if value < 0 else f"{value:.{digits}g}"


def beside(value: float | None, error: float) -> str:
    """A number with as many decimals as two significant digits of its error have.

    >>> beside(0.512345, 0.00213), beside(11.4321, 0.2), beside(3.0, 0.0)
    ('0.5123', '11.43', '3')
    """
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if not math.isfinite(error) or error <= 0.0:
        return significant(value)
    decimals = 1 - math.floor(math.log10(error))
    if not 0 <= decimals <= 9:
        return significant(value)
    return f"{value:.{decimals}f}".replace("-", MINUS)


def percent(share: float | None, *, signed: bool = False) -> str:
    """A share as a percentage with two significant digits.

    >>> percent(0.0123), percent(-0.5, signed=True), percent(0.031, signed=True)
    ('1.2 %', '−50 %', '+3.1 %')
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
