"""The contract of trials, on SQLite and PostgreSQL: filtered and sorted by any figure, in pages."""

from collections.abc import Callable
from typing import Any

import pytest

from service.errors import NotFound
from service.store import curves, families, history, outcomes, trials, work
from service.store.engine import Store
from service.store.trials import Wanted, parse_bounds
from tuning.errors import InvalidValue
from tuning.records import Phase, TrialState

# Values of mse and qlike by trial; the fourth diverges, the last two are not told.
TOLD: tuple[tuple[float, float | None], ...] = ((3.0, 0.1), (1.0, 0.3), (2.0, 0.2), (1.0, None))


@pytest.fixture
def searched(
    store: Store,
    new_study: Callable[..., str],
    queue: Callable[..., None],
    claim: Callable[..., work.Claim],
) -> str:
    """A study of seven trials on two seeds: four completed, one diverged, two in training."""
    study = new_study()
    queue(study, trials=7, seeds=2)
    runs = claim("all", lanes=14).runs
    for place, (mse, qlike) in enumerate((*TOLD, (9.0, 9.0))):
        for seed, run in enumerate(runs[2 * place : 2 * place + 2]):
            noise = 0.25 if seed else -0.25
            values = {"mse": mse + noise, "größe": None if qlike is None else qlike + noise}
            outcome = outcomes.Outcome("diverged" if place == 4 else "completed")
            end = outcomes.Tell(run.id, run.token, outcome, {"validation": values})
            with store.write() as session:
                outcomes.tell(session, [end], max_attempts=3)
    return study


def numbers(store: Store, study: str, limit: int = 50, **wanted: Any) -> list[int]:  # noqa: ANN401
    """Numbers of the trials that match, however many pages that takes."""
    found: list[int] = []
    cursor = None
    while True:
        with store.read() as session:
            page = trials.page(session, "a", study, Wanted(**wanted), cursor=cursor, limit=limit)
        found += [row.trial.number for row in page.items]
        assert page.next is None or len(page.items) == limit
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("number", [0, 1, 2, 3, 4, 5, 6]),
        ("-number", [6, 5, 4, 3, 2, 1, 0]),
        ("value", [1, 3, 2, 0, 4, 5, 6]),
        ("-value", [0, 2, 1, 3, 4, 5, 6]),
        ("peak", [0, 1, 2, 3, 4, 5, 6]),
        ("-peak", [6, 5, 4, 3, 2, 1, 0]),
        ("-hold", [0, 1, 2, 3, 4, 5, 6]),
        ("validation.mse", [1, 3, 2, 0, 4, 5, 6]),
        ("-validation.größe", [1, 2, 0, 3, 4, 5, 6]),
        ("test.mse", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_any_figure_gives_an_order(
    store: Store, searched: str, sort: str, order: list[int]
) -> None:
    """Equal ones by number, those without it last; pages of any size say the same."""
    assert numbers(store, searched, sort=sort) == order
    for limit in (1, 2, 3, 5):
        assert numbers(store, searched, limit, sort=sort) == order


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"states": [TrialState.DIVERGED, TrialState.RUNNING]}, [4, 5, 6]),
        ({"families": ["linear"]}, []),
        ({"families": ["linear", "cosine"], "phases": [Phase.SEARCH]}, [0, 1, 2, 3, 4, 5, 6]),
        ({"phases": [Phase.BASELINE]}, []),
        ({"bounds": parse_bounds(["value <= 2"])}, [1, 2, 3]),
        ({"bounds": parse_bounds(["validation.größe >= 0.2", "peak<=2.5e-3"])}, [1]),
        ({"bounds": parse_bounds(["validation.mse>=1.5"]), "sort": "-validation.mse"}, [0, 2]),
        ({"bounds": parse_bounds(["validation.nothing >= 0"])}, []),
    ],
)
def test_filters_hold_together(
    store: Store, searched: str, wanted: dict[str, Any], found: list[int]
) -> None:
    """A trial that lacks the figure meets no bound on it."""
    assert numbers(store, searched, **wanted) == found
    assert numbers(store, searched, 1, **wanted) == found


def test_a_page_carries_the_means_of_every_metric(store: Store, searched: str) -> None:
    """Over the seeds of the trial; null if one of them is not finite, none while it is trained."""
    with store.read() as session:
        rows = trials.page(session, "a", searched).items
        assert trials.one(session, "a", searched, 1) == rows[1]
    assert rows[0].metrics == {"validation": {"mse": 3.0, "größe": pytest.approx(0.1)}}
    assert rows[3].metrics == {"validation": {"mse": 1.0, "größe": None}}
    assert rows[4].metrics == rows[5].metrics == {}


