"""The planner against a ledger in memory: the real child, and books kept in a dictionary."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from service.errors import Conflict, NotFound, StoreBusy
from service.planner.messages import (
    FORGOTTEN,
    Answer,
    Judged,
    Memory,
    Proposed,
    judge,
    read_answer,
    write_request,
)
from service.planner.planner import CRASHES, Ledger, Planner
from tests.tuning.search.worlds import end, make_spec
from tuning.documents import (
    BEGINNING,
    read_run,
    read_trial,
    write_history,
    write_run,
    write_spec,
    write_trial,
)
from tuning.records import Budget, History, Mark, Run, StudySpec
from tuning.search.policy import Generation, GiveUp, Wait, decide


@dataclass(frozen=True)
class Place:
    """Where a study of the books stands."""

    study: str
    next_generation: int
    settled_generation: int
    project: str = "p"
    closed_from: int | None = None


@dataclass
class Books:
    """A ledger in memory; `refuses` says what committing a study raises."""

    studies: dict[str, tuple[StudySpec, History]]
    refuses: dict[str, Exception] = field(default_factory=dict)
    verdicts: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)  # studies that another server plans
    loads: int = 0
    marks: list[Mark] = field(default_factory=list)

    def ledger(self) -> Ledger:
        """These books as the planner sees them."""
        return Ledger(self.places, self.hold, self.load, self.commit, self.give_up)

    def places(self) -> list[Place]:
        """All studies without an end."""
        return [
            Place(name, _next(history), _settled(history))
            for name, (_, history) in self.studies.items()
            if name not in self.verdicts and name not in self.failed
        ]

    @contextmanager
    def hold(self, place: Place) -> Iterator[Place | None]:
        """Where a study is by now, if nobody else has it."""
        current = [one for one in self.places() if one.study == place.study]
        yield None if place.study in self.held or not current else current[0]

    def load(self, place: Place, since: Mark) -> tuple[Any, Any]:
        """A study since a mark."""
        self.loads += 1
        self.marks.append(since)
        spec, history = self.studies[place.study]
        return write_spec(spec), write_history(history, since)

    def commit(self, place: Place, found: Answer) -> None:
        """Take a decision over."""
        if place.study in self.refuses:
            raise self.refuses[place.study]
        spec, history = self.studies[place.study]
        match found:
            case Proposed() as new:
                trials = (*history.trials, *map(read_trial, new.trials))
                runs = (*history.runs, *map(read_run, new.runs))
                self.studies[place.study] = (spec, replace(history, trials=trials, runs=runs))
            case Judged(verdict):
                self.verdicts[place.study] = verdict
            case GiveUp(reason):
                self.give_up(place, reason)

    def give_up(self, place: Place, reason: str) -> None:
        """The study failed."""
        self.failed[place.study] = reason

    def finish_runs(self, study: str) -> None:
        """All runs of a study come to their made-up ends."""
        spec, history = self.studies[study]
        ends = {
            (run.generation, run.index): end(history.trials[run.trial], run) for run in history.runs
        }
        self.studies[study] = (spec, replace(history, results=ends))


def _next(history: History) -> int:
    return 1 + max((run.generation for run in history.runs), default=-1)


def _settled(history: History) -> int:
    pending = [r.generation for r in history.runs if (r.generation, r.index) not in history.results]
    return min(pending, default=_next(history)) - 1


SPEC = make_spec(
    budget=Budget(trials=6), batch=3, seeds=1, baselines=("constant",), confirm_seeds=2
)


@pytest.fixture
def planner_of() -> Iterator[Callable[[Books], Planner]]:
    """Make a planner over some books."""
    made: list[Planner] = []

    def make(books: Books) -> Planner:
        made.append(Planner(books.ledger()))
        return made[-1]

    yield make
    for planner in made:
        planner.close()


PlannerOf = Callable[[Books], Planner]


def test_a_study_is_planned_to_its_verdict(planner_of: PlannerOf) -> None:
    """Round by round, exactly as the policy in this process decides it."""
    books = Books({"a": (SPEC, History())})
    planner = planner_of(books)
    expected = History()
    while not books.verdicts:
        found = decide(SPEC, expected)
        planner.round()
        if isinstance(found, Generation):
            expected = replace(
                expected,
                trials=expected.trials + found.trials,
                runs=expected.runs + found.runs,
            )
            assert books.studies["a"][1].trials == expected.trials
            assert books.studies["a"][1].runs == expected.runs
        books.finish_runs("a")
        expected = replace(expected, results=books.studies["a"][1].results)
    told = {"kind": "verdict", "verdict": books.verdicts["a"]}
    assert read_answer(told) == Judged(_plain(judge(SPEC, expected)))


def _plain(value: Any) -> Any:  # noqa: ANN401 # any JSON value
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def test_a_study_that_waits_is_not_asked_about_again(planner_of: PlannerOf) -> None:
    """Only results, or a new generation, make it worth asking; runs under way do not."""
    books = Books({"a": (SPEC, History())})
    planner = planner_of(books)
    planner.round()
    planner.round()
    planner.round()
    assert _next(books.studies["a"][1]) == 2
    loads = books.loads
    planner.round()
    assert books.loads == loads
    books.finish_runs("a")
    planner.round()
    assert books.loads == loads + 1
    assert _next(books.studies["a"][1]) == 3


def test_a_study_that_another_server_plans_is_left_to_it(planner_of: PlannerOf) -> None:
    """Until that one lets go of it, say because it died."""
    books = Books({"a": (SPEC, History()), "b": (SPEC, History())}, held={"a"})
    planner = planner_of(books)
    planner.round()
    assert [_next(history) for _, history in books.studies.values()] == [0, 1]
    books.held.clear()
    planner.round()
    assert [_next(history) for _, history in books.studies.values()] == [1, 2]


def test_what_another_server_has_just_planned_is_not_asked_about(planner_of: PlannerOf) -> None:
    """Where a study stands is looked at again once it is held."""
    books = Books({"a": (SPEC, History())})
    planner = planner_of(books)
    stale = books.places()
    planner.round()
    planner.round()
    planner.round()  # the study waits for results
    loads = books.loads
    books.places, now = lambda: stale, books.places  # type: ignore[method-assign]
    books.hold = lambda _: nullcontext(now()[0])  # type: ignore[method-assign,assignment]
    fresh = planner_of(books)
    fresh._answered = planner._answered
    fresh.round()
    assert books.loads == loads


def test_a_killed_child_loses_nothing(planner_of: PlannerOf) -> None:
    """The next round asks a fresh child, which decides the same."""
    books = Books({"a": (SPEC, History())})
    planner = planner_of(books)
    planner.round()
    assert planner._link is not None
    os.kill(planner._link.pid, signal.SIGKILL)
    while _next(books.studies["a"][1]) < 2:
        planner.round()
    assert books.failed == {}
    first: tuple[Run, ...] = decide(SPEC, History()).runs  # type: ignore[union-attr]
    assert books.studies["a"][1].runs[: len(first)] == first


@pytest.mark.parametrize(
    "trouble", [Conflict("out of order"), ValueError("a column too long"), KeyError("kind")]
)
def test_trouble_with_one_study_does_not_stop_another(
    planner_of: PlannerOf, trouble: Exception
) -> None:
    """After some rounds the one has failed, saying why; the other went on from the first."""
    books = Books({"a": (SPEC, History()), "b": (SPEC, History())}, refuses={"a": trouble})
    planner = planner_of(books)
    for _ in range(CRASHES):
        assert books.failed == {}
        planner.round()
    assert books.failed == {"a": f"planning failed: {trouble}"}
    assert _next(books.studies["b"][1]) == 2


def test_a_busy_store_is_no_study_s_fault(planner_of: PlannerOf) -> None:
    """The round ends, to be tried again as often as it takes."""
    busy = StoreBusy("the database did not answer")
    books = Books({"a": (SPEC, History())}, refuses={"a": busy})
    planner = planner_of(books)
    for _ in range(CRASHES + 1):
        with pytest.raises(StoreBusy):
            planner.round()
    assert books.failed == {}


def test_a_study_that_was_deleted_meanwhile_is_passed_over(
    planner_of: PlannerOf, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is found gone, nothing is logged, and others are planned."""
    books = Books({"gone": (SPEC, History()), "there": (SPEC, History())})
    books.refuses["gone"] = NotFound("study", "gone")
    planner = planner_of(books)
    for _ in range(CRASHES + 1):
        planner.round()
    assert books.studies["there"][1].trials
    assert books.failed == {}
    assert caplog.records == []


