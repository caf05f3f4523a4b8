"""Runs in words: the row of one among its trial's, and the facts of one alone.

The one idea: how it ended stands before everything else, and why in the words it was told in.
Not here: what a run measured (`service.ui.charts.run`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.schemas.studies import RunView
from service.ui.facts import Fact
from service.ui.typeset import duration, moment, significant
from tuning.records import StudySpec


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the table of its trial's."""

    id: str
    place: str
    phase: str
    updates: str
    seed: int
    state: str
    value: str
    attempt: int
    worker: str
    took: str
    reason: str


def list_runs(runs: Sequence[RunView], spec: StudySpec) -> list[RunLine]:
    """The runs of a trial, in order."""
    return [
        RunLine(
            id=one.id,
            place=name_run(one.id),
            phase=one.phase,
            updates=f"{one.updates:,}",
            seed=one.seed,
            state=one.state,
            value=significant(one.metrics.get("validation", {}).get(spec.metric.name)),
            attempt=one.attempt,
            worker=one.worker or "",
            took=_took(one),
            reason=one.reason,
        )
        for one in runs
    ]


def name_run(run: str) -> str:
    """The name of a run within its study.

    >>> name_run("st_abc.13.8")
    '13.8'
    """
    return run.partition(".")[2] or run


def _took(run: RunView) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    begin, end = map(datetime.fromisoformat, (run.started_at, run.finished_at))
    return _exact((end - begin).total_seconds())


def _exact(seconds: float) -> str:
    """A time to a tenth of a second while that is seen.

    >>> _exact(2.345), _exact(75.0)
    ('2.3 s', '1 min')
    """
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def tell_run(run: RunView, spec: StudySpec) -> list[Fact]:
    """The facts of a run."""
    ends = [
        Fact(f"{spec.metric.name} on {split}", significant(values[spec.metric.name]))
        for split, values in run.metrics.items()
        if spec.metric.name in values
    ]
    where = "" if run.lr is None else f"learning rate {significant(run.lr, 3)}"
    lost = [] if run.step is None else [Fact("last measured", f"after {run.step:,}", where)]
    return [
        *ends,
        *lost,
        Fact("phase", run.phase, f"seed {run.seed}"),
        Fact("updates", f"{run.updates:,}", f"of a schedule over {run.horizon:,}"),
        Fact("worker", run.worker or "\N{EN DASH}", _attempts(run.attempt)),
        Fact("began", moment(_read(run.started_at)), _took(run) and f"took {_took(run)}"),
    ]


def _attempts(lost: int) -> str:
    if not lost:
        return "at the first attempt"
    return f"{lost} attempt{'s' * (lost > 1)} ended badly"


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
