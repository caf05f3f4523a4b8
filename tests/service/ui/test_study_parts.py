"""Parts of the pages of a study: moves, standing, table of trials, sparklines, runs in words."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.schemas.studies import Progress, RunView, StudyView
from service.ui.actions import WRITE, actions
from service.ui.charts.trial import Trace, runs_chart, schedule_chart
from service.ui.looks import looks
from service.ui.runs import list_runs, tell_run
from service.ui.spark import HEIGHT, LONG, POINTS, WIDTH, spark
from service.ui.standing import stand
from service.ui.trial_table import Asked, Row, lay_out_trials, tell_parameters
from tests.service.ui.drawn import check_chart
from tests.service.ui.stories import make_spec, tell
from tuning.records import Budget, Direction, Metric, Phase, StudyState, TrialState
from tuning.schedules import Cosine, Schedule, build

SPEC = make_spec()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def view(state: StudyState, **changes: Any) -> StudyView:  # noqa: ANN401 # fields by name
    """A study as the API shows it."""
    told: dict[str, Any] = {
        "id": "st_x",
        "state": state.value,
        "revision": 3,
        "objective": "realized_volatility",
        "label": "",
        "metric": {},
        "progress": Progress(finished_runs=40, expected_runs=160, eta=None, search_steps=12_000),
        "best": None,
        "error": None,
        "created_at": "2026-11-26T11:00:00+00:00",
        "started_at": "2026-11-26T11:00:10+00:00",
        "finished_at": None,
        "spec": {},
    }
    return StudyView(**{**told, **changes})


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        (StudyState.RUNNING, ["Pause", "Stop the search", "Cancel", "Suggest a schedule"]),
        (StudyState.PAUSED, ["Resume", "Stop the search", "Cancel", "Suggest a schedule"]),
        (StudyState.CONFIRMING, ["Pause", "Cancel"]),
        (StudyState.COMPLETED, ["Extend", "Delete"]),
        (StudyState.FAILED, ["Delete"]),
        (StudyState.CANCELLED, ["Delete"]),
    ],
)
def test_moves_are_those_that_are_legal(state: StudyState, labels: list[str]) -> None:
    """No button leads to a refusal; what cannot be undone asks before."""
    found = actions("st_x", state, {WRITE})

    assert [one.label for one in found] == labels
    assert all(one.question for one in found if one.tone == "danger")
    assert all(sum(map(bool, (one.call, one.opens, one.link))) == 1 for one in found)
    assert actions("st_x", state, {"studies:read"}) == []


def test_standing_tells_how_far_and_until_when() -> None:
    """Runs, the end that is expected, and what was spent of the budget."""
    spec = replace(SPEC, budget=Budget(trials=60, steps=48_000))
    told = Progress(
        finished_runs=40,
        expected_runs=160,
        eta="2026-11-26T12:30:00+00:00",
        search_steps=12_000,
        evidence_steps=3_000,
    )
    found = stand(view(StudyState.RUNNING, progress=told), spec, NOW)

    assert found.share == 0.25
    assert found.words == (
        "40 of about 160 runs",
        "done about 2026-11-26 12:30 UTC, in 30 min",
        "40.0 full trainings of search",
        "10.0 of evidence",
        "12,000 of 48,000 updates",
    )


def test_standing_of_a_study_that_waits_or_has_ended() -> None:
    """Nobody has begun; or it is over, and how long it took."""
    waits = stand(view(StudyState.RUNNING, started_at=None), SPEC, NOW)
    over = stand(view(StudyState.COMPLETED, finished_at="2026-11-26T11:05:10+00:00"), SPEC, NOW)

    assert "no worker has begun" in waits.words
    assert over.share == 1.0
    assert "ended 2026-11-26 11:05 UTC, after 5 min" in over.words


def rows() -> list[Row]:
    """The trials of a story, with a metric on two splits."""
    return [
        Row(
            trial,
            TrialState.COMPLETED,
            0.5 + trial.number / 100,
            {"validation": {"mse": 0.5, "skill": 0.5}, "test": {"mse": 0.6}},
        )
        for trial in tell(trials=6, confirmed=False).history.trials
    ]


def test_table_has_a_column_for_every_metric_and_for_what_it_is_sorted_by() -> None:
    """Held-out ones first; the compared one stands once."""
    table = lay_out_trials(SPEC, rows(), Asked(sort="-hold"), looks(SPEC), "next")

    assert [one.name for one in table.columns] == [
        "trial",
        "mse",
        "peak",
        "test.mse",
        "validation.skill",
        "hold",
    ]
    assert table.columns[-1].order == "descending"
    assert table.columns[-1].address == "?sort=hold#trials"
    assert len(table.lines[0].figures) == len(table.columns) - 1
    assert table.further == "?sort=-hold&cursor=next#trials"


@pytest.mark.parametrize(
    ("direction", "order"), [(Direction.MINIMIZE, "value"), (Direction.MAXIMIZE, "-value")]
)
def test_the_best_stand_first_unless_asked_otherwise(direction: Direction, order: str) -> None:
    """Whichever way the metric is better."""
    spec = replace(SPEC, metric=Metric("mse", direction))

    assert Asked().order(spec) == order
    assert Asked(sort="peak").order(spec) == "peak"


def test_an_address_carries_what_was_asked_and_begins_anew() -> None:
    """A filter that changes leads to the first page; foreign text is encoded."""
    asked = Asked(family="a&b", state="failed", cursor="c")

    assert asked.address(phase="search") == "?family=a%26b&phase=search&state=failed#trials"


def test_knots_are_a_row_of_numbers() -> None:
    """Nine coordinates are one fact, and few words in the table."""
    params: dict[str, float | int | str] = {"family": "knots", "peak": 0.1, "warmup": 0.0}
    params |= {f"knot_{number}": 1.0 / number for number in range(1, 10)}
    facts = tell_parameters(params)

    assert [fact.name for fact in facts] == ["peak", "warmup", "knots"]
    assert facts[-1].value.startswith("1 0.5 0.333")


@pytest.mark.parametrize("horizon", [1, 2, 300, 1_000_000])
def test_a_spark_stays_in_its_box(horizon: int) -> None:
    """However long the schedule is, the line is short and within."""
    line = spark(Schedule(Cosine(0.1), horizon))
    points = [tuple(map(float, pair.split())) for pair in line[1:].split("L")]

    assert 1 <= len(points) <= POINTS
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_spark_of_pinned_lengths_is_that_of_the_whole() -> None:
    """What cannot be laid out over fewer updates is drawn as it is."""
    schedule = Schedule(build("wsd", 0.1, {"hold": 0.5, "warmup": 0.1}), 2 * LONG)

    assert spark(schedule).startswith("M0 ")


def test_runs_are_told_in_words() -> None:
    """How one ended stands first; what is unknown is a dash."""
    run = RunView(
        id="st_x.3.1",
        trial=4,
        phase="search",
        seed=7,
        horizon=300,
        updates=75,
        state="diverged",
        attempt=2,
        worker=None,
        cause="blew_up",
        reason="it blew up",
        step=30,
        lr=0.25,
        metrics={},
        data_hash=None,
        versions={},
        started_at="2026-11-26T11:00:00+00:00",
        finished_at="2026-11-26T11:00:02.500000+00:00",
    )
    (line,) = list_runs([run], SPEC)
    facts = {fact.name: fact for fact in tell_run(run, SPEC)}

    assert (line.place, line.value, line.took) == ("3.1", "\N{EN DASH}", "2.5 s")
    assert facts["last measured"].value == "after 30"
    assert facts["updates"].note == "of a schedule over 300"
    assert facts["worker"].note == "2 attempts ended badly"


def test_a_trial_is_drawn_beside_the_best() -> None:
    """Its own line lies on top and thick; of the best itself there is one line."""
    mine, best = Schedule(Cosine(0.1), 300), Schedule(Cosine(0.2), 300)
    chart = schedule_chart(
        mine, "cosine, trial 3", looks(SPEC)["cosine"], ("cosine, trial 1", best)
    )
    alone = schedule_chart(mine, "cosine, trial 3", None, None)
    for one in (chart, alone):
        check_chart(one)

    assert [trace["name"] for trace in chart.data] == ["cosine, trial 1", "cosine, trial 3"]
    assert chart.data[1]["line"]["width"] > chart.data[0]["line"]["width"]
    assert len(alone.data) == 1


def trace(
    phase: Phase,
    updates: int,
    steps: list[int],
    values: list[float | None],
    *,
    is_lost: bool = False,
) -> Trace:
    """What a run measured."""
    return Trace("st_x.0.0", phase, 1, updates, is_lost, steps, values)


def test_runs_of_a_trial_stand_over_the_share_of_their_own_training() -> None:
    """A run over a quarter of the horizon ends where one over all of it does."""
    traces = [
        trace(Phase.SEARCH, 75, [15, 75], [2.0, 1.0]),
        trace(Phase.CONFIRM, 300, [60, 300], [1.5, None], is_lost=True),
    ]
    chart = runs_chart(traces, Metric("mse"))
    assert chart is not None
    check_chart(chart)

    assert chart.data[0]["x"] == [0.2, 1.0]
    assert chart.data[1]["line"]["dash"] == "dash"
    assert runs_chart([], Metric("mse")) is None
