"""Origins: runs that saw other data, or other versions, are counted, and pairs of them named."""

from collections.abc import Mapping
from dataclasses import replace

from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence import Verdict, conclude_study, describe
from tuning.provenance import Provenance
from tuning.records import History, Phase, Run

NEW = Provenance("b" * 64, {"jax": "2", "python": "3.12"})
OLD = Provenance("a" * 64, {"jax": "2", "python": "3.11"})
PATCHED = Provenance("a" * 64, {"jax": "2.1", "python": "3.11"})

HISTORY = finished(
    Tried("cosine", 0.9, 0.02, is_baseline=False, fresh=(1.0, 1.001, 0.999)),
    Tried("constant", 1.0, fresh=(1.2, 1.201, 1.202)),
    Tried("linear", 1.0, fresh=(1.3, 1.301, 1.302)),
)


def told(changes: Mapping[int, Provenance | None], fresh: Provenance | None = OLD) -> History:
    """The history, its runs of `OLD` but for the fresh ones of these trials."""

    def of(run: Run) -> Provenance | None:
        if run.phase is not Phase.CONFIRM:
            return OLD
        return changes.get(run.trial, fresh)

    results = {
        (run.generation, run.index): replace(
            HISTORY.results[run.generation, run.index], provenance=of(run)
        )
        for run in HISTORY.runs
    }
    return replace(HISTORY, results=results)


def judge(history: History) -> Verdict:
    """The verdict on it."""
    return conclude_study(spec_for(baselines=("constant", "linear")), history)


def warned(verdict: Verdict, code: str) -> str:
    """What is said under this code, if anything."""
    return " ".join(one.message for one in verdict.warnings if one.code == code)


def test_what_all_runs_have_in_common_is_what_the_verdict_applies_to() -> None:
    """Hash and versions are those of who trained, and nothing is to beware of."""
    verdict = judge(told({}))
    assert verdict.applies_to["data_hash"] == OLD.data_hash
    assert verdict.versions == OLD.versions
    assert all(one.same_data for one in verdict.versus)
    assert not warned(verdict, "mixed_data") + warned(verdict, "mixed_versions")


def test_nothing_told_is_nothing_claimed() -> None:
    """As an external trainer may leave it."""
    verdict = judge(HISTORY)
    assert "data_hash" not in verdict.applies_to
    assert (verdict.versions, verdict.warnings) == ({}, ())


def test_a_pair_of_runs_on_different_data_is_no_comparison() -> None:
    """Three runs of one arm saw other data: its comparison is flagged and not claimed in words."""
    history = told({1: NEW})
    verdict = judge(history)
    assert {one.baseline: one.same_data for one in verdict.versus} == {
        "constant": False,
        "linear": True,
    }
    message = warned(verdict, "mixed_data")
    assert "9 on aaaaaaaaaaaa, 3 on bbbbbbbbbbbb" in message
    assert message.endswith("the comparison with constant cannot be trusted")
    words = describe(spec_for(), verdict)
    assert words.startswith("No clear winner")
    assert "better than linear" in words
    assert "better than constant" not in words


def test_data_that_changed_for_all_arms_at_once_still_make_fair_pairs() -> None:
    """The search saw other data, which is told; the fresh runs saw one, which applies."""
    verdict = judge(told({}, fresh=NEW))
    assert all(one.same_data for one in verdict.versus)
    assert "9 on bbbbbbbbbbbb, 3 on aaaaaaaaaaaa" in warned(verdict, "mixed_data")
    assert "cannot be trusted" not in warned(verdict, "mixed_data")
    assert verdict.applies_to["data_hash"] == NEW.data_hash
    assert not warned(verdict, "mixed_versions")  # of Python alone


def test_other_versions_are_counted_by_package() -> None:
    """Which package, which versions, how many runs; differences of schedules stand."""
    verdict = judge(told({2: PATCHED}))
    assert "jax 2: 9, 2.1: 3" in warned(verdict, "mixed_versions")
    assert "python" not in warned(verdict, "mixed_versions")
    assert not warned(verdict, "mixed_data")
    assert all(one.same_data for one in verdict.versus)


def test_what_was_not_told_is_held_against_no_run() -> None:
    """One arm trained by somebody who tells nothing."""
    verdict = judge(told({0: None}))
    assert all(one.same_data for one in verdict.versus)
    assert not warned(verdict, "mixed_data")
    assert verdict.applies_to["data_hash"] == OLD.data_hash
