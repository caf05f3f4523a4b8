"""Charts of thousands of trials: progress, map, importances, rungs; and that they stay light."""

import math
import random
from dataclasses import replace

import pytest

from service.schemas.results import Importances, ImportanceView
from service.ui.arms import Outcome, outcomes
from service.ui.charts.importances import importances_chart
from service.ui.charts.map import map_chart
from service.ui.charts.marks import records
from service.ui.charts.progress import progress_chart
from service.ui.charts.rungs import rungs_chart
from service.ui.charts.search import search_chart
from service.ui.climbs import Climb
from service.ui.looks import SCALE, looks
from tests.service.ui.drawn import check_chart, strings
from tests.service.ui.stories import HORIZON, make_spec, tell
from tuning.records import Direction, Metric, Phase, Pruning, TrialState

SPEC = make_spec()
LOOKS = looks(SPEC)
HOSTILE = "<a href='x'>look</a>"


def many(count: int = 10_000) -> list[Outcome]:
    """Outcomes of a long search; one in twenty diverged, and one trial is far better."""
    dice = random.Random(7)
    found = []
    for number in range(count):
        score = 0.4 if number == count // 2 else 0.5 + abs(dice.gauss(0, 0.1))
        is_lost = number % 20 == 19
        found.append(
            Outcome(
                number=number,
                phase=Phase.SEARCH,
                state=TrialState.DIVERGED if is_lost else TrialState.COMPLETED,
                params={
                    "family": dice.choice(list(LOOKS)),
                    "peak": math.exp(dice.gauss(-5, 1)),
                    "warmup": dice.uniform(0, 0.2),
                    "hold": dice.uniform(0, 1),
                    **{f"knot_{knot}": dice.random() for knot in range(1, 10)},
                },
                score=None if is_lost else score,
                reason="mse on validation was 12238.2 after update 15 at lr 0.23" * is_lost,
                spent=(number + 1) * 300,
            )
        )
    return found


def climbers(count: int = 24) -> list[Climb]:
    """Trials of three rungs: a third goes on from each; every tenth is lost on the first."""
    found = []
    for number in range(count):
        scores: dict[int, float | None] = {75: None if number % 10 == 9 else 1.0 + number / 100}
        if number < count // 3:
            scores[150] = 0.8 + number / 100
        if number < count // 9:
            scores[300] = 0.6 + number / 100
        found.append(Climb(number, list(LOOKS)[number % len(LOOKS)], Phase.SEARCH, scores))
    return found


def test_thousands_of_trials_stay_light() -> None:
    """Of 10,000 trials each chart draws some 2,000, the best among them, and says so."""
    found = many()
    best = records([one for one in found if one.score is not None], Direction.MINIMIZE)
    for chart in (
        search_chart(found, SPEC.metric, LOOKS, 5_000),
        map_chart(found, SPEC.metric, LOOKS, 5_000),
    ):
        assert chart is not None
        check_chart(chart)
        marks = sum(len(trace["text"]) for trace in chart.data if "text" in trace)
        assert 1_800 < marks <= 2_100
        words = " ".join(strings(list(chart.data)))
        assert all(f"trial {one.number} (" in words for one in best)
        assert "Of 10,000 trials" in chart.caption
    progress = progress_chart(found, SPEC.metric, LOOKS)
    assert progress is not None
    check_chart(progress)


def test_thinning_leaves_out_no_family() -> None:
    """However regularly families come, some trials of each are drawn."""
    names = list(LOOKS)
    found = [
        replace(one, params={**one.params, "family": names[one.number % len(names)]})
        for one in many()
    ]
    chart = search_chart(found, SPEC.metric, LOOKS, None)

    assert {key.label for key in chart.keys} == set(names)


def test_thinning_is_the_same_every_time() -> None:
    """A page that is asked again shows the same marks."""
    first, second = (search_chart(many(), SPEC.metric, LOOKS, 5_000) for _ in range(2))

    assert first == second


