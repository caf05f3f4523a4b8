"""Words: what a study is called, and by what it is found.

The one idea: they stand in a narrow table of their own, as its user wrote them and once more in
small letters made here, so that a search reads little and "Über" is found by "über" on every
database.
Not here: which studies a list shows (`listing`).
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from service.store import models
from service.store.list_models import StudyWords
from tuning.objectives.dataset_files import is_dataset_id


def write(session: Session, row: models.Study) -> None:
    """Note the words of a study, or those it has now."""
    pairs = [f"{name}={words}" for name, words in sorted(row.labels.items())]
    named = row.spec["config"].get("dataset")
    dataset = named if is_dataset_id(named) else None
    found = "\n".join((row.id, row.label, *pairs, row.notes, dataset or "")).casefold()
    session.merge(
        StudyWords(
            project=row.project,
            study=row.id,
            name=(row.label or row.id).casefold(),
            labels=_lines(pairs),
            words=found,
            dataset=dataset,
        )
    )


def count_users(session: Session, project: str, datasets: Sequence[str]) -> dict[str, int]:
    """How many studies of a project name each of these datasets."""
    words = StudyWords
    query = (
        select(words.dataset, func.count())
        .where(words.project == project, words.dataset.in_(datasets))
        .group_by(words.dataset)
    )
    found = {str(dataset): many for dataset, many in session.execute(query)}
    return {dataset: found.get(dataset, 0) for dataset in datasets}


def contain(text: str) -> ColumnElement[bool]:
    """Whether id, label, labels, notes or dataset of a study contain a text, in any case."""
    words = StudyWords.__table__.c
    return _with(_contains(words.words, text.casefold()))


def have(labels: Mapping[str, str]) -> ColumnElement[bool]:
    """Whether a study has all of these labels."""
    words = StudyWords.__table__.c
    pairs = (f"{name}={told}" for name, told in labels.items())
    return _with(*(_contains(words.labels, _lines([pair])) for pair in pairs))


def _with(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    study, words = models.Study, StudyWords
    mine = and_(words.project == study.project, words.study == study.id)
    return exists(select(words.study).where(mine, *conditions).correlate(study))


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    # Not LIKE: SQLite's takes "a" for "A"; and what finds a place has another name on each.
    return func.replace(column, text, "") != column


def _lines(pairs: Sequence[str]) -> str:
    """Label by label, with a line end on either side: neither name nor words can have one."""
    return "\n" + "".join(f"{pair}\n" for pair in pairs)
