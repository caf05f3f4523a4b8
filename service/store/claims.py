"""Claims: which queued runs a worker gets next.

The one idea: fairness by counting leases: the project with the fewest lanes in training comes
first, then its study with the fewest for its priority, then the one that waited longest since its
last claim, times its priority; within a study the oldest run. A claim holds runs of one study,
phase, horizon, end and splits, so that they can be trained as one block; a run whose block crashed
comes alone. A run over which a worker may have died has a worker for itself: when its turn comes,
workers that train anything get no more until one of them has finished, and gets it. Should that one
die, only one run is to blame. Runs of an external objective are for whoever asks for it by name.
Not here: what a worker does with them (`work`); use `work.claim`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Row, Select, bindparam, func, literal_column, select, update
from sqlalchemy.orm import Session

from service.store import deadlines, fit, history, leases, models, studies
from service.store.clock import now
from service.store.leases import Isolation
from service.store.locks import hold_name, lock_runs, lock_study, lock_study_if_free
from service.store.queues import ACTIVE
from tuning.documents import read_schedule
from tuning.records import Phase, Run, RunState, TrialState, check_integer, move

MAX_LANES = 1_024
MOST_RATES = 1_000_000  # learning rates that one answer tells, beyond those of one run

# Made once, for they are asked all the time; of rows, for nothing but their values is needed.
_run, _trial = models.table_of(models.Run).c, models.table_of(models.Trial).c
_study = models.table_of(models.Study).c
_CLAIMED = select(_run["id"]).where(
    _run.worker == bindparam("worker"), _run.claim == bindparam("claim")
)
# In words, as `leases.IS_LEASED`.
_IS_SUSPECT = _run.isolation == literal_column(f"'{Isolation.WORKER}'")
_COMPANY = (
    select(_run.isolation).where(_run.worker == bindparam("worker"), leases.IS_LEASED).distinct()
)
_LANES = (
    select(_run.project, _run.study, func.count())
    .where(leases.IS_LEASED)
    .group_by(_run.project, _run.study)
)
_QUEUED: Select[Any] = (
    select(_run["id"], *(_run[field.name] for field in fields(Run)), _run.attempt, _run.isolation)
    .where(
        _run.project == bindparam("project"),
        _run.study == bindparam("study"),
        _run.state == RunState.QUEUED,
    )
    .limit(bindparam("lanes"))
    .with_for_update(skip_locked=True, key_share=True)
)
_SUSPECTS_FIRST = _QUEUED.order_by(_IS_SUSPECT.desc(), _run.generation, _run["index"])
_UNSUSPECTED = _QUEUED.where(~_IS_SUSPECT).order_by(_run.generation, _run["index"])
_SUSPECTED: Select[Any] = (
    select(_run["id"])
    .where(
        _run.project == bindparam("project"),
        _run.study == bindparam("study"),
        _run.state == RunState.QUEUED,
        _IS_SUSPECT,
    )
    .limit(1)
)
_SCHEDULES: Select[Any] = select(_trial.number, _trial.schedule).where(
    _trial.project == bindparam("project"),
    _trial.study == bindparam("study"),
    _trial.number.in_(bindparam("numbers", expanding=True)),
)
_START = (
    update(models.table_of(models.Trial))
    .where(
        _trial.project == bindparam("of"),
        _trial.study == bindparam("named"),
        _trial.number.in_(bindparam("numbers", expanding=True)),
        _trial.state == TrialState.PROPOSED,
    )
    .values(state=move(TrialState.PROPOSED, TrialState.RUNNING))
)
Handed = models.Run | Row[Any]  # a run that is handed out: both have its values by name


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """One run under lease; its schedule is laid out over the horizon of the claim."""

    id: str
    token: str
    seed: int
    splits: tuple[str, ...]
    attempt: int
    schedule: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """Runs to be trained side by side, for so many `updates` of their horizon."""

    project: str
    study: str
    objective: str
    config: Mapping[str, Any]
    horizon: int
    phase: Phase
    updates: int
    runs: tuple[ClaimedRun, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a worker asks for; see `claim`."""

    objectives: Collection[str] | None
    project: str | None
    external: bool

    def question(self) -> tuple[Select[Any], Mapping[str, Any]]:
        """What finds the studies that have runs for it, with its values."""
        names, owner = self.objectives, self.project
        query = _waiting(named=names is not None, owned=owner is not None, external=self.external)
        return query, {"objectives": list(names or ()), "project": owner}


