"""The list of studies, row by row, and the addresses of its filters.

The one idea: a row is what the API shows of a study, in words; whatever narrows the list stands in
its address, so a list can be linked, kept and gone back to, with or without a script.
Not here: which studies there are (`service.pages.studies`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from service.schemas.studies import BestSoFar, StudyView
from service.ui.facts import tone
from service.ui.looks import Look, looks_of
from service.ui.sparkline import Lead, Sparkline, sparkline
from service.ui.typeset import duration, significant
from tuning.states import STUDY_CALLS, Call, StudyState

NEWEST = "newest"
SORTS = {
    NEWEST: "newest first",
    "oldest": "oldest first",
    "name": "by name",
    "progress": "nearest to their end",
    "ended": "ended last",
    "lowest": "lowest best value",
    "highest": "highest best value",
}
BULK = (Call.PAUSE, Call.RESUME, Call.STOP, Call.CANCEL, Call.DELETE)
LONGEST_NOTE = 140
STALLED = "Stalled"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is narrowed to and sorted by; empty where it is not."""

    q: str = ""
    state: str = ""
    objective: str = ""
    label: str = ""
    labels: tuple[str, ...] = ()
    sort: str = NEWEST

    @property
    def is_narrowed(self) -> bool:
        """Whether there may be studies that the list leaves out."""
        return replace(self, sort=NEWEST) != Asked()

    def link(self, **changes: Any) -> str:  # noqa: ANN401 # of the fields
        """The address of a list that differs so, from its beginning.

        >>> Asked(q="a b", state="running").link(state="", labels=("team=x",))
        '/?q=a+b&labels=team%3Dx'
        """
        told = asdict(replace(self, **changes))
        if told["sort"] == NEWEST:
            del told["sort"]
        query = urlencode({name: one for name, one in told.items() if one}, doseq=True)
        return f"/?{query}" if query else "/"

    def page(self, cursor: str) -> str:
        """The address of the page after a cursor."""
        address = self.link()
        return f"{address}{'&' if '?' in address else '?'}{urlencode({'cursor': cursor})}"

    def without(self, label: str) -> str:
        """The address without one of the labels."""
        return self.link(labels=tuple(one for one in self.labels if one != label))


@dataclass(frozen=True, slots=True)
class Best:
    """The best of a study, in words."""

    value: str
    family: str
    peak: str
    is_confirmed: bool
    look: Look


@dataclass(frozen=True, slots=True)
class Row:
    """A study of the list; `share` is how much of it is done while it is under way."""

    id: str
    name: str
    note: str
    labels: Mapping[str, str]
    state: str
    verdict: tuple[str, str] | None
    trouble: str
    objective: str
    metric: str
    share: float | None
    runs: str
    left: str
    best: Best | None
    spark: Sparkline | None
    made: datetime
    ended: datetime | None
    calls: tuple[str, ...] = field(default=())


def row(
    view: StudyView, leads: Sequence[Lead], verdict: Mapping[str, Any] | None, now: datetime
) -> Row:
    """A study in words."""
    state = StudyState(view.state)
    progress = view.progress
    done = progress.finished_runs / max(1, progress.expected_runs)
    return Row(
        id=view.id,
        name=view.label or view.id,
        note=_shortened(view.notes),
        labels=view.labels,
        state=view.state,
        verdict=tone(verdict) if verdict and state is StudyState.COMPLETED else None,
        trouble=_trouble(view),
        objective=view.objective,
        metric=str(view.metric["name"]),
        share=None if state.is_final else min(1.0, done),
        runs=f"{progress.finished_runs:,} of {progress.expected_runs:,} runs",
        left=_left(progress.eta, now),
        best=None if view.best is None else _best(view, view.best),
        spark=sparkline(leads, view.spec["budget"]["trials"], 1.0 if state.is_final else done),
        made=datetime.fromisoformat(view.created_at),
        ended=None if view.finished_at is None else datetime.fromisoformat(view.finished_at),
        calls=tuple(call.value for call in BULK if state in STUDY_CALLS[call]),
    )


def _best(view: StudyView, best: BestSoFar) -> Best:
    looks = looks_of((*view.spec["baselines"], *view.spec["space"]["families"]))
    return Best(
        value=significant(best.value),
        family=best.family,
        peak=significant(best.peak, 3),
        is_confirmed=best.stage == "confirmed",
        look=looks[best.family],
    )


def _trouble(view: StudyView) -> str:
    """Why it failed, or does not get on."""
    stalls = (one.message for one in view.conditions if one.type == STALLED and one.status)
    return view.error or next(stalls, "")


def _left(eta: str | None, now: datetime) -> str:
    if eta is None:
        return ""
    seconds = (datetime.fromisoformat(eta) - now).total_seconds()
    return f"{duration(seconds)} left" if seconds > 1.0 else "about to end"


def _shortened(notes: str) -> str:
    """The first line of notes, or what there is room for."""
    line = notes.strip().partition("\n")[0]
    return line if len(line) <= LONGEST_NOTE else f"{line[: LONGEST_NOTE - 1].rstrip()}…"
