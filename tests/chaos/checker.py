"""The history checker: what must hold of a study after faults, as functions over what was seen.

The one idea (after Jepsen): clients write down what they asked and what they were told; afterwards
the store is compared with it. Every invariant returns its violations as sentences, and each has a
test with a history that breaks it. I1 to I10 are those of the test programme; I11 and I12 are ours.
Not here: injecting faults, writing histories down (`recording`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tuning.records import Direction, RunState, StudyState, TrialState
from tuning.states import STUDY_MOVES


@dataclass(frozen=True, slots=True)
class Told:
    """An end of a run as a worker told it; `status` is None while it has no answer."""

    run: str
    token: str
    value: float | None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as the store has it at the end."""

    run: str
    trial: int
    state: RunState
    attempt: int
    told_token: str | None
    value: float | None
    is_ranked: bool = True
    taken_back: int = 0  # times that its lease expired, or that it was handed back


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of 5xx, and whether it said when to come back."""

    status: int
    can_wait: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was seen of one study."""

    state: StudyState
    expected_runs: int
    finished_runs: int
    told: Sequence[Told] = ()
    stored: Sequence[Stored] = ()
    trials: Sequence[tuple[int, TrialState, float | None]] = ()
    bests: Sequence[tuple[str, float]] = ()
    revisions: Sequence[int] = ()
    moves: Mapping[str, Sequence[StudyState]] = field(default_factory=dict)
    direction: Direction = Direction.MINIMIZE
    best_value: float | None = None  # as the study holds it at the end
    most_trials: int | None = None  # its budget
    spent_trials: int = 0
    handed: Sequence[tuple[str, str]] = ()  # runs and tokens that workers were given
    refusals: Sequence[Refusal] = ()


def check(seen: Seen) -> list[str]:
    """All violations, in the order of the invariants."""
    return [
        violation
        for invariant in (
            acknowledged_results_are_stored,
            results_count_once,
            numbers_have_no_gap,
            budget_is_reached_exactly,
            nothing_stays_leased,
            best_never_gets_worse,
            best_is_that_of_the_completed,
            moves_are_legal,
            accepted_results_carried_the_lease,
            no_run_is_executed_too_often,
            only_answers_that_can_wait,
            revisions_have_no_gap,
            trial_values_are_means_of_their_runs,
        )
        for violation in invariant(seen)
    ]


def acknowledged_results_are_stored(seen: Seen) -> Iterable[str]:
    """I1: an acknowledged result is there, with the same value."""
    stored = {one.run: one for one in seen.stored}
    for one in seen.told:
        if one.status in {"ok", "duplicate"}:
            kept = stored.get(one.run)
            if kept is None or not kept.state.is_final:
                yield f"I1: the acknowledged result of {one.run} is lost"
            elif kept.told_token == one.token and kept.value != one.value:
                yield f"I1: {one.run} was acknowledged with {one.value} and holds {kept.value}"


def results_count_once(seen: Seen) -> Iterable[str]:
    """I2: at most one token of a run was ever accepted."""
    accepted: dict[str, set[str]] = {}
    for one in seen.told:
        if one.status == "ok":
            accepted.setdefault(one.run, set()).add(one.token)
    for run, tokens in accepted.items():
        if len(tokens) > 1:
            yield f"I2: {run} was accepted {len(tokens)} times"
    finals = sum(one.state.is_final for one in seen.stored)
    if seen.finished_runs != finals:
        yield f"I2: {seen.finished_runs} runs were counted, {finals} are final"


def numbers_have_no_gap(seen: Seen) -> Iterable[str]:
    """I3: trials are numbered 0..n-1."""
    numbers = sorted(number for number, _, _ in seen.trials)
    if numbers != list(range(len(numbers))):
        yield f"I3: trial numbers {numbers}"


def budget_is_reached_exactly(seen: Seen) -> Iterable[str]:
    """I4: a completed study made exactly the runs it announced."""
    if seen.state is StudyState.COMPLETED and seen.finished_runs != seen.expected_runs:
        yield f"I4: {seen.finished_runs} of {seen.expected_runs} runs"
    if seen.most_trials is not None and seen.spent_trials > seen.most_trials:
        yield f"I4: {seen.spent_trials} trials of a budget of {seen.most_trials}"


