"""Outcomes: workers tell how runs ended; trial and study follow.

The one idea: the last run of a trial concludes it, in the transaction that stores the run's result
and under the lock of the study, so a result counts once, the best only ever improves, and nobody
sees a finished run whose trial or study does not know of it.
Not here: who holds a run (`leases`), how a run gets to a worker (`work`).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from service.errors import Conflict
from service.store import (
    conclusions,
    failures,
    fit,
    leases,
    measurements,
    models,
    provenances,
    reads,
    studies,
)
from service.store.clock import now
from service.store.failures import NOTHING, LastWords
from service.store.leases import Isolation, Reply, Status
from service.store.locks import lock_runs, lock_studies_of
from service.store.measurements import Report
from tuning.documents import (
    read_number,
    write_provenance,
    write_result,
)
from tuning.errors import InvalidValue
from tuning.provenance import Provenance
from tuning.records import Cause, Result, RunState, move

CRASHED = "crashed"
EXPIRED = "its worker did not extend the lease"
WORKER_DIED = "its worker died"


class Outcome(StrEnum):
    """How a training ended, as its worker tells it."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    FAILED = "failed"
    CRASHED = "crashed"
    RETURNED = "returned"


ENDS: Mapping[Outcome, RunState] = {
    Outcome.COMPLETED: RunState.COMPLETED,
    Outcome.DIVERGED: RunState.DIVERGED,
    Outcome.FAILED: RunState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Tell:
    """How one run ended.

    Args:
        run: its id.
        token: the lease it was trained under.
        outcome: `completed`, `diverged` and `failed` end the run; `crashed` (its training process
            died, with `lanes` runs in it) and `returned` (handed back) put it back.
        metrics: final metrics per split; None for a number that is not finite.
        blocks: losses per block of the compared metric, per split; likewise.
        reason: why it failed, or where it diverged.
        cause: the same as a code.
        step: updates made when it was last measured, if it did not complete.
        lr: learning rate of the last of them.
        lanes: runs that were trained in the same process.
        provenance: what it was trained on and with; None if the trainer does not say.
        words: where it raised and what it printed, if it did not complete.
    """

    run: str
    token: str
    outcome: Outcome
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    blocks: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    reason: str = ""
    cause: Cause | None = None
    step: int | None = None
    lr: float | None = None
    lanes: int = 1
    provenance: Provenance | None = None
    words: LastWords = NOTHING

    def result(self, state: RunState) -> Result:
        """What was told, as the core's record."""
        return Result(
            state,
            {split: _numbers(values) for split, values in self.metrics.items()},
            {split: tuple(map(read_number, row)) for split, row in self.blocks.items()},
            self.reason,
            self.cause,
            self.step,
            self.lr,
            self.provenance,
        )

    @property
    def splits(self) -> set[str]:
        """The splits that an end tells figures of."""
        told = [*self.metrics.items(), *self.blocks.items()] if self.outcome in ENDS else []
        return {split for split, figures in told if figures}

    @property
    def body_hash(self) -> str:
        """SHA-256 over everything told, as canonical JSON; equal for a repetition."""
        told = write_result(self.result(RunState.COMPLETED))
        body = {**told, "state": self.outcome, "lanes": self.lanes}
        if self.provenance is not None:  # else the hash is that of versions before it
            body["provenance"] = write_provenance(self.provenance)
        if self.words:  # likewise
            body["words"] = [self.words.traceback, self.words.log_tail]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def tell(
    session: Session,
    results: Sequence[Tell],
    *,
    max_attempts: int,
    project: str | None = None,
    reports: Sequence[Report] = (),
) -> list[Reply]:
    """Take the ends of runs, each counted once; one reply per item.

    Args:
        session: a writing session.
        results: what workers tell; they may be of many studies.
        max_attempts: bad ends (crashed alone, lease expired) after which a run has failed; one is
            enough if it used up its time alone.
        project: whose runs they may be; anyone's if None.
        reports: what the runs measured last, stored before; their replies come first.

    Raises Conflict if a token that told an end tells another one, InvalidValue naming the item if
    what it tells does not fit its run; then none of the batch is stored.
    """
    names = {one.run for one in results} | {one.run for one in reports}
    locked = lock_studies_of(session, names, project)
    runs = lock_runs(session, names, project)
    terms = {study.id: fit.terms_of(study.spec) for study in locked.values()}
    at = now(session)
    taken: list[tuple[models.Run, Tell]] = []
    replies = measurements.keep(session, reports, runs, terms)
    for position, one in enumerate(results):
        refusal = leases.refuse(runs, one.run, one.token)
        if refusal is None:
            run = runs[one.run]
            _check_told(one, run, terms[run.study], f"results[{position}]")
            _apply(one, run, at, max_attempts)
            taken.append((run, one))
        elif refusal.status is Status.DUPLICATE:
            _check_repeated(one, runs[one.run])
        replies.append(refusal or Reply(one.run, Status.OK))
    provenances.remember(
        session,
        ((run.project, one.provenance) for run, one in taken if one.provenance is not None),
    )
    failures.note(session, _explained(taken), at)
    reads.note(session, locked, ((run, one.splits, one.provenance) for run, one in taken), at)
    follow(session, locked, [run for run, _ in taken], at)
    return replies


def _explained(
    taken: Iterable[tuple[models.Run, Tell]],
) -> Iterator[tuple[models.Run, LastWords]]:
    """The last words of runs that went wrong by their own doing, as far as anybody knows."""
    for run, one in taken:
        is_bad = one.outcome in {Outcome.FAILED, Outcome.DIVERGED, Outcome.CRASHED}
        if one.words and is_bad and not (one.lanes > 1 and run.state == RunState.QUEUED):
            yield run, one.words


def _apply(tell: Tell, run: models.Run, at: datetime, max_attempts: int) -> None:
    """Move a leased run as told: to its end, or back to the queue."""
    state = ENDS.get(tell.outcome)
    if state is not None:
        _finish(run, tell.result(state), at)
    elif tell.outcome is Outcome.CRASHED:
        _crash(run, tell, at, max_attempts)
    else:
        leases.take_back(run)
    run.told_token = tell.token
    run.body_hash = tell.body_hash


def lose(run: models.Run, at: datetime, max_attempts: int) -> None:
    """Take back a run whose lease expired; at `max_attempts` attempts it has failed."""
    _count_attempt(run, _failed(EXPIRED, Cause.LOST_WORKER), at, max_attempts)
    if run.attempt >= max_attempts - 1:  # no neighbour that kills workers may fail this run as well
        run.isolation = Isolation.WORKER


def bereave(run: models.Run, at: datetime, max_attempts: int) -> None:
    """Take back a run whose worker is known to have died; an attempt only if it was alone there.

    Which of the runs in a worker killed it? As after a crash, the retries alone will tell.
    """
    if run.isolation == Isolation.WORKER:
        _count_attempt(run, _failed(WORKER_DIED, Cause.LOST_WORKER), at, max_attempts)
    else:
        leases.take_back(run)
        run.isolation = Isolation.WORKER


def _finish(run: models.Run, result: Result, at: datetime) -> None:
    """End a leased run; its token dies."""
    run.state = move(RunState(run.state), result.state)
    run.result = write_result(result)
    run.provenance = None if result.provenance is None else result.provenance.identity
    run.token = None
    run.lease_until = None
    run.finished = at


def follow(
    session: Session,
    locked: Mapping[str, models.Study],
    changed: Collection[models.Run],
    at: datetime,
) -> None:
    """Let trials and the locked studies follow what just happened to these runs."""
    for name, study in locked.items():
        runs = [run for run in changed if run.study == name]
        if runs:
            _follow_study(session, study, runs, at)
    session.flush()


def _follow_study(
    session: Session, study: models.Study, runs: Sequence[models.Run], at: datetime
) -> None:
    session.flush()
    ended = [run for run in runs if RunState(run.state).is_final]
    with session.no_autoflush:  # the study's row is written once, by the note
        study.finished_runs += len(ended)
        concluded = conclusions.conclude_trials(session, study, ended)
        study.eta = studies.estimate_end(study, at)
        changes = {
            "runs": [{"run": run.id, "trial": run.trial, "state": run.state} for run in runs],
            "trials": concluded,
            "finished_runs": study.finished_runs,
            "expected_runs": study.expected_runs,
            "best_trial": study.best_trial,
            "best_value": study.best_value,
        }
        studies.note(session, study, "progress", changes, at)


def _crash(run: models.Run, tell: Tell, at: datetime, max_attempts: int) -> None:
    if tell.lanes > 1 and run.isolation == Isolation.NONE:
        leases.take_back(run)  # which run of the block did it? the retry alone will tell
        run.isolation = Isolation.BLOCK
    else:
        end = _failed(tell.reason or CRASHED, tell.cause, tell.step, tell.lr)
        # A run that used up its time alone had all of it; again would cost as much again.
        _count_attempt(run, end, at, 1 if tell.cause is Cause.TIMEOUT else max_attempts)


def _failed(
    reason: str, cause: Cause | None, step: int | None = None, lr: float | None = None
) -> Result:
    return Result(RunState.FAILED, reason=reason, cause=cause, step=step, lr=lr)


def _count_attempt(run: models.Run, end: Result, at: datetime, max_attempts: int) -> None:
    """Count an attempt that ended so; the run fails by it if there are no more."""
    run.attempt += 1
    if run.attempt >= max_attempts:
        _finish(run, end, at)
    else:
        leases.take_back(run)


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: read_number(value) for name, value in values.items()}


def _check_told(one: Tell, run: models.Run, terms: fit.Terms, where: str) -> None:
    is_completed = one.outcome is Outcome.COMPLETED
    try:
        fit.check_end(run, terms, one.metrics, one.blocks, one.step, is_completed=is_completed)
    except InvalidValue as error:
        raise error.under(where) from error


def _check_repeated(one: Tell, run: models.Run) -> None:
    if run.body_hash != one.body_hash:
        raise Conflict(f"run {one.run!r} was told another result under the same token")
