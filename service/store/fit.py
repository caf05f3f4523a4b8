"""Fit: whether what a trainer tells of a run is what such a run has to tell.

The one idea: a search run must not read the test split, and a completed run tells the compared
metric. Of an external objective more is known, since its study declares it and no code of ours
trains it: every metric that it must tell and no other, and how many updates its runs make.
Not here: whose turn it is to tell (`leases`), what follows (`outcomes`, `work`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store import models
from tuning.declarations import LR
from tuning.documents import read_external, read_metric, read_number
from tuning.errors import InvalidValue, UnknownName, member
from tuning.evidence.arms import HELD_OUT
from tuning.evidence.score import SEARCHED
from tuning.records import MAX_SCORE, External, Metric

Numbers = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the runs of a study may tell.

    Args:
        metric: that is compared.
        external: what its study declares of the objective; None if it is not external.
    """

    metric: Metric
    external: External | None


def terms_of(spec: Mapping[str, Any]) -> Terms:
    """The terms of a study with this stored spec, of which nothing else is read."""
    external = spec.get("external")
    return Terms(read_metric(spec["metric"]), external and read_external(external))


def external_terms(session: Session, runs: Mapping[str, models.Run]) -> dict[str, Terms]:
    """The terms of the studies of these runs, by study, whose objective is external."""
    study = models.Study
    query = select(study.id, study.spec).where(
        study.project.in_({run.project for run in runs.values()}),
        study.id.in_({run.study for run in runs.values()}),
        study.is_external,
    )
    return {name: terms_of(spec) for name, spec in session.execute(query)}


def splits_of(splits: Sequence[str], external: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The splits that a trainer evaluates, of those of a run; `external` as it is stored."""
    has_test = external is None or external["test"]
    return tuple(split for split in splits if has_test or split != HELD_OUT)


def check_end(
    run: models.Run,
    terms: Terms,
    metrics: Mapping[str, Numbers],
    blocks: Mapping[str, Sequence[float | None]],
    step: int | None,
    *,
    is_completed: bool,
) -> None:
    """Raise InvalidValue unless what is told of an end fits the run.

    A completed run tells the compared metric on each of its splits, finite where trials are
    compared, and never so large that it can be nothing but divergence.
    """
    declared = terms.external
    splits = run.splits
    if declared is not None and not declared.test:
        splits = [split for split in splits if split != HELD_OUT]
    for part, told in (("metrics", metrics), ("blocks", blocks)):
        for split in told:
            if split not in splits:
                allowed = "one of " + ", ".join(splits)
                raise InvalidValue(member(part, split), split, allowed)
    if declared is not None:
        for split, values in metrics.items():
            _check_names(f"metrics.{split}", values, declared.names)
        _check_step("step", step or 0, run)
    if is_completed:
        _check_completed(splits, terms, metrics, blocks)


def check_report(
    run: models.Run,
    terms: Terms,
    steps: Sequence[int],
    values: Mapping[str, Sequence[float | None]],
) -> None:
    """Raise InvalidValue unless measurements fit the run; any do if its objective is ours."""
    if terms.external is None:
        return
    _check_names("values", values, (*terms.external.names, LR))
    before = -1
    for position, step in enumerate(steps):
        _check_step(f"steps[{position}]", step, run)
        if step <= before:
            raise InvalidValue(f"steps[{position}]", step, f"more than {before}, the one before")
        before = step


def _check_completed(
    splits: Sequence[str],
    terms: Terms,
    metrics: Mapping[str, Numbers],
    blocks: Mapping[str, Sequence[float | None]],
) -> None:
    for split in splits:
        values = metrics.get(split, {})
        _check_score(split, values, terms.metric.name)
        _check_complete(f"metrics.{split}", values, terms.external)
    for split, row in blocks.items():
        large = next(filter(_is_too_large, map(read_number, row)), None)
        if large is not None:
            raise InvalidValue(f"blocks.{split}", large, f"numbers up to {MAX_SCORE:g} in size")


def _check_names(field: str, told: Iterable[str], known: Sequence[str]) -> None:
    for name in told:
        if name not in known:
            raise UnknownName(member(field, name), name, known)


def _check_step(field: str, step: int, run: models.Run) -> None:
    last = run.updates or run.horizon
    if step > last:
        raise InvalidValue(field, step, f"an integer up to {last:,}, the updates of the run")


def _check_score(split: str, values: Numbers, name: str) -> None:
    score = read_number(values.get(name))
    is_missing = name not in values or (split == SEARCHED and not math.isfinite(score))
    if is_missing or _is_too_large(score):
        allowed = f"a finite number up to {MAX_SCORE:g} in size; tell `diverged` if there is none"
        raise InvalidValue(member(f"metrics.{split}", name), values.get(name), allowed)


def _check_complete(field: str, values: Numbers, external: External | None) -> None:
    for name in () if external is None else external.names:
        if name not in values:
            allowed = "a number, or null if it is not finite"
            raise InvalidValue(member(field, name), None, allowed)


def _is_too_large(value: float) -> bool:
    return math.isfinite(value) and abs(value) > MAX_SCORE
