"""Failures: where a run that went wrong raised, and what its process printed last.

The one idea: it is told with the end that it explains, in the same transaction, and kept beside
the run until another training of it goes wrong, or the study is deleted.
Not here: that a run failed, with its cause and reason (`outcomes`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store import models
from service.store.failure_models import Failure

LONGEST_WORDS = 8192  # characters


@dataclass(frozen=True, slots=True)
class LastWords:
    """What there is to read about a training that went wrong; empty if nobody told."""

    traceback: str = ""
    log_tail: str = ""

    @staticmethod
    def of(traceback: str, log_tail: str) -> "LastWords":
        """As much of both as is kept, the end.

        >>> LastWords.of("", "x" * 10_000).log_tail == "x" * LONGEST_WORDS
        True
        """
        return LastWords(traceback[-LONGEST_WORDS:], log_tail[-LONGEST_WORDS:])

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.traceback or self.log_tail)


NOTHING = LastWords()


def note(session: Session, told: Iterable[tuple[models.Run, LastWords]], at: datetime) -> None:
    """Keep what was told of these runs; what an earlier training of them said is forgotten."""
    for run, words in told:
        session.merge(
            Failure(
                project=run.project,
                study=run.study,
                run=run.id,
                traceback=words.traceback,
                log_tail=words.log_tail,
                at=at,
            )
        )


def recall(
    session: Session, project: str, study: str, runs: Iterable[str]
) -> Mapping[str, LastWords]:
    """What is known of these runs, by run."""
    row = Failure
    query = select(row).where(row.project == project, row.study == study, row.run.in_(list(runs)))
    return {one.run: LastWords(one.traceback, one.log_tail) for one in session.scalars(query)}
