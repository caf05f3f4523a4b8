"""Charts of families, of the winner's variants, and of runs: timeline, one run, those under way."""

from datetime import UTC, datetime, timedelta

import pytest

from service.schemas.results import FamilyBest, FamilyConfirmed, FamilyEvidence, FamilyEvidenceList
from service.ui.charts.families import families_chart
from service.ui.charts.live import Under, live_chart
from service.ui.charts.run import run_chart
from service.ui.charts.sensitivity import sensitivity_chart
from service.ui.charts.timeline import Stint, timeline_chart
from service.ui.looks import looks
from tests.service.ui.drawn import check_chart, strings
from tests.service.ui.stories import make_spec, tell
from tuning.records import Metric, Phase, RunState

SPEC = make_spec()
LOOKS = looks(SPEC)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTILE = "<a href='x'>look</a>"
PLANNED = ([0, 50, 99], [0.1, 0.05, 0.0])


def evidence(*, is_judged: bool = True) -> FamilyEvidenceList:
    """Three families: the winner, one that ties, and one that lost its lead."""
    arms = (("wsd", 0.512, 0.9), ("linear", 0.514, 0.6), ("constant", 0.560, 0.0))
    items = [
        FamilyEvidence(
            family=family,
            trials={"completed": 12, "diverged": 1},
            best=FamilyBest(trial=place, value=value, peak=0.01),
            search_steps=3_600,
            evidence_steps=3_000,
            chance=chance if is_judged else None,
            is_winner=is_judged and place == 0,
            is_tie=place < 2 if is_judged else None,
            confirmed=FamilyConfirmed(
                trial=place,
                peak=0.01,
                is_baseline=place > 0,
                validation=value,
                test=None,
                stderr=0.002,
                ci95=[value - 0.004, value + 0.004],
                seeds=10,
            )
            if is_judged
            else None,
        )
        for place, (family, value, chance) in enumerate(arms)
    ]
    return FamilyEvidenceList(metric="mse", direction="minimize", verdict=1, items=items)


def stint(number: int, begin: float, length: float | None, **changes: object) -> Stint:
    """A training that began so many seconds after noon."""
    at = NOON + timedelta(seconds=begin)
    told: dict[str, object] = {
        "run": f"st_x.0.{number}",
        "trial": number,
        "family": "wsd",
        "phase": Phase.SEARCH,
        "seed": 1,
        "state": RunState.LEASED if length is None else RunState.COMPLETED,
        "worker": "local",
        "begin": at,
        "end": None if length is None else at + timedelta(seconds=length),
    }
    return Stint(**{**told, **changes})  # type: ignore[arg-type] # fields by name


def under(number: int, **changes: object) -> Under:
    """A run that is half through."""
    told: dict[str, object] = {
        "run": f"st_x.0.{number}",
        "trial": number,
        "family": "wsd",
        "phase": Phase.SEARCH,
        "seed": 1,
        "updates": 100,
        "steps": [10, 20, 50],
        "values": {"mse": [2.0, 1.0, 0.6], "lr": [0.1, 0.09, 0.05]},
    }
    return Under(**{**told, **changes})  # type: ignore[arg-type] # fields by name


def test_families_are_seen_by_chance_by_interval_and_by_their_search() -> None:
    """The likely ones stand on top in all views; who shares the first place is in full colour."""
    chart = families_chart(evidence(), LOOKS)
    assert chart is not None
    check_chart(chart)
    chances, intervals, _ = chart.data

    assert [view.name for view in chart.views] == ["P(best)", "confirmed", "in the search"]
    assert chances["y"] == ["constant", "linear", "wsd"]
    assert chances["x"] == [0.0, 0.6, 0.9]
    full = [not color.startswith("rgba") for color in chances["marker"]["color"]]
    assert full == [False, True, True]
    assert intervals["error_x"]["array"] == pytest.approx([0.004] * 3)
    assert "wsd, linear, which share" in chart.caption


def test_families_without_a_verdict_show_their_search() -> None:
    """Until then there is no chance and no interval to show."""
    chart = families_chart(evidence(is_judged=False), LOOKS)
    assert chart is not None
    check_chart(chart)
    empty = evidence(is_judged=False).model_copy(update={"items": []})

    assert [view.name for view in chart.views] == ["in the search"]
    assert "comes with the verdict" in chart.caption
    assert families_chart(empty, LOOKS) is None


def test_sensitivity_stands_over_the_peak_with_the_winner_at_zero() -> None:
    """The measured factors, the winner among them, and the safe range behind."""
    verdict = tell(trials=40).verdict
    chart = sensitivity_chart(verdict, "mse")
    assert chart is not None
    check_chart(chart)
    view, measured = chart.views[0], chart.data[0]
    low, high = verdict["peak_safe_range"]

    assert view.name == "peak"
    assert (view.layout["shapes"][0]["x0"], view.layout["shapes"][0]["x1"]) == (low, high)
    assert measured["x"] == sorted(measured["x"])
    assert measured["y"][measured["text"].index("the winner")] == 0.0


def test_a_variant_that_diverged_is_crossed_at_the_worse_edge() -> None:
    """A peak that blows up is told, though it has no difference."""
    verdict = tell(trials=40).verdict
    first, *others = verdict["sensitivity"]
    lost = {**first, "relative": None, "ci95": None, "seeds": 0, "diverged": 3}
    chart = sensitivity_chart({**verdict, "sensitivity": [lost, *others]}, "mse")
    assert chart is not None
    check_chart(chart)

    assert chart.data[1]["x"] == pytest.approx([first["value"]], rel=1e-5)
    assert "3 diverged" in chart.data[1]["text"][0]


