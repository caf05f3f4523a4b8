"""The contract of priorities on SQLite and PostgreSQL: shares of a project's workers."""

from collections import Counter
from collections.abc import Callable

import pytest

from service.store import lifecycle, studies, work
from service.store.engine import Store
from tuning.errors import InvalidValue

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Advance = Callable[[float], None]
Read = Callable[[str], studies.Study]


def served_in_turns(
    study_names: dict[str, str], claim: Claim, tell: Tell, advance: Advance, turns: int
) -> Counter[str]:
    """How often each study is served by one worker that trains a run at a time, 10 s each."""
    found: Counter[str] = Counter()
    for turn in range(turns):
        block = claim(f"t{turn}")
        found[study_names[block.study]] += 1
        advance(10)
        tell(block.runs[0])
    return found


def test_one_worker_serves_by_priority_and_starves_nobody(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """A study of priority 3.5 gets three runs of four: the other waits until 3.5 have passed."""
    names = {new_study(priority=3.5): "high", new_study(): "low"}
    for study in names:
        queue(study, trials=20, seeds=2)
    assert served_in_turns(names, claim, tell, advance, 24) == {"high": 18, "low": 6}


def test_a_low_priority_gives_way(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, advance: Advance
) -> None:
    """A third of what others get, each."""
    names = {new_study(priority=1 / 3): "low", new_study(): "one", new_study(): "other"}
    for study in names:
        queue(study, trials=20, seeds=2)
    found = served_in_turns(names, claim, tell, advance, 28)
    assert 3 <= found["low"] <= 5
    assert abs(found["one"] - found["other"]) <= 1


def test_many_workers_hold_lanes_by_priority(
    new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """Of 8 lanes in training at once, a study of priority 3 holds 6."""
    names = {new_study(priority=3.0): "high", new_study(): "low"}
    for study in names:
        queue(study, trials=4, seeds=2)
    held: Counter[str] = Counter()
    for turn in range(8):
        held[names[claim(f"c{turn}", worker=f"w{turn}").study]] += 1
        advance(1)
    assert held == {"high": 6, "low": 2}


def test_a_project_is_no_more_for_the_priorities_within_it(
    new_study: Make, queue: Queue, claim: Claim, advance: Advance
) -> None:
    """Tenants share evenly, whatever they think of their own studies."""
    names = {new_study(project="a", priority=100.0): "a", new_study(project="b"): "b"}
    for study, project in names.items():
        queue(study, project=project)
    held: Counter[str] = Counter()
    for turn in range(4):
        held[names[claim(f"c{turn}", worker=f"w{turn}").study]] += 1
        advance(1)
    assert held == {"a": 2, "b": 2}


def test_a_priority_can_be_changed(store: Store, new_study: Make, read: Read) -> None:
    """At any time, also of a study that is paused; it is an event."""
    study = new_study(priority=0.01)
    assert read(study).priority == 0.01
    with store.write() as session:
        lifecycle.pause(session, "a", study)
        before = studies.get(session, "a", study).revision
        changed = studies.describe(session, "a", study, priority=100.0)
        assert (changed.priority, changed.revision) == (100.0, before + 1)
        again = studies.describe(session, "a", study, priority=100.0)
        assert again.revision == before + 1


def test_a_priority_has_limits(store: Store, new_study: Make, read: Read) -> None:
    """From a hundredth to a hundred, when it is created and later."""
    study = new_study()
    for priority in (0.0, -1.0, 101.0, float("nan"), float("inf")):
        with pytest.raises(InvalidValue, match=r"priority: .* a number from 0.01 to 100"):
            new_study(priority=priority)
        with pytest.raises(InvalidValue, match="priority"), store.write() as session:
            studies.describe(session, "a", study, priority=priority)
    assert read(study).priority == 1.0
