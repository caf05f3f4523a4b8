"""A machine that does anything in any order to a real store and to a model, and compares them.

The one idea: each rule asks both the same; the answers, the errors by name, and then all that can
be seen of every study must be equal. Hypothesis chooses, and shortens what failed.
Not here: what is right (`model`), rules of workers (`work_machine`).
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy.orm import Session

from service.errors import ServiceError
from service.store import generations, idempotency, lifecycle, projects, studies
from service.store.engine import Store
from tests.chaos.machine_view import PROJECT, empty, look, make_spec, make_trial, make_verdict
from tests.chaos.model import RefusedError, Run, Trial
from tests.chaos.work_model import Model
from tuning import records
from tuning.documents import write_run, write_trial
from tuning.errors import TuningError
from tuning.records import Phase

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROUTE = "POST /v1/studies"
MOST_STUDIES = 3
PRIORITIES = st.sampled_from([0.5, 1.0, 2.0])


class Bench:
    """The store that all runs of a machine are played on, and what they did in all."""

    def __init__(self, url: str) -> None:
        """Open it."""
        self.url = url
        self.at = BEGIN
        self.done: Counter[str] = Counter()
        self.store = self._open()

    def reopen(self) -> None:
        """Close the store and open it, as a new server does."""
        self.store.close()
        self.store = self._open()
        self.done["restarts"] += 1

    def _open(self) -> Store:
        return Store(self.url, now=lambda: self.at)


class StudyMachine(RuleBasedStateMachine):
    """Rules of users and planners."""

    bench: ClassVar[Bench]

    known = Bundle("known")  # ids of studies, deleted ones too

    def __init__(self) -> None:
        """Begin with an empty store."""
        super().__init__()
        self.done = self.bench.done
        self.done["runs"] += 1
        self.model = Model(self.bench.at)
        with self.store.write() as session:
            projects.ensure(session, PROJECT)

    @property
    def store(self) -> Store:
        """The open store."""
        return self.bench.store

    def teardown(self) -> None:
        """Leave nothing to the next run."""
        empty(self.store)

    @initialize(target=known, trials=st.integers(1, 2), priority=PRIORITIES)
    def begin(self, trials: int, priority: float) -> Any:  # noqa: ANN401 # a study, or nothing
        """There is one study that has something to train."""
        study = self._create("a", "x", 2, priority)
        self._plan(study, 0, trials, 2)
        return study

    @invariant()
    def is_as_the_model(self) -> None:
        """All that can be seen."""
        with self.store.read() as session:
            assert look(session) == self.model.view

    def pass_time(self, span: timedelta) -> None:
        """Move the clock of both."""
        self.bench.at += span
        self.model.now = self.bench.at

    def has_a(self, *states: str) -> bool:
        """Whether a study is in one of these states."""
        return any(study.state in states for study in self.model.studies.values())

    @property
    def is_under_way(self) -> bool:
        """Whether something was trained: else there is little to lose."""
        return any(study.finished for study in self.model.studies.values())

    def both(self, ask: Callable[[Session], Any], expect: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What both answer, which is the same; None if both refuse."""
        self.done["steps"] += 1
        with self.store.write() as session:
            try:
                told, error = ask(session), None
            except (ServiceError, TuningError) as refused:
                told, error = None, type(refused).__name__
                session.rollback()
        try:
            expected, wanted = expect(), None
        except RefusedError as refused:
            expected, wanted = None, str(refused)
        assert (error, told) == (wanted, expected)
        return told

    @precondition(lambda self: len(self.model.studies) < MOST_STUDIES)
    @rule(
        target=known,
        key=st.sampled_from("abcde"),
        body=st.sampled_from("xxxy"),
        budget=st.integers(1, 4),
        priority=PRIORITIES,
    )
    def create(self, key: str, body: str, budget: int, priority: float) -> Any:  # noqa: ANN401
        """A study, or the one that the key made before."""
        study = self._create(key, body, budget, priority)
        return multiple() if study is None else study

    def _create(self, key: str, body: str, budget: int, priority: float) -> Any:  # noqa: ANN401
        self.pass_time(timedelta(microseconds=1))  # so none is as old as another
        made: list[str] = []

        def ask(session: Session) -> str | None:
            before = idempotency.recall(session, PROJECT, ROUTE, key, body)
            if before is not None:
                self.done["repetitions"] += 1
                return str(before.body["id"])
            spec = make_spec(budget)
            study = studies.create(
                session, PROJECT, spec, expected_runs=2 * budget, priority=priority
            )
            told = {"id": study.id}
            idempotency.remember(session, PROJECT, ROUTE, key, body, status=202, body=told)
            made.append(study.id)
            return study.id

        def expect() -> str | None:
            before = self.model.known(key, body)
            if before is None:
                self.model.create(made[0], key, body, budget, priority)
            return before or made[0]

        return self.both(ask, expect)

    @rule(
        study=known,
        ahead=st.sampled_from([0, 0, 0, 0, -1, 1]),
        trials=st.integers(1, 2),
        seeds=st.integers(1, 2),
        pruned=st.sets(st.integers(0, 5), max_size=1),
    )
    def plan(self, study: str, ahead: int, trials: int, seeds: int, pruned: set[int]) -> None:
        """A generation of the search: the next one, the last one again, or one too early."""
        self._plan(study, ahead, trials, seeds, pruned)

    def _plan(
        self, study: str, ahead: int, trials: int, seeds: int, pruned: Collection[int] = ()
    ) -> None:
        row = self.model.studies.get(study)
        coming, first = (row.coming, len(row.trials)) if row else (0, 0)
        numbers = range(first, first + trials)
        runs = [(number, Phase.SEARCH) for number in numbers for _ in range(seeds)]
        gone = {number for number in pruned if number < first}
        self._insert(study, coming + ahead, list(numbers), runs, gone)

    @rule(study=known, arms=st.sets(st.integers(0, 3), min_size=1, max_size=2))
    def confirm(self, study: str, arms: set[int]) -> None:
        """The confirmation of trials that are there."""
        self._confirm(study, arms)

    def _confirm(self, study: str, arms: Collection[int]) -> None:
        row = self.model.studies.get(study)
        there = [one for one in sorted(arms) if row and one < len(row.trials)]
        runs = [(number, Phase.CONFIRM) for number in there]
        self._insert(study, row.coming if row else 0, [], runs, set(), confirming=True)

    def _insert(
        self,
        study: str,
        generation: int,
        numbers: list[int],
        runs: list[tuple[int, Phase]],
        pruned: set[int],
        *,
        confirming: bool = False,
    ) -> None:
        splits = ("validation", "test") if confirming else ("validation",)
        planned = [
            records.Run(generation, index, number, phase, index, 100, splits)
            for index, (number, phase) in enumerate(runs)
        ]
        proposed = [write_trial(make_trial(number, generation)) for number in numbers]
        mine = [
            Run(f"{study}.{generation}.{run.index}", generation, run.index, run.trial, run.phase)
            for run in planned
        ]
        trials = [Trial(number, "search") for number in numbers]
        self.both(
            lambda session: generations.insert(
                session,
                PROJECT,
                study,
                generation,
                proposed,
                [write_run(run) for run in planned],
                confirming=confirming,
                pruned=pruned,
                reason="enough" if confirming else "",
            ),
            lambda: self.model.plan(study, generation, trials, mine, pruned, confirming=confirming),
        )

    @rule(study=known, has_winner=st.booleans())
    def judge(self, study: str, has_winner: bool) -> None:  # Hypothesis names it
        """The verdict on the best trial, or on none."""
        row = self.model.studies.get(study)
        self._judge(study, row.best if row and has_winner else None)

    def _judge(self, study: str, winner: int | None) -> None:
        verdict = make_verdict(winner)
        self.both(
            lambda session: generations.complete(session, PROJECT, study, verdict),
            lambda: self.model.judge(study, winner),
        )

    @rule(study=known, call=st.sampled_from(["pause", "resume", "resume", "stop"]))
    def move(self, study: str, call: str) -> None:
        """What a user asks of a study that goes on."""
        self.both(
            lambda session: str(getattr(lifecycle, call)(session, PROJECT, study).state),
            lambda: getattr(self.model, call)(study),
        )

    @precondition(lambda self: self.is_under_way)
    @rule(study=known, how=st.sampled_from(["cancel", "fail"]))
    def end(self, study: str, how: str) -> None:
        """Its user does not want it any more, or its planner cannot go on."""
        call = {"cancel": lifecycle.cancel, "fail": partial(lifecycle.fail, error="why")}[how]
        self.both(
            lambda session: str(call(session, PROJECT, study).state),
            lambda: getattr(self.model, how)(study),
        )

    @precondition(lambda self: self.is_under_way)
    @rule(study=known, number=st.integers(0, 5))
    def cancel_trial(self, study: str, number: int) -> None:
        """Its user does not want one schedule."""
        self.both(
            lambda session: str(lifecycle.cancel_trial(session, PROJECT, study, number).state),
            lambda: self.model.cancel_trial(study, number),
        )

    @precondition(lambda self: self.has_a("completed"))
    @rule(study=known, trials=st.integers(1, 9))
    def extend(self, study: str, trials: int) -> None:
        """Its user wants more of it."""
        self.both(
            lambda session: str(
                lifecycle.extend(
                    session,
                    PROJECT,
                    study,
                    expect=lambda spec: 2 * (spec.budget.trials or 0),
                    trials=trials,
                ).state
            ),
            lambda: self.model.extend(study, trials),
        )

    @precondition(lambda self: self.has_a("completed", "cancelled", "failed"))
    @rule(study=known)
    def delete(self, study: str) -> None:
        """Its user wants to see it no more; whoever asks for it later is told so."""
        self.both(
            lambda session: lifecycle.delete(session, PROJECT, study),
            lambda: self.model.delete(study),
        )
