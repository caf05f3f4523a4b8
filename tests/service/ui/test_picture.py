"""The picture: a real image that follows its lines."""

import io

import matplotlib.image
import numpy as np
import pytest

from service.ui.picture import DPI, INCHES, Line, draw_schedules

STEPS = np.arange(100)
FALL = np.linspace(0.01, 0.0, 100)


def pixels(png: bytes) -> np.ndarray:
    """The image as an array of height, width and colour."""
    return np.asarray(matplotlib.image.imread(io.BytesIO(png), format="png"))


def test_is_a_png_of_the_expected_size() -> None:
    """The image has the promised pixels, and more than one colour."""
    image = pixels(draw_schedules([Line("linear", STEPS, FALL, is_winner=True)]))

    assert image.shape[:2] == (round(INCHES[1] * DPI), round(INCHES[0] * DPI))
    assert len(np.unique(image[::8, ::8, 0])) > 5


def test_same_lines_give_the_same_bytes() -> None:
    """The picture depends on nothing but its lines."""
    lines = [Line("linear", STEPS, FALL, is_winner=True)]

    assert draw_schedules(lines) == draw_schedules(lines)


@pytest.mark.parametrize(
    "other",
    [
        Line("linear", STEPS, FALL**2, is_winner=True),
        Line("linear", STEPS, FALL),
        Line("cosine", STEPS, FALL, is_winner=True),
    ],
)
def test_differs_when_the_lines_differ(other: Line) -> None:
    """Values, the winner and the label can all be seen."""
    image = pixels(draw_schedules([Line("linear", STEPS, FALL, is_winner=True)]))

    assert not np.array_equal(image, pixels(draw_schedules([other])))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line("zero", STEPS, np.zeros(100))],
        [Line("one update", [0], [0.1], is_winner=True)],
        [Line("constant", STEPS, np.full(100, 1e-8))],
        [Line(f"family {number}", STEPS, FALL * number) for number in range(1, 20)],
    ],
)
def test_draws_whatever_there_is(lines: list[Line]) -> None:
    """No lines, no positive rate, one update, one value or many lines: still a picture."""
    assert draw_schedules(lines).startswith(b"\x89PNG")
