"""What is polled is what is stored, on SQLite and PostgreSQL, however much of it is kept."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from service.errors import NotFound
from service.store import generations, glances, history, lifecycle, models, studies, work
from service.store.engine import Store
from tuning.documents import write_spec
from tuning.records import StudySpec

Make = Callable[..., str]


def check(store: Store, study: str) -> glances.Glance:
    """A glance says what the session says that reads everything anew."""
    with store.look() as connection:
        seen = glances.read(connection, "a", study)
        standing = studies.get_standing(connection, "a", study)
    with store.read() as session:
        found = studies.get(session, "a", study)
        best = history.best_trial(session, found, found.winner)
        (listed,) = [one for one in glances.page(session, "a").items if one.study.id == study]
    assert (seen.study, seen.best) == (found, best)
    assert standing == (found.revision, found.state)
    assert seen.document == write_spec(found.spec)
    assert listed == seen
    return seen


def test_a_glance_is_the_study_from_its_creation_to_its_verdict(
    store: Store,
    new_study: Make,
    queue: Callable[..., None],
    confirm: Callable[..., None],
    claim: Callable[..., work.Claim],
    tell: Callable[..., work.Reply],
) -> None:
    """Every change shows at once: states, words, the leader, the winner, a larger budget."""
    study = new_study()
    assert check(store, study).best is None
    queue(study, trials=2, seeds=1)
    check(store, study)
    for run, value in zip(claim("c1", lanes=2).runs, (2.0, 1.0), strict=True):
        tell(run, value=value)
    leader = check(store, study).best
    assert leader is not None
    assert leader.number == 1
    with store.write() as session:
        studies.describe(session, "a", study, label="other", labels={"x": "y"}, notes="z")
    assert check(store, study).document["label"] == "other"
    confirm(study, 1, (0,))
    tell(claim("c2").runs[0])
    with store.write() as session:
        verdict = {"trial": 0, "arms": [{"trial": 0, "validation": 0.5}]}
        assert generations.complete(session, "a", study, verdict)
    winner = check(store, study).best
    assert winner is not None
    assert winner.number == 0
    with store.write() as session:
        lifecycle.extend(session, "a", study, expect=lambda _: 50, trials=50)
    assert check(store, study).study.spec.budget.trials == 50


def test_what_is_not_there_is_not_kept(store: Store, new_study: Make) -> None:
    """Another project's study, and one that was deleted."""
    study = new_study()
    check(store, study)
    for project, name in (("b", study), ("a", "st_none")):
        with store.look() as connection:
            with pytest.raises(NotFound):
                glances.read(connection, project, name)
            with pytest.raises(NotFound):
                studies.get_standing(connection, project, name)


def test_many_studies_of_one_spec_share_what_was_read(
    store: Store, new_study: Make, spec: StudySpec
) -> None:
    """A spec is read once for its text, whoever asks."""
    names = [new_study(spec=spec) for _ in range(3)]
    seen = [check(store, name) for name in names]
    assert len({one.study.id for one in seen}) == 3
    assert seen[0].study.spec is seen[1].study.spec is seen[2].study.spec


def test_what_was_not_asked_for_lately_is_let_go() -> None:
    """The oldest first, and what is asked for again stays."""
    kept: glances.Kept[str, int] = glances.Kept(2)
    made: list[str] = []

    def make(name: str) -> int:
        return kept.get(name, lambda: made.append(name) or len(made))

    assert [make(name) for name in "abaacab"] == [1, 2, 1, 1, 3, 1, 4]
    assert made == ["a", "b", "c", "b"]


def test_every_column_but_the_request_is_read(store: Store, new_study: Make) -> None:
    """A column that is added to a study is seen by a glance too."""
    study = new_study()
    with store.look() as connection:
        row = connection.execute(glances._ONE, {"project": "a", "study": study}).one()
    with store.read() as session:
        (whole,) = session.scalars(select(models.Study).where(models.Study.id == study))
        names = {column.name for column in whole.__table__.columns}
    assert set(row._fields) == names - {"request"}
