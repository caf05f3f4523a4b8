"""The form of a new study: controls from any schema, shapes of any space, charts of them."""

import plotly.graph_objects as go
import pytest

from service.ui.charts.preview import preview_chart
from service.ui.form.controls import Option, settings_controls
from service.ui.form.drafts import read_draft
from service.ui.form.families import picture
from service.ui.form.shapes import shapes
from service.ui.looks import looks_of
from tuning.objectives import OBJECTIVES
from tuning.search.samplers import SAMPLER_HELP, SAMPLERS

SCHEMA = {
    "description": "Settings.\n\nArgs:\n    many: of `them`,\n        all.\n\nRaises:\n    x: y.",
    "properties": {
        "many": {"type": "integer", "minimum": 1, "maximum": 4096, "default": 3},
        "share": {"type": "number", "exclusiveMinimum": 0.0, "default": 0.5},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 5},
        "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}], "default": "a"},
        "is_fast": {"type": "boolean", "default": True},
        "name": {"type": "string", "default": ""},
        "layers": {"type": "array", "items": {"type": "integer", "minimum": 1}, "default": [8, 8]},
        "dataset": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "nested": {"$ref": "#/$defs/Nested"},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "default": 1},
        "a/b~c": {"type": "integer"},
    },
}


def test_a_schema_becomes_controls() -> None:
    """Each with its kind, what it means, its limits, and what holds if it is left alone."""
    made = settings_controls(SCHEMA, "p", [Option('"ds_1"', "bars")])
    found = {one.pointer.removeprefix("/config/"): one for one in made}
    assert {name: one.kind for name, one in found.items()} == {
        "many": "integer",
        "share": "number",
        "maybe": "integer",
        "kind": "choice",
        "is_fast": "choice",
        "name": "text",
        "layers": "numbers",
        "dataset": "choice",
        "nested": "json",
        "either": "json",
        "a~1b~0c": "integer",
    }
    assert (found["many"].help, found["many"].limits) == ("of `them`, all.", "1 to 4,096")
    assert found["share"].limits == "above 0"
    assert (found["layers"].limits, found["layers"].placeholder) == (
        "numbers with commas, each at least 1",
        "8, 8",
    )
    assert found["maybe"].is_nullable
    assert [one.value for one in found["kind"].options] == ['"a"', '"b"', "null"]
    assert [one.value for one in found["is_fast"].options] == ["true", "false"]
    assert found["is_fast"].placeholder == "yes"
    assert found["dataset"].options == (Option('"ds_1"', "bars"),)
    assert len({one.id for one in made}) == len(made)


def test_every_sampler_says_what_it_is() -> None:
    """In the order of their table."""
    assert list(SAMPLER_HELP) == list(SAMPLERS)


@pytest.mark.parametrize(
    "families", [["cosine"], ["cosine", "wsd", "sgdr", "knots"], list(OBJECTIVES), None]
)
@pytest.mark.parametrize("horizon", [1, 2, 500])
def test_plotly_takes_the_preview(families: list[str] | None, horizon: int) -> None:
    """Of few families with a band, of some with faint lines, of many; over any horizon."""
    request = {
        "horizon": horizon,
        **({} if families is None else {"space": {"families": families}}),
    }
    draft = read_draft(request, OBJECTIVES["noisy_quadratic"])
    drawn = [one for one in shapes(draft).values() if one is not None]
    if not drawn:
        assert families == list(OBJECTIVES)  # none of them is a family
        return
    chart = preview_chart(drawn, looks_of(draft.space.families), horizon)
    go.Figure(chart.data, chart.layout)
    for view in chart.views:
        assert len(view.data) in {0, len(chart.data)}
    assert all(picture(one).usual.startswith("M") for one in drawn)


def test_the_same_request_is_drawn_the_same() -> None:
    """What is drawn at random is drawn from the same seed, so a picture stands still."""
    draft = read_draft({"space": {"families": ["wsd"]}}, None)
    first, again = (shapes(draft)["wsd"] for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first.curves == again.curves).all()
