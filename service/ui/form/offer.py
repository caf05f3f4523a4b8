"""The offer: all that the page of a new study shows before anything is chosen.

The one idea: what the browser's script must know beside the elements of the page travels as one
document, `Offer.document`; the rest is in the elements.
Not here: what is typed; the request that the form begins with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.schemas.catalogue import ObjectiveView
from service.schemas.external import EXAMPLE
from service.ui.form.controls import Control, Option, settings_controls
from service.ui.form.families import (
    Coordinate,
    Group,
    bounded_names,
    coordinates,
    groups,
    unsearchable,
    usual_by_sampler,
)
from tuning.study import BASELINES


@dataclass(frozen=True, slots=True)
class Problem:
    """An objective that can be chosen; `data` are the controls of its dataset, shown first."""

    view: ObjectiveView
    data: tuple[Control, ...]
    settings: tuple[Control, ...]

    @classmethod
    def of(cls, view: ObjectiveView, datasets: Sequence[Option] | None) -> "Problem":
        """An objective with its settings; `datasets` may be named if it takes any."""
        controls = settings_controls(view.config_schema, f"config-{view.name}", datasets)
        data = tuple(
            one for one in controls if datasets is not None and one.pointer == "/config/dataset"
        )
        return cls(view, data, tuple(one for one in controls if one not in data))

    @property
    def name(self) -> str:
        """What it is called, without what kind of training it is."""
        return self.view.title.partition(" (")[0]

    @property
    def kind(self) -> str:
        """What kind of training it is, as its title says between brackets."""
        return self.view.title.partition(" (")[2].removesuffix(")")

    def document(self) -> dict[str, Any]:
        """What holds if nothing else is asked for."""
        return {
            "horizon": self.view.default_horizon,
            "peak": [f"{end:g}" for end in self.view.peak],
            "rungs": ", ".join(f"{rung:g}" for rung in self.view.rungs) or "none",
            "metric": self.view.metrics[0].name,
            "is_lower_better": self.view.metrics[0].direction == "minimize",
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be asked for."""

    problems: tuple[Problem, ...]
    groups: tuple[Group, ...]
    coordinates: tuple[Coordinate, ...]
    bounded: tuple[str, ...]
    unsearchable: tuple[str, ...]
    baselines: tuple[str, ...]

    @property
    def families(self) -> tuple[str, ...]:
        """All families that can be searched."""
        return tuple(choice.name for group in self.groups for choice in group.choices)

    def document(self) -> dict[str, Any]:
        """What the page's script needs to know."""
        choices = [choice for group in self.groups for choice in group.choices]
        return {
            "objectives": {one.view.name: one.document() for one in self.problems},
            "usual": usual_by_sampler(),
            "tunable": {one.name: one.tunable for one in choices},
            "bounded": self.bounded,
            "example": EXAMPLE,
        }


def offer(problems: Sequence[Problem]) -> Offer:
    """All there is, with these objectives."""
    return Offer(
        tuple(problems), groups(), coordinates(), bounded_names(), unsearchable(), BASELINES
    )