def test_metrics_of_the_test_split_are_those_of_the_confirmation(
    store: Store,
    new_study: Callable[..., str],
    queue: Callable[..., None],
    confirm: Callable[..., None],
    claim: Callable[..., work.Claim],
    tell: Callable[..., work.Reply],
) -> None:
    """Its validation stays what the search saw."""
    study = new_study()
    queue(study, trials=2, seeds=1)
    for value, run in zip((1.0, 2.0), claim("search", lanes=2).runs, strict=True):
        tell(run, value)
    confirm(study, 1, (0, 1))
    for value, run in zip((4.0, 3.0), claim("confirm", lanes=2).runs, strict=True):
        tell(run, value)
    with store.read() as session:
        row = trials.one(session, "a", study, 0)
    assert row.metrics == {"validation": {"mse": 1.0}, "test": {"mse": 4.0}}
    assert numbers(store, study, sort="test.mse") == [1, 0]
    assert numbers(store, study, sort="validation.mse") == [0, 1]


@pytest.mark.parametrize(
    "sort", ["", "-", "mse", "cooldown", 'a."b', "a.\\b", "state", "--value", "a." + "x" * 300]
)
def test_an_order_by_no_figure_is_refused(store: Store, searched: str, sort: str) -> None:
    """Choices and states have no order; quotes are no part of a metric's name here."""
    with pytest.raises(InvalidValue, match="sort"):
        numbers(store, searched, sort=sort)


@pytest.mark.parametrize("text", ["value", "value < 3", "value <= x", "value <= nan", "<= 3"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    """Naming its place."""
    with pytest.raises(InvalidValue, match=r"where\[0\]"):
        parse_bounds([text])


def test_a_cursor_of_another_order_is_refused(store: Store, searched: str) -> None:
    """It would skip and repeat."""
    with store.read() as session:
        page = trials.page(session, "a", searched, Wanted(sort="value"), limit=2)
        for sort in ("number", "-value", "peak"):
            with pytest.raises(InvalidValue, match="cursor"):
                trials.page(session, "a", searched, Wanted(sort=sort), cursor=page.next)


def test_another_project_has_no_trials(store: Store, searched: str) -> None:
    """Neither a list nor one of them, nor families or scores."""
    calls: list[Callable[..., object]] = [trials.page, families.tally, families.scored]
    with store.read() as session:
        for call in calls:
            with pytest.raises(NotFound):
                call(session, "b", searched)
        with pytest.raises(NotFound):
            trials.one(session, "b", searched, 0)
        with pytest.raises(NotFound):
            curves.page(session, "b", searched)


def test_families_are_tallied(store: Store, searched: str) -> None:
    """Trials by state, the leader with its peak, and updates of all runs."""
    with store.read() as session:
        (row,) = families.tally(session, "a", searched)
        scored = families.scored(session, "a", searched)
    assert row.family == "cosine"
    assert row.states == {
        TrialState.COMPLETED: 4,
        TrialState.DIVERGED: 1,
        TrialState.RUNNING: 2,
    }
    assert row.best == (1, 1.0, 0.002)
    assert (row.search_steps, row.evidence_steps) == (1400, 0)
    assert [value for _, value in scored] == [3.0, 1.0, 2.0, 1.0]


def test_curves_come_in_pages_and_parts(store: Store, searched: str) -> None:
    """Of the lease that counts, in order of proposal, narrowed to trials, runs and phases."""
    with store.read() as session:
        assert curves.page(session, "a", searched).items == ()
    report(store, searched)
    with store.read() as session:
        whole = curves.page(session, "a", searched).items
        first = curves.page(session, "a", searched, limit=3)
        second = curves.page(session, "a", searched, limit=3, cursor=first.next)
        assert first.items + second.items == whole == tuple(curves.read(session, "a", searched))
        assert second.next is None
        (one,) = curves.page(session, "a", searched, names=[whole[2].run]).items
        assert one == whole[2]
        mine = curves.page(session, "a", searched, trials=[6], phases=[Phase.SEARCH])
        assert {curve.trial for curve in mine.items} == {6}
        assert not curves.page(session, "a", searched, phases=[Phase.CONFIRM]).items
    assert one.steps == (1, 2, 3)
    assert one.values == {"lr": (None, None, 0.1), "mse": (1.0, None, 0.5)}


def report(store: Store, study: str) -> None:
    """Let the four runs that are being trained measure something, in two reports."""
    with store.read() as session:
        open_runs = [
            row for number in (5, 6) for row in history._run_rows(session, "a", study, (number,))
        ]
    for row in open_runs:
        reports = [
            work.Report(row.id, str(row.token), 0, (1, 2), {"mse": (1.0, None)}),
            work.Report(row.id, str(row.token), 1, (3,), {"mse": (0.5,), "lr": (0.1,)}),
        ]
        with store.write() as session:
            work.report(session, reports)
