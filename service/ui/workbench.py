"""The workbench: what its page knows of families, looks and libraries before it asks anything.

The one idea: the page is drawn from the tables of the core, so whatever family or library there is
can be picked; learning rates, findings and code it asks of the service, as any client would.
Not here: links into it (`service.ui.links`), the forms (`service.ui.controls`), its script.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from service.ui.charts.bench import bench_frame
from service.ui.controls import common_controls, family_controls, warmup_controls
from service.ui.looks import COLORS, DASHES
from tuning.schedules import FAMILIES, Schedule
from tuning.schedules.fitting import FEWEST, MOST
from tuning.schedules.interop import FRAMEWORKS
from tuning.schedules.parameters import PARAMETERS

Json = dict[str, Any]

# Headings by the file that a family stands in; a new file is a group of its own name.
GROUPS = {
    "decays": "Decays",
    "plateaus": "Decays",
    "cycles": "Cycles",
    "waves": "Cycles",
    "annealing": "Annealing curves",
    "refined": "Annealing curves",
    "rates": "Laws of time",
    "compounds": "In several parts",
    "explicit": "By numbers",
    "feedback": "Listening to a metric",
    "choice": "Listening to a metric",
}
FRAMEWORK_NAMES = {
    "json": "JSON",
    "torch": "PyTorch",
    "optax": "Optax",
    "keras": "Keras",
    "transformers": "Transformers",
    "timm": "timm",
    "sklearn": "scikit-learn",
    "csv": "CSV",
}
MOST_UPDATES = 1_000_000  # that the service lays out while somebody waits
WIDTH, HEIGHT = 96, 36  # of a thumbnail
DRAWN = 240  # updates in it


@dataclass(frozen=True, slots=True)
class Card:
    """A family as it is picked: its name, what it is in a line, its default as an SVG path."""

    name: str
    line: str
    path: str


@cache
def family_groups() -> dict[str, list[Card]]:
    """All families as cards, by heading."""
    groups: dict[str, list[Card]] = {title: [] for title in GROUPS.values()}
    for name in FAMILIES:
        card = Card(name, _about(name).partition("\n")[0], thumbnail(name))
        groups.setdefault(_group(name), []).append(card)
    return groups


@cache
def bench() -> Json:
    """What the page's script needs."""
    peak = PARAMETERS["peak"]
    return {
        "families": {
            name: {"about": _about(name), "group": _group(name), "fields": family_controls(name)}
            for name in FAMILIES
        },
        "warmup": warmup_controls(),
        "conventions": common_controls(),
        "peak": {"low": 1e-6, "high": peak.high, "help": peak.help},
        "horizon": {"low": 10, "high": 100_000, "min": 1, "max": MOST_UPDATES},
        "knots": {"min": FEWEST, "max": MOST},
        "looks": [
            {"color": light, "token": f"family-{(at + 1) % len(COLORS)}", "dash": _dash(at)}
            for at, (light, _) in enumerate((*COLORS[1:], COLORS[0]))
        ],
        "frameworks": [
            {"name": name, "title": FRAMEWORK_NAMES.get(name, name)} for name in _frameworks()
        ],
        "chart": bench_frame(),
    }


def thumbnail(name: str) -> str:
    """A family with its defaults, drawn into a box of 96 x 36."""
    schedule = Schedule(FAMILIES[name](1.0), DRAWN)
    steps, rates = schedule.preview(WIDTH)
    heights = (HEIGHT - 2) * (1.0 - np.clip(rates / max(rates.max(), 1e-12), 0.0, 1.0)) + 1
    points = zip((steps * WIDTH / (DRAWN - 1)).tolist(), heights.tolist(), strict=True)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _about(name: str) -> str:
    """What a family says of itself, without its example."""
    text = (FAMILIES[name].__doc__ or "").partition(">>>")[0]
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _group(name: str) -> str:
    file = FAMILIES[name].__module__.rpartition(".")[2]
    return GROUPS.get(file, file.replace("_", " ").capitalize())


def _dash(position: int) -> str:
    return DASHES[position % len(DASHES)]


def _frameworks() -> list[str]:
    """Those with a name for people in its order, then whatever else there is."""
    return [one for one in dict.fromkeys((*FRAMEWORK_NAMES, *FRAMEWORKS)) if one in FRAMEWORKS]
