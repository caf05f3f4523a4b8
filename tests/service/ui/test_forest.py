"""The forest plot: intervals at their places on one scale."""

from typing import Any

import pytest

from service.ui.forest import MARGIN, WIDTH, lay_out, relative_interval


def versus(trial: int, low: float, high: float, scale: float = 2.0) -> dict[str, Any]:
    """A comparison with this interval, of a baseline whose mean is `scale`."""
    middle = (low + high) / 2
    return {
        "trial": trial,
        "difference": middle,
        "relative": middle / scale,
        "ci95": (low, high),
    }


def test_places_follow_the_figures() -> None:
    """On one scale, lower is further left, and its ends are the ends of the drawing."""
    forest = lay_out([versus(1, -0.2, -0.1), versus(2, -0.02, 0.06)], worthwhile=0.01)

    assert forest is not None
    assert forest.bars[1].low == MARGIN
    assert forest.bars[2].high == WIDTH - MARGIN
    assert forest.bars[1].low < forest.bars[1].middle < forest.bars[1].high < forest.zero
    assert forest.bars[2].low < forest.zero < forest.bars[2].high


def test_differences_are_shown_relative() -> None:
    """An interval from -0.2 to -0.1 of a mean of 2 reaches from -10 % to -5 %."""
    assert relative_interval(versus(1, -0.2, -0.1)) == pytest.approx((-0.1, -0.075, -0.05))


def test_the_worthwhile_band_lies_around_zero() -> None:
    """The band is drawn to the scale of the intervals, even when they are far away."""
    forest = lay_out([versus(1, -0.2, -0.1)], worthwhile=0.01)

    assert forest is not None
    assert forest.band[0] < forest.zero < forest.band[1]
    assert forest.band[1] - forest.zero == pytest.approx(forest.zero - forest.band[0], abs=0.02)


@pytest.mark.parametrize("width", [0.0007, 0.013, 0.4, 30.0])
def test_ticks_are_few_and_round(width: float) -> None:
    """Between two and six ticks, zero among them, whatever the scale."""
    forest = lay_out([versus(1, -2 * width, width)], worthwhile=0.0)

    assert forest is not None
    labels = [label.replace("\N{NO-BREAK SPACE}", " ") for _, label in forest.ticks]
    assert 2 <= len(labels) <= 6
    assert "0 %" in labels


def test_nothing_to_compare_draws_nothing() -> None:
    """Without a baseline, or a mean to relate to, there is no plot."""
    nothing = {"trial": 1, "difference": 0.0, "relative": 0.0, "ci95": (0.0, 0.0)}

    assert lay_out([], worthwhile=0.01) is None
    assert lay_out([nothing], worthwhile=0.01) is None
    assert lay_out([{**versus(1, -1.0, 1.5), "relative": float("inf")}], 0.01) is None
