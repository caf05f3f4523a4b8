"""Measurements: what runs report while they are trained.

The one idea: a report is one row, found by (run, lease, seq), so that a repetition stores nothing
and the measurements of two leases never mix.
Not here: reading them as curves (`history`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, insert, select
from sqlalchemy.orm import Session

from service.store import fit, leases, models
from service.store.leases import Reply, Status, Stop
from service.store.locks import hold_runs
from tuning.documents import write_number
from tuning.errors import InvalidValue, member
from tuning.records import RunState

_INSERT = insert(models.table_of(models.Measurement))
_row = models.table_of(models.Measurement).c
_KNOWN: Select[Any] = select(_row.run, _row.lease, _row.seq).where(
    _row.project.in_(bindparam("projects", expanding=True)),
    _row.study.in_(bindparam("studies", expanding=True)),
    _row.run.in_(bindparam("runs", expanding=True)),
    _row.seq.in_(bindparam("seqs", expanding=True)),  # others of a long training are not asked for
)


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements of a run: `values[name][i]` after `steps[i]` updates, None if not finite.

    `seq` numbers the reports of one lease, so that a repetition is recognised.
    """

    run: str
    token: str
    seq: int
    steps: Sequence[int]
    values: Mapping[str, Sequence[float | None]]


def report(session: Session, reports: Sequence[Report], project: str | None = None) -> list[Reply]:
    """Store measurements; one reply per report; of the runs of one project, if it is named.

    Raises InvalidValue naming the report whose columns differ in length from its steps, or that
    does not fit what the study of an external objective declares.
    """
    runs = hold_runs(session, {one.run for one in reports}, project)
    return keep(session, reports, runs, fit.external_terms(session, runs))


def keep(
    session: Session,
    reports: Sequence[Report],
    runs: Mapping[str, models.Run],
    terms: Mapping[str, fit.Terms],
) -> list[Reply]:
    """The same, once the runs are locked, and the terms of studies with external ones known."""
    for position, one in enumerate(reports):
        _check_columns(one, f"reports[{position}]")
    known = _known_reports(session, runs, {one.seq for one in reports}) if reports else set()
    rows: list[dict[str, Any]] = []
    replies = []
    for position, one in enumerate(reports):
        try:
            replies.append(_take(one, runs, known, rows, terms))
        except InvalidValue as error:
            raise error.under(f"reports[{position}]") from error
    if rows:
        session.execute(_INSERT, rows)
    return replies


def _check_columns(one: Report, where: str) -> None:
    for name, column in one.values.items():
        if len(column) != len(one.steps):
            allowed = f"{len(one.steps)} values, one per step"
            raise InvalidValue(member(f"{where}.values", name), f"{len(column)} values", allowed)


def _known_reports(
    session: Session, runs: Mapping[str, models.Run], seqs: Collection[int]
) -> set[tuple[str, int, int]]:
    asked = {
        "projects": list({run.project for run in runs.values()}),
        "studies": list({run.study for run in runs.values()}),
        "runs": list(runs),
        "seqs": list(seqs),
    }
    return {(one.run, one.lease, one.seq) for one in session.execute(_KNOWN, asked)}


def _take(
    one: Report,
    runs: Mapping[str, models.Run],
    known: set[tuple[str, int, int]],
    rows: list[dict[str, Any]],
    terms: Mapping[str, fit.Terms],
) -> Reply:
    """Add the row of a report to `rows` if its run is still in those hands, and it is not known."""
    run = runs.get(one.run)
    # A report may arrive after the end that its own token told.
    is_late = run is not None and run.told_token == one.token and RunState(run.state).is_final
    refusal = None if is_late else leases.refuse(runs, one.run, one.token)
    if run is None or refusal is not None:
        return refusal or Reply(one.run, Status.STALE, Stop.FENCED)
    key = (run.id, run.lease, one.seq)
    if key in known:
        return Reply(one.run, Status.DUPLICATE)
    if run.study in terms:
        fit.check_report(run, terms[run.study], one.steps, one.values)
    known.add(key)
    rows.append(
        {
            "project": run.project,
            "study": run.study,
            "run": run.id,
            "lease": run.lease,
            "seq": one.seq,
            "data": _columns(one),
        }
    )
    return Reply(one.run, Status.OK)


def _columns(one: Report) -> dict[str, Any]:
    return {
        "steps": list(one.steps),
        "values": {
            name: [None if value is None else write_number(value) for value in column]
            for name, column in one.values.items()
        },
    }
