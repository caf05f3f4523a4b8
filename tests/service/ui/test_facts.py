"""The head of the page: tone, words and figures."""

from dataclasses import replace
from typing import Any

import pytest

from service.ui.arms import arm_numbers, arm_views, outcomes
from service.ui.facts import Fact, Head, facts, head, rows
from tests.service.ui.stories import Story, count, tell
from tuning.records import Direction, Metric


def head_of(story: Story, verdict: dict[str, Any] | None) -> Head:
    """The head of a report with another verdict."""
    arms = arm_views(story.spec, story.history, story.verdict)
    return head(story.state, story.spec, arms, outcomes(story.spec, story.history), verdict)


def facts_of(story: Story) -> dict[str, Fact]:
    """The facts of a report by name."""
    return {fact.name: fact for fact in facts(story.spec, count(story), story.verdict)}


@pytest.mark.parametrize(
    ("ties", "warnings", "tone"),
    [
        ([], [], "win"),
        (["linear"], [], "partial"),
        (["constant", "linear", "cosine", "sgdr"], [], "tie"),
        ([], [{"code": "winner_lost", "message": "worse than linear"}], "lost"),
    ],
)
def test_tone_follows_the_verdict(
    ties: list[str], warnings: list[dict[str, str]], tone: str
) -> None:
    """A tie never looks like a win, nor a lost lead like a tie."""
    story = tell(trials=24)
    versus = [{**one, "is_tie": one["baseline"] in ties} for one in story.verdict["versus"]]
    verdict = {**story.verdict, "versus": versus, "tie_with": ties, "warnings": warnings}

    assert head_of(story, verdict).tone == tone


def test_verdict_without_baselines_claims_nothing() -> None:
    """With nothing to compare with, there is no win."""
    story = tell(trials=24)

    assert head_of(story, {**story.verdict, "versus": []}).badge == "no comparison"


def test_facts_count_what_happened() -> None:
    """Trials, runs, seeds and reads of the test split are those of the history."""
    story = tell(trials=24)
    found = facts_of(story)

    assert found["trials"].value == "24 of 60"
    assert found["runs"].value == f"{len(story.history.runs)} of {len(story.history.runs)}"
    assert found["seeds"].value == "3 + 10"
    assert found["test reads"].value == "1"
    assert {"detectable", "spread"} <= found.keys()


def test_unread_test_split_says_so() -> None:
    """Before the verdict the test split was read no time at all."""
    assert facts_of(tell(trials=4, confirmed=False))["test reads"].value == "0"


def test_rows_say_what_the_verdict_says() -> None:
    """The call of a row is the verdict's own, seen from the winner."""
    story = tell(trials=24)
    arms = arm_views(story.spec, story.history, story.verdict)
    ties = {one["trial"]: one["is_tie"] for one in story.verdict["versus"]}

    winner, *others = rows(story.spec, arms)

    assert (winner.role, winner.difference, winner.call) == ("winner", "", "")
    assert all((row.call == "tie") is ties[row.arm.trial.number] for row in others)


def test_winner_that_lost_is_called_worse() -> None:
    """The sign is read in the metric's own direction."""
    story = tell(trials=24)
    arms = arm_views(story.spec, story.history, story.verdict)
    ahead = next(row for row in rows(story.spec, arms) if row.call == "winner better")
    upside = replace(story.spec, metric=Metric("mse", Direction.MAXIMIZE))
    turned = next(row for row in rows(upside, arms) if row.arm == ahead.arm)

    assert (turned.call, turned.call_tone) == ("winner worse", "lost")


def test_arms_are_known_before_the_verdict_and_named_by_it() -> None:
    """Whoever reads curves for the report need read no other trial's."""
    story = tell()
    shown = [arm.trial.number for arm in arm_views(story.spec, story.history, None)]
    assert arm_numbers(story.spec, story.history, None) == shown
    verdict = {"arms": [{"trial": shown[-1]}]}
    assert arm_numbers(story.spec, story.history, verdict) == [shown[-1]]


def test_a_column_has_one_number_of_decimals() -> None:
    """Figures that are compared stand with as many decimals, so that they can be."""
    story = tell(trials=24)
    arms = arm_views(story.spec, story.history, story.verdict)

    assert len({len(row.validation.split(".")[1]) for row in rows(story.spec, arms)}) == 1