def test_a_study_the_child_cannot_plan_fails_with_its_reason(
    planner_of: PlannerOf,
) -> None:
    """An error inside the policy is told by its name and words."""
    broken = replace(SPEC, sampler="none")
    books = Books({"a": (broken, History())})
    planner = planner_of(books)
    for _ in range(CRASHES):
        planner.round()
    assert books.failed["a"].startswith("planning failed: KeyError")


def test_requests_and_answers_survive_their_journey() -> None:
    """What the child decides is what the server reads, for every kind of decision."""
    history, memory = History(), Memory()
    while True:
        found = read_answer(memory.answer(_request(history)))
        decided = decide(SPEC, history)
        if not isinstance(decided, Generation):
            break
        assert isinstance(found, Proposed)
        assert found == Proposed(
            decided.number,
            [write_trial(trial) for trial in decided.trials],
            [write_run(run) for run in decided.runs],
            list(decided.pruned),
            decided.reason,
        )
        assert found.is_confirmation == decided.is_confirmation
        history = replace(
            history, trials=history.trials + decided.trials, runs=history.runs + decided.runs
        )
    assert (found, decided) == (Wait(), Wait())
    assert read_answer({"kind": "give_up", "reason": "because"}) == GiveUp("because")


def _request(history: History, since: Mark = BEGINNING, name: str = "a") -> dict[str, Any]:
    return write_request(name, write_spec(SPEC), write_history(history, since), since)


