"""What a reader of a verdict must know: edges, losses and gaps are told, and nothing else is."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.errors import InvalidValue
from tuning.evidence import Verdict, conclude_study, describe
from tuning.evidence.cautions import doubt_held_out
from tuning.records import Cap, Direction, History, Metric, Result, RunState
from tuning.schedules import PARAMETERS
from tuning.search.space import narrow

FRESH = (1.0, 1.001, 0.999)
WORSE = (1.2, 1.201, 1.202)


def judge(*tried: Tried, **changes: object) -> Verdict:
    """The verdict on a study that tried these."""
    return conclude_study(spec_for(**changes), finished(*tried))


def told(verdict: Verdict, code: str) -> list[str]:
    """The messages of a kind of warning."""
    return [warning.message for warning in verdict.warnings if warning.code == code]


def winner(**changes: Any) -> Tried:  # noqa: ANN401
    """A searched cosine that leads."""
    plain: dict[str, Any] = {"is_baseline": False, "fresh": FRESH, "peak": 0.02}
    return Tried("cosine", 0.9, **{**plain, **changes})


BASELINE = Tried("constant", 1.0, fresh=WORSE)


def test_a_clear_win_warns_of_nothing() -> None:
    """The lead holds, the ranges are wide, every seed completed."""
    verdict = judge(winner(), BASELINE)
    assert verdict.warnings == ()
    (versus,) = verdict.versus
    assert (versus.is_tie, versus.seeds, versus.baseline) == (False, 3, "constant")
    assert versus.ci95[0] < versus.difference < versus.ci95[1] < 0
    assert verdict.smallest_detectable_effect is not None


@pytest.mark.parametrize("low", [True, False])
def test_a_peak_at_the_edge_of_its_range_is_told(low: bool) -> None:
    """Low or high, since the peak can always be looked for further out."""
    peak = 1.01e-4 if low else 0.98
    (message,) = told(judge(winner(peak=peak), BASELINE), "range_edge")
    assert message.startswith(
        f"the winner's peak {peak:.4g} is at the edge of its range 0.0001 to 1"
    )


def test_a_peak_at_a_hard_cap_has_no_room_above() -> None:
    """Nobody may widen that range upwards; downwards as ever."""
    assert told(judge(winner(peak=0.98), BASELINE, cap=Cap.HARD), "range_edge") == []
    assert len(told(judge(winner(peak=1.01e-4), BASELINE, cap=Cap.HARD), "range_edge")) == 1


@pytest.mark.parametrize(
    ("ranges", "floor", "is_told"),
    [
        ({}, 0.0, False),  # nothing lies below nothing
        ({}, 0.3, False),  # the table ends there
        ({"floor": (0.05, 0.2)}, 0.0501, True),
        ({"floor": (0.05, 0.2)}, 0.199, True),
        ({"floor": (0.05, 0.2)}, 0.1, False),
        ({"floor": (0.0, 0.2)}, 0.001, False),
        ({"floor": (0.05, 0.3)}, 0.299, False),
    ],
)
def test_a_range_the_user_narrowed_has_edges_and_a_natural_limit_has_none(
    ranges: Mapping[str, tuple[float, float]], floor: float, is_told: bool
) -> None:
    """Widening helps only where the table allows more."""
    space = narrow(("cosine", "constant"), (1e-4, 1.0), ranges, {})
    verdict = judge(winner(params={"floor": floor}), BASELINE, space=space)
    assert bool(told(verdict, "range_edge")) is is_told


def test_a_fixed_parameter_has_no_edge() -> None:
    """It was not searched."""
    space = narrow(("cosine", "constant"), (1e-4, 1.0), {}, {"floor": 0.1})
    assert told(judge(winner(params={"floor": 0.1}), BASELINE, space=space), "range_edge") == []


def test_an_integer_on_a_log_scale_has_edges_too() -> None:
    """Cycles from 2 to 8: 8 is at the edge, 4 is not."""
    space = narrow(("sgdr", "constant"), (1e-4, 1.0), {"cycles": (2, 8)}, {})
    for cycles, is_told in ((8, True), (4, False), (2, True)):
        first = Tried("sgdr", 0.9, 0.02, is_baseline=False, fresh=FRESH, params={"cycles": cycles})
        found = told(judge(first, BASELINE, space=space), "range_edge")
        assert bool(found) is is_told
    assert PARAMETERS["cycles"].high > 8


@pytest.mark.parametrize(("best", "word"), [(0.001, "lowest"), (0.1, "highest"), (0.01, None)])
def test_a_baseline_at_the_edge_of_the_grid_may_be_under_tuned(
    best: float, word: str | None
) -> None:
    """Its best peak was the last one tried on that side."""
    grid = [
        Tried("constant", 1.0 if peak == best else 2.0, peak, fresh=WORSE)
        for peak in (0.001, 0.01, 0.1)
    ]
    verdict = judge(winner(), *grid)
    assert told(verdict, "under_tuned") == (
        []
        if word is None
        else [
            f"baseline constant is best at {best:g}, the {word} peak tried: another may be better"
        ]
    )
    words = describe(spec_for(), verdict)
    assert ("better than every tuned baseline" in words) is (word is None)
    assert ("better than every baseline as far as they were tuned" in words) is (word is not None)


def test_diverged_fresh_seeds_are_told() -> None:
    """How many of how many; the means are over the others."""
    verdict = judge(winner(fresh=(1.0, RunState.DIVERGED, 1.2)), BASELINE)
    assert told(verdict, "unstable") == ["cosine diverged on 1 of 3 fresh seeds"]
    assert (verdict.arms[0].seeds, verdict.arms[0].diverged) == (2, 1)
    assert verdict.arms[0].validation == pytest.approx(1.1)
    assert verdict.versus[0].seeds == 2


def test_failed_fresh_seeds_are_told() -> None:
    """A seed that no worker finished is missing, not forgotten."""
    verdict = judge(winner(), Tried("constant", 1.0, fresh=(1.2, 1.2, RunState.FAILED)))
    assert told(verdict, "incomplete") == ["constant failed on 1 of 3 fresh seeds"]
    assert told(verdict, "unstable") == []


def test_a_winner_that_completes_nowhere_has_no_value() -> None:
    """Then there is no winner, and the baseline that completed is recommended."""
    verdict = judge(winner(fresh=(RunState.DIVERGED,) * 3), BASELINE)
    assert (verdict.arms[0].validation, verdict.arms[0].test) == (None, None)
    assert (verdict.versus, verdict.spread, verdict.matters) == ((), None, None)
    assert (verdict.winner, verdict.trial) == (None, 0)
    assert (verdict.recommended.family, verdict.recommended.trial) == ("constant", 1)
    (message,) = told(verdict, "unconfirmed")
    assert "no fresh seed of cosine completed" in message
    words = describe(spec_for(), verdict)
    assert words.startswith("No winner: cosine")
    assert "Use constant" in words
    json.dumps(verdict.document(), allow_nan=False)


@pytest.mark.parametrize("state", [RunState.DIVERGED, RunState.FAILED])
def test_where_no_arm_completes_nothing_is_confirmed(state: RunState) -> None:
    """The leader of the search is told as that and as nothing more."""
    lost = (state,) * 3
    verdict = judge(winner(fresh=lost), Tried("constant", 1.0, fresh=lost))
    assert (verdict.winner, verdict.versus) == (None, ())
    assert verdict.recommended.reason == "it led the search; no arm completed its fresh seeds"
    assert len(told(verdict, "unconfirmed")) == 1
    assert describe(spec_for(), verdict).startswith("No winner: cosine")


def test_held_out_blocks_widen_what_is_said_of_the_held_out_data() -> None:
    """A difference that rests on one block is none to count on elsewhere."""
    history = finished(winner(), Tried("constant", 1.0, fresh=FRESH))
    trials = list(history.trials)
    flat = {1: [1.0] * 6, 2: [1.001] * 6, 3: [0.999] * 6}
    spiked = {seed: [row[0] - 0.5, *row[1:3], row[3] + 1.0, *row[4:]] for seed, row in flat.items()}

    def ends(rows: Mapping[int, list[float]], *, blocks: bool) -> dict[int, Result]:
        return {
            seed: Result(
                RunState.COMPLETED,
                {"test": {"loss": float(np.mean(row))}},
                {"test": tuple(row)} if blocks else {},
            )
            for seed, row in rows.items()
        }

    verdict = conclude_study(spec_for(), history)
    for blocks in (False, True):
        found = doubt_held_out(
            spec_for(),
            trials,
            verdict.versus,
            {0: ends(spiked, blocks=blocks), 1: ends(flat, blocks=blocks)},
        )
        assert ("test_disagrees" in {one.code for one in found}) is not blocks


def test_a_baseline_may_win() -> None:
    """It is not compared with itself."""
    verdict = judge(
        Tried("constant", 0.5, fresh=FRESH),
        Tried("cosine", 1.0, fresh=WORSE),
        winner(),
        baselines=("constant", "cosine"),
    )
    assert (verdict.winner, verdict.trial) == ("constant", 0)
    assert [one.baseline for one in verdict.versus] == ["cosine"]
    assert [arm.is_baseline for arm in verdict.arms] == [True, True]


def test_without_baselines_there_is_nothing_to_compare() -> None:
    """And no claim that the schedule matters."""
    verdict = judge(winner(), baselines=())
    assert (verdict.versus, verdict.tie_with, verdict.spread) == ((), (), None)
    assert not verdict.matters
    assert "there was no baseline" in describe(spec_for(), verdict)


def test_a_metric_to_be_maximised_turns_everything_round() -> None:
    """The higher score leads, and its lead is a positive difference."""
    metric = Metric("loss", Direction.MAXIMIZE)
    first = Tried("cosine", 0.9, 0.02, is_baseline=False, fresh=WORSE)
    verdict = judge(first, Tried("constant", 0.5, fresh=FRESH), metric=metric)
    assert (verdict.winner, verdict.versus[0].is_tie) == ("cosine", False)
    assert verdict.versus[0].difference > 0
    assert told(verdict, "winner_lost") == []
    lost = judge(
        Tried("cosine", 0.9, 0.02, is_baseline=False, fresh=FRESH),
        Tried("constant", 0.5, fresh=WORSE),
        metric=metric,
    )
    assert told(lost, "winner_lost")


def test_blocks_are_counted_where_both_have_them() -> None:
    """On how many folds the mean is better; a seed with fewer folds limits the count."""
    ours = {0: (1.0, 1.0, 1.0), 1: (1.0, 1.0)}
    theirs = {0: (2.0, 0.5, 2.0), 1: (2.0, 0.5, 2.0), 2: (2.0, 2.0, 2.0)}
    verdict = judge(winner(blocks=ours), Tried("constant", 1.0, fresh=WORSE, blocks=theirs))
    assert verdict.versus[0].blocks_better == (1, 2)
    assert judge(winner(), BASELINE).versus[0].blocks_better == (0, 0)


def test_the_interval_is_wider_for_more_baselines() -> None:
    """They are read together."""
    one = judge(winner(), BASELINE, baselines=("constant",))
    two = judge(
        winner(), BASELINE, Tried("linear", 1.1, fresh=WORSE), baselines=("constant", "linear")
    )
    width = [v.versus[0].ci95[1] - v.versus[0].ci95[0] for v in (one, two)]
    assert width[0] < width[1]


def test_a_tie_of_wide_intervals_says_how_many_seeds_would_do() -> None:
    """A number that would, if the seeds go on to differ as they do."""
    noisy = (1.0, 1.05, 0.95, 1.02, 0.99)
    other = (1.03, 0.99, 1.01, 1.0, 0.98)
    verdict = judge(winner(fresh=noisy), Tried("constant", 1.0, fresh=other), confirm_seeds=5)
    (versus,) = verdict.versus
    (message,) = told(verdict, "too_few_seeds")
    assert versus.seeds_needed is not None
    assert "5 fresh seeds cannot tell the winner from constant to within 1 %" in message
    assert f"about {versus.seeds_needed} would" in message
    spread = np.std([a - b for a, b in zip(noisy, other, strict=True)], ddof=1)
    scale, needed = np.mean(other), versus.seeds_needed
    width = [stats.t.ppf(0.975, n - 1) * spread / scale / n**0.5 for n in (needed - 1, needed)]
    assert width[1] <= 0.01 < width[0]


def test_a_narrow_tie_needs_no_more_seeds() -> None:
    """It is a tie because the two are alike."""
    close = tuple(1.001 * x for x in FRESH)
    verdict = judge(winner(), Tried("constant", 1.0, fresh=close))
    assert verdict.tie_with == ("constant",)
    assert told(verdict, "too_few_seeds") == []


def test_where_blocks_dominate_more_data_are_asked_for() -> None:
    """The winner is better on some regimes and worse on others."""
    tilted = {seed: tuple(1.0 + 0.2 * (-1.0) ** block for block in range(8)) for seed in range(3)}
    even = dict.fromkeys(range(3), (1.05,) * 8)
    ours, theirs = (1.0, 1.001, 0.999), (1.05, 1.051, 1.049)
    verdict = judge(
        winner(fresh=ours, blocks=tilted), Tried("constant", 1.0, fresh=theirs, blocks=even)
    )
    (versus,) = verdict.versus
    assert (versus.dominant, versus.generalises_over) == ("blocks", ("seeds", "blocks"))
    assert versus.is_tie
    assert verdict.arms[0].worst_block == (0, pytest.approx(1.2))
    assert "against constant the blocks" in told(verdict, "too_few_blocks")[0]
    assert told(verdict, "too_few_seeds") == []


def test_a_winner_that_cooled_down_and_fails_on_later_data_is_a_horizon_leak() -> None:
    """It learns no more when the world moves on; a constant would."""
    verdict = judge(
        winner(test=(1.5, 1.501, 1.499)), Tried("constant", 1.0, fresh=WORSE, test=FRESH)
    )
    assert told(verdict, "test_disagrees")
    (message,) = told(verdict, "horizon_leak")
    assert "than constant" in message
    warm = judge(
        Tried("constant", 0.9, is_baseline=False, fresh=FRESH, test=(1.5, 1.501, 1.499)),
        Tried("cosine", 1.0, fresh=WORSE, test=FRESH),
    )
    assert told(warm, "test_disagrees")
    assert told(warm, "horizon_leak") == []


def test_a_test_split_that_was_read_before_is_told() -> None:
    """How often it was read; once is no matter."""
    history = finished(winner(), BASELINE)
    again = conclude_study(spec_for(), history, test_reads=3)
    assert (again.test_reads, again.test_reused) == (3, True)
    assert "were read 3 times" in told(again, "test_reused")[0]
    assert told(conclude_study(spec_for(), history), "test_reused") == []


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_verdict_is_always_json(odd: float) -> None:
    """Also if the held-out data blew up: such a mean is no number, and the winner is doubted."""
    verdict = judge(winner(test=(1.0, odd, 1.0)), BASELINE)
    document = verdict.document()
    assert document["arms"][0]["test"] is None
    assert document["arms"][0]["metrics"]["test"] == {"loss": None}
    assert told(verdict, "test_disagrees") == [
        "the winner blew up on the held-out data of 1 of 3 seeds"
    ]
    assert json.loads(json.dumps(document, allow_nan=False))["winner"] == "cosine"


def test_a_study_without_a_completed_trial_has_no_verdict() -> None:
    """The policy gives such a study up before."""
    with pytest.raises(InvalidValue, match="no completed trial"):
        conclude_study(spec_for(), History())
