"""The picture of a schedule: one PNG or SVG to look at, to mail, to put into a slide.

The one idea: the same lines twice, on a linear and on a logarithmic axis, since the large steps and
the small ones both decide; drawn with objects only, so that no global state of matplotlib is
touched. Not here: the interactive charts (`service.ui.charts`).
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from service.ui.looks import AXIS, COLORS, GRID, INK, MUTED

INCHES = (11.0, 4.8)
LEGEND_COLUMNS = 4
DPI = 160
DECADES = 4.0  # shown below the highest rate on the logarithmic axis
WINNER = COLORS[1][0]
OTHERS = [light for light, _ in (COLORS[0], *COLORS[2:])]
DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)))


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A schedule to draw: learning rates `lrs` at updates `steps`."""

    label: str
    steps: ArrayLike
    lrs: ArrayLike
    is_winner: bool = False


def draw_schedules(
    lines: Sequence[Line],
    title: str = "Learning-rate schedules",
    kind: Literal["png", "svg"] = "png",
) -> bytes:
    """Draw schedules side by side on a linear and a logarithmic axis.

    Args:
        lines: what to draw; winners are drawn thick and on top.
        title: what stands above the panels.
        kind: a PNG of `INCHES` times `DPI` pixels, or an SVG.
    """
    engine = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.04)
    figure = Figure(figsize=INCHES, dpi=DPI, facecolor="white", layout=engine)
    FigureCanvasAgg(figure)
    linear, log = figure.subplots(1, 2)
    for panel, name in ((linear, "linear"), (log, "logarithmic")):
        _draw_panel(panel, lines, f"learning rate, {name}")
    _scale(linear, log, lines)
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK[0])
    if lines:
        handles, labels = linear.get_legend_handles_labels()
        figure.legend(
            handles[::-1],
            labels[::-1],
            loc="outside lower center",
            ncols=min(LEGEND_COLUMNS, len(lines)),
            frameon=False,
            fontsize=10,
            labelcolor=INK[0],
        )
    file = io.BytesIO()
    figure.savefig(file, format=kind)
    return file.getvalue()


def _draw_panel(panel: Axes, lines: Sequence[Line], title: str) -> None:
    """The lines, winners last so that they lie on top, and quiet axes."""
    others = [line for line in lines if not line.is_winner]
    for place, line in reversed(list(enumerate(others))):
        color, dash = OTHERS[place % len(OTHERS)], DASHES[place // len(OTHERS) % len(DASHES)]
        panel.plot(line.steps, line.lrs, color=color, linestyle=dash, lw=1.5, label=line.label)
    for line in lines:
        if line.is_winner:
            panel.plot(line.steps, line.lrs, color=WINNER, lw=3.0, label=f"{line.label} (winner)")
    panel.set_title(title, loc="left", fontsize=10.5, color=MUTED[0])
    panel.set_xlabel("update", color=MUTED[0])
    panel.margins(x=0.01)
    panel.grid(visible=True, color=GRID[0], lw=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED[0], length=3, labelsize=9.5)
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["bottom", "left"]].set_color(AXIS[0])


def _scale(linear: Axes, log: Axes, lines: Sequence[Line]) -> None:
    """Common limits: from zero, and over the decades that hold positive rates."""
    positive = [
        float(lr) for line in lines for lr in np.asarray(line.lrs, dtype=np.float64) if lr > 0.0
    ]
    linear.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if not positive:
        return
    highest = max(positive)
    lowest = max(min(positive), highest * 10.0**-DECADES)
    linear.set_ylim(0.0, 1.06 * highest)
    log.set_yscale("log")
    log.set_ylim(lowest / 1.3, highest * 1.4)
    if math.log10(highest / lowest) < 1.0:
        log.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        log.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    log.yaxis.set_minor_formatter(NullFormatter())
    for line in lines:
        if line.is_winner:
            linear.fill_between(line.steps, line.lrs, color=WINNER, alpha=0.08, linewidth=0)
