"""Which studies a list shows, in which order, on SQLite and PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.schemas.studies import SortName
from service.store import lifecycle, listing, models, studies
from service.store.engine import Store
from service.store.listing import ORDERS, Wanted
from tuning.errors import InvalidValue
from tuning.records import StudySpec, StudyState

Make = Callable[..., str]


@pytest.fixture
def find(store: Store) -> Callable[..., list[str]]:
    """The ids that a list shows, walked in pages of two: `find(sort="name", text="x")`."""

    def walk(project: str = "a", **wanted: object) -> list[str]:
        found: list[str] = []
        cursor = None
        with store.read() as session:
            while True:
                page = listing.find(session, project, Wanted(**wanted), cursor=cursor, limit=2)
                found += page.items
                cursor = page.next
                if cursor is None:
                    return found

    return walk


@pytest.fixture
def described(store: Store, new_study: Make) -> Callable[..., str]:
    """Make a study with words: `described("label", {"team": "rates"}, "notes")`."""

    def make(label: str = "", labels: dict[str, str] | None = None, notes: str = "") -> str:
        study = new_study()
        with store.write() as session:
            studies.describe(session, "a", study, label=label, labels=labels or {}, notes=notes)
        return study

    return make


@pytest.mark.parametrize(
    "text", ["volat", "VOLAT", "über", "ÜBER", "straße", "team=rates", "100%", "a_b", "'", "\\"]
)
def test_a_search_finds_a_part_of_any_word(
    described: Callable[..., str], find: Callable[..., list[str]], text: str
) -> None:
    """In any case of letters, also beyond ASCII; no character stands for another."""
    words = "Volatility, ÜBER die Straße, 100%, a_b, it's, C:\\x"
    found = [
        described(words),
        described(labels={"team": "rates", "words": words}),
        described("axb 100 percent", {"team": "rates"}, notes=words),
    ]
    described("axb 100 percent uber strase")
    assert sorted(find(text=text)) == sorted(found if text != "team=rates" else found[1:])


def test_a_search_finds_an_id(new_study: Make, find: Callable[..., list[str]]) -> None:
    """Or a part of it, and follows what is written later."""
    names = [new_study() for _ in range(3)]
    assert find(text=names[1][3:].upper()) == [names[1]]
    assert find(text="nothing that is there") == []


def test_words_follow_a_study_to_its_end(
    store: Store, described: Callable[..., str], find: Callable[..., list[str]]
) -> None:
    """New words replace the old ones, and those of a deleted study are gone."""
    study = described("old")
    with store.write() as session:
        studies.describe(session, "a", study, label="new")
    assert (find(text="old"), find(text="new")) == ([], [study])
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
        lifecycle.delete(session, "a", study)
        with pytest.raises(NotFound):
            studies.get(session, "a", study)
    assert find(text="new") == []


def test_labels_are_whole(described: Callable[..., str], find: Callable[..., list[str]]) -> None:
    """Name and words to the letter, all of those that are asked for."""
    both = described(labels={"team": "rates", "desk": "x=y"})
    described(labels={"team": "Rates"})
    described(labels={"team": "rates 2", "a team": "rates"})
    assert find(labels={"team": "rates"}) == [both]
    assert find(labels={"team": "rates", "desk": "x=y"}) == [both]
    assert find(labels={"team": "rates", "desk": "y"}) == []


@pytest.mark.parametrize("sort", ORDERS)
def test_every_order_shows_every_study_once(
    store: Store, new_study: Make, find: Callable[..., list[str]], sort: str
) -> None:
    """Page by page, also where all figures are equal or missing."""
    names = [new_study() for _ in range(5)]
    with store.write() as session:
        for name in names[:2]:
            lifecycle.cancel(session, "a", name)
    assert sorted(find(sort=sort)) == sorted(names)
    assert sorted(find(sort=sort, state=StudyState.CANCELLED)) == sorted(names[:2])
    assert sorted(find(sort=sort, text="ST_")) == sorted(names)
    assert find("b", sort=sort) == []


@pytest.fixture
def figures(
    store: Store, new_study: Make, spec: StudySpec, advance: Callable[[float], None]
) -> list[str]:
    """Studies `c`, `B`, `a`, `é`, made one after the other, with figures of their own."""
    names = []
    for label, finished, expected, best in (
        ("c", 1, 4, 2.0),
        ("B", 3, 4, None),
        ("a", 4, 4, -1.0),
        ("é", 0, 0, 0.1 + 0.2),
    ):
        name = new_study(spec=replace(spec, label=label))
        with store.write() as session:
            row = session.get_one(models.Study, ("a", name))
            row.finished_runs, row.expected_runs, row.best_value = finished, expected, best
            if label in "aé":
                lifecycle.cancel(session, "a", name)
        names.append(name)
        advance(1)
    return names


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("newest", "éaBc"),
        ("oldest", "cBaé"),
        ("name", "aBcé"),
        ("progress", "Bcéa"),
        ("ended", "éaBc"),
        ("lowest", "aécB"),
        ("highest", "céaB"),
    ],
)
def test_orders(figures: list[str], find: Callable[..., list[str]], sort: str, order: str) -> None:
    """What lacks the figure comes last, newest first where nothing else tells."""
    assert "".join("cBaé"[figures.index(name)] for name in find(sort=sort)) == order


def test_a_cursor_of_another_order_is_refused(store: Store, figures: list[str]) -> None:
    """As is an order that does not exist."""
    assert len(figures) == 4
    with store.read() as session:
        cursor = listing.find(session, "a", Wanted(sort="name"), limit=1).next
        with pytest.raises(InvalidValue, match=r"^cursor"):
            listing.find(session, "a", Wanted(), cursor=cursor)
        with pytest.raises(InvalidValue, match=r"^sort.*newest"):
            listing.find(session, "a", Wanted(sort="best"))


def test_states_are_counted_under_the_other_filters(
    store: Store, figures: list[str], new_study: Make
) -> None:
    """Every state has a number; the state that is wanted makes no difference."""
    assert len(figures) == 4
    new_study(project="b")
    with store.read() as session:
        counted = listing.count(session, "a", Wanted(state=StudyState.RUNNING))
        some = listing.count(session, "a", Wanted(text="É"))
        assert listing.objectives(session, "a") == ["realized_volatility"]
        assert listing.objectives(session, "c") == []
    assert counted == dict.fromkeys(StudyState, 0) | {"running": 2, "cancelled": 2}
    assert some == dict.fromkeys(StudyState, 0) | {"cancelled": 1}


def test_the_wire_names_every_order() -> None:
    """The schema cannot import them."""
    assert list(ORDERS) == list(SortName.__args__)


def test_a_list_is_found_in_its_index_alone(store: Store) -> None:
    """Whatever is wanted: no study is read that is not shown."""
    with store.read() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL decides by what there is")
        for wanted in (
            Wanted(),
            Wanted(state=StudyState.RUNNING, objective="x", label="y"),
            Wanted(sort="ended"),
            Wanted(sort="lowest", objective="x"),
        ):
            plan = _plan(session, wanted)
            assert "USING COVERING INDEX ix_studies_list" in plan, plan
        searched = _plan(session, Wanted(text="x"))
        assert searched.index("ix_studies_list") < searched.index("study_words"), searched
        assert "SEARCH study_words" in searched


def _plan(session: Session, wanted: Wanted) -> str:
    dialect = sqlite.dialect(paramstyle="named")  # type: ignore[no-untyped-call] # SQLAlchemy's
    options = {"render_postcompile": True}
    query = listing.query_of("a", wanted).compile(dialect=dialect, compile_kwargs=options)
    rows = session.execute(text(f"EXPLAIN QUERY PLAN {query}"), query.params)
    return "\n".join(row[3] for row in rows)


def test_pages_stay_in_place_while_studies_come(
    store: Store, new_study: Make, advance: Callable[[float], None]
) -> None:
    """What was made meanwhile is on no later page of the newest ones, and nothing is left out."""
    names = []
    for _ in range(6):
        names.append(new_study())
        advance(1)
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        with store.read() as session:
            page = listing.find(session, "a", Wanted(), cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next
        new_study()
    assert seen == names[::-1]
    assert all(one != other for one, other in pairwise(seen))
