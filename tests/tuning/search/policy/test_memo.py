"""What is remembered of a view changes nothing but time."""

from dataclasses import replace

from tests.tuning.search.worlds import make_spec, play
from tuning.search.policy.cap import space_at
from tuning.search.policy.ladder import standings
from tuning.search.policy.memo import KEPT


def test_equal_views_are_told_the_same_and_others_are_not() -> None:
    """Whether a view was asked about before, lately or never."""
    spec = make_spec(rungs=(0.25,), climb=True)
    history, _ = play(spec, 1)
    last = max(run.generation for run in history.runs)
    views = [history.up_to(number, number - 2) for number in range(2, last)]
    assert len(views) > KEPT
    first = [(standings(spec, view), space_at(spec, view)) for view in views]
    again = [(standings(replace(spec), view), space_at(spec, replace(view))) for view in views]
    assert first == again
    assert len({len(told) for told, _ in first}) > 1
