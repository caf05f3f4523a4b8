"""The words say what the verdict says: who won, by how much, how sure, and what to beware of."""

import json
from dataclasses import replace

import pytest

from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence import Verdict, conclude_study, describe, note_test_reads
from tuning.evidence.cautions import Caveat
from tuning.evidence.figures import Versus
from tuning.evidence.horizons import HorizonLaw
from tuning.records import Direction, Metric

SPEC = spec_for()
VERDICT: Verdict = conclude_study(
    SPEC,
    finished(
        Tried("wsd", 0.9, 0.02, is_baseline=False, fresh=(1.0, 1.001, 0.999)),
        Tried("constant", 1.0, fresh=(1.2, 1.2, 1.21)),
        Tried("cosine", 1.1, fresh=(1.1, 1.1, 1.11)),
    ),
)


def against(baseline: str, relative: float | None, *, is_tie: bool = False) -> Versus:
    """A comparison of the winner with a baseline; negative is better."""
    difference = 0.5 if relative is None else relative
    found = replace(VERDICT.versus[0], baseline=baseline, relative=relative, difference=difference)
    return replace(found, is_tie=is_tie)


def words(**changes: object) -> str:
    """The words of a verdict with something changed; the tie set follows the comparisons."""
    verdict = replace(VERDICT, **changes)  # type: ignore[arg-type] # names of fields
    ties = tuple(one.baseline for one in verdict.versus if one.is_tie)
    return describe(SPEC, replace(verdict, tie_with=ties))


def test_a_win_names_the_winner_its_peak_and_its_margins() -> None:
    """Over each baseline."""
    text = words(versus=(against("constant", -0.123), against("cosine", -0.05)))
    assert text.startswith("wsd (peak 0.02) wins: loss 1, better than every tuned baseline.")
    assert "It is 12 % better than constant and 5 % better than cosine." in text


def test_a_tie_with_some_names_them_and_the_margin_over_the_others() -> None:
    """Not a win, and not a tie with all."""
    text = words(versus=(against("constant", -0.2), against("cosine", -0.001, is_tie=True)))
    assert "in a tie with cosine" in text
    assert "It is 20 % better than constant." in text
    assert "wins" not in text


def test_a_tie_with_all_claims_nothing() -> None:
    """No margin is told."""
    text = words(
        versus=(against("constant", -0.01, is_tie=True), against("cosine", 0.0, is_tie=True))
    )
    assert text.startswith("A tie: wsd")
    assert "It is" not in text.replace("It is open", "")


def test_a_loss_is_told_as_one() -> None:
    """Worse, by how much, and what to use instead."""
    text = words(
        versus=(against("constant", 0.2),),
        warnings=(Caveat("winner_lost", "use constant"),),
    )
    assert text.startswith("No clear winner: wsd (peak 0.02) led the search")
    assert "It is 20 % worse than constant." in text
    assert "Beware: use constant." in text


def test_better_is_higher_for_a_metric_to_be_maximised() -> None:
    """A positive difference is a lead."""
    spec = replace(SPEC, metric=Metric("skill", Direction.MAXIMIZE))
    text = describe(spec, replace(VERDICT, versus=(against("constant", 0.2),), tie_with=()))
    assert "It is 20 % better than constant." in text


@pytest.mark.parametrize(
    ("matters", "spread", "effect", "said"),
    [
        (True, 0.06, 0.01, "The schedule matters here"),
        (True, 0.04, 0.01, "The schedule matters a little here"),
        (False, 0.04, 0.03, "The schedule hardly matters here"),
        (None, 0.04, 0.3, "It is open whether the schedule matters here"),
        (None, 0.04, None, "It is open whether the schedule matters here"),
    ],
)
def test_how_much_the_schedule_matters_is_weighed(
    matters: bool | None, spread: float, effect: float | None, said: str
) -> None:
    """Against what is worthwhile, here 1 %, and against what could have been found."""
    text = words(matters=matters, spread=spread, smallest_detectable_effect=effect)
    assert said in text
    assert (
        f"from the best to the worst of 3 tuned schedules it is {spread:.0%}".replace("%", " %")
        in text
    )


def test_what_could_have_been_found_is_told() -> None:
    """With the smallest number of seeds that a comparison had."""
    versus = (against("constant", -0.2), replace(against("cosine", -0.2), seeds=2))
    text = words(versus=versus, smallest_detectable_effect=0.034)
    assert "With 2 fresh seeds a difference of 3.4 % could have been found." in text


def test_nothing_is_said_of_noise_where_there_is_none() -> None:
    """A difference of 0 % can always be found on exact losses."""
    assert "could have been found" not in words(smallest_detectable_effect=0.0)


def test_a_baseline_of_the_winners_family_is_told_apart_by_its_peak() -> None:
    """Or a schedule would seem to be better than itself."""
    spec, history = (
        spec_for(baselines=("cosine",)),
        finished(
            Tried("cosine", 0.5, 0.02, is_baseline=False, fresh=(0.50, 0.51, 0.52)),
            Tried("cosine", 0.9, 0.2, fresh=(0.90, 0.91, 0.92)),
        ),
    )
    assert "better than cosine at peak 0.2." in describe(spec, conclude_study(spec, history))


def test_every_warning_is_told_once() -> None:
    """But for `no_signal`, which the headline says."""
    warnings = (Caveat("range_edge", "widen it"), Caveat("no_signal", "nothing differs"))
    text = words(warnings=warnings)
    assert text.count("Beware: widen it.") == 1
    assert "nothing differs" not in text


def test_words_are_sentences() -> None:
    """For whatever the verdict holds."""
    for text in (words(), words(versus=(), smallest_detectable_effect=None), words(spread=None)):
        assert text.endswith(".")
        assert "None" not in text
        assert "  " not in text


def test_what_another_horizon_asks_for_is_told_where_it_is_known() -> None:
    """With its interval; nothing where it is not."""
    law = HorizonLaw(-0.41, (-0.5, -0.3), (25, 100), 30, "fitted")
    assert "to the power -0.41 (-0.5 to -0.3)" in words(if_horizon_changes=law)
    assert "another horizon" not in words()


def test_a_speedup_is_told_of_a_winner_alone() -> None:
    """In a tie nothing is saved for sure."""
    clear = (against("constant", -0.2), against("cosine", -0.2))
    assert "about 1.6 times the updates" in words(versus=clear, speedup=1.6)
    tied = (against("constant", -0.2), against("cosine", 0.0, is_tie=True))
    assert "times the updates" not in words(versus=tied, speedup=1.6)
    assert "times the updates" not in words(versus=clear, speedup=0.9)
    assert "times the updates" not in words(versus=clear, speedup=1.04)  # it would say 1


def test_reads_that_are_known_later_make_the_same_document() -> None:
    """The store counts them when it completes the study, after the verdict was computed."""
    history = finished(
        Tried("wsd", 0.9, 0.02, is_baseline=False, fresh=(1.0, 1.001, 0.999)),
        Tried("constant", 1.0, fresh=(1.2, 1.2, 1.21)),
    )

    def told(test_reads: int) -> dict[str, object]:
        verdict = conclude_study(SPEC, history, test_reads=test_reads)
        document = {**verdict.document(), "words": describe(SPEC, verdict)}
        return json.loads(json.dumps(document))  # type: ignore[no-any-return] # JSON

    assert json.loads(json.dumps(note_test_reads(told(1), 3))) == told(3)
    assert json.loads(json.dumps(note_test_reads(told(1), 1))) == told(1)
