"""The rules of workers, of time and of restarts: see `machine`, whose machine this one continues.

The one idea: workers remember every claim they made and every token they were ever given, so words
that come late, twice or for a stranger need no rules of their own.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy.orm import Session

from service.store import outcomes, work
from service.store.measurements import Report
from tests.chaos.machine import StudyMachine
from tests.chaos.work_model import LEASE_SECONDS, MAX_ATTEMPTS, Said
from tuning.records import Phase

WORKERS = st.sampled_from(["w1", "w2"])
PICKS = st.integers(0, 30)  # how long ago what is picked was given
ENDS = st.sampled_from(["completed"] * 6 + ["diverged", "failed", "crashed", "returned"])
VALUES = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])
LANES = st.integers(1, 2)
METRIC = "mse"
SCORED = ("completed", "diverged")  # ends with a figure

Token = tuple[str, str]  # of a run
Told = tuple[str, float, int]  # how it ended, with which value, among how many lanes


class StoreMachine(StudyMachine):
    """Rules of everybody."""

    def __init__(self) -> None:
        """Nobody was given anything yet."""
        super().__init__()
        self.claims: list[tuple[str, str]] = []  # worker and id
        self.given: list[Token] = []
        self.confirmations: set[str] = set()  # runs that tell of the test split, too
        self.told: list[tuple[Token, Told]] = []

    @property
    def is_training(self) -> bool:
        """Whether a worker holds anything."""
        return any(run.token for study in self.model.studies.values() for run in study.runs)

    @rule(worker=WORKERS, lanes=st.integers(1, 4))
    def claim(self, worker: str, lanes: int) -> None:
        """Work for a worker."""
        self.claims.append((worker, f"claim-{len(self.claims)}"))
        self._claim(*self.claims[-1], lanes)

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, lanes=st.integers(1, 4))
    def claim_again(self, pick: int, lanes: int) -> None:
        """The answer was lost."""
        self.done["repetitions"] += 1
        self._claim(*_pick(self.claims, pick), lanes)

    def _claim(self, worker: str, claim: str, lanes: int) -> Sequence[Token]:
        """The tokens that a claim gets; both hand out the same runs."""
        got: dict[str, str] = {}

        def ask(session: Session) -> list[str]:
            found = work.claim(
                session, worker=worker, claim=claim, lanes=lanes, lease_seconds=LEASE_SECONDS
            )
            if found is None:
                return []
            got.update({run.id: run.token for run in found.runs})
            if found.phase is Phase.CONFIRM:
                self.confirmations.update(got)
            return list(got)

        def expect() -> list[str]:
            runs = self.model.claim(worker, claim, lanes)
            for run in runs:
                run.token = run.token or got.get(run.id)
            return [run.id for run in runs]

        self.both(ask, expect)
        new = [one for one in got.items() if one not in self.given]
        self.given += new
        return new

    @precondition(lambda self: self.given)
    @rule(pick=PICKS)
    def beat(self, pick: int) -> None:
        """A worker is still at it, or believes so."""
        run, token = _pick(self.given, pick)
        self.both(
            lambda session: _words(work.heartbeat(session, [work.Beat(run, token)], LEASE_SECONDS)),
            lambda: [self.model.beat(run, token)],
        )

    @precondition(lambda self: self.given)
    @rule(pick=PICKS, seq=st.integers(0, 1))
    def report(self, pick: int, seq: int) -> None:
        """A worker measured something."""
        run, token = _pick(self.given, pick)
        said = Report(run, token, seq, [1], {METRIC: [1.0]})
        self.both(
            lambda session: _words(work.report(session, [said])),
            lambda: [self.model.report(run, token, seq)],
        )

    @precondition(lambda self: self.given)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), end=ENDS, value=VALUES, lanes=LANES)
    def tell(self, picks: list[int], end: str, value: float, lanes: int) -> None:
        """Trainings ended, perhaps one that was taken away, or one twice."""
        told = (end, value if end in SCORED else 0.0, lanes)
        self._tell([(_pick(self.given, pick), told) for pick in picks])

    @precondition(lambda self: self.told)
    @rule(pick=PICKS)
    def tell_again(self, pick: int) -> None:
        """The answer was lost."""
        self.done["repetitions"] += 1
        self._tell([_pick(self.told, pick)])

    def _tell(self, batch: list[tuple[Token, Told]]) -> None:
        ends = [self._end(token, told) for token, told in batch]
        said = [Said(*token, *told) for token, told in batch]
        self.both(
            lambda session: _words(outcomes.tell(session, ends, max_attempts=MAX_ATTEMPTS)),
            lambda: self.model.tell(said),
        )
        self.told += batch

    def _end(self, token: Token, told: Told) -> outcomes.Tell:
        outcome, value, lanes = told
        splits = ("validation", "test") if token[0] in self.confirmations else ("validation",)
        return outcomes.Tell(
            *token,
            outcomes.Outcome(outcome),
            metrics={split: {METRIC: value} for split in splits} if outcome in SCORED else {},
            lanes=lanes,
        )

    @rule(worker=WORKERS, value=VALUES)
    def work_off(self, worker: str, value: float) -> None:
        """A worker trains whatever it gets, until there is no more for it."""
        self._work_off(worker, value)

    def _work_off(self, worker: str, value: float) -> None:
        for _ in range(20):
            self.claims.append((worker, f"claim-{len(self.claims)}"))
            new = self._claim(*self.claims[-1], 4)
            if not new:
                return
            self._tell([(token, ("completed", value, 1)) for token in new])
            self.is_as_the_model()

    @precondition(lambda self: self.has_a("running", "confirming"))
    @rule(study=StudyMachine.known, worker=WORKERS, value=VALUES)
    def finish(self, study: str, worker: str, value: float) -> None:
        """A study is confirmed, trained and judged, if nothing is in its way."""
        row = self.model.studies.get(study)
        if row is not None:
            self._confirm(study, {row.best or 0})
            self._work_off(worker, value)
            self._judge(study, row.best)

    @rule(seconds=st.sampled_from([1.0, 10.0, 29.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.pass_time(timedelta(seconds=seconds))

    @precondition(lambda self: self.is_training)
    @rule(seconds=st.sampled_from([0.0, LEASE_SECONDS, LEASE_SECONDS]))
    def sweep(self, seconds: float) -> None:
        """What ran out is taken back."""
        self.pass_time(timedelta(seconds=seconds))
        taken = self.both(
            lambda session: work.sweep(session, max_attempts=MAX_ATTEMPTS), self.model.sweep
        )
        self.done["expired"] += taken

    @precondition(lambda self: self.is_training)
    @rule(worker=WORKERS)
    def lose_worker(self, worker: str) -> None:
        """The local worker was killed."""
        taken = self.both(
            lambda session: work.bereave(session, worker, max_attempts=MAX_ATTEMPTS),
            lambda: self.model.bereave(worker),
        )
        self.done["bereft"] += taken

    @precondition(lambda self: self.is_training)
    @rule(worker=WORKERS, is_new=st.sampled_from([False, False, False, True]))
    def restart(self, worker: str, is_new: bool) -> None:  # Hypothesis names it
        """The local worker ends, and takes nothing along; perhaps with its server."""
        if is_new:
            self.bench.reopen()
        self.both(lambda session: work.requeue(session, worker), lambda: self.model.requeue(worker))


def _pick(given: Sequence[Any], ago: int) -> Any:  # noqa: ANN401 # whatever they are
    return given[-1 - ago % len(given)]


def _words(replies: Sequence[work.Reply]) -> list[tuple[str, str | None]]:
    return [(str(one.status), None if one.stop is None else str(one.stop)) for one in replies]
