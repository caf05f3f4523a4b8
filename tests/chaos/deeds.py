"""Deeds: for every boundary of a transaction, how a client comes to it, and how it tells.

The one idea: a deed is prepared, looked at, done and done again like any client would do it whose
call was not answered. What `look` shows is different once the deed is stored, and only then; so a
kill before the commit must leave it as it was, and one after the commit must not.
Not here: who is killed and when (`test_failpoints`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any

from service.client import Client, Conflict, NotFound
from service.schemas.work import (
    Beat,
    ClaimedBlock,
    ClaimedRun,
    ClaimRequest,
    HeartbeatRequest,
    Report,
    ReportRequest,
    Tell,
    TellRequest,
)
from tests.chaos.checker import Told
from tests.chaos.watching import LIMIT_SECONDS

OBJECTIVE = "of_a_client"
TRIALS = 128
# Two generations of many runs, none of which the service itself could train.
FIELD: dict[str, Any] = {
    "objective": OBJECTIVE,
    "external": {"metrics": [{"name": "loss"}], "horizon": 100, "peak": [1e-4, 0.1]},
    "space": {"families": ["cosine", "linear"]},
    "sampler": "random",
    "baselines": [],
    "budget": {"trials": TRIALS},
    "batch": 64,
    "seeds": 4,
    "leaders": 0,
    "confirm_seeds": 2,
    "early_stop": False,
}
SMALL: dict[str, Any] = {**FIELD, "budget": {"trials": 2}, "batch": 2, "seeds": 1}


@dataclass
class Hands:
    """A client that does deeds, one after the other, and writes its history down."""

    client: Client
    folder: Path
    field: str = ""  # a study with many queued runs
    number: int = 0  # of the deed at hand
    claims: int = 0
    study: str = ""  # of the deed at hand
    run: ClaimedRun | None = None
    splits: Sequence[str] = ()  # that the run is measured on
    trial: int = 0  # of the field, which the deed is about
    held: dict[str, tuple[ClaimedRun, Sequence[str]]] = default(default_factory=dict)  # not told
    handed: list[tuple[str, str]] = default(default_factory=list)
    told: list[Told] = default(default_factory=list)

    @property
    def name(self) -> str:
        """A word that no other deed uses."""
        return f"deed-{self.number}"

    def create(self) -> None:
        """A small study of this deed's own."""
        made = self.client.studies.create({**SMALL, "label": self.name}, idempotency_key=self.name)
        self.study = made.id

    def clone(self) -> None:
        """Another one like the field, but small."""
        changes = {"label": self.name, "budget": SMALL["budget"], "batch": 2, "seeds": 1}
        self.client.studies.clone(self.field, changes, idempotency_key=self.name)

    def claim(self) -> None:
        """One run, which this deed's worker holds from now on."""
        request = ClaimRequest(worker=self.name, claim=self.name, objectives=[OBJECTIVE])
        block = self.client.work.claim(request).block
        assert block is not None, "the field is empty"
        self._take(block)
        self.run, self.splits = block.runs[0], block.splits

    def _take(self, block: ClaimedBlock) -> None:
        self.handed += [(one.run, one.token) for one in block.runs]
        self.held.update({one.run: (one, block.splits) for one in block.runs})

    def beat(self) -> None:
        """Say that the run is still trained."""
        assert self.run is not None
        beat = Beat(run=self.run.run, token=self.run.token)
        self.client.work.heartbeat(HeartbeatRequest(worker=self.name, runs=[beat]))

    def report(self) -> None:
        """Measure the run once."""
        assert self.run is not None
        one = Report(
            run=self.run.run, token=self.run.token, seq=0, steps=[10], values={"loss": [1.0]}
        )
        self.client.work.report(ReportRequest(worker=self.name, reports=[one]))

    def tell(self) -> None:
        """End the run."""
        assert self.run is not None
        self._end([self.run], self.splits)

    def end_all(self) -> None:
        """End every run that is still in these hands; some may have been cancelled."""
        for run, splits in list(self.held.values()):
            with suppress(Conflict):
                self._end([run], splits)

    def _end(self, runs: Sequence[ClaimedRun], splits: Sequence[str]) -> None:
        losses = {one.run: 1.0 + one.seed % 1000 / 1000 for one in runs}
        ends = [
            Tell(
                run=one.run,
                token=one.token,
                outcome="completed",
                metrics={split: {"loss": losses[one.run]} for split in splits},
            )
            for one in runs
        ]
        self.told += [Told(one.run, one.token, losses[one.run]) for one in runs]
        replies = self.client.work.tell(TellRequest(worker=self.name, results=ends)).replies
        self.told += [
            Told(one.run, one.token, losses[one.run], reply.status)
            for one, reply in zip(runs, replies, strict=True)
        ]
        for one in runs:
            self.held.pop(one.run, None)

    def upload(self) -> None:
        """A table that is like no other."""
        days = (f"2020-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29))
        rows = [f"{day},{100 + self.number},110000,1,{100 + at}" for at, day in enumerate(days)]
        path = self.folder / f"{self.name}.csv"
        path.write_text("\n".join(["date,open,high,low,close", *rows]) + "\n")
        self.client.datasets.add(path, "ohlcv")

    def finish(self, study: str) -> None:
        """Train everything that a study asks for, until it has ended."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.client.studies.get(study).state not in {"completed", "failed", "cancelled"}:
            assert time.monotonic() < deadline, "it never ends"
            self.claims += 1
            request = ClaimRequest(
                worker="finisher",
                claim=f"finish-{self.claims}",
                lanes=64,
                objectives=[OBJECTIVE],
                wait_seconds=0.5,
            )
            block = self.client.work.claim(request).block
            if block is not None:
                self._take(block)
                self._end(block.runs, block.splits)

    def wait_for_runs(self) -> None:
        """Wait until all runs of the field's first generations are queued."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.client.workers.list().queued < TRIALS * FIELD["seeds"]:
            assert time.monotonic() < deadline, "the planner does not fill the queue"
            time.sleep(0.05)

    def settle(self) -> list[str]:
        """Bring the field to its end and cancel what goes on beside it; all studies."""
        studies = list(self.client.studies.list())
        for study in studies:
            if study.id != self.field and study.finished_at is None:
                with suppress(Conflict):  # it may end by itself meanwhile
                    self.client.studies.cancel(study.id)
        self.end_all()
        self.finish(self.field)
        return [one.id for one in studies]

    def revision(self) -> object:
        """Which change was the last of the deed's study, of that of its run, or of the field."""
        return self.client.studies.get(self.study or self._study_of_run or self.field).revision

    @property
    def _study_of_run(self) -> str:
        return "" if self.run is None else self.run.run.split(".")[0]

    def is_there(self) -> object:
        """Whether the deed's study is."""
        try:
            return bool(self.client.studies.get(self.study))
        except NotFound:
            return False

    def labelled(self) -> object:
        """How many studies the deed made."""
        return sum(1 for _ in self.client.studies.list(label=self.name))

    def lease(self) -> object:
        """What the deed's worker holds, and until when."""
        found = [one for one in self.client.workers.list().items if one.name == self.name]
        return [(lease.run, lease.lease_expires_at) for one in found for lease in one.runs]

    def holds(self) -> object:
        """What the deed's worker holds."""
        found = [one for one in self.client.workers.list().items if one.name == self.name]
        return [lease.run for one in found for lease in one.runs]

    def measured(self) -> object:
        """How many curves the run has."""
        assert self.run is not None
        return sum(1 for _ in self.client.trials.curves(self._study_of_run, run=[self.run.run]))

    def uploaded(self) -> object:
        """How many tables there are of the deed's name."""
        return sum(one.name == f"{self.name}.csv" for one in self.client.datasets.list())

    def proposed(self) -> object:
        """How many trials all studies have, and runs that wait: a confirmation adds runs alone."""
        studies = [one.id for one in self.client.studies.list()]
        trials = sum(1 for study in studies for _ in self.client.trials.list(study))
        return trials, self.client.workers.list().queued

    def judged(self) -> object:
        """How many studies are completed."""
        return sum(1 for _ in self.client.studies.list(state="completed"))


def nothing(_: Hands) -> None:
    """No preparation."""


def paused(hands: Hands) -> None:
    """A study that is paused."""
    hands.create()
    hands.client.studies.pause(hands.study)


def cancelled(hands: Hands) -> None:
    """A study that is cancelled."""
    hands.create()
    hands.client.studies.cancel(hands.study)


def chosen(hands: Hands) -> None:
    """A trial of the field that can still be cancelled."""
    open_trials = hands.client.trials.list(hands.field, state=["proposed", "running"])
    hands.trial = next(iter(open_trials)).number


def train(hands: Hands) -> None:
    """Make a study, and train it to its end."""
    hands.create()
    hands.finish(hands.study)


def claim_and_forget(hands: Hands) -> None:
    """Claim a run and never be heard of again."""
    hands.claim()
    if hands.run is not None:
        hands.held.pop(hands.run.run)


@dataclass(frozen=True, slots=True)
class Deed:
    """How to come to a boundary, what shows that it was passed, what must be there before."""

    do: Callable[[Hands], object]
    look: Callable[[Hands], object]
    prepare: Callable[[Hands], object] = nothing


STUDY = "/v1/studies/{study}"
ROUTES: Mapping[str, Deed] = {
    "POST /v1/studies": Deed(Hands.create, Hands.labelled),
    f"POST {STUDY}:clone": Deed(Hands.clone, Hands.labelled),
    "POST /v1/work:claim": Deed(Hands.claim, Hands.holds),
    "POST /v1/runs:heartbeat": Deed(Hands.beat, Hands.lease, Hands.claim),
    "POST /v1/runs:report": Deed(Hands.report, Hands.measured, Hands.claim),
    "POST /v1/runs:tell": Deed(Hands.tell, Hands.revision, Hands.claim),
    f"POST {STUDY}:pause": Deed(
        lambda hands: hands.client.studies.pause(hands.study), Hands.revision, Hands.create
    ),
    f"POST {STUDY}:resume": Deed(
        lambda hands: hands.client.studies.resume(hands.study), Hands.revision, paused
    ),
    f"POST {STUDY}:stop": Deed(
        lambda hands: hands.client.studies.stop(hands.study), Hands.revision, Hands.create
    ),
    f"POST {STUDY}:cancel": Deed(
        lambda hands: hands.client.studies.cancel(hands.study), Hands.revision, Hands.create
    ),
    f"PATCH {STUDY}": Deed(
        lambda hands: hands.client.studies.describe(hands.study, notes="changed"),
        Hands.revision,
        Hands.create,
    ),
    f"DELETE {STUDY}": Deed(
        lambda hands: hands.client.studies.delete(hands.study), Hands.is_there, cancelled
    ),
    f"POST {STUDY}/trials/{{number}}:cancel": Deed(
        lambda hands: hands.client.trials.cancel(hands.field, hands.trial), Hands.revision, chosen
    ),
    "POST /v1/datasets": Deed(Hands.upload, Hands.uploaded),
}
LOOPS: Mapping[str, Deed] = {"sweeper": Deed(claim_and_forget, Hands.holds)}
PLANNING: Mapping[str, Deed] = {
    "planner Proposed": Deed(Hands.create, Hands.proposed),
    "planner Judged": Deed(train, Hands.judged),
}
