"""The contract of conditions on SQLite and PostgreSQL: what a study does, or why it does not."""

from collections.abc import Callable

import pytest

from service.store import events, lifecycle, models, stalls, studies, work
from service.store.engine import Store

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim | None]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]
Read = Callable[[str], studies.Study]
Look = Callable[[], None]

SECONDS = 60.0
OBJECTIVE = "realized_volatility"


@pytest.fixture
def look(store: Store) -> Look:
    """Look for stalled studies and write them down, as the sweeper does."""

    def find() -> None:
        with store.read() as session:
            found = stalls.find(session, SECONDS)
        for project, study, stall in found:
            with store.write() as session:
                stalls.note(session, project, study, stall)

    return find


@pytest.fixture
def attend(store: Store) -> Callable[..., None]:
    """A worker asks for work: `attend("w", ("x",))`."""

    def say(worker: str, objectives: tuple[str, ...] | None) -> None:
        with store.write() as session:
            stalls.attend(session, "a", worker, objectives)

    return say


def told(study: studies.Study) -> dict[str, str]:
    """The reasons of the conditions that hold, by type."""
    return {one.type: one.reason for one in study.conditions if one.status}


def test_conditions_follow_the_state(
    store: Store, new_study: Make, queue: Queue, claim: Claim, advance: Advance, read: Read
) -> None:
    """Each says since when; what no longer holds stays with the moment at which it ended."""
    study = new_study()
    assert told(read(study)) == {"Progressing": "Waiting"}
    queue(study)
    claim("c1")
    assert told(read(study)) == {"Progressing": "Searching"}
    begun = read(study).conditions[0].at
    advance(10)
    claim("c2")
    assert read(study).conditions[0].at == begun
    for call, expected in (
        (lifecycle.pause, {"Paused": "PausedByUser"}),
        (lifecycle.resume, {"Progressing": "Searching"}),
        (lifecycle.stop, {"Progressing": "Stopping"}),
        (lifecycle.cancel, {"Cancelled": "CancelledByUser"}),
    ):
        advance(10)
        with store.write() as session:
            assert told(call(session, "a", study)) == expected
    ended = {one.type: (one.status, one.at) for one in read(study).conditions}
    assert [status for status, _ in ended.values()] == [False, False, True]
    assert ended["Paused"][1] < ended["Progressing"][1]


def test_replicas_that_find_a_stall_at_once_note_it_once(
    store: Store, new_study: Make, advance: Advance, read: Read
) -> None:
    """Each sweeps by itself; what another one has noted meanwhile is no news."""
    study = new_study()
    advance(SECONDS)
    with store.read() as session:
        found = [stalls.find(session, SECONDS) for _ in range(2)]
    for ((project, name, stall),) in found:
        with store.write() as session:
            stalls.note(session, project, name, stall)
    with store.read() as session:
        assert [one.kind for one in events.after(session, "a", study, 0)] == ["created", "stalled"]
    assert told(read(study))["Stalled"] == "NotPlanned"


def test_a_failed_study_tells_its_error(store: Store, new_study: Make) -> None:
    """As the message."""
    study = new_study()
    with store.write() as session:
        failed = lifecycle.fail(session, "a", study, "no trial completed")
    assert told(failed) == {"Failed": "GaveUp"}
    assert failed.conditions[-1].message == "no trial completed"


@pytest.mark.parametrize(
    ("workers", "reason"),
    [
        ({}, "NoWorker"),
        ({"w1": ("other",), "w2": ()}, "NotOffered"),
        ({"w1": ("other",), "w2": ("other", OBJECTIVE)}, "NotClaimed"),
        ({"w1": None}, "NotClaimed"),
    ],
    ids=["none", "none that offers it", "busy", "one that trains anything"],
)
def test_a_study_that_nobody_trains_says_why(
    new_study: Make,
    queue: Queue,
    advance: Advance,
    read: Read,
    look: Look,
    attend: Callable[..., None],
    workers: dict[str, tuple[str, ...] | None],
    reason: str,
) -> None:
    """After so long, not before; written down once; over as soon as something happens."""
    study = new_study()
    queue(study)
    advance(SECONDS - 1)
    look()
    assert "Stalled" not in told(read(study))
    advance(1)
    for name, objectives in workers.items():
        attend(name, objectives)
    look()
    stalled = read(study)
    assert told(stalled) == {"Progressing": "Waiting", "Stalled": reason}
    look()
    assert read(study) == stalled


def test_a_stall_ends_when_something_happens(
    store: Store,
    new_study: Make,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    read: Read,
    look: Look,
    attend: Callable[..., None],
) -> None:
    """Another reason is another event; a claim ends it; a study in training does not stall."""
    study = new_study()
    queue(study)
    advance(SECONDS)
    look()
    attend("w", ("other",))
    look()
    assert told(read(study))["Stalled"] == "NotOffered"
    claim("c1")
    assert told(read(study)) == {"Progressing": "Searching"}
    advance(10 * SECONDS)
    look()
    assert "Stalled" not in told(read(study))
    with store.read() as session:
        kinds = [one.kind for one in events.after(session, "a", study, 0)]
    assert kinds == ["created", "planned", "stalled", "stalled", "claimed"]


def test_lost_workers_are_the_reason(
    new_study: Make,
    queue: Queue,
    claim: Claim,
    advance: Advance,
    read: Read,
    look: Look,
    sweep: Callable[[], int],
) -> None:
    """Their leases ran out, and nobody took the runs up again."""
    study = new_study()
    queue(study, trials=1, seeds=2)
    claim("c1", lanes=2)
    advance(31)
    assert sweep() == 2
    advance(SECONDS)
    look()
    stalled = read(study)
    assert told(stalled)["Stalled"] == "LeasesExpired"
    assert any("2 of 2 queued runs" in one.message for one in stalled.conditions)


def test_a_study_that_is_not_planned_says_so(
    new_study: Make, advance: Advance, read: Read, look: Look
) -> None:
    """Nothing is queued and nothing is trained."""
    study = new_study()
    advance(SECONDS)
    look()
    assert told(read(study))["Stalled"] == "NotPlanned"


def test_a_paused_study_does_not_stall(
    store: Store, new_study: Make, queue: Queue, advance: Advance, read: Read, look: Look
) -> None:
    """It does what it was told to; a stall ends with the pause."""
    study = new_study()
    queue(study)
    advance(SECONDS)
    look()
    with store.write() as session:
        lifecycle.pause(session, "a", study)
    advance(SECONDS)
    look()
    assert told(read(study)) == {"Paused": "PausedByUser"}


def test_workers_of_yesterday_are_forgotten(
    store: Store, new_study: Make, advance: Advance, attend: Callable[..., None]
) -> None:
    """Every start of a worker has another name."""
    new_study()
    attend("old", None)
    advance(90_000)
    attend("new", ("x",))
    attend("new", ("y",))
    with store.read() as session:
        found = session.query(models.Worker).all()
        assert [(one.name, one.objectives) for one in found] == [("new", ["y"])]
