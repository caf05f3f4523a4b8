"""Rounds: an extended study searches on, is judged on new seeds, and replays."""

from dataclasses import replace

import pytest

from tests.tuning.search.worlds import HELD_OUT, confirm_runs, make_spec, play, tried
from tuning.errors import InvalidValue
from tuning.evidence import conclude_study
from tuning.records import Budget, Extension, History, Phase, Run, StudySpec
from tuning.rounds import extend, last_round, rewind, round_start
from tuning.search.policy import Conclude, Generation, decide
from tuning.search.policy.ladder import paired_seed


def extended(spec: StudySpec, history: History, larger: StudySpec) -> tuple[StudySpec, History]:
    """A study with its verdict, about to go on with a larger budget."""
    generation = 1 + max(run.generation for run in history.runs)
    record = Extension(
        generation, spec.budget, spec.evidence_budget, history.closed_from, history.closed_because
    )
    begun = replace(history, extensions=(*history.extensions, record), closed_from=None)
    return larger, begun


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rungs": (0.25, 0.5)},
        {"leaders": 4, "leader_seeds": 8},
        {"sampler": "curve", "budget": Budget(trials=26), "early_stop": True},
        {"budget": Budget(trials=30, steps=9_000)},
    ],
    ids=["plain", "rungs", "race", "early stop", "updates"],
)
def test_an_extension_searches_on_and_is_confirmed_on_new_seeds(
    changes: dict[str, object],
) -> None:
    """Up to the larger budget exactly; no seed of the first confirmation comes back."""
    spec = make_spec(**changes)
    first, _ = play(spec, 1)
    steps = None if spec.budget.steps is None else 2 * spec.budget.steps
    larger = extend(spec, trials=spec.budget.trials + 16, steps=steps)
    spec, begun = extended(spec, first, larger)
    history, decision = play(spec, 2, history=begun)
    assert decision == Conclude()
    if not spec.early_stop and steps is None:
        assert len(tried(history)) == larger.budget.trials
    assert len(tried(history)) > len(tried(first))
    before, after = confirm_runs(first), confirm_runs(last_round(history))
    assert after
    assert {run.seed for run in before}.isdisjoint(run.seed for run in after)
    assert all(run.generation >= round_start(history) for run in after)
    verdict = conclude_study(spec, history)
    measured = {run.seed for run in after if HELD_OUT in run.splits}
    assert verdict.arms[0].planned == len(measured)
    assert history.runs[: len(first.runs)] == first.runs


@pytest.mark.parametrize("rungs", [(), (0.5,)])
def test_an_extended_study_replays_whatever_the_order_of_results(rungs: tuple[float, ...]) -> None:
    """Every generation of both rounds is decided again from what was known and recorded."""
    small = make_spec(rungs=rungs, leaders=3, leader_seeds=4)
    first, _ = play(small, 1)
    other, _ = play(small, 5)
    spec, begun = extended(small, first, extend(small, trials=32))
    history, _ = play(spec, 2, history=begun)
    again, _ = play(spec, 7, history=extended(small, other, spec)[1])
    assert (again.trials, again.runs, again.pruned) == (
        history.trials,
        history.runs,
        history.pruned,
    )
    for number in range(1 + max(run.generation for run in history.runs)):
        made = tuple(run for run in history.runs if run.generation == number)
        told = decide(*rewind(spec, history, number))
        assert isinstance(told, Generation)
        assert (told.number, told.runs) == (number, made)


def test_newcomers_race_up_to_the_seeds_of_earlier_leaders() -> None:
    """Those that led before are not trained again; nobody is compared on fewer seeds."""
    spec = make_spec(leaders=4, leader_seeds=8)
    first, _ = play(spec, 1)
    spec, begun = extended(spec, first, extend(spec, trials=40))
    history, _ = play(spec, 2, history=begun)
    searched = [run for run in history.runs if run.phase in {Phase.BASELINE, Phase.SEARCH}]
    assert len({_key(run) for run in searched}) == len(searched)
    paired = {paired_seed(spec, number) for number in range(spec.seeds)}
    raced = [
        run for run in searched if run.generation >= round_start(history) and run.seed not in paired
    ]
    assert raced
    assert min(run.trial for run in raced) >= len(first.trials)


def _key(run: Run) -> tuple[int, int, int]:
    return run.trial, run.seed, run.horizon


def test_more_evidence_alone_is_a_new_confirmation() -> None:
    """Nothing is searched; the next verdict rests on more seeds than the first could."""
    spec = make_spec(evidence_budget=1_500)
    first, _ = play(spec, 1)
    spec, begun = extended(spec, first, extend(spec, evidence_budget=6_000))
    history, decision = play(spec, 2, history=begun)
    assert decision == Conclude()
    assert tried(history) == tried(first)
    assert len(confirm_runs(last_round(history))) >= len(confirm_runs(first))


def test_a_study_may_be_extended_again() -> None:
    """Each round has seeds of its own."""
    spec = make_spec()
    history, _ = play(spec, 1)
    for trials in (24, 28):
        spec, begun = extended(spec, history, extend(spec, trials=trials))
        history, _ = play(spec, 2, history=begun)
    seeds = [
        {run.seed for run in confirm_runs(history) if begin <= run.generation < end}
        for begin, end in zip(
            [0, *(one.generation for one in history.extensions)],
            [*(one.generation for one in history.extensions), 10**6],
            strict=True,
        )
    ]
    assert len(seeds) == 3
    assert sum(map(len, seeds)) == len(set.union(*seeds))


def test_a_stopped_search_goes_on() -> None:
    """What closed it is in the record, and no longer holds."""
    spec = make_spec(budget=Budget(trials=40))
    whole, _ = play(spec, 1)
    closed = replace(whole.up_to(4, 4), closed_from=5, closed_because="the search was stopped")
    first, _ = play(spec, 1, history=closed)
    larger, begun = extended(spec, first, extend(spec, trials=41))
    history, _ = play(larger, 1, history=begun)
    assert len(tried(first)) < len(tried(history)) == 41
    told = decide(*rewind(larger, history, 5))
    assert isinstance(told, Generation)
    assert (told.is_confirmation, told.reason) == (True, "the search was stopped")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"trials": 19}, "budget.trials"),
        ({"trials": 20}, "budget"),
        ({}, "budget"),
        ({"steps": 10**6}, "budget.steps"),
        ({"seconds": 5.0}, "budget.seconds"),
        ({"evidence_budget": 1_499}, "evidence_budget"),
        ({"trials": 10**6}, "budget.trials"),
    ],
)
def test_an_extension_makes_a_budget_larger(wish: dict[str, int], field: str) -> None:
    """Nothing else: smaller, equal, or a limit where there is none is refused."""
    with pytest.raises(InvalidValue) as refused:
        extend(make_spec(evidence_budget=1_500), **wish)  # type: ignore[arg-type] # names of fields
    assert refused.value.field == field
