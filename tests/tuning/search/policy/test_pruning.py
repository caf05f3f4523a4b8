"""Pruning on prefixes: searched trials rise through them, baselines do not, and budgets hold."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import Phase as Step
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuning.search.worlds import end, make_spec, play, score, tried
from tuning.evidence import conclude_study
from tuning.evidence.horizons import fit_peak_law
from tuning.records import (
    Budget,
    Direction,
    History,
    Metric,
    Phase,
    Pruning,
    Result,
    Run,
    RunState,
    StudySpec,
    Trial,
)
from tuning.search.policy import Conclude, Generation, Wait, decide, expected_runs, least_steps
from tuning.search.policy.observations import observe

PRUNING = (Pruning.ASHA, Pruning.MEDIAN)
ENDS = (25, 50, 100)


def pruned(rule: Pruning, **changes: object) -> StudySpec:
    """A study of 100 updates that prunes after a quarter and a half of them."""
    plain = {"rungs": (0.25, 0.5), "budget": Budget(trials=40), "sampler": "random"}
    return make_spec(**{**plain, "pruning": rule, **changes})


def unfinished_is_worse(trial: Trial, run: Run) -> Result:
    """A world in which a loss is higher the earlier it is looked at; peaks above 0.5 diverge."""
    found = end(trial, run)
    if found.state is not RunState.COMPLETED:
        return found
    value = score(trial, run.seed) * (run.horizon / run.updates) ** 0.5
    return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})


def spent(history: History) -> int:
    """Updates of all phases but the confirmation."""
    return sum(run.updates for run in history.runs if run.phase is not Phase.CONFIRM)


def climbs(history: History, phase: Phase) -> dict[int, list[int]]:
    """After how many updates the runs of each trial end, on the first paired seed, in order."""
    found: dict[int, list[int]] = {}
    first = next(run.seed for run in history.runs if run.phase is phase)
    for run in history.runs:
        if run.phase is phase and run.seed == first:
            found.setdefault(run.trial, []).append(run.updates)
    return found


@pytest.mark.parametrize("rule", PRUNING)
def test_a_trial_rises_through_the_prefixes_of_one_and_the_same_training(rule: Pruning) -> None:
    """None is skipped, the schedule stays that of the full horizon, and its peak is not raised."""
    history, decision = play(pruned(rule), 1, unfinished_is_worse)
    assert decision == Conclude()
    assert all((run.horizon, run.peak_factor) == (100, 1.0) for run in history.runs)
    climbed = climbs(history, Phase.SEARCH)
    assert all(tuple(ends) == ENDS[: len(ends)] for ends in climbed.values())
    assert {len(ends) for ends in climbed.values()} == {1, 2, 3}
    dropped = {number for number, ends in climbed.items() if len(ends) < 3}
    diverged = {number for number in dropped if history.trials[number].schedule.peak > 0.5}
    assert set(history.pruned) == dropped - diverged


@pytest.mark.parametrize("rule", PRUNING)
def test_baselines_are_trained_in_full_at_every_peak(rule: Pruning) -> None:
    """As without rungs: a prefix must not choose the peak of what the winner is compared with."""
    spec = pruned(rule)
    history, _ = play(spec, 2, unfinished_is_worse)
    climbed = climbs(history, Phase.BASELINE)
    assert len(climbed) == len(spec.baselines) * spec.baseline_peaks
    assert all(ends == [100] for ends in climbed.values())
    assert climbed.keys().isdisjoint(history.pruned)


def test_asha_takes_no_more_than_the_share_further() -> None:
    """Of those that completed a prefix, rounded up."""
    spec = pruned(Pruning.ASHA, promote=0.25, budget=Budget(trials=60), baselines=())
    history, _ = play(spec, 3, unfinished_is_worse)
    reached = [sum(end in ends for ends in climbs(history, Phase.SEARCH).values()) for end in ENDS]
    assert 0 < reached[1] <= 0.25 * reached[0] + 1
    assert 0 < reached[2] <= 0.25 * reached[1] + 1


@pytest.mark.parametrize("direction", Direction)
def test_the_median_decides_on_all_that_completed_the_prefix_until_then(
    direction: Direction,
) -> None:
    """Whoever is no worse than it goes on; the results of the last generation are not looked at."""
    sign = 1.0 if direction is Direction.MINIMIZE else -1.0

    def outcome(trial: Trial, run: Run) -> Result:
        found = unfinished_is_worse(trial, run)
        if found.state is not RunState.COMPLETED:
            return found
        value = sign * found.metrics["validation"]["loss"]
        return Result(found.state, {split: {"loss": value} for split in run.splits})

    spec = pruned(Pruning.MEDIAN, metric=Metric("loss", direction), early_stop=False)
    history, _ = play(spec, 4, outcome)
    decided = 0
    for stage, updates in enumerate(ENDS[:2]):
        for run in history.runs:
            if run.phase is Phase.SEARCH and run.updates == ENDS[stage + 1]:
                view = history.up_to(run.generation - 1, run.generation - 2)
                scores = _scores(view, updates)
                assert sign * scores[run.trial] <= sign * median(scores.values())
                decided += 1
        for number, generation in history.pruned.items():
            view = history.up_to(generation - 1, generation - 2)
            scores = _scores(view, updates)
            if climbs(history, Phase.SEARCH)[number][-1] == updates and number in scores:
                assert sign * scores[number] > sign * median(scores.values())
                decided += 1
    assert decided > 20


def _scores(view: History, updates: int) -> dict[int, float]:
    """Mean loss of the searched trials that completed a prefix."""
    found: dict[int, list[float | None]] = {}
    for run in view.runs:
        if run.phase is Phase.SEARCH and run.updates == updates:
            seen = view.results.get((run.generation, run.index))
            is_scored = seen is not None and seen.state is RunState.COMPLETED
            value = seen.metrics["validation"]["loss"] if seen and is_scored else None
            found.setdefault(run.trial, []).append(value)
    scores = {}
    for number, values in found.items():
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            scores[number] = sum(known) / len(known)
    return scores


def drawn(seed: int) -> Callable[[Trial, Run], Result]:
    """A world in which some runs fail or diverge, always the same ones."""
    bad = {1: RunState.DIVERGED, 2: RunState.FAILED}

    def outcome(trial: Trial, run: Run) -> Result:
        state = bad.get((31 * trial.number + 7 * run.updates + run.seed + seed) % 11)
        return unfinished_is_worse(trial, run) if state is None else Result(state, reason="drawn")

    return outcome


@settings(max_examples=15, deadline=None, phases=(Step.explicit, Step.reuse, Step.generate))
@given(
    rule=st.sampled_from(PRUNING),
    world=st.integers(0, 99),
    first=st.integers(0, 99),
    second=st.integers(0, 99),
    room=st.integers(0, 6_000),
    leaders=st.sampled_from([0, 3]),
)
def test_any_order_of_results_gives_the_same_study_within_its_budget(
    rule: Pruning, world: int, first: int, second: int, room: int, leaders: int
) -> None:
    """Bit for bit the same trials, runs and drops; not an update more than the budget."""
    plain = pruned(rule, leaders=leaders, leader_seeds=6)
    steps = least_steps(plain) + room
    spec = replace(plain, budget=Budget(trials=60, steps=steps))
    one, ending = play(spec, first, drawn(world))
    other, again = play(spec, second, drawn(world))
    assert (one.trials, one.runs, one.pruned) == (other.trials, other.runs, other.pruned)
    assert ending == again
    assert spent(one) <= steps
    assert len(tried(one)) <= 60


@pytest.mark.parametrize("rule", PRUNING)
@pytest.mark.parametrize("room", [0, 50, 333, 1_000])
def test_the_smallest_budgets_take_one_searched_schedule_all_the_way(
    rule: Pruning, room: int
) -> None:
    """Only updates that are trained are charged."""
    plain = pruned(rule)
    spec = replace(plain, budget=Budget(trials=60, steps=least_steps(plain) + room))
    history, _ = play(spec, 7, unfinished_is_worse)
    assert spent(history) <= least_steps(plain) + room
    assert max(run.updates for run in history.runs if run.phase is Phase.SEARCH) == 100


@pytest.mark.parametrize("rule", PRUNING)
def test_a_generation_sees_results_two_generations_old(rule: Pruning) -> None:
    """Younger results change nothing, older ones are waited for."""
    spec = pruned(rule)
    history, _ = play(spec, 5, unfinished_is_worse)
    for number in range(2, 8):
        known = history.up_to(number - 1, number - 2)
        proposed = decide(spec, known)
        assert isinstance(proposed, Generation)
        assert decide(spec, history.up_to(number - 1, number - 1)) == proposed
        assert decide(spec, history.up_to(number - 1, number - 3)) == Wait()


def test_half_of_the_trials_are_expected_to_pass_a_median() -> None:
    """The estimate of a study that prunes by it does not ask what share is promoted."""
    few, many = (pruned(Pruning.MEDIAN, promote=share) for share in (0.1, 0.9))
    assert expected_runs(few) == expected_runs(many)
    assert expected_runs(pruned(Pruning.ASHA, promote=0.1)) < expected_runs(few)


@pytest.mark.parametrize("sampler", ["curve", "tpe"])
def test_a_sampler_is_told_the_peak_that_a_prefix_was_trained_with(sampler: str) -> None:
    """What it learns from a prefix is about that peak, not about a corrected one."""
    spec = pruned(Pruning.ASHA, sampler=sampler, budget=Budget(trials=16))
    history, decision = play(spec, 6, unfinished_is_worse)
    assert decision == Conclude()
    seen = [one for one in observe(spec, history) if one.is_prefix]
    assert {one.horizon for one in seen} <= {25, 50}
    peaks = {trial.schedule.peak for trial in history.trials}
    assert seen
    assert all(one.params["peak"] in peaks for one in seen)


def test_a_prefix_says_nothing_about_other_horizons() -> None:
    """No law of the peak is fitted to it."""
    spec = pruned(Pruning.MEDIAN)
    history, _ = play(spec, 8, unfinished_is_worse)
    assert fit_peak_law(spec, history).reason == "only one horizon was trained"


@pytest.mark.parametrize("rule", PRUNING)
def test_the_verdict_warns_and_counts_what_was_pruned(rule: Pruning) -> None:
    """With the figures that were measured, in the words as well."""
    spec = pruned(rule)
    history, _ = play(spec, 9, unfinished_is_worse)
    verdict = conclude_study(spec, history)
    (found,) = [one for one in verdict.warnings if one.code == "prefix_pruning"]
    assert found.message.startswith(
        f"{len(history.pruned)} trials were pruned by `{rule}` after 0.25, 0.5 of their training"
    )
    assert "0.02, 0.23 and 0.43" in found.message
    assert "0.71 and 0.82" in found.message
    plain = make_spec(budget=Budget(trials=12))
    calm, _ = play(plain, 9)
    assert "prefix_pruning" not in {one.code for one in conclude_study(plain, calm).warnings}
