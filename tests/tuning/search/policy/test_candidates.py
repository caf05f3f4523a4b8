"""Candidates in the search: tried early, once, counted, and the same in every replay."""

from dataclasses import replace

import pytest

from tests.tuning.search.policy.test_stop import flat
from tests.tuning.search.worlds import confirm_runs, make_spec, play, tried
from tuning.documents import read_spec, write_spec
from tuning.evidence import conclude_study, describe
from tuning.given import Candidate
from tuning.records import Budget, History, Phase, StudySpec, Trial
from tuning.rounds import rewind
from tuning.schedules import Constant, Cosine, Knots, Schedule, Table, Warmup
from tuning.search.policy import Conclude, Generation, decide
from tuning.search.samplers import SAMPLERS
from tuning.search.warm import gather

ODD = Schedule(Table.of([0.001, 0.0104, 0.0101, 0.0001]), 100)
PLAIN = Schedule(Cosine(0.02, floor=0.1), 100)
SMOOTH = Schedule(Knots(0.03, end="last", warmup=Warmup(0.1, start=0.5)), 100)


def with_candidates(*schedules: Schedule, generation: int = 0, **changes: object) -> StudySpec:
    """A small study with candidates."""
    candidates = tuple(Candidate(one, generation) for one in schedules)
    return make_spec(candidates=candidates, **changes)


def candidates_of(history: History) -> list[Trial]:
    """The searched trials that are candidates."""
    searched = (one for one in history.trials if one.phase is Phase.SEARCH)
    return [one for one in searched if str(one.params["family"]).startswith("candidate_")]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_candidates_are_tried_first_and_once(sampler: str) -> None:
    """Whatever the sampler; exactly as they are, as trials of the search, and within the budget."""
    spec = with_candidates(ODD, PLAIN, SMOOTH, sampler=sampler)
    history, decision = play(spec, order=1)
    assert isinstance(decision, Conclude)
    found = candidates_of(history)
    assert [one.schedule for one in found] == [ODD, PLAIN, SMOOTH]
    assert [one.params["family"] for one in found] == ["candidate_1", "candidate_2", "candidate_3"]
    assert {one.phase for one in found} == {Phase.SEARCH}
    searched = [one for one in history.trials if one.phase is Phase.SEARCH]
    assert searched[:3] == found
    assert found[-1].generation <= 1
    assert len(tried(history)) == spec.budget.trials
    runs = [run for run in history.runs if run.trial == found[0].number]
    assert len([run for run in runs if run.phase is Phase.SEARCH]) >= spec.seeds


def test_the_same_study_has_the_same_trials() -> None:
    """Whatever the order of results, and after a trip through JSON."""
    spec = with_candidates(ODD, SMOOTH, sampler="curve")
    again = read_spec(write_spec(spec))
    assert again == spec
    first, _ = play(spec, order=1)
    second, _ = play(again, order=2)
    assert first.trials == second.trials


def test_a_study_without_candidates_is_what_it_was() -> None:
    """Its document has no word of them, and its trials are the same as ever."""
    assert "candidates" not in write_spec(make_spec())


def test_a_candidate_that_does_what_was_tried_is_not_trained_again() -> None:
    """A twin of another, or of a baseline at a peak that is tried."""
    spec = with_candidates(ODD, replace(ODD), PLAIN)
    history, _ = play(spec, order=1)
    assert [one.params["family"] for one in candidates_of(history)] == [
        "candidate_1",
        "candidate_3",
    ]
    baseline = next(one for one in history.trials if one.phase is Phase.BASELINE)
    spec = with_candidates(Schedule(Constant(baseline.schedule.peak), 100))
    history, decision = play(spec, order=1)
    assert isinstance(decision, Conclude)
    assert candidates_of(history) == []


def test_a_late_candidate_changes_nothing_before_it() -> None:
    """Generations before its own are the same as without it; then it comes first."""
    plain, _ = play(make_spec(), order=1)
    late = with_candidates(ODD, generation=3)
    history, _ = play(late, order=2)
    before = [one for one in plain.trials if one.generation < 3]
    assert [one for one in history.trials if one.generation < 3] == before
    (found,) = candidates_of(history)
    assert found.generation == 3
    for number in range(4):
        spec, view = rewind(late, history, number)
        made = [one for one in history.trials if one.generation == number]
        step = decide(spec, replace(view, results=history.results))
        assert isinstance(step, Generation)
        assert list(step.trials) == made


def test_a_search_that_has_ended_still_tries_its_candidates() -> None:
    """And nothing else; the verdict follows."""
    spec = make_spec(early_stop=True, sampler="random", budget=Budget(trials=48))
    early, _ = play(spec, 1, flat)
    assert len(tried(early)) < 40
    end = confirm_runs(early)[0].generation
    late = replace(spec, candidates=(Candidate(ODD, end), Candidate(PLAIN, end)))
    history, decision = play(late, 2, flat)
    assert isinstance(decision, Conclude)
    assert tried(history)[: len(tried(early))] == tried(early)
    more = [one.params["family"] for one in tried(history)[len(tried(early)) :]]
    assert more == ["candidate_1", "candidate_2"]
    assert confirm_runs(history)


def test_a_candidate_may_win() -> None:
    """The verdict names it, and says how far its peak may be off."""
    best = Schedule(Table.of([0.01, 0.009, 0.01]), 100)
    spec = with_candidates(best, confirm_seeds=4)
    history, _ = play(spec, order=1)
    verdict = conclude_study(spec, history)
    assert verdict.winner == "candidate_1"
    assert "candidate_1" in describe(spec, verdict)
    assert verdict.peak_safe_range is not None
    variants = [one for one in history.trials if one.phase is Phase.CONFIRM]
    assert {one.schedule.peak for one in variants} == {0.005, 0.02}
    assert {one.schedule.family.params()["values"] for one in variants} == {
        best.family.params()["values"]
    }


def test_another_study_starts_from_what_a_candidate_is_like() -> None:
    """From the nearest point that a search has; not from one that is like none."""
    spec = with_candidates(PLAIN, Schedule(Table.of([0.01, 1e-5] * 40), 100))
    history, _ = play(spec, order=1)
    starts = gather("formula", [(spec, history)])
    families = [start.params["family"] for start in starts]
    assert not any(str(one).startswith("candidate") for one in families)
    assert {"family": "cosine", "peak": 0.02, "warmup": 0.0, "floor": 0.1} in [
        start.params for start in starts
    ]
