"""Climbs: what every trial reached over each horizon, or prefix, that it was trained over.

The one idea: one value per trial and rung, wherever it comes from: a history here, the database
for a study of thousands of trials.
Not here: which trials go on (`tuning.search`), the chart (`service.ui.charts.rungs`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from service.ui.arms import LOST
from tuning.evidence.score import RANKED, SEARCHED
from tuning.records import History, Phase, Result, RunState, StudySpec


@dataclass(frozen=True, slots=True)
class Climb:
    """What one trial reached: its mean score by the updates it was trained for; None if lost."""

    number: int
    family: str
    phase: Phase
    scores: Mapping[int, float | None]

    @property
    def top(self) -> int:
        """The most updates it was trained for."""
        return max(self.scores)


@dataclass(frozen=True, slots=True)
class Step:
    """How the runs of a trial over so many updates stand; `mean` is that of the completed ones."""

    number: int
    family: str
    phase: Phase
    updates: int
    mean: float | None
    completed: int
    lost: int
    open: int

    def is_known(self, seeds: int) -> bool:
        """Whether it came to something: one was lost, or all that it was first trained on is in."""
        return self.lost > 0 or (self.completed > 0 and (not self.open or self.completed >= seeds))


def join_steps(steps: Iterable[Step], seeds: int) -> list[Climb]:
    """The climbs that steps make up, in the order of the steps."""
    found: dict[int, Climb] = {}
    for one in steps:
        if one.is_known(seeds):
            known = found.get(one.number)
            scores = {} if known is None else known.scores
            score = None if one.lost else one.mean
            found[one.number] = Climb(
                one.number, one.family, one.phase, {**scores, one.updates: score}
            )
    return list(found.values())


def climbs(spec: StudySpec, history: History) -> list[Climb]:
    """The climbs of a history, by number."""
    families = {trial.number: str(trial.params["family"]) for trial in history.trials}
    groups: dict[tuple[int, Phase, int], list[Result | None]] = {}
    for run in history.runs:
        if run.phase in RANKED:
            end = history.results.get((run.generation, run.index))
            groups.setdefault((run.trial, run.phase, run.updates), []).append(end)
    steps = (
        _step(spec, families[number], number, phase, updates, ends)
        for (number, phase, updates), ends in sorted(groups.items(), key=lambda pair: pair[0])
    )
    return join_steps(steps, spec.seeds)


def _step(
    spec: StudySpec,
    family: str,
    number: int,
    phase: Phase,
    updates: int,
    ends: Sequence[Result | None],
) -> Step:
    states = Counter(None if end is None else end.state for end in ends)
    values = [
        end.metrics[SEARCHED][spec.metric.name]
        for end in ends
        if end is not None and end.state is RunState.COMPLETED
    ]
    return Step(
        number=number,
        family=family,
        phase=phase,
        updates=updates,
        mean=fmean(values) if values else None,
        completed=len(values),
        lost=sum(states[state] for state in LOST),
        open=states[None],
    )
