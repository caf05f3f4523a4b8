"""Recovery: how long a run that was in the hands of a killed worker waits for the next one.

The one idea: the study's own events tell who was handed what and when, so that nothing is missed
that the victim could not write down itself. The database's clock is this machine's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.store.engine import Store
from service.store.events import Event
from tests.chaos.conftest import all_changes
from tuning.records import RunState


@dataclass(frozen=True, slots=True)
class Kill:
    """Whom, and when."""

    worker: str
    at: datetime


def read_changes(database: str, study: str) -> list[Event]:
    """The events of a study, from the database of a stopped server."""
    store = Store(database)
    with store.read() as session:
        found = all_changes(session, study)
    store.close()
    return found


def waits(changes: Sequence[Event], kills: Iterable[Kill]) -> Iterator[float]:
    """Seconds from each kill until a run that the victim held was handed out again.

    What it had told before it died is no loss, whenever the answer was to come.
    """
    for kill in kills:
        held: set[str] = set()
        for change in changes:
            is_before = change.at < kill.at
            if change.kind == "claimed" and (not is_before or change.data["worker"] == kill.worker):
                names = set(change.data["runs"])
                if is_before:
                    held |= names
                else:
                    for _ in names & held:
                        yield (change.at - kill.at).total_seconds()
                    held -= names
            elif change.kind == "progress" and is_before:
                held -= {one["run"] for one in change.data["runs"]}
            elif change.kind == "progress":
                held -= {one["run"] for one in change.data["runs"] if one["state"] in ENDS}


ENDS = frozenset(state for state in RunState if state.is_final)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many of all do not exceed.

    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([3.0, 1.0, 2.0], 0.99)
    (2.0, 3.0)
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
