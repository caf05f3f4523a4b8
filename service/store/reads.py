"""Reads of the test split: which verdicts of which studies have looked at which held-out data.

The one idea: a read is noted in the transaction that takes the first figure of a test split, so
it counts whatever becomes of the study, and once however often it is told. Data are the same if
their hash is; where a trainer does not tell it, if objective and config are.
Not here: what a reader of a verdict is told (`tuning.evidence.cautions`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import models
from service.store.provenances import add_missing
from tuning.evidence.score import SEARCHED
from tuning.provenance import Provenance
from tuning.records import Phase

UNTOLD = ""  # a data hash that nobody told


def note(
    session: Session,
    locked: Mapping[str, models.Study],
    told: Iterable[tuple[models.Run, Iterable[str], Provenance | None]],
    at: datetime,
) -> None:
    """Note that runs of these locked studies told figures of these splits."""
    readers = {
        (run.study, split, UNTOLD if origin is None else origin.data_hash or UNTOLD)
        for run, splits, origin in told
        for split in splits
        if split != SEARCHED
    }
    rows = [
        {
            "project": locked[study].project,
            "study": study,
            "verdict": _coming_verdict(locked[study]),
            "split": split,
            "data_hash": data_hash,
            "config_hash": _config_hash(locked[study]),
            "question": _question(locked[study]),
            "at": at,
        }
        for study, split, data_hash in sorted(readers)
    ]
    add_missing(session, models.TestRead, rows)


def note_imported(session: Session, row: models.Study, at: datetime) -> None:
    """Note what the verdicts of an imported study read, wherever they did: it was read."""
    run, told = models.Run, models.Provenance
    found = session.execute(
        select(run.generation, run.result, told.data_hash)
        .outerjoin(told, (told.project == run.project) & (told.id == run.provenance))
        .where(run.project == row.project, run.study == row.id, run.phase == Phase.CONFIRM)
    )
    rounds = [extension["generation"] for extension in row.extensions]
    readers = {
        (1 + sum(begin <= generation for begin in rounds), split, data_hash or UNTOLD)
        for generation, result, data_hash in found
        for part in ("metrics", "blocks")
        for split, figures in (result or {}).get(part, {}).items()
        if figures and split != SEARCHED
    }
    same = {
        "project": row.project,
        "study": row.id,
        "config_hash": _config_hash(row),
        "question": _question(row),
        "at": at,
    }
    rows = [
        {**same, "verdict": verdict, "split": split, "data_hash": data_hash}
        for verdict, split, data_hash in sorted(readers)
    ]
    add_missing(session, models.TestRead, rows)


def count(session: Session, project: str, study: str) -> int:
    """Verdicts of the project, the study's coming one included, that have read its test split.

    A replay of the same spec reads what was read before and does not count; 0 if the coming verdict
    has read nothing. Raises NotFound.
    """
    mine = session.get(models.Study, (project, study))
    if mine is None:
        raise NotFound("study", study)
    row = models.TestRead
    here = row.project == project
    own = session.scalars(
        select(row).where(here, row.study == study, row.verdict == _coming_verdict(mine))
    )
    data = [
        and_(
            row.split == one.split,
            or_(
                row.data_hash == one.data_hash,
                and_(row.config_hash == one.config_hash, row.data_hash == UNTOLD),
            )
            if one.data_hash
            else row.config_hash == one.config_hash,
        )
        for one in own
    ]
    if not data:
        return 0
    readers = select(row.question, row.verdict).where(here, or_(*data)).distinct()
    return len(session.execute(readers).all())


def _coming_verdict(study: models.Study) -> int:
    """The number of the verdict that runs under way are for; the first is 1."""
    return len(study.extensions) + 1


def _config_hash(study: models.Study) -> str:
    return _hash([study.objective, study.spec["config"]])


def _question(study: models.Study) -> str:
    """The spec without the user's words."""
    return _hash({**study.spec, "label": ""})


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