def test_without_variants_there_is_no_sensitivity() -> None:
    """A verdict of earlier versions, or none, has nothing to draw."""
    verdict = tell(trials=24).verdict

    assert sensitivity_chart(None, "mse") is None
    assert sensitivity_chart({**verdict, "sensitivity": []}, "mse") is None


def test_runs_at_one_time_lie_under_each_other() -> None:
    """A block of three takes three lanes, the next run the first that is free."""
    runs = [
        stint(0, 0, 10),
        stint(1, 0, 10),
        stint(2, 0, 5),
        stint(3, 6, 10),
        stint(4, 1, 2, worker="other"),
    ]
    chart = timeline_chart(runs, 5, NOON + timedelta(seconds=20))
    assert chart is not None
    check_chart(chart)
    (bars,) = chart.data
    lanes = dict(zip((text.split("<br>")[-1] for text in bars["text"]), bars["y"], strict=True))

    assert lanes["st_x.0.3"] == lanes["st_x.0.2"]
    assert len({lanes[f"st_x.0.{n}"] for n in range(3)}) == 3
    assert lanes["st_x.0.4"] > max(lanes[f"st_x.0.{n}"] for n in range(4))
    assert chart.layout["yaxis"]["ticktext"] == ["local", "other"]


def test_colours_of_the_timeline_tell_phase_and_loss() -> None:
    """What runs are for, how they were lost, and what goes on until now."""
    runs = [
        stint(0, 0, 4),
        stint(1, 0, 4, phase=Phase.CONFIRM),
        stint(2, 0, 4, state=RunState.FAILED),
        stint(3, 0, None),
    ]
    chart = timeline_chart(runs, 9, NOON + timedelta(seconds=7))
    assert chart is not None
    check_chart(chart)
    bars = {trace["name"]: trace for trace in chart.data}

    assert bars.keys() == {"search", "confirm", "failed"}
    assert bars["search"]["x"] == [4000, 7000]
    assert bars["search"]["marker"]["pattern"]["shape"] == ["", "/"]
    assert "last 4 of 9 runs" in chart.caption
    assert timeline_chart([], 0, NOON) is None


def test_a_thousand_runs_stay_light() -> None:
    """The last thousand runs of a study on eight workers are no large chart."""
    runs = [stint(n, n % 40, 1.0, worker=f"worker {n % 8}") for n in range(1_000)]
    chart = timeline_chart(runs, 30_000, NOON)
    assert chart is not None
    check_chart(chart)


def test_run_shows_its_loss_its_rates_and_where_it_diverged() -> None:
    """The compared metric first, on both scales; the planned rate under the realised one."""
    curves = {
        "lr": ([10, 20], [0.1, 0.09]),
        "accuracy": ([10, 20], [0.5, None]),
        "mse": ([10, 20], [2.0, None]),
    }
    chart = run_chart(Metric("mse"), 100, curves, PLANNED, diverged_at=20)
    check_chart(chart)

    assert [view.name for view in chart.views] == ["mse", "mse, log", "accuracy"]
    assert [trace["name"] for trace in chart.data] == ["mse", "accuracy", "planned lr", "lr"]
    assert chart.layout["shapes"][0]["x0"] == 20
    assert chart.views[0].layout["xaxis"]["range"] == [0, 100]


def test_run_without_measurements_shows_its_plan() -> None:
    """A run that waits has its schedule, and says that nothing was measured."""
    chart = run_chart(Metric("mse"), 100, {}, PLANNED)
    check_chart(chart)

    assert [trace["name"] for trace in chart.data] == ["planned lr"]
    assert "measured nothing" in chart.caption


def test_runs_under_way_are_drawn_as_far_as_they_are() -> None:
    """A line each over the whole horizon, with its rate; who measured nothing is only counted."""
    waiting = under(1, steps=[], values={})
    chart = live_chart([under(0), waiting], 2, Metric("mse"), LOOKS)
    check_chart(chart)
    upper, lower = chart.data

    assert upper["y"] == [2.0, 1.0, 0.6]
    assert lower["yaxis"] == "y2"
    assert chart.views[0].layout["xaxis"]["range"] == [0, 100]
    assert "1 more" in chart.caption


def test_where_nothing_is_measured_the_chart_says_so_in_its_place() -> None:
    """It is as high as one with lines, so that the page stands still."""
    drawn = live_chart([under(0)], 1, Metric("mse"), LOOKS)
    for total in (0, 3):
        chart = live_chart([], total, Metric("mse"), LOOKS)
        check_chart(chart)

        assert chart.layout["height"] == drawn.layout["height"]
        assert chart.layout["annotations"][0]["text"] + "." == chart.caption


def test_names_from_outside_are_no_html() -> None:
    """Workers and families are named by others, and plotly reads some HTML."""
    shown = [
        timeline_chart([stint(0, 0, 1, worker=HOSTILE, family=HOSTILE)], 1, NOON),
        live_chart([under(0, family=HOSTILE)], 1, Metric("mse"), LOOKS),
    ]
    for chart in shown:
        assert chart is not None
        # What plotly shows; a `legendgroup` is only a name between the chart and its script.
        document = [{**trace, "legendgroup": ""} for trace in chart.data]
        assert "<a " not in " ".join(strings([document, chart.layout]))