@cache
def _waiting(*, named: bool, owned: bool, external: bool) -> Select[Any]:
    """Active studies with queued runs, for a wish that names objectives, or a project."""
    queued = select(_run["id"]).where(
        _run.project == _study.project,
        _run.study == _study["id"],
        _run.state == RunState.QUEUED,
    )
    query = select(
        _study.project, _study["id"], _study.claimed, _study.created, _study.priority
    ).where(_study.state.in_(ACTIVE), queued.exists())
    if not named or not external:
        query = query.where(_study.is_external.is_(False))
    if named:
        query = query.where(_study.objective.in_(bindparam("objectives", expanding=True)))
    if owned:
        query = query.where(_study.project == bindparam("project"))
    return query


def claim(
    session: Session,
    *,
    worker: str,
    claim: str,
    lanes: int,
    objectives: Collection[str] | None = None,
    table: bool = False,
    lease_seconds: float,
    project: str | None = None,
    external: bool = True,
) -> Claim | None:
    """Lease queued runs to a worker; None if nothing is queued for it.

    Args:
        session: a writing session.
        worker: the worker's name.
        claim: the worker's own id of this request. Repeating it answers with the same runs and
            tokens while they are leased, for another `lease_seconds`, with None once none of
            them is; if all were taken back it counts as a new request.
        lanes: most runs to hand out.
        objectives: names of objectives the worker can train; all but external ones if None.
        table: whether schedules come with their learning rates. Then there may be fewer runs.
        lease_seconds: time until the lease expires unless a heartbeat extends it.
        project: whose runs to hand out; anyone's if None.
        external: whether `objectives` may be external ones, of the same names as others perhaps.

    Raises InvalidValue unless `lanes` is from 1 to 1,024.
    """
    check_integer("lanes", lanes, 1, MAX_LANES)
    hold_name(session, "claim", worker)
    at = now(session)
    until = at + timedelta(seconds=lease_seconds)
    before = session.execute(_CLAIMED, {"worker": worker, "claim": claim}).scalars().all()
    if before:
        return _repeat(session, before, claim, until, table=table)
    company = _company(session, worker)
    wish = _Wish(objectives, project, external)
    for row in _locked_candidates(session, company, wish, at):
        deadlines.keep(session, row)
        runs = _next_block(session, row, company, lanes) if row.state in ACTIVE else []
        if table and runs:
            runs = runs[: max(1, MOST_RATES // runs[0].horizon)]
        if runs:
            tokens = leases.grant(
                session,
                [one.id for one in runs],
                project=row.project,
                worker=worker,
                claim=claim,
                at=at,
                until=until,
            )
            _mark_started(session, row, list(tokens), worker, at)
            _start_trials(session, row, runs)
            return _to_claim(session, row, runs, tokens, table=table)
    return None


def has_queued(
    session: Session,
    worker: str,
    objectives: Collection[str] | None = None,
    project: str | None = None,
    *,
    external: bool = True,
) -> bool:
    """Whether a claim might find something; reads only, so that waiting disturbs nobody."""
    wish = _Wish(objectives, project, external)
    waiting = _candidates(session, _company(session, worker), wish, now(session))
    return next(waiting, None) is not None


def _company(session: Session, worker: str) -> set[str]:
    """How isolated the runs are that the worker trains already; empty if it trains none."""
    return set(session.execute(_COMPANY, {"worker": worker}).scalars())


def _repeat(
    session: Session, names: Sequence[str], claim: str, until: datetime, *, table: bool
) -> Claim | None:
    rows = lock_runs(session, names).values()
    held = [run for run in rows if run.state == RunState.LEASED and run.claim == claim]
    if not held:
        return None
    for run in held:
        run.lease_until = until
    session.flush()
    row = session.get_one(models.Study, (held[0].project, held[0].study))
    runs = sorted(held, key=lambda run: (run.generation, run.index))
    return _to_claim(session, row, runs, {run.id: str(run.token) for run in runs}, table=table)


def _locked_candidates(
    session: Session, company: Collection[str], wish: _Wish, at: datetime
) -> Iterator[models.Study]:
    """Candidates in order, each locked when asked for; those that others hold come last.

    All that claim at once see the same study in front, so they do not queue up for it. Whoever
    holds none waits for one at most: waiting for a second one, in the order of fairness instead of
    names, could end in a deadlock.
    """
    held = []
    holds_none = True
    for owner, study in _candidates(session, company, wish, at):
        row = lock_study_if_free(session, owner, study)
        if row is None:
            held.append((owner, study))
        else:
            holds_none = False
            yield row
    if holds_none and held:
        yield lock_study(session, *held.pop(0))
        for owner, study in held:
            if (row := lock_study_if_free(session, owner, study)) is not None:
                yield row


def _candidates(
    session: Session, company: Collection[str], wish: _Wish, at: datetime
) -> Iterator[tuple[str, str]]:
    """Active studies with queued runs for such a worker, the one to be served first in front.

    For a worker that trains something they end before a study whose next run must have one for
    itself: with what comes after it, that run would wait for ever.
    """
    if Isolation.WORKER in company:
        return
    for project, study in _in_turn(session, session.execute(*wish.question()).all(), at):
        mine = {"project": project, "study": study}
        if company and session.execute(_SUSPECTED, mine).first() is not None:
            return
        yield project, study


def _in_turn(session: Session, waiting: Sequence[Row[Any]], at: datetime) -> list[tuple[str, str]]:
    """Studies that wait, the one to be served first in front."""
    if len(waiting) < 2:
        return [(row.project, row.id) for row in waiting]
    by_project, by_study = _leased_lanes(session)

    def order(row: Row[Any]) -> tuple[Any, ...]:
        waited = (at - (row.claimed or models.EPOCH)).total_seconds()
        # Whole parts: a study of priority p counts as many lanes as one, until it has p of them.
        share = int(by_study[row.project, row.id] / row.priority)
        return by_project[row.project], share, -waited * row.priority, row.created, row.id

    return [(row.project, row.id) for row in sorted(waiting, key=order)]


def _leased_lanes(session: Session) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    by_project: Counter[str] = Counter()
    by_study: Counter[tuple[str, str]] = Counter()
    for project, study, lanes in session.execute(_LANES):
        by_project[project] += lanes
        by_study[project, study] = lanes
    return by_project, by_study


def _next_block(
    session: Session, row: models.Study, company: Collection[str], lanes: int
) -> Sequence[Row[Any]]:
    """The oldest queued runs that can be trained together; one that has to be alone comes first."""
    mine = {"project": row.project, "study": row.id}
    # Whoever has company never comes here while there is one, see `_candidates`.
    has_suspect = not company and session.execute(_SUSPECTED, mine).first() is not None
    wanted = _SUSPECTS_FIRST if has_suspect else _UNSUSPECTED
    queued = session.execute(wanted, {**mine, "lanes": lanes}).all()
    if not queued:
        return []
    first = queued[0]
    if first.isolation != Isolation.NONE:
        return [first]
    return [one for one in queued if _kind(one) == _kind(first)]


def _kind(run: Row[Any]) -> tuple[str, str, int, int, list[str]]:
    """Runs of one kind may be trained together."""
    return run.isolation, run.phase, run.horizon, run.updates, run.splits


def _mark_started(
    session: Session, row: models.Study, runs: Sequence[str], worker: str, at: datetime
) -> None:
    row.claimed = at
    if row.started is None:
        row.started = at
        deadlines.start(row, at)
    studies.note(session, row, "claimed", {"runs": runs, "worker": worker}, at)


def _start_trials(session: Session, row: models.Study, runs: Sequence[Row[Any]]) -> None:
    """The trials of these runs are running, unless they are already."""
    numbers = list({run.trial for run in runs})
    session.execute(_START, {"of": row.project, "named": row.id, "numbers": numbers})


def _to_claim(
    session: Session,
    row: models.Study,
    runs: Sequence[Handed],
    tokens: Mapping[str, str],
    *,
    table: bool,
) -> Claim:
    first = runs[0]
    splits = fit.splits_of(first.splits, row.spec.get("external"))
    numbers = list({run.trial for run in runs})
    mine = {"project": row.project, "study": row.id, "numbers": numbers}
    schedules = {one.number: one.schedule for one in session.execute(_SCHEDULES, mine)}
    return Claim(
        project=row.project,
        study=row.id,
        objective=row.objective,
        config=row.spec["config"],
        horizon=first.horizon,
        phase=Phase(first.phase),
        updates=first.updates or first.horizon,
        runs=tuple(
            ClaimedRun(
                run.id,
                tokens[run.id],
                run.seed,
                splits,
                run.attempt,
                _laid_out(run, schedules[run.trial], table=table),
            )
            for run in runs
        ),
    )


def _laid_out(run: Handed, schedule: Mapping[str, Any], *, table: bool) -> Mapping[str, Any]:
    """The schedule of a trial as the run trains it."""
    if table or schedule["horizon"] != run.horizon or run.peak_factor != 1.0:
        return (
            history.to_run(cast("models.Run", run))
            .laid_out(read_schedule(schedule))
            .document(table=table)
        )
    return schedule
