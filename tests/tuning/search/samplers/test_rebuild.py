"""Optuna's samplers rebuilt: only what they look at is rebuilt."""

from optuna.samplers import RandomSampler

from tuning.records import Direction
from tuning.search.samplers import SAMPLERS, Observation, propose
from tuning.search.samplers.points import Point
from tuning.search.samplers.rebuild import rebuilt
from tuning.search.space import narrow

SPACE = narrow(("linear", "wsd", "sgdr"), (1e-3, 1.0), {}, {})


def test_a_blind_sampler_proposes_the_same_whatever_the_past() -> None:
    """Random points are those of Optuna's own study with all trials in it."""

    def asked(sampler: object, seen: list[Observation]) -> list[Point]:
        return list(propose(sampler, SPACE, seen, Direction.MINIMIZE, range(12), horizon=100))  # type: ignore[arg-type]

    without = asked(SAMPLERS["random"], [])
    seen = [Observation(point, float(number)) for number, point in enumerate(without)]
    assert asked(SAMPLERS["random"], seen) == without
    assert asked(rebuilt(RandomSampler), seen) == without
