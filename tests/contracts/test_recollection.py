"""Histories that are read step by step are those that are read at once."""

from collections.abc import Callable

import pytest

from service.errors import NotFound
from service.store import generations, history, lifecycle, recollection
from service.store.engine import Store
from service.store.recollection import Recollection
from tuning.records import History

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., object]
Tell = Callable[..., object]


def test_what_is_new_is_added_to_what_is_known(
    store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim, tell: Tell
) -> None:
    """After every step of a study's life: ends out of order, dropped trials, a search closed."""
    study = new_study()
    known = Recollection()
    stories: list[History] = []

    def look() -> None:
        with store.read() as session:
            stories.append(known.load(session, "a", study))
            assert stories[-1] == history.load(session, "a", study)

    look()
    queue(study, trials=2, seeds=1)
    look()
    queue(study, trials=2, seeds=1, generation=1)
    first, second, third = claim("c1", lanes=3).runs  # type: ignore[attr-defined]
    tell(third, value=0.3)
    look()
    tell(first, outcome="diverged")
    look()
    tell(second, outcome="returned")
    look()
    with store.write() as session:
        generations.insert(session, "a", study, 2, [], [], confirming=False, pruned=[1])
    look()
    with store.write() as session:
        lifecycle.stop(session, "a", study)
    look()
    confirm(study, 3, (2,))
    look()
    assert stories[-1].pruned == {1: 2}
    assert stories[-1].closed_from is not None
    assert len(stories[-1].results) == 4


def test_little_is_kept(
    store: Store, new_study: Make, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many studies those read last; others are read anew, and what is not there is missed."""
    monkeypatch.setattr(recollection, "MOST_RUNS", 5)
    names = [new_study() for _ in range(3)]
    known = Recollection()
    for name in names:
        queue(name, trials=2, seeds=1)
    with store.read() as session:
        for name in (*names, names[0]):
            assert known.load(session, "a", name) == history.load(session, "a", name)
        with pytest.raises(NotFound):
            known.load(session, "b", names[0])
    assert len(known._known) == 2
