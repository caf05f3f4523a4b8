"""What a chart is made of: traces, layout, alternative views and the keys of its legend.

The one idea: views are patches over one figure, so lines travel once; and all colours are those of
the light theme, which the page swaps for the dark ones.
Not here: which charts there are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.ui.looks import AXIS, GRID, GROUND, INK, MUTED, Look

Json = dict[str, Any]

MANY_DECADES = 1.6  # beyond which 1, 2, 5 would crowd a logarithmic axis
CLEAR = "rgba(0,0,0,0)"
FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a chart: what changes in its layout, and in its traces by position."""

    name: str
    layout: Mapping[str, Any]
    data: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the legend; `group` is the `legendgroup` of the traces it shows and hides."""

    group: str
    label: str
    look: Look
    is_winner: bool = False
    is_dashed: bool = False
    is_mark: bool = False

    def document(self) -> Json:
        """What the page's script needs; `outline` is a mark's, as a path in a 10 x 10 box."""
        return {
            "group": self.group,
            "label": self.label,
            "token": self.look.token,
            "is_winner": self.is_winner,
            "is_dashed": self.is_dashed,
            "outline": self.look.outline if self.is_mark else None,
        }


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the page shows it; the first view is the one it opens with."""

    name: str
    title: str
    caption: str
    data: Sequence[Json]
    layout: Json
    views: tuple[View, ...] = ()
    keys: tuple[Key, ...] = ()

    def document(self) -> Json:
        """What the page's script needs."""
        return {
            "title": self.title,
            "caption": self.caption,
            "data": list(self.data),
            "layout": self.layout,
            "views": [
                {"name": view.name, "layout": view.layout, "data": list(view.data)}
                for view in self.views
            ],
            "keys": [key.document() for key in self.keys],
        }


def empty(words: str) -> Json:
    """In place of a chart of which there is nothing to draw: why."""
    return {"empty": words}


def layout(height: int, **more: object) -> Json:
    """The layout all charts share: quiet lines, transparent ground, no legend of its own."""
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 8, "r": 14, "t": 12, "b": 8},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT, "size": 12.5, "color": MUTED[0]},
        "showlegend": False,
        "dragmode": "zoom",
        "hoverdistance": 30,
        "modebar": {"bgcolor": CLEAR, "color": AXIS[0], "activecolor": MUTED[0]},
        "hoverlabel": {
            "bgcolor": GROUND[0],
            "bordercolor": AXIS[0],
            "font": {"family": FONT, "size": 12.5, "color": INK[0]},
            "align": "left",
        },
        **more,
    }


def axis(title: str, **more: object) -> Json:
    """An axis: its title with its unit, a light grid, room for its labels."""
    return {
        "title": {"text": title, "standoff": 10},
        "automargin": True,
        "gridcolor": GRID[0],
        "linecolor": AXIS[0],
        "zeroline": False,
        "tickformat": "~g",
        "separatethousands": True,
        **more,
    }


def log_axis(low: float, high: float) -> Json:
    """What makes an axis logarithmic; ticks at powers of ten, or at 1, 2, 5 if it is short.

    Args:
        low: smallest value shown, positive.
        high: largest value shown.
    """
    decades = math.log10(high / low)
    return {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "dtick": 1 if decades > MANY_DECADES else "D2",
        "tickformat": "" if decades > MANY_DECADES else "~g",
        "exponentformat": "power",
    }