def test_progress_only_ever_improves_to_the_end() -> None:
    """In both views every line is monotone, and goes on until now."""
    chart = progress_chart(many(500), SPEC.metric, LOOKS)
    assert chart is not None
    for view, end in zip(chart.views, (499, 150_000), strict=True):
        for line in view.data:
            assert line["x"] == sorted(line["x"])
            assert line["y"] == sorted(line["y"], reverse=True)
        assert view.data[-1]["x"][-1] == end
        assert view.data[-1]["y"][-1] == 0.4


def test_progress_over_updates_takes_trials_as_they_were_trained() -> None:
    """A trial that was promoted late counts when it was trained, not when it was proposed."""
    early, late = many(2)
    early = replace(early, score=0.3, spent=900)
    chart = progress_chart([early, replace(late, score=0.5, spent=600)], SPEC.metric, LOOKS)
    assert chart is not None

    assert chart.views[0].data[-1]["y"] == [0.3, 0.3]
    assert chart.views[1].data[-1] == {
        **chart.views[1].data[-1],
        "x": [600, 900, 900],
        "y": [0.5, 0.3, 0.3],
    }


def test_progress_shows_the_goal_within_the_frame() -> None:
    """A goal that nothing has reached is on the axis."""
    chart = progress_chart(many(50), SPEC.metric, LOOKS, goal=0.2)
    assert chart is not None
    check_chart(chart)

    assert chart.layout["yaxis"]["range"][0] < 0.2
    assert chart.layout["shapes"][0]["y0"] == 0.2


def test_nothing_that_has_a_score_is_no_progress() -> None:
    """With diverged trials only there is no line, nor a map."""
    lost = [replace(one, score=None, state=TrialState.DIVERGED) for one in many(9)]

    assert progress_chart(lost, SPEC.metric, LOOKS) is None
    assert map_chart(lost, SPEC.metric, LOOKS, None) is None


def test_map_has_a_view_for_every_coordinate_that_was_searched() -> None:
    """Peak and family are on every map; what had one value, or no trial, has no view."""
    story = tell(trials=40)
    found = outcomes(story.spec, story.history)
    chart = map_chart(found, story.spec.metric, LOOKS, None)
    assert chart is not None
    check_chart(chart)

    assert [view.name for view in chart.views] == ["hold"]
    held = [one for one in found if "hold" in one.params]
    drawn = [y for patch in chart.views[0].data for y in patch["y"] if y is not None]
    assert len(drawn) == len(held)


def test_map_takes_names_as_categories() -> None:
    """A choice is placed by its name."""
    found = [
        replace(one, params={**one.params, "cooldown": ("linear", "1-sqrt")[one.number % 2]})
        for one in many(40)
    ]
    chart = map_chart(found, SPEC.metric, LOOKS, None)
    assert chart is not None
    check_chart(chart)
    view = next(view for view in chart.views if view.name == "cooldown")

    assert view.layout["yaxis"]["type"] == "category"
    assert {y for patch in view.data for y in patch["y"]} == {"linear", "1-sqrt"}


@pytest.mark.parametrize("direction", list(Direction))
def test_best_end_of_the_scale_stands_out(direction: Direction) -> None:
    """The strongest colour is the best score's, whichever way is better."""
    chart = map_chart(many(40), Metric("mse", direction), LOOKS, None)
    assert chart is not None
    colors = chart.layout["coloraxis"]["colorscale"]

    best = 0 if direction is Direction.MINIMIZE else -1
    assert colors[best][1] == SCALE[0][0]


def test_map_of_peaks_alone_is_none() -> None:
    """With nothing but the peak searched there is no second axis."""
    flat = [replace(one, params={"family": "constant", "peak": one.peak}) for one in many(9)]

    assert map_chart(flat, SPEC.metric, LOOKS, None) is None


def test_importances_are_bars_in_order() -> None:
    """The largest is on top, which plotly draws last."""
    items = [
        ImportanceView(name=name, importance=share, trials=40)
        for name, share in (("peak", 0.7), ("hold", 0.3))
    ]
    told = Importances(
        metric="mse", method="ped-anova", trials=40, needed=20, quantile=0.1, note="", items=items
    )
    chart = importances_chart(told)
    assert chart is not None
    check_chart(chart)

    assert chart.data[0]["y"] == ["hold", "peak"]
    assert importances_chart(told.model_copy(update={"items": [], "note": "too few"})) is None


