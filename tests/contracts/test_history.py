"""Histories that are read step by step are those that are read at once."""

from collections.abc import Callable

import pytest

from service.errors import NotFound
from service.store import generations, history, lifecycle
from service.store.engine import Store
from tuning.documents import NOTHING, read_history, write_history
from tuning.records import Mark

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., object]
Tell = Callable[..., object]


def test_what_is_new_is_added_to_what_is_known(
    store: Store, new_study: Make, queue: Queue, confirm: Queue, claim: Claim, tell: Tell
) -> None:
    """After every step of a study's life: ends out of order, dropped trials, a search closed."""
    study = new_study()
    stories = [NOTHING]

    def look() -> None:
        known = stories[-1]
        with store.read() as session:
            news = history.written(session, "a", study, known.mark)
            stories.append(read_history(news, known))
            assert stories[-1] == history.load(session, "a", study)
            assert read_history(write_history(stories[-1], known.mark), known) == stories[-1]

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


def test_only_what_is_new_is_read(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell
) -> None:
    """A trial once, a run until its generation and all before have ended."""
    study = new_study()
    for generation in range(3):
        queue(study, trials=2, seeds=1, generation=generation)
    for run in claim("c1", lanes=3).runs:  # type: ignore[attr-defined]
        tell(run)
    with store.read() as session:
        known = history.load(session, "a", study)
        assert known.mark == Mark(6, 1)
        news = history.written(session, "a", study, known.mark)
        assert (len(news["trials"]), len(news["runs"]), len(news["results"])) == (0, 4, 1)
        with pytest.raises(NotFound):
            history.written(session, "b", study)
