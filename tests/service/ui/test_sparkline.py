"""Sparklines: a line within its box, whatever the values."""

import math
import re

import pytest

from service.ui.sparkline import HEIGHT, WIDTH, sparkline


@pytest.mark.parametrize(
    "leads",
    [
        [(0, 1.0)],
        [(3, 5.0), (4, 1e-9)],
        [(0, -1.0), (9, -100.0)],
        [(0, 0.0), (7, -1e300), (500, -2e300)],
        [(0, 1.0), (1, 1.0 + 1e-15)],
        [(number, 1.0 / (number + 1)) for number in range(64)],
    ],
)
@pytest.mark.parametrize("share", [-1.0, 0.0, 0.4, 7.0])
def test_a_line_stays_in_its_box(leads: list[tuple[int, float]], share: float) -> None:
    """And tells the best in words."""
    drawn = sparkline(leads, 60, share)
    assert drawn is not None
    for command, number in re.findall(r"([A-Z ])(-?[\d.e+-]+)", drawn.path):
        limit = WIDTH if command in "MH" else HEIGHT
        assert 0 <= float(number) <= limit, drawn.path
    assert all(map(math.isfinite, drawn.end))
    assert drawn.words.startswith("best so far: ")


def test_nothing_is_drawn_of_nothing() -> None:
    """A study without a score."""
    assert sparkline([], 60, 0.5) is None


def test_a_better_value_is_lower_or_higher_as_it_is() -> None:
    """The line falls if the metric does, and rises if it rises."""
    falling, rising = (
        sparkline([(0, 2.0), (9, 1.0)], 10, 1.0),
        sparkline([(0, 1.0), (9, 2.0)], 10, 1.0),
    )
    assert falling is not None
    assert rising is not None
    assert falling.end[1] > HEIGHT / 2 > rising.end[1]
