"""The verdict: it claims what fresh seeds and the held-out data bear out, and no more."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from scipy import stats

from tests.tuning.search.worlds import make_spec
from tuning.evidence import Verdict, conclude_study, describe
from tuning.records import (
    Direction,
    History,
    Metric,
    Phase,
    Result,
    Run,
    RunState,
    StudySpec,
    Trial,
)
from tuning.schedules import FAMILIES
from tuning.search.space import FAMILY, PEAK, lay_out

SPLITS = ("validation", "test")
NOISE = (0.0, 0.001, -0.001, 0.002, -0.002)  # common to all arms, but for a little


def trial(number: int, family: str, phase: Phase, peak: float = 0.01) -> Trial:
    """A trial of a family's default shape."""
    params = {FAMILY: family, PEAK: peak, **FAMILIES[family].defaults()}
    return Trial(number, 0, phase, lay_out(params, 100), params)


TRIALS = (
    trial(0, "cosine", Phase.SEARCH, 0.02),
    trial(1, "cosine", Phase.SEARCH, 0.03),
    trial(2, "constant", Phase.BASELINE),
    trial(3, "cosine", Phase.BASELINE, 0.01),
    trial(4, "cosine", Phase.BASELINE, 0.05),
)
SEARCHED = {0: 0.9, 1: 2.0, 2: 1.1, 3: 1.0, 4: 3.0}  # the winner is 0, the arms 0, 2 and 3


def story(
    spec: StudySpec,
    fresh: Mapping[int, tuple[float, float] | None],
    *,
    jitter: float = 0.001,
) -> History:
    """A finished study; `fresh` gives validation and test means per arm, None for diverged."""
    runs, results = [], {}
    for number, value in SEARCHED.items():
        runs.append(Run(0, number, number, TRIALS[number].phase, 1, 100))
        sign = 1 if spec.metric.direction is Direction.MINIMIZE else -1
        results[0, number] = Result(RunState.COMPLETED, {"validation": {"loss": sign * value}})
    for number, means in fresh.items():
        for seed, noise in enumerate(NOISE):
            index = number * len(NOISE) + seed
            runs.append(Run(1, index, number, Phase.CONFIRM, 100 + seed, 100, SPLITS))
            own = noise + jitter * ((seed * (number + 2)) % 5)
            results[1, index] = (
                Result(RunState.DIVERGED, reason="loss was inf")
                if means is None
                else Result(
                    RunState.COMPLETED,
                    {
                        "validation": {"loss": means[0] + own},
                        "test": {"loss": means[1] + own},
                    },
                )
            )
    return History(TRIALS, tuple(runs), results)


def judge(
    fresh: Mapping[int, tuple[float, float] | None], *, jitter: float = 0.001, **changes: object
) -> tuple[Verdict, str]:
    """The verdict on a story and its words."""
    spec = make_spec(confirm_seeds=len(NOISE), **changes)
    verdict = conclude_study(spec, story(spec, fresh, jitter=jitter))
    return verdict, describe(spec, verdict)


def codes(verdict: Verdict) -> list[str]:
    """The codes of a verdict's warnings."""
    return [warning.code for warning in verdict.warnings]