def test_the_child_is_told_only_what_is_new(planner_of: PlannerOf) -> None:
    """Of a study it has seen; a fresh child says that it does not know, and is told all."""
    books = Books({"a": (SPEC, History())})
    planner = planner_of(books)
    planner.round()
    planner.round()
    books.finish_runs("a")
    planner.round()
    assert books.marks == [BEGINNING, BEGINNING, Mark(3, 0)]
    assert planner._link is not None
    os.kill(planner._link.pid, signal.SIGKILL)
    books.marks.clear()
    while BEGINNING not in books.marks:
        books.finish_runs("a")
        planner.round()
    assert (books.failed, _next(books.studies["a"][1])) == ({}, 4)


def test_a_child_forgets_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so; told all, it decides the same as one that remembers."""
    first = decide(SPEC, History())
    assert isinstance(first, Generation)
    history = History(first.trials, first.runs)
    monkeypatch.setattr("service.planner.messages.MOST_RUNS", len(first.runs))
    memory = Memory()
    known = memory.answer(_request(history))["known"]
    news = _request(history, Mark(*known))
    expected = Memory().answer(_request(history))
    assert memory.answer(news) == expected
    memory.answer(_request(history, name="b"))
    assert memory.answer(news) == {"kind": FORGOTTEN}
    assert memory.answer(_request(history)) == expected


def test_an_interrupted_planner_asks_no_more_and_blames_nobody() -> None:
    """The question under way dies with the child; the studies behind it start no other child."""
    books = Books({name: (SPEC, History()) for name in "abc"})

    def load(place: Place, since: Mark) -> tuple[Any, Any]:
        planner.interrupt()  # as if another thread did, between loading and asking
        return books.load(place, since)

    planner = Planner(replace(books.ledger(), load=load))
    planner._crashes["p", "a"] = CRASHES - 1
    planner.round()
    planner.close()
    assert (books.loads, books.failed) == (1, {})
    assert all(history == History() for _, history in books.studies.values())


def test_a_machine_that_cannot_start_the_child_is_no_study_s_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No study is given up for want of processes or memory."""
    books = Books({"a": (SPEC, History())})
    planner = Planner(books.ledger())
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen", _no_process)
        for _ in range(CRASHES + 1):
            with pytest.raises(BlockingIOError):
                planner.round()
    planner.round()
    planner.close()
    assert books.failed == {}
    assert _next(books.studies["a"][1]) == 1


def _no_process(*_: object, **__: object) -> None:
    raise BlockingIOError(11, "Resource temporarily unavailable")
