"""Charts as data: what they show, and that plotly takes them."""

import math
from dataclasses import replace

import pytest

from service.ui.arms import arm_views, outcomes
from service.ui.charts.chart import Chart
from service.ui.charts.search import search_chart
from service.ui.looks import looks
from tests.service.ui.drawn import check_chart, draw, strings
from tests.service.ui.stories import Story, make_spec, tell
from tuning.records import Direction, Metric, Phase, Result, RunState, TrialState


def charts(story: Story) -> dict[str, Chart]:
    """The charts that there are, by name."""
    return {name: chart for name, chart in draw(story).items() if chart is not None}


def search_of(story: Story, metric: Metric) -> Chart:
    """The chart of a study's search, judged by another metric."""
    found = outcomes(story.spec, story.history)
    return search_chart(found, metric, looks(story.spec), None)


@pytest.fixture(scope="module")
def story() -> Story:
    """A finished study whose winner is a searched WSD."""
    return tell(trials=40)


def test_plotly_accepts_every_view_of_every_chart(story: Story) -> None:
    """Plotly's own classes refuse an attribute they do not know, or a value out of range."""
    for chart in charts(story).values():
        assert chart.views
        check_chart(chart)


def test_a_family_has_one_colour_everywhere(story: Story) -> None:
    """Arms and trials of a family share their colour over all charts."""
    looked = looks(story.spec)
    drawn = charts(story)

    for trace in drawn["search"].data:
        if trace["name"] in looked:
            assert trace["marker"]["color"] == looked[trace["name"]].light
    for name in ("schedules", "losses"):
        for trace in drawn[name].data:
            if family := trace.get("name", "").removesuffix(" baseline"):
                assert trace["line"]["color"] == looked[family].light


def test_looks_of_baselines_do_not_depend_on_the_families_searched() -> None:
    """With the same baselines, two reports can be laid side by side."""
    spec = make_spec()
    few = replace(spec, space=replace(spec.space, families=("wsd",)))

    assert all(looks(few)[name] == looks(spec)[name] for name in spec.baselines)


def test_winner_is_drawn_last_and_thickest(story: Story) -> None:
    """The winner lies on top of every baseline."""
    *others, winner = charts(story)["schedules"].data

    assert winner["name"] == story.verdict["winner"]
    assert all(winner["line"]["width"] > other["line"]["width"] for other in others)


def test_schedules_are_drawn_as_trained(story: Story) -> None:
    """With few updates every learning rate is drawn."""
    winner = charts(story)["schedules"].data[-1]
    table = story.history.trials[story.verdict["trial"]].schedule.table()

    assert winner["x"] == list(range(story.spec.horizon))
    assert winner["y"] == pytest.approx(table, rel=1e-5)


def test_baseline_of_the_winning_family_is_told_apart() -> None:
    """Two arms of one family differ in name and in line."""
    story = tell(trials=60, effect=0.02)
    arms = arm_views(story.spec, story.history, story.verdict)
    twin = next(arm for arm in arms if arm.label == f"{arms[0].label} baseline")

    assert twin.look == arms[0].look
    assert (twin.dash, arms[0].dash) == ("dash", "solid")


def points(chart: Chart) -> dict[int, tuple[float, str]]:
    """Height and mark of every trial of the search."""
    return {
        number: (height, mark)
        for trace in chart.data
        if trace["mode"] == "markers" and isinstance(trace["marker"]["symbol"], list)
        for number, height, mark in zip(
            trace["x"], trace["y"], trace["marker"]["symbol"], strict=True
        )
    }


def test_every_ended_trial_is_in_the_search(story: Story) -> None:
    """Nothing that ended is dropped, however bad; variants for the verdict are no part of it."""
    searched = {one.number for one in story.history.trials if one.phase is not Phase.CONFIRM}
    assert points(charts(story)["search"]).keys() == searched


def test_scores_on_the_axis_are_exact_and_baselines_open(story: Story) -> None:
    """A trial within the axis stands at its score."""
    drawn = points(charts(story)["search"])
    for one in outcomes(story.spec, story.history):
        height, mark = drawn[one.number]
        if one.score is not None and not mark.startswith("arrow"):
            assert height == pytest.approx(one.score, rel=1e-5)
            assert mark.endswith("-open") is (one.phase is Phase.BASELINE)


@pytest.mark.parametrize(
    ("direction", "edge"), [(Direction.MINIMIZE, "top"), (Direction.MAXIMIZE, "bottom")]
)
def test_diverged_trials_stand_at_the_worse_edge(direction: Direction, edge: str) -> None:
    """A blow-up is seen, without an axis that reaches up to it."""
    story = tell(trials=24)
    results = {
        key: Result(RunState.DIVERGED, reason="it blew up") if key[0] == 1 else end
        for key, end in story.history.results.items()
    }
    story = replace(story, history=replace(story.history, results=results))
    chart = search_of(story, Metric("mse", direction))
    drawn = points(chart)
    lost = [
        one.number
        for one in outcomes(story.spec, story.history)
        if one.state is TrialState.DIVERGED
    ]
    heights = [height for height, _ in drawn.values()]
    worst = max(heights) if direction is Direction.MINIMIZE else min(heights)

    assert len(lost) == 4
    assert all(drawn[number] == (worst, "x-thin") for number in lost)
    assert f"4 diverged (crosses at the {edge} edge)" in chart.caption