def test_a_lead_that_holds_on_fresh_seeds_and_held_out_data_is_a_win() -> None:
    """Nothing to warn of, and the figures are the differences of the means."""
    verdict, words = judge({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    assert (verdict.winner, verdict.trial, verdict.tie_with) == ("cosine", 0, ())
    assert verdict.matters
    assert "test_disagrees" not in codes(verdict)
    assert "wins" in words
    assert "The schedule matters here" in words


def test_a_lead_that_the_held_out_data_do_not_show_is_told() -> None:
    """The winner was chosen on the validation data, so these may flatter it."""
    verdict, words = judge({0: (0.8, 1.1), 2: (1.0, 1.0), 3: (0.9, 1.3)})
    (warning,) = [one for one in verdict.warnings if one.code == "test_disagrees"]
    assert "not better than constant," in warning.message
    assert warning.message in words


def test_a_tie_that_is_lost_on_the_held_out_data_is_told() -> None:
    """A tie on validation recommends nothing that is clearly worse elsewhere."""
    verdict, _ = judge({0: (1.0, 1.3), 2: (1.0, 1.0), 3: (1.0, 1.3)})
    assert verdict.tie_with == ("constant", "cosine")
    (warning,) = [one for one in verdict.warnings if one.code == "test_disagrees"]
    assert "than constant," in warning.message


def test_a_lead_that_was_luck_is_no_first_place_even_beside_a_tie() -> None:
    """Worse than one baseline and equal to another, the winner of the search did not win."""
    verdict, words = judge({0: (1.0, 1.0), 2: (1.0, 1.0), 3: (0.8, 0.8)})
    assert "winner_lost" in codes(verdict)
    assert verdict.tie_with == ("constant",)
    assert words.startswith("No clear winner")


def test_a_close_tie_says_that_the_schedule_hardly_matters() -> None:
    """Small differences would have been found, and none was."""
    verdict, words = judge({0: (1.0, 1.0), 2: (1.001, 1.0), 3: (1.0, 1.0)})
    assert "no_signal" in codes(verdict)
    assert not verdict.matters
    assert "hardly matters" in words


def test_a_tie_of_noisy_arms_leaves_open_whether_the_schedule_matters() -> None:
    """No difference could have been found, so none found says nothing."""
    _, words = judge({0: (1.0, 1.0), 2: (1.1, 1.0), 3: (1.0, 1.0)}, jitter=0.5)
    assert words.startswith("A tie")
    assert "open whether the schedule matters" in words
    assert "hardly" not in words


def test_baselines_that_did_not_complete_are_not_passed_over_in_silence() -> None:
    """Nothing to compare with is not the same as no baseline."""
    verdict, words = judge({0: (1.0, 1.0), 2: None, 3: None})
    assert verdict.versus == ()
    assert codes(verdict).count("unstable") == 2
    assert "too few fresh seeds completed" in words
    assert "hardly matters" not in words


@pytest.mark.parametrize(
    ("ending", "code"), [(RunState.DIVERGED, "unstable"), (RunState.FAILED, "incomplete")]
)
def test_a_winner_that_lost_a_fresh_seed_is_no_clear_winner(ending: RunState, code: str) -> None:
    """A mean over the seeds that survived is no fair figure, however good it looks."""
    spec = make_spec(confirm_seeds=len(NOISE))
    history = story(spec, {0: (0.5, 0.5), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    lost = {**history.results, (1, 0): Result(ending, reason="lost")}
    verdict = conclude_study(spec, replace(history, results=lost))
    assert code in codes(verdict)
    assert describe(spec, verdict).startswith("No clear winner")


def test_peaks_of_the_search_do_not_count_as_tuning_of_a_baseline() -> None:
    """A baseline was chosen from its own grid, a searched winner from all of its family."""
    verdict, _ = judge({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    assert [arm.peak_runs for arm in verdict.arms] == [4, 1, 2]


@pytest.mark.parametrize("direction", Direction)
def test_the_spread_is_relative_to_the_best_arm(direction: Direction) -> None:
    """Whichever way is better."""
    sign = 1 if direction is Direction.MINIMIZE else -1
    fresh = {0: (2.0, 2.0), 2: (2.0 + sign, 2.0), 3: (2.0, 2.0)}
    verdict, _ = judge(fresh, jitter=0.0, metric=Metric("loss", direction))
    assert verdict.spread == pytest.approx(0.5)


def test_a_baseline_that_is_perfect_leaves_a_verdict_that_json_carries() -> None:
    """Relative to zero there is no figure, so none is given."""
    spec = make_spec(confirm_seeds=len(NOISE))
    played = story(spec, {0: (1.0, 1.0), 2: (0.0, 0.0), 3: (0.0, 0.0)})
    perfect = Result(RunState.COMPLETED, {"validation": {"loss": 0.0}, "test": {"loss": 0.0}})
    ends = {
        (run.generation, run.index): perfect
        for run in played.runs
        if run.phase is Phase.CONFIRM and run.trial != 0
    }
    verdict = conclude_study(spec, replace(played, results={**played.results, **ends}))
    words = describe(spec, verdict)
    assert {one.relative for one in verdict.versus} == {None}
    json.dumps(verdict.document(), allow_nan=False)
    assert "It is 1 worse than constant" in words


def test_updates_are_accounted_for_by_arm_and_in_all() -> None:
    """A baseline's own grid, the whole search for a searched winner, and each one's fresh seeds."""
    verdict, _ = judge({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    tuning = [arm.spent.tuning for arm in verdict.arms]
    assert tuning == [2 * 100, 100, 2 * 100]
    assert {arm.spent.evidence for arm in verdict.arms} == {len(NOISE) * 100}
    assert verdict.spent.tuning == 5 * 100
    assert verdict.spent.evidence == 3 * len(NOISE) * 100


def test_an_arms_own_interval_is_students() -> None:
    """Of its mean, for it alone."""
    verdict, _ = judge({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    values = [0.8 + noise + 0.001 * ((seed * 2) % 5) for seed, noise in enumerate(NOISE)]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert verdict.arms[0].ci95 == pytest.approx((expected.low, expected.high))


def test_a_tie_that_the_winner_does_not_lead_is_not_called_a_first_place() -> None:
    """Within the noise, but its mean on fresh seeds is the worse one."""
    verdict, words = judge({0: (1.002, 1.0), 2: (1.0, 1.0), 3: (1.2, 1.2)})
    assert verdict.tie_with == ("constant",)
    assert "came first" not in words
    assert "led the search, loss 1.0" in words
    assert "where constant came before it" in words
    every, words = judge({0: (1.002, 1.0), 2: (1.0, 1.0), 3: (1.0, 1.0)})
    assert len(every.tie_with) == 2
    assert "came first" not in words
    assert words.startswith("A tie: cosine")


def test_whether_it_matters_and_the_words_agree() -> None:
    """Yes, hardly and open are three answers, in the figures as in the words."""
    for means, jitter, matters, said in (
        ({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)}, 0.001, True, "The schedule matters here"),
        ({0: (1.0, 1.0), 2: (1.001, 1.0), 3: (1.0, 1.0)}, 0.001, False, "hardly matters"),
        ({0: (1.0, 1.0), 2: (1.1, 1.0), 3: (1.0, 1.0)}, 0.5, None, "It is open"),
    ):
        verdict, words = judge(means, jitter=jitter)
        assert verdict.matters is matters
        assert said in words


def test_the_document_has_what_the_best_schedule_shows() -> None:
    """The fields that are promised, all of them JSON."""
    verdict, _ = judge({0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    document = verdict.document()
    assert document.keys() >= {
        "winner",
        "tie_with",
        "versus",
        "smallest_detectable_effect",
        "peak_safe_range",
        "speedup",
        "if_horizon_changes",
        "test_reads",
        "test_reused",
        "versions",
        "warnings",
        "chances",
        "recommended",
        "applies_to",
        "spent",
        "sensitivity",
        "basis",
    }
    assert document["if_horizon_changes"].keys() >= {"peak_exponent", "ci95"}
    assert json.loads(json.dumps(document, allow_nan=False))["winner"] == "cosine"


def test_what_it_applies_to_is_kept_as_told() -> None:
    """Optimiser, batch and data are the caller's to know."""
    spec = make_spec(confirm_seeds=len(NOISE))
    told = {"optimizer": "adam", "data_hash": "ab"}
    played = story(spec, {0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    assert conclude_study(spec, played, applies_to=told).document()["applies_to"] == told


def test_a_built_in_objective_declares_what_the_verdict_applies_to() -> None:
    """Its optimiser under the study's config; an unknown objective declares nothing."""
    spec = make_spec(confirm_seeds=len(NOISE), objective="heston_surface")
    played = story(spec, {0: (0.8, 0.8), 2: (1.0, 1.0), 3: (0.9, 0.9)})
    assert conclude_study(spec, played).applies_to["optimizer"] == "adam"
    assert conclude_study(replace(spec, objective="own"), played).applies_to == {}
