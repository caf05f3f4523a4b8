"""How far a verdict reaches, in the report: figures with their basis, or why there is none."""

from typing import Any

from service.ui.facts import Fact
from service.ui.reach import reach
from tests.service.ui.stories import tell

STORY = tell()


def shown(**changes: Any) -> dict[str, Fact]:  # noqa: ANN401 - JSON values
    """The facts of a verdict with something changed, by name."""
    return {fact.name: fact for fact in reach({**STORY.verdict, **changes})}


def test_what_to_use_stands_first_with_its_reason() -> None:
    """As the verdict recommends it."""
    first = reach(STORY.verdict)[0]
    use = STORY.verdict["recommended"]
    assert (first.name, first.note) == ("use", use["reason"])
    assert first.value.startswith(f"{use['family']}, peak ")


def test_every_variant_and_the_safe_range_are_shown() -> None:
    """With the seeds they rest on."""
    found = shown()
    variants = [fact for name, fact in found.items() if name.startswith("winner at ")]
    assert len(variants) == len(STORY.verdict["sensitivity"]) >= 2
    assert all("on 5 seeds" in fact.note for fact in variants)
    assert " to " in found["peaks that cost at most 1 %"].value


def test_what_could_not_be_told_says_why() -> None:
    """Never a blank."""
    found = shown()
    for name in ("updates of the best baseline", "peak over a horizon T'"):
        assert found[name].value == "unknown"
        assert found[name].note


def test_laws_and_what_it_applies_to_are_shown_where_they_are_known() -> None:
    """Exponent with its ends, speedup, optimiser."""
    law = {"peak_exponent": -0.41, "ci95": [-0.5, -0.3], "reason": "fitted"}
    found = shown(if_horizon_changes=law, speedup=1.6, applies_to={"optimizer": "adam"})
    assert "\u22120.41" in found["peak over a horizon T'"].value
    assert found["updates of the best baseline"].value == "x1.6"
    assert found["applies to"].value == "adam"
    assert "trained with" not in found
    told = shown(versions={"jax": "1.0", "glideslope": "0.2"})["trained with"]
    assert (told.value, told.note) == ("glideslope 0.2", "glideslope 0.2, jax 1.0")


def test_what_it_applies_to_is_told_in_words_each_once() -> None:
    """No JSON, no hash that nobody can read, nothing that was left open."""
    noted = {"data_hash": "0123456789abcdef", "optimizer": "sgd", "batch": 64, "betas": [0.9, 0.99]}
    told = shown(applies_to={**noted, "config": {"batch": 64, "file": None}})["applies to"]
    assert told.value == "sgd"
    assert told.note == "batch 64; data hash 0123456789ab; betas [0.9, 0.99]"


def test_without_a_verdict_or_with_one_of_before_there_is_nothing() -> None:
    """A verdict that was stored earlier has fewer fields."""
    assert reach(None) == []
    assert reach({"winner": "wsd"}) == []