def test_one_outlier_does_not_flatten_the_search() -> None:
    """A score a thousand times worse stands at the edge and is counted in the caption."""
    story = tell(trials=24)
    far = Result(RunState.COMPLETED, {"validation": {"mse": 600.0}})
    results = {key: far if key == (0, 0) else end for key, end in story.history.results.items()}
    story = replace(story, history=replace(story.history, results=results))
    chart = search_of(story, story.spec.metric)

    assert chart.layout["yaxis"]["range"][1] < 1.0
    assert points(chart)[0][1] == "arrow-up"
    assert "beyond the top edge" in chart.caption


def test_best_so_far_only_ever_improves(story: Story) -> None:
    """The dotted line is monotone and ends at the best score of all."""
    best = charts(story)["search"].data[0]
    scores = [one.score for one in outcomes(story.spec, story.history) if one.score is not None]

    assert best["y"] == sorted(best["y"], reverse=True)
    assert best["y"][-1] == pytest.approx(min(scores), rel=1e-5)


def test_search_can_be_seen_over_the_peak(story: Story) -> None:
    """The second view places each trial at its peak, on a logarithmic axis."""
    chart = charts(story)["search"]
    view = chart.views[1]
    peaks = sorted(x for patch in view.data[1:-1] for x in patch["x"])

    assert view.layout["xaxis"]["type"] == "log"
    searched = [trial for trial in story.history.trials if trial.phase is not Phase.CONFIRM]
    assert peaks == pytest.approx(sorted(trial.schedule.peak for trial in searched), rel=1e-5)


def test_reasons_in_a_hover_are_escaped() -> None:
    """Plotly reads some HTML, links included, so foreign words must not be any."""
    story = tell(trials=1, diverging=True, confirmed=False)
    results = dict.fromkeys(
        story.history.results, Result(RunState.DIVERGED, reason="<a href='x'>look</a>")
    )
    story = replace(story, history=replace(story.history, results=results))

    text = " ".join(strings(search_of(story, story.spec.metric).document()))

    assert "<a " not in text
    assert "&lt;a href" in text


def test_loss_is_the_mean_over_seeds_within_all_of_them(story: Story) -> None:
    """Line and band of an arm are mean, lowest and highest of its confirmation runs."""
    chart = charts(story)["losses"]
    *_, low, high, mean = (trace for trace in chart.data if trace.get("yaxis") != "y2")
    runs = [
        run
        for run in story.history.runs
        if run.trial == story.verdict["trial"] and run.phase is Phase.CONFIRM
    ]
    last = [
        story.curves[f"st_x.{run.generation}.{run.index}"][-1]["values"]["mse"][-1] for run in runs
    ]

    assert mean["name"] == story.verdict["winner"]
    assert mean["y"][-1] == pytest.approx(math.fsum(last) / len(last), rel=1e-5)
    assert low["y"][-1] == pytest.approx(min(last), rel=1e-5)
    assert high["y"][-1] == pytest.approx(max(last), rel=1e-5)
    assert "fresh seeds" in chart.caption


def test_loss_of_a_running_study_is_that_of_its_search() -> None:
    """Before the confirmation the curves are those of the paired seeds, and it says so."""
    chart = charts(tell(trials=8, confirmed=False))["losses"]

    assert "paired seeds of the search" in chart.caption


def test_learning_rates_stand_under_the_losses(story: Story) -> None:
    """Every arm with a loss has its learning rate in the lower panel, over the same updates."""
    chart = charts(story)["losses"]
    upper = {trace["legendgroup"] for trace in chart.data if trace.get("yaxis") != "y2"}
    lower = {trace["legendgroup"] for trace in chart.data if trace.get("yaxis") == "y2"}

    assert upper == lower


def test_missing_values_leave_out_a_step() -> None:
    """A step that some seed lacks is no mean over fewer seeds."""
    story = tell(trials=8, confirmed=False)
    key = next(iter(story.curves))
    gap = [{**report, "values": {"mse": [None] * 10}} for report in story.curves[key][:1]]
    story = replace(story, curves={**story.curves, key: [*gap, *story.curves[key][1:]]})
    whole = max(len(trace["x"]) for trace in charts(story)["losses"].data if "name" in trace)

    arms = arm_views(story.spec, story.history, None)
    constant = next(arm for arm in arms if arm.label == "constant")
    short = [
        trace
        for trace in charts(story)["losses"].data
        if trace.get("name") == "constant" and trace["legendgroup"] == constant.group
    ]

    assert [len(trace["x"]) for trace in short] == [whole - 10]


def test_horizon_of_one_update_has_its_charts() -> None:
    """The smallest study there can be is drawn."""
    story = tell(trials=2, confirmed=False)
    tiny = replace(
        story.history,
        trials=tuple(
            replace(trial, schedule=trial.schedule.at(1)) for trial in story.history.trials
        ),
        runs=tuple(replace(run, horizon=1, updates=1) for run in story.history.runs),
    )
    curves = {key: [{"steps": [1], "values": {"mse": [0.5]}}] for key in story.curves}
    story = replace(story, spec=replace(story.spec, horizon=1), history=tiny, curves=curves)

    assert set(charts(story)) == {"schedules", "search", "losses", "progress"}
