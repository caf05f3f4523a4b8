"""Recollection: histories that were read lately, so that only what is new is read again.

The one idea: it saves reading and nothing else; whoever forgets reads the same anew.
Not here: what of a history stays as it is (`history.load`).
"""

from collections import OrderedDict

from sqlalchemy.orm import Session

from service.store import history
from tuning.records import History

MOST_RUNS = 10_000  # of all histories that are kept


class Recollection:
    """Reads histories, in one thread at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], History] = OrderedDict()

    def load(self, session: Session, project: str, study: str) -> History:
        """The history of a study as it is now; raises NotFound."""
        known = self._known.pop((project, study), None)
        found = history.load(session, project, study, known)
        self._known[project, study] = found
        while sum(len(one.runs) for one in self._known.values()) > MOST_RUNS:
            self._known.popitem(last=False)
        return found