def nothing_stays_leased(seen: Seen) -> Iterable[str]:
    """I5: after the end no run is queued or leased."""
    if seen.state.is_final:
        for one in seen.stored:
            if not one.state.is_final:
                yield f"I5: {one.run} is still {one.state}"


def best_never_gets_worse(seen: Seen) -> Iterable[str]:
    """I6: within a stage the best never gets worse; the stage never goes back."""
    sign = 1.0 if seen.direction is Direction.MINIMIZE else -1.0
    for (stage, value), (later_stage, later) in pairwise(seen.bests):
        if stage == later_stage and sign * later > sign * value:
            yield f"I6: best went from {value} to {later} within {stage}"
        if stage == "confirmed" and later_stage == "search":
            yield "I6: the stage went back from confirmed to search"


def best_is_that_of_the_completed(seen: Seen) -> Iterable[str]:
    """I6: the best of the search is the best value of a completed trial."""
    values = [
        value
        for _, state, value in seen.trials
        if state is TrialState.COMPLETED and value is not None
    ]
    pick = min if seen.direction is Direction.MINIMIZE else max
    best = pick(values, default=None)
    if seen.best_value != best:
        yield f"I6: the best is {seen.best_value}, that of the completed trials {best}"


def moves_are_legal(seen: Seen) -> Iterable[str]:
    """I7: only edges of the state machine were taken."""
    for name, states in seen.moves.items():
        for before, after in pairwise(states):
            if before != after and after not in STUDY_MOVES.get(before, ()):
                yield f"I7: {name} went from {before} to {after}"


def accepted_results_carried_the_lease(seen: Seen) -> Iterable[str]:
    """I8: the accepted result came under the token the store remembers."""
    remembered = {one.run: one.told_token for one in seen.stored if one.state.is_final}
    for one in seen.told:
        if one.status == "ok" and remembered.get(one.run) not in {None, one.token}:
            yield f"I8: {one.run} was accepted under {one.token}, another token is remembered"


def no_run_is_executed_too_often(seen: Seen) -> Iterable[str]:
    """I9: a run is handed out once, and once more for each time that it was taken back."""
    tokens: dict[str, set[str]] = {}
    for run, token in seen.handed:
        tokens.setdefault(run, set()).add(token)
    for one in seen.stored:
        executions = len(tokens.get(one.run, ()))
        if executions > 1 + one.taken_back:
            yield f"I9: {one.run} was executed {executions} times, taken back {one.taken_back}"


def only_answers_that_can_wait(seen: Seen) -> Iterable[str]:
    """I10: no 5xx but 503 with Retry-After: an answer is of a committed state, or says "later"."""
    for one in seen.refusals:
        if one.status != 503 or not one.can_wait:
            yield f"I10: an answer of {one.status}, Retry-After: {one.can_wait}"


def revisions_have_no_gap(seen: Seen) -> Iterable[str]:
    """I11: events are numbered by revision, each once, none missing."""
    if list(seen.revisions) != list(range(1, len(seen.revisions) + 1)):
        repeated = [one for one, count in Counter(seen.revisions).items() if count > 1]
        yield f"I11: {len(seen.revisions)} events, repeated {repeated[:3]}"


def trial_values_are_means_of_their_runs(seen: Seen) -> Iterable[str]:
    """I12: a completed trial's value is the mean of its own ranked runs, nothing else."""
    for number, state, value in seen.trials:
        runs = [one for one in seen.stored if one.trial == number and one.is_ranked]
        if state is TrialState.COMPLETED and value is not None:
            values = [one.value for one in runs if one.value is not None]
            mean = sum(values) / len(values) if values else None
            if mean is None or abs(mean - value) > 1e-12 * max(1.0, abs(mean)):
                yield f"I12: trial {number} holds {value}, its runs have {values}"
