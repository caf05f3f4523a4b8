"""Translation between the wire and `tuning.execution`: pure functions and one small collector.

The one idea: what a block says is collected per run and leaves in batches, measurements before
ends, each report with the next number of its run, so that a repetition is recognised.
Non-finite numbers, and those too large to compute with, travel as null.
Not here: sending (`delivery`), deciding when (`slot`).
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from service.schemas.work import LARGEST, CauseName, ClaimedBlock, ClaimedRun, Report, Tell
from service.worker.leases import Lease
from tuning.errors import TrainingCrashed
from tuning.execution import Block, Ended, Event, Lane, Measured
from tuning.execution.log import LONGEST_LOG
from tuning.provenance import Provenance
from tuning.records import Cause, Measurement, Result, RunState
from tuning.schedules import Schedule

logger = logging.getLogger(__name__)

LONGEST_REASON = 8192
LONGEST_HEAD = 1024

Outcome = Literal["completed", "diverged", "failed", "crashed", "returned"]

OUTCOMES: Mapping[RunState, Outcome] = {
    RunState.COMPLETED: "completed",
    RunState.DIVERGED: "diverged",
    RunState.FAILED: "failed",
}


def block_of(claimed: ClaimedBlock) -> Block:
    """The block to train; raises `InvalidValue` for one that this version cannot train."""
    return Block(
        objective=claimed.objective,
        config=claimed.config,
        horizon=claimed.horizon,
        splits=tuple(claimed.splits),
        updates=claimed.updates,
        lanes=tuple(
            Lane(run=run.run, seed=run.seed, schedule=Schedule.from_document(run.schedule))
            for run in claimed.runs
        ),
    )


def lease_of(claimed: ClaimedRun) -> Lease:
    """The lease that came with a claimed run."""
    return Lease(claimed.run, claimed.token)


def report_of(lease: Lease, seq: int, measurements: Sequence[Measurement]) -> Report:
    """Measurements as columns; a name that one of them lacks is null there."""
    names = dict.fromkeys(name for one in measurements for name in one.values)
    return Report(
        run=lease.run,
        token=lease.token,
        seq=seq,
        steps=[one.step for one in measurements],
        values={
            name: [_finite(one.values.get(name, math.nan)) for one in measurements]
            for name in names
        },
    )


def tell_of(lease: Lease, result: Result, lanes: int, log_tail: str = "") -> Tell:
    """How a run ended, from its result; one that the wire cannot carry counts as failed."""
    try:
        return _tell_exactly(lease, result, lanes, log_tail)
    except ValidationError as error:
        reason = shorten(spell(f"the result cannot be sent: {error}"))
        return Tell(
            run=lease.run,
            token=lease.token,
            outcome="failed",
            reason=reason,
            cause="refused",
            lanes=lanes,
        )


def _tell_exactly(lease: Lease, result: Result, lanes: int, log_tail: str) -> Tell:
    told = result.provenance or Provenance()
    return Tell(
        run=lease.run,
        token=lease.token,
        outcome=OUTCOMES[result.state],
        metrics={
            split: {name: _finite(value) for name, value in values.items()}
            for split, values in result.metrics.items()
        },
        blocks={split: [_finite(loss) for loss in row] for split, row in result.blocks.items()},
        reason=shorten(spell(result.reason)),
        cause=_name_of(result.cause),
        step=result.step,
        lr=None if result.lr is None else _finite(result.lr),
        log_tail=spell(log_tail)[-LONGEST_LOG:],
        lanes=lanes,
        data_hash=told.data_hash,
        versions=dict(told.versions),
    )


def shorten(reason: str) -> str:
    """Cut a reason to what the wire takes: its beginning says what, its end says where.

    >>> len(shorten("x" * 10_000)) == LONGEST_REASON
    True
    """
    if len(reason) <= LONGEST_REASON:
        return reason
    gap = "\n…\n"
    tail = LONGEST_REASON - LONGEST_HEAD - len(gap)
    return reason[:LONGEST_HEAD] + gap + reason[-tail:]


def spell(reason: str) -> str:
    r"""Write out what the wire refuses in a reason, NUL and lone surrogates.

    >>> spell("a\0b \ud800")
    'a\\x00b \\ud800'
    """
    return reason.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


@dataclass(slots=True)
class Outbox:
    """What one block has to say and has not said yet.

    Args:
        leases: of the block's runs, by run.
    """

    leases: Mapping[str, Lease]
    waiting: int = 0  # numbers in `_measured`
    _measured: dict[str, list[Measurement]] = field(default_factory=dict)
    _latest: dict[str, Measurement] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)
    _tells: list[Tell] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take what the training says."""
        match event:
            case Measured(run, measurement):
                self._measured.setdefault(run, []).append(measurement)
                self._latest[run] = measurement
                self.waiting += 1 + len(measurement.values)
            case Ended(run, result, log_tail):
                self._ended.add(run)
                self._tells.append(tell_of(self.leases[run], result, len(self.leases), log_tail))

    def close(self, crash: TrainingCrashed | None, reason: str = "") -> int:
        """Put back every run that has not ended, and return how many.

        What they measured will not count, so it is dropped, but how far each came is told.

        Args:
            crash: of their training; None if they are handed back untrained.
            reason: why they are.
        """
        cause, trace, log_tail = None, "", ""
        if crash is not None:
            reason, cause = str(crash), Cause(crash.cause)
            trace, log_tail = crash.trace, crash.log_tail
        open_runs = self.leases.keys() - self._ended
        for run in sorted(open_runs):
            lease = self.leases[run]
            self._measured.pop(run, None)
            latest = self._latest.get(run)
            self._tells.append(
                Tell(
                    run=lease.run,
                    token=lease.token,
                    outcome="returned" if crash is None else "crashed",
                    reason=shorten(spell(reason)),
                    cause=_name_of(cause),
                    traceback=shorten(spell(trace)),
                    log_tail=spell(log_tail)[-LONGEST_LOG:],
                    step=None if latest is None else latest.step,
                    lr=None if latest is None else _finite(latest.values.get("lr", math.nan)),
                    lanes=len(self.leases),
                )
            )
        self._ended |= open_runs
        return len(open_runs)

    def take_reports(self, is_wanted: Callable[[Lease], bool]) -> list[Report]:
        """The measurements that wait, of runs that are wanted; the others are dropped."""
        measured, self._measured, self.waiting = self._measured, {}, 0
        wanted = [run for run in measured if is_wanted(self.leases[run])]
        return [report for run in wanted if (report := self._report(run, measured[run]))]

    def _report(self, run: str, measurements: Sequence[Measurement]) -> Report | None:
        """The next report of a run; None, with a log line, if the wire cannot carry it."""
        seq = self._sent.get(run, 0)
        try:
            report = report_of(self.leases[run], seq, measurements)
        except ValidationError as error:
            logger.error("measurements cannot be sent", extra={"run": run, "error": str(error)})  # noqa: TRY400 - the data is at fault, not this code
            return None
        self._sent[run] = seq + 1
        return report

    def take_tells(self, is_wanted: Callable[[Lease], bool]) -> list[Tell]:
        """The ends that wait, of runs that are wanted; the others are dropped."""
        tells, self._tells = self._tells, []
        return [tell for tell in tells if is_wanted(self.leases[tell.run])]


def _name_of(cause: Cause | None) -> CauseName | None:
    return None if cause is None else cause.value


def _finite(value: float) -> float | None:
    return value if abs(value) <= LARGEST else None  # neither for NaN
