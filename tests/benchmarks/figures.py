"""Figures: what every benchmark leaves, in one shape.

The one idea: a figure has a value, a target that it met or not, and the spread of its repeats; a
ratio names its peer. A missed target is told and is no error.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
WIDTH = 58
VIOLATIONS = "violations"  # the unit of a figure that must be 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Args:
        name: unique within its benchmark.
        value: the median, or the best, as `note` says.
        unit: of the value.
        better: which way.
        target: what it should reach; None if it is only told.
        spread: smallest and largest of the repeats.
        repeats: how many.
        peer: what a ratio is against.
        note: how it was measured.
    """

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"] = "higher"
    target: float | None = None
    spread: tuple[float, float] | None = None
    repeats: int = 1
    peer: str | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(figure: Figure) -> None:
    """Print a figure as a line of the table."""
    spread = "" if figure.spread is None else f"  [{figure.spread[0]:.4g}, {figure.spread[1]:.4g}]"
    sign = ">=" if figure.better == "higher" else "<="
    target = "" if figure.target is None else f"  {sign} {figure.target:g}"
    word = {None: "", True: "  met", False: "  MISSED"}[figure.met]
    peer = "" if figure.peer is None else f"  beside {figure.peer}"
    say(f"{figure.name:{WIDTH}}{figure.value:>12.5g} {figure.unit}{spread}{target}{word}{peer}")


def leave(name: str, figures: Sequence[Figure]) -> None:
    """Write all figures of a benchmark to var/bench/<name>.json."""
    path = ROOT / "var" / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{**asdict(one), "met": one.met} for one in figures], indent=1))
    missed = [one.name for one in figures if one.met is False]
    say(f"\n{len(figures)} figures in {path.relative_to(ROOT)}; missed: {', '.join(missed) or 0}")