def test_rungs_join_what_one_trial_reached() -> None:
    """A line per trial, over as many rungs as it climbed; the counts stand under the axis."""
    chart = rungs_chart(SPEC, climbers(), LOOKS)
    assert chart is not None
    check_chart(chart)
    marks = [x for trace in chart.data for x in trace["x"]]

    assert [marks.count(rung) for rung in range(3)] == [24, 8, 2]
    assert chart.layout["xaxis"]["ticktext"] == [
        "<b>T/4</b><br>75 updates<br>24 trials<br>8 went on",
        "<b>T/2</b><br>150 updates<br>8 trials<br>2 went on",
        f"<b>T</b><br>{HORIZON} updates<br>2 trials",
    ]


def test_who_went_no_further_is_open_and_who_was_lost_is_crossed() -> None:
    """What happened to a trial is told by its last mark."""
    chart = rungs_chart(SPEC, climbers(), LOOKS)
    assert chart is not None
    signs = {
        text.split("<br>")[0].split("trial ")[1].split(" ")[0] + "@" + str(x): symbol
        for trace in chart.data
        for x, text, symbol in zip(
            trace["x"], trace["text"], trace["marker"]["symbol"], strict=True
        )
        if text
    }

    assert signs["9@0"] == "x-thin"
    assert signs["20@0"].endswith("-open")
    assert not signs["0@0"].endswith("-open")
    assert not signs["0@2"].endswith("-open")


@pytest.mark.parametrize("direction", list(Direction))
def test_places_count_from_the_best_of_a_rung(direction: Direction) -> None:
    """The best is first and on top; who was lost stands behind all others."""
    spec = replace(SPEC, metric=Metric("mse", direction))
    chart = rungs_chart(spec, climbers(), LOOKS)
    assert chart is not None
    view = next(view for view in chart.views if view.name == "places")
    first = {
        (place, text.split("trial ")[1].split(" ")[0])
        for trace, patch in zip(chart.data, view.data, strict=True)
        for x, text, place in zip(trace["x"], trace["text"], patch["y"], strict=True)
        if x == 0
    }

    assert (1, "0" if direction is Direction.MINIMIZE else "23") in first
    assert (23, "9") in first
    assert view.layout["yaxis"]["range"][0] > view.layout["yaxis"]["range"][1]


def test_one_horizon_has_no_rungs_and_prefixes_say_what_they_are() -> None:
    """There is nothing to climb on one rung; a rule that prunes is named."""
    flat = [replace(one, scores={300: 1.0}) for one in climbers()]
    pruned = replace(SPEC, pruning=Pruning.ASHA, rungs=(0.25,))
    chart = rungs_chart(pruned, climbers(), LOOKS)

    assert rungs_chart(SPEC, flat, LOOKS) is None
    assert chart is not None
    assert "asha prunes" in chart.caption


def test_thousands_of_climbers_stay_light() -> None:
    """The best are drawn, and some of those that went no further; the caption counts them all."""
    chart = rungs_chart(SPEC, climbers(10_000), LOOKS)
    assert chart is not None
    check_chart(chart)
    marks = [x for trace in chart.data for x in trace["x"] if x is not None]

    assert len(marks) <= 2_000
    assert marks.count(0) > marks.count(1) > marks.count(2) > 300
    assert "Of 10,000 trials" in chart.caption
    assert any("trial 0 (" in text for trace in chart.data for text in trace["text"])


def test_foreign_words_are_no_html() -> None:
    """Plotly reads some HTML, links included, in whatever it shows."""
    found = [
        replace(one, reason=HOSTILE, params={**one.params, "cooldown": HOSTILE}) for one in many(40)
    ]
    metric = Metric("mse")
    for chart in (
        search_chart(found, metric, LOOKS, None),
        map_chart(
            [replace(o, params={**o.params, "warmup": 0.1 * o.number}) for o in found],
            metric,
            LOOKS,
            None,
        ),
    ):
        assert chart is not None
        hovers = [text for trace in chart.data for text in trace.get("text", ())]
        assert not any("<a " in text for text in hovers)
