"""What a store has to hold, said a second time: studies, trials and runs as plain objects.

The one idea: the promises of `service.store` in the fewest words, without transactions, locks or
queries, so that whatever both agree on is hardly wrong twice in the same way. It knows no tokens
but those it was told. Not here: work that is handed out and told (`work_model`), the machine that
compares both (`machine`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Any

OPEN = ("queued", "leased")
ENDS = ("completed", "failed", "cancelled")
ACTIVE = ("running", "confirming")
RUNS_A_TRIAL = 2  # that a study expects


class RefusedError(Exception):
    """The store must refuse with an error of this name."""


@dataclass
class Run:
    """One training."""

    id: str
    generation: int
    index: int
    trial: int
    phase: str
    state: str = "queued"
    attempt: int = 0
    lease: int = 0
    isolation: str = "none"
    worker: str | None = None
    claim: str | None = None
    token: str | None = None
    until: datetime | None = None
    told: str | None = None  # the token that last told an end
    body: tuple[Any, ...] | None = None  # what it told
    value: float | None = None

    def take_back(self) -> None:
        """Queue it again."""
        self.state = "queued"
        self.worker = self.claim = self.token = self.until = None

    def end(self, state: str) -> None:
        """It will not be trained again."""
        self.state, self.token, self.until = state, None, None

    def count_attempt(self, most: int) -> None:
        """An attempt ended badly."""
        self.attempt += 1
        if self.attempt >= most:
            self.end("failed")
        else:
            self.take_back()

    @property
    def view(self) -> tuple[Any, ...]:
        """All that can be seen of it."""
        who = (self.worker, self.claim, self.token, self.until, self.told)
        return (self.state, self.attempt, self.lease, self.isolation, *who)


@dataclass
class Trial:
    """One schedule."""

    number: int
    phase: str
    state: str = "proposed"
    value: float | None = None


@dataclass
class Study:
    """One search; `revision` is the number of its events."""

    id: str
    created: datetime
    priority: float
    budget: int
    expected: int
    state: str = "running"
    revision: int = 1
    coming: int = 0  # the next generation
    finished: int = 0
    is_closed: bool = False
    is_searched: bool = False  # its search has ended
    rounds: int = 1
    claimed: datetime | None = None
    best: int | None = None
    best_value: float | None = None
    trials: list[Trial] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    reports: set[tuple[str, int, int]] = field(default_factory=set)

    def note(self) -> None:
        """Something happened."""
        self.revision += 1

    @property
    def settled(self) -> int:
        """The last generation such that it and all before it have ended."""
        return min((r.generation for r in self.runs if r.state in OPEN), default=self.coming) - 1

    @property
    def leads(self) -> list[tuple[int, float]]:
        """The trials that were better than all of a smaller number."""
        found: list[tuple[int, float]] = []
        for trial in self.trials:
            if trial.value is not None and (not found or trial.value < found[-1][1]):
                found.append((trial.number, trial.value))
        return found

    def follow(self, changed: list[Run]) -> None:
        """Let the trials follow what happened to runs; nothing happened to none."""
        if not changed:
            return
        ended = [run for run in changed if run.state not in OPEN]
        self.finished += len(ended)
        for number in sorted({run.trial for run in ended}):
            self._conclude(self.trials[number])
        self.note()

    def _conclude(self, trial: Trial) -> None:
        own = [run for run in self.runs if (run.trial, run.phase) == (trial.number, trial.phase)]
        if trial.state not in {"proposed", "running"} or any(run.state in OPEN for run in own):
            return
        states = {run.state for run in own}
        bad = [one for one in ("cancelled", "failed", "diverged") if one in states]
        trial.state = bad[0] if bad else "completed"
        if not bad:
            trial.value = fmean(run.value for run in own if run.value is not None)
            self._offer(trial.number, trial.value)

    def _offer(self, number: int, value: float) -> None:
        before = None if self.best is None else (self.best_value, self.best)
        if before is None or before[0] is None or (value, number) < before:
            self.best, self.best_value = number, value

    def drop(self, runs: list[Run]) -> list[Run]:
        """Cancel runs."""
        for run in runs:
            run.end("cancelled")
        return runs

    def drop_queued(self) -> None:
        """Cancel what a closed search had queued."""
        self.follow(
            self.drop([r for r in self.runs if r.state == "queued" and r.phase != "confirm"])
        )

    @property
    def view(self) -> dict[str, Any]:
        """All that can be seen of it."""
        return {
            "state": self.state,
            "revision": self.revision,
            "events": self.revision,
            "coming": self.coming,
            "finished": self.finished,
            "expected": self.expected,
            "closed": self.is_closed,
            "best": (self.best, self.best_value),
            "leads": self.leads,
            "settled": self.settled if self.state in ACTIVE else None,
            "trials": {one.number: (one.state, one.value) for one in self.trials},
            "runs": {run.id: run.view for run in self.runs},
            "reports": sorted(self.reports),
        }


class Studies:
    """The studies of one project, and what their owner and their planner may do to them."""

    def __init__(self, now: datetime) -> None:
        """None yet."""
        self.now = now
        self.studies: dict[str, Study] = {}
        self.keys: dict[str, tuple[str, str]] = {}  # idempotency: body and study by key

    @property
    def view(self) -> dict[str, Any]:
        """All that can be seen."""
        return {name: study.view for name, study in self.studies.items()}

    def known(self, key: str, body: str) -> str | None:
        """The study that a key made before."""
        if key not in self.keys:
            return None
        before, study = self.keys[key]
        if before != body:
            raise RefusedError("KeyReused")
        if study not in self.studies:
            raise RefusedError("Conflict")
        return study

    def create(self, study: str, key: str, body: str, budget: int, priority: float) -> None:
        """A new study, under the id that the store gave it."""
        self.keys[key] = (body, study)
        self.studies[study] = Study(study, self.now, priority, budget, budget * RUNS_A_TRIAL)

    def _find(self, study: str) -> Study:
        if study not in self.studies:
            raise RefusedError("NotFound")
        return self.studies[study]

    def plan(
        self,
        study: str,
        generation: int,
        trials: list[Trial],
        runs: list[Run],
        pruned: set[int],
        *,
        confirming: bool,
    ) -> bool:
        """A generation; whether it is taken."""
        row = self._find(study)
        if row.state not in ACTIVE or generation < row.coming:
            return False
        if generation > row.coming:
            raise RefusedError("Conflict")
        if row.is_closed and not confirming:
            return False
        row.trials += trials
        row.runs += runs
        for number in pruned:
            if row.trials[number].state in {"proposed", "running"}:
                row.trials[number].state = "pruned"
        row.coming += 1
        if confirming:
            row.state, row.is_searched, row.expected = "confirming", True, len(row.runs)
        row.note()
        gone = [run for run in runs if row.trials[run.trial].state == "cancelled"]
        row.follow(row.drop(gone))
        return True

    def judge(self, study: str, winner: int | None) -> bool:
        """The verdict; whether it is taken."""
        row = self._find(study)
        if row.state not in ACTIVE:
            return False
        if any(run.state in OPEN for run in row.runs):
            raise RefusedError("Conflict")
        if row.state != "confirming":
            raise RefusedError("IllegalMove")
        row.state = "completed"
        row.best = row.best if winner is None else winner
        row.note()
        return True

    def pause(self, study: str) -> str:
        """Hand out nothing more."""
        row = self._find(study)
        if row.state in ENDS:
            raise RefusedError("IllegalCall")
        if row.state != "paused":
            row.state = "paused"
            row.note()
        return row.state

    def resume(self, study: str) -> str:
        """Go on."""
        row = self._find(study)
        if row.state in ENDS:
            raise RefusedError("IllegalCall")
        if row.state == "paused":
            row.state = "confirming" if row.is_searched else "running"
            row.note()
        return row.state

    def stop(self, study: str) -> str:
        """End the search."""
        row = self._find(study)
        if row.state in ENDS and not row.is_closed:
            raise RefusedError("IllegalCall")
        if row.state in ENDS:
            return row.state
        self.resume(study)
        if row.state == "running" and not row.is_closed:
            row.is_closed = True
            row.note()
            row.drop_queued()
        return row.state

    def cancel(self, study: str) -> str:
        """Drop everything."""
        row = self._find(study)
        if row.state in {"completed", "failed"}:
            raise RefusedError("IllegalCall")
        if row.state != "cancelled":
            self._end(row, "cancelled")
        return row.state

    def fail(self, study: str) -> str:
        """The planner cannot go on; what it was not planning for stays as it is."""
        row = self._find(study)
        if row.state in ACTIVE:
            self._end(row, "failed")
        return row.state

    def _end(self, row: Study, state: str) -> None:
        row.state = state
        row.finished += len(row.drop([run for run in row.runs if run.state in OPEN]))
        for trial in row.trials:
            if trial.state in {"proposed", "running"}:
                trial.state = "cancelled"
        row.note()

    def cancel_trial(self, study: str, number: int) -> str:
        """Drop one trial."""
        row = self._find(study)
        if number >= len(row.trials):
            raise RefusedError("NotFound")
        trial = row.trials[number]
        if trial.state in {"proposed", "running"}:
            trial.state = "cancelled"
            row.note()
            row.follow(
                row.drop([run for run in row.runs if run.trial == number and run.state in OPEN])
            )
        elif trial.state != "cancelled":
            raise RefusedError("IllegalMove")
        return trial.state

    def extend(self, study: str, trials: int) -> str:
        """Search on with a larger budget."""
        row = self._find(study)
        if row.rounds > 1 and trials == row.budget:
            return row.state
        if row.state != "completed":
            raise RefusedError("IllegalCall")
        if trials <= row.budget:
            raise RefusedError("InvalidValue")
        confirmed = sum(run.phase == "confirm" for run in row.runs)
        row.state, row.budget, row.rounds = "running", trials, row.rounds + 1
        row.expected = trials * RUNS_A_TRIAL + confirmed
        row.is_closed = row.is_searched = False
        scored = [(one.value, one.number) for one in row.trials if one.value is not None]
        row.best = min(scored)[1] if scored else None
        row.note()
        return row.state

    def delete(self, study: str) -> None:
        """Forget a study that ended."""
        if self._find(study).state not in ENDS:
            raise RefusedError("IllegalCall")
        del self.studies[study]
