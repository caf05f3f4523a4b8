"""Objectives as their page shows them: what is trained and scored, by which settings.

The one idea: all of it is read from what the API tells of an objective, so one of a user's own has
its entry at once.
Not here: the form that sets the settings (`service.ui.form`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.schemas.catalogue import NeedsView, ObjectiveView
from service.ui.facts import Fact
from service.ui.form.controls import Control
from service.ui.form.offer import Problem
from service.ui.typeset import significant

LIKE = {"ohlcv": "bars", "quotes": "option quotes"}  # what datasets of a kind hold


@dataclass(frozen=True, slots=True)
class Entry:
    """An objective; `data` says what datasets may hold that it can be trained on, if any."""

    view: ObjectiveView
    name: str
    kind: str
    data: str
    facts: tuple[Fact, ...]
    settings: tuple[Control, ...]
    applies_to: Mapping[str, str]

    @classmethod
    def of(cls, view: ObjectiveView, dataset: str | None) -> "Entry":
        """The entry of an objective that can be trained on datasets of a kind."""
        problem = Problem.of(view, None)
        return cls(
            view=view,
            name=problem.name,
            kind=problem.kind,
            data="" if dataset is None else LIKE.get(dataset, dataset),
            facts=_facts(view),
            settings=problem.settings,
            applies_to={name: _word(value) for name, value in view.applies_to.items()},
        )


def _facts(view: ObjectiveView) -> tuple[Fact, ...]:
    low, high = (significant(end, 3) for end in view.peak)
    cap = "none" if view.hard_cap is None else significant(view.hard_cap, 3)
    rungs = ", ".join(significant(rung, 3) for rung in view.rungs) or "none"
    score = "last iterate" if view.score == "last" else "mean"
    segment = "of every run"
    if view.score != "last":
        segment = (
            f"over all but the first {view.score_begin:.0%}" if view.score_begin else "over all"
        )
    horizon = "fixed by its data" if view.has_fixed_horizon else "updates, unless a study says"
    splits = "one per split" if view.trains_per_split else "one for all"
    return (
        Fact("horizon", f"{view.default_horizon:,}", horizon),
        Fact("peak", f"{low} to {high}", "usual range of the learning rate"),
        Fact("hard cap", cap, "of the learning rate, by default settings"),
        Fact("rungs", rungs, "shorter horizons, as fractions"),
        Fact("score", score, segment),
        Fact("trainings", splits, "of validation, and of test, which is read once"),
        Fact("needs", *_needs(view.needs)),
    )


def _needs(needs: NeedsView) -> tuple[str, str]:
    """What a training process takes, in words, and what the first word leaves out."""
    cores = "1 core" if needs.cpus == 1 else f"{needs.cpus:,} cores"
    gpus = "" if not needs.gpus else f" and {significant(needs.gpus, 3)} GPU"
    memory = "memory unknown" if needs.memory_mib is None else f"{needs.memory_mib:,} MiB of memory"
    return f"{cores}{gpus}", f"{memory}, for each training process"


def _word(value: Any) -> str:  # noqa: ANN401 # any JSON
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return significant(value)
    return json.dumps(value, ensure_ascii=False)
