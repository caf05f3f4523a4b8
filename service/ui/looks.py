"""Looks: one colour and mark per family, the same in every plot and table of a page.

The one idea: a look follows from a family's place in the study, baselines first, and comes as a
light and a dark colour of equal rank; the page swaps one for the other when the theme changes.
Not here: layouts (`service.ui.charts.chart`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tuning.given import candidate_name
from tuning.records import Phase, RunState, StudySpec

# (light, dark): neighbours differ in hue and in lightness, on white and on near-black.
COLORS = (
    ("#64748b", "#94a3b8"),
    ("#2563eb", "#6ea8fe"),
    ("#d97706", "#fbbf24"),
    ("#059669", "#34d399"),
    ("#7c3aed", "#b497ff"),
    ("#db2777", "#f783b4"),
    ("#0891b2", "#38d6ee"),
    ("#92562a", "#d9a679"),
    ("#dc2626", "#ff8080"),
    ("#4d7c0f", "#a3d94b"),
    ("#1e3a8a", "#c7d2fe"),
    ("#a21caf", "#f0abfc"),
)
# Colour is never the only sign: marks by plotly's name, and their outlines in a 10 x 10 box.
MARKS = {
    "circle": "M5 1a4 4 0 1 0 .01 0z",
    "square": "M1.5 1.5h7v7h-7z",
    "diamond": "M5 .2l4.8 4.8-4.8 4.8-4.8-4.8z",
    "cross": "M3.4 .6h3.2v2.8h2.8v3.2h-2.8v2.8h-3.2v-2.8h-2.8v-3.2h2.8z",
}

# Marks that no family has.
OTHER_MARKS = {"x-thin": "M1.6.6L5 4l3.4-3.4 1 1L6 5l3.4 3.4-1 1L5 6 1.6 9.4l-1-1L4 5 .6 1.6z"}

# Of lines that have no mark; with as many colours, none is like another for sixty lines.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")

# What is not a family: (light, dark) of text, quiet text, lines and the ground of labels.
INK = ("#18202c", "#e8ecf2")
MUTED = ("#5d6878", "#97a3b4")
GRID = ("#e7eaef", "#262e3a")
AXIS = ("#c3cad4", "#3d4857")
GROUND = ("#ffffff", "#161c25")
# From the best to the worst score: (light, dark). Lightness alone tells them apart, so that they
# are seen with any eyes; the best stands out most from the ground, on white and on near-black.
SCALE = (
    ("#43085a", "#fbe44a"),
    ("#45327c", "#b3d94e"),
    ("#37588c", "#6cc56f"),
    ("#297d8e", "#35a784"),
    ("#27a083", "#2f8489"),
    ("#5cc06a", "#3d648c"),
    ("#a9d655", "#544f86"),
)
BAND_ALPHA = 0.13
# By number of a colour: what runs are for, and how they were lost.
PHASES = {Phase.PROBE: 6, Phase.BASELINE: 0, Phase.SEARCH: 1, Phase.CONFIRM: 3}
LOST = {RunState.DIVERGED: 2, RunState.FAILED: 8, RunState.CANCELLED: 7}


@dataclass(frozen=True, slots=True)
class Look:
    """How a family is drawn; `token` names its CSS variable."""

    token: str
    light: str
    dark: str
    symbol: str

    @property
    def outline(self) -> str:
        """Its mark as an SVG path in a 10 x 10 box."""
        return (MARKS | OTHER_MARKS)[self.symbol]


INKED = Look("ink", *INK, "circle")  # of what is no family
CROSSED = Look("muted", *MUTED, "x-thin")  # of what was lost


def looks(spec: StudySpec) -> dict[str, Look]:
    """A look for every family of a study: baselines in their order, the others, candidates."""
    handed = map(candidate_name, range(len(spec.candidates)))
    return looks_of((*spec.baselines, *spec.space.families, *handed))


def looks_of(families: Iterable[str]) -> dict[str, Look]:
    """A look for every family, in the order in which they come first."""
    return {family: _look(position) for position, family in enumerate(dict.fromkeys(families))}


def _look(position: int) -> Look:
    number = position % len(COLORS)
    light, dark = COLORS[number]
    return Look(f"family-{number}", light, dark, list(MARKS)[position % len(MARKS)])


def phase_looks() -> dict[Phase, Look]:
    """A look for what a run is for."""
    return {phase: _look(number) for phase, number in PHASES.items()}


def state_look(state: RunState) -> Look | None:
    """The look of a run that did not end well; None for any other."""
    return _look(LOST[state]) if state in LOST else None


def scale(*, is_low_best: bool) -> list[tuple[float, str]]:
    """Colours from the lowest to the highest score, as plotly takes them.

    >>> scale(is_low_best=False)[-1] == (1.0, SCALE[0][0])
    True
    """
    colors = [light for light, _ in (SCALE if is_low_best else SCALE[::-1])]
    return [(round(place / (len(colors) - 1), 4), color) for place, color in enumerate(colors)]


def band(color: str, alpha: float = BAND_ALPHA) -> str:
    """A transparent form of a `#rrggbb` colour.

    >>> band("#ff8000", 0.5)
    'rgba(255,128,0,0.5)'
    """
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def dark_of() -> dict[str, str]:
    """The dark colour of every light one, bands included: how a page goes dark."""
    pairs: Iterable[tuple[str, str]] = (*COLORS, *SCALE, INK, MUTED, GRID, AXIS, GROUND)
    plain = dict(pairs)
    return {**plain, **{band(light): band(dark) for light, dark in COLORS}}
