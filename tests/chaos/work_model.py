"""What a store has to hand out, and what it has to make of what it is told.

The one idea: leases, fairness, suspicion and attempts in a few plain functions over the objects of
`model`; see there. Whoever presents a token gets one of five answers, which `refusal` lists.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.chaos.model import ACTIVE, OPEN, RefusedError, Run, Studies, Study

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OK, DUPLICATE = ("ok", None), ("duplicate", None)
MAX_ATTEMPTS = 3
LEASE_SECONDS = 30.0

Reply = tuple[str, str | None]  # status, and why to stop


@dataclass(frozen=True)
class Said:
    """An end as a worker tells it."""

    run: str
    token: str
    outcome: str
    value: float
    lanes: int


def refusal(run: Run | None, token: str) -> Reply | None:
    """Why a token does not hold a run; None if it does."""
    if run is None:
        return ("stale", "fenced")
    if run.state == "leased" and run.token == token:
        return None
    if run.told == token:
        return DUPLICATE
    return ("stale", {"cancelled": "cancelled", "queued": "expired"}.get(run.state, "fenced"))


class Model(Studies):
    """Studies and the work on them."""

    def _runs(self) -> Iterator[Run]:
        return (run for study in self.studies.values() for run in study.runs)

    def _run(self, name: str) -> Run | None:
        return next((run for run in self._runs() if run.id == name), None)

    def _study_of(self, run: Run) -> Study:
        return self.studies[run.id.split(".")[0]]

    @property
    def until(self) -> datetime:
        """When a lease that begins now ends."""
        return self.now + timedelta(seconds=LEASE_SECONDS)

    def claim(self, worker: str, claim: str, lanes: int) -> list[Run]:
        """The runs that a worker gets; tokens of new leases are not known yet."""
        before = [run for run in self._runs() if (run.worker, run.claim) == (worker, claim)]
        if before:
            held = [run for run in before if run.state == "leased"]
            for run in held:
                run.until = self.until
            return sorted(held, key=lambda run: (run.generation, run.index))
        company = {run.isolation for run in self._held_by(worker)}
        for study in self._in_turn():
            suspects = [run for run in study.runs if _is_suspect(run)]
            if "worker" in company or (company and suspects):
                return []
            if study.state == "running" and study.is_closed:
                study.drop_queued()
            block = _block(study, lanes, is_alone=not company)
            if block:
                self._grant(study, block, worker, claim)
                return block
        return []

    def _held_by(self, worker: str) -> list[Run]:
        return [run for run in self._runs() if run.state == "leased" and run.worker == worker]

    def _in_turn(self) -> list[Study]:
        """Studies that wait, the one with the fewest lanes for its priority first."""

        def order(study: Study) -> tuple[object, ...]:
            lanes = sum(run.state == "leased" for run in study.runs)
            waited = (self.now - (study.claimed or EPOCH)).total_seconds()
            share = int(lanes / study.priority)
            return share, -waited * study.priority, study.created, study.id

        waiting = [
            study
            for study in self.studies.values()
            if study.state in ACTIVE and any(run.state == "queued" for run in study.runs)
        ]
        return sorted(waiting, key=order)

    def _grant(self, study: Study, block: list[Run], worker: str, claim: str) -> None:
        for run in block:
            run.state, run.worker, run.claim = "leased", worker, claim
            run.token, run.until, run.lease = None, self.until, run.lease + 1
            trial = study.trials[run.trial]
            trial.state = "running" if trial.state == "proposed" else trial.state
        study.claimed = self.now
        study.note()

    def beat(self, name: str, token: str) -> Reply:
        """A run is still being trained."""
        run = self._run(name)
        answer = refusal(run, token)
        if answer is None and run is not None:
            run.until = self.until
        return answer or OK

    def report(self, name: str, token: str, seq: int) -> Reply:
        """A run measured something; its last words may come after its end."""
        run = self._run(name)
        is_late = run is not None and run.told == token and run.state not in OPEN
        answer = None if is_late else refusal(run, token)
        if answer is not None or run is None:
            return answer or OK
        reports = self._study_of(run).reports
        if (name, run.lease, seq) in reports:
            return DUPLICATE
        reports.add((name, run.lease, seq))
        return OK

    def tell(self, batch: list[Said]) -> list[Reply]:
        """Runs ended; all of the batch counts or nothing of it."""
        saved = deepcopy(self.studies)
        taken, replies = [], []
        for said in batch:
            run = self._run(said.run)
            answer = refusal(run, said.token)
            body = (said.outcome, said.value, said.lanes)
            if run is not None and answer is None:
                _apply(run, said)
                run.told, run.body = said.token, body
                taken.append(run)
            elif run is not None and answer == DUPLICATE and run.body != body:
                self.studies = saved
                raise RefusedError("Conflict")
            replies.append(answer or OK)
        self._follow(taken)
        return replies

    def sweep(self) -> int:
        """Take back what ran out."""
        expired = [
            run
            for run in self._runs()
            if run.state == "leased" and run.until is not None and run.until <= self.now
        ]
        for run in expired:
            run.count_attempt(MAX_ATTEMPTS)
            if run.attempt >= MAX_ATTEMPTS - 1:
                run.isolation = "worker"
        self._follow(expired)
        return len(expired)

    def bereave(self, worker: str) -> int:
        """A worker is known to have died."""
        held = self._held_by(worker)
        for run in held:
            if run.isolation == "worker":
                run.count_attempt(MAX_ATTEMPTS)
            else:
                run.take_back()
                run.isolation = "worker"
        self._follow(held)
        return len(held)

    def requeue(self, worker: str) -> int:
        """A worker ended with its server, which was nobody's fault."""
        held = self._held_by(worker)
        for run in held:
            run.take_back()
        self._follow(held)
        return len(held)

    def _follow(self, changed: Iterable[Run]) -> None:
        runs = list(changed)
        for study in self.studies.values():
            study.follow([run for run in runs if self._study_of(run) is study])


def _is_suspect(run: Run) -> bool:
    return run.state == "queued" and run.isolation == "worker"


def _block(study: Study, lanes: int, *, is_alone: bool) -> list[Run]:
    """The oldest queued runs that can be trained together; a suspect comes first, and alone."""
    queued = [run for run in study.runs if run.state == "queued"]
    if is_alone and any(map(_is_suspect, queued)):
        return [next(filter(_is_suspect, queued))]
    queued = [run for run in queued if not _is_suspect(run)][:lanes]
    if queued and queued[0].isolation != "none":
        return queued[:1]
    return [run for run in queued if (run.phase, run.isolation) == (queued[0].phase, "none")]


def _apply(run: Run, said: Said) -> None:
    if said.outcome == "returned":
        run.take_back()
    elif said.outcome == "crashed" and said.lanes > 1 and run.isolation == "none":
        run.take_back()
        run.isolation = "block"
    elif said.outcome == "crashed":
        run.count_attempt(MAX_ATTEMPTS)
    else:
        run.end(said.outcome)
        run.value = said.value if said.outcome == "completed" else None
